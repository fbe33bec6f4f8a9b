"""Axes from pair differences: the pair noise is independent across factors and at most one factor's is normal.

    h - h~ = A (s - s~),   s_i - s~_i independent:    FastICA on h - h~

Factors may depend on each other in any way as long as their pair noise does not. The law of a difference must not
depend on where the pair lies. On a box it does: noise that is cut at a wall is narrower and shifted there. Where
factors are independent this is done to each axis by itself, so differences stay independent, and even normal noise
becomes other than normal: uniform factors of [0, 1] with noise of .05, .15, .3, .4 and 1 give an excess kurtosis of
.05, .17, .13, -.05 and -.5, which 20 000 pairs may show and 4000 do not. Where factors depend on each other, the widths
of their noise do too near the walls, and the squares of differences correlate a little; that is refused once it shows,
and bends the axes before it does. On [0, 1]^5 with uniform factors of copula correlation .8, Laplace noise cut at the
walls gives a mean correlation of .9995 with the factors at scale .05, and .995 at scale .15.
"""

from contrica.errors import NotIdentifiableError
from contrica.second_stage.axes import Axes
from contrica.second_stage.component_analysis import supported_unmixing
from contrica.second_stage.tables import RandomState, Rows, Table, generator_from, read_pairs
from contrica.second_stage.whitening import LEAST_SHARE

ASSUMPTION = "pair noise is independent across factors and at most one factor's is normal"
ASSUMED = (
    "the codes are an affine map of the factors",
    "the axes along which pair noise is independent are those of the factors",
    "the pairs are independent draws",
    "the noise of a pair does not depend on where it lies, but for walls that cut each factor by itself",
)


def axes_from_differences(codes: Rows, positive_codes: Rows, *, random_state: RandomState) -> Axes:
    """Find the axes along which the differences of pairs are independent, or refuse where they are not or are normal.

    Parameters
    ----------
    codes, positive_codes : array of shape (pairs, code_dim)
        Codes of both members of each pair, by one encoder that is affine in the factors.
    random_state : int or numpy.random.Generator
        Decides the halves, the starts and the resamples.

    Returns
    -------
    Axes
        With components in no particular order.

    Raises
    ------
    NotIdentifiableError
        Quoting which test failed: normality, dependence or stability, or that a factor never changes within pairs.
    UnreliableScoreError
        If there are too few rows for the tests.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal shape with at least two columns that vary.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.normal(size=(1000, 1)) + rng.normal(size=(1000, 2))   # of correlation 1/2
    >>> axes = axes_from_differences(factors, factors + rng.laplace(size=(1000, 2)), random_state=0)
    >>> found = np.abs(np.corrcoef(axes.transform(factors).T, factors.T)[:2, 2:])
    >>> bool(found.max(axis=0).min() > 0.99)
    True
    """
    anchors, positives = read_pairs(codes, positive_codes)
    differences = anchors - positives
    _refuse_frozen(differences, anchors)
    unmixing, evidence = supported_unmixing(
        differences,
        "pair differences",
        assumption=ASSUMPTION,
        advice="use another property of the factors, or pairs whose noise has axes",
        generator=generator_from(random_state),
    )
    return Axes.along(unmixing, anchors, "ICA on pair differences", evidence, ASSUMED)


def _refuse_frozen(differences: Table, codes: Table) -> None:
    frozen = differences.var(axis=0) <= LEAST_SHARE * codes.var(axis=0)
    if frozen.any():
        raise NotIdentifiableError(
            f"assumption 'every factor moves within a pair' fails: code {int(frozen.argmax())} is the same in both"
            " members of every pair; use pairs that move every factor"
        )
