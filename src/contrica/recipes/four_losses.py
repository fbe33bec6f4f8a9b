"""The generality of the framework as one table: four losses, four sets of offsets, four marginals, five pair laws.

    NCE, InfoNCE, SCL, NWJ  x  none, bias, alpha~, alpha + alpha~ + bias  x  uniform, skewed, bimodal, correlated
                            x  Laplace, generalised normal 3, normal, ||.||_1^2, ||.||_3

Everything is at five factors; the Laplace law also at two and ten. Steps are equal for all, few, and enough where the
loss, the offsets and the law let them be. (Matthes, Han, Shen 2023.)
"""
