"""What the theory promises: (latent model, dissimilarity) -> what stays undetermined, under which conditions, by whom.

Let ``p(s~|s) = Q(s~)/Z(s) exp(-delta(s, s~))`` and the critic be ``-(delta'(f(x), f(x~)) + alpha(x) + alpha~(x~))``.
At the optimum of any of the four losses, with ``h = f o g``,

    delta'(h(s), h(s~)) + a(s) + b(s~) = delta(s, s~) + u(s) + v(s~)     for all s, s~.

Both dissimilarities are symmetric and vanish on the diagonal, so ``s~ = s`` shows that the nuisances cancel up to one
function w with ``delta' - delta = w(s) - w(s~)``; swapping the arguments makes w constant, hence
``delta'(h(s), h(s~)) = delta(s, s~)``: h preserves the dissimilarity. The rest is the geometry of such maps, which
`guarantee` looks up. (Matthes, Han, Shen 2023; Zimmermann et al. 2021.)
"""

from contrica.identifiability.lookup import guarantee
from contrica.identifiability.statement import Guarantee, Indeterminacy

__all__ = ["Guarantee", "Indeterminacy", "guarantee"]
