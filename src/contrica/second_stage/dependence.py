"""Do components depend on each other after all? The squares of independent columns are uncorrelated.

    T = sum_{i<j} corr(y_i^2, y_j^2)^2,    y decorrelated,    p = (1 + #{T* >= T}) / (1 + permutations)

T* permutes each column by itself. Squares, because an unmixing that is off by a small angle t changes their covariance
in t^2 only (the fourth cumulants k_1112 and k_1222 of independent columns are 0), so an estimated unmixing is not
mistaken for dependence, as it would be by distance correlation. What the squares do not see stays unseen, and so does
dependence that is weak for the rows given: uniform factors of rank correlation .3 pass, and ICA then reaches .97.

There is no tolerance for bent codes of independent factors, because size does not tell the two apart. Ten codes of
uniform factors with normal pairs, trained with the exponent 3, whose axes ICA finds to .998, and ten uniform factors of
copula correlation .3, whose axes it finds to .95, have squares of components that correlate by .015 and .016 (root mean
square, 65 536 rows, `benchmarks/results/bent_codes.md`). Twice that is what copula correlation .7 has (.032), whose
axes ICA misses (.54).
"""

import numpy as np

from contrica.second_stage.evidence import LEVEL, Evidence
from contrica.second_stage.tables import Table
from contrica.second_stage.whitening import decorrelate

PERMUTATIONS = 299
"""The smallest p-value is 1/300, three times below the level."""

NARROWEST = 0.25
"""The square of a factor that is +-1 as often as not is constant; what moves in its estimate is 2 t s_i s_j, the error
of the unmixing, .2 for 100 rows. Squares narrower than this (kurtosis below 1.06) count as uncorrelated."""

MOST_ROWS = 4000
"""Correlations of squares have standard error .016 here, so .06 is found. More rows would find the traces that any
trained encoder leaves, which move no axis."""


def residual_dependence(components: Table, of: str, *, generator: np.random.Generator) -> Evidence:
    """Test that no two columns of ``components`` depend on each other through their squares.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> loudness = rng.exponential(size=(1000, 1))
    >>> residual_dependence(loudness * rng.normal(size=(1000, 3)), "codes", generator=rng).holds
    False
    """
    if len(components) > MOST_ROWS:
        components = components[generator.choice(len(components), MOST_ROWS, replace=False)]
    squares = np.square(decorrelate(components))
    squares -= squares.mean(axis=0)
    deviations = squares.std(axis=0)
    squares = np.where(deviations > NARROWEST, squares / np.maximum(deviations, NARROWEST), 0.0)
    observed = _correlations(squares)
    total = float(np.square(observed).sum())
    exceeded = sum(
        float(np.square(_correlations(generator.permuted(squares, axis=0))).sum()) >= total for _ in range(PERMUTATIONS)
    )
    p_value = (1 + exceeded) / (1 + PERMUTATIONS)
    largest = float(np.abs(observed).max())
    seen = f"squares of two components of the {of} correlate by up to {largest:.2f} (p = {p_value:.2g}"
    if p_value > LEVEL:
        return Evidence("p-value of independence", p_value, LEVEL, True, f"no dependence is seen: {seen})")
    return Evidence("p-value of independence", p_value, LEVEL, False, f"{seen}, above {LEVEL:g} needed)")


def _correlations(standardised: Table) -> Table:
    gram = standardised.T @ standardised / len(standardised)
    return np.asarray(gram[np.triu_indices(len(gram), 1)])
