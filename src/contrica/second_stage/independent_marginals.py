"""Axes from the codes alone: the factors are independent of each other and at most one of them is normal.

    h = A s,   s_i independent:    FastICA on h

Reference: Comon, Independent component analysis, a new concept?, Signal Processing 36, 1994 (theorem 11). Nothing is
asked of the pair noise, which may be normal and alike in all factors; small noise left in the codes does little harm.
"""

from contrica.second_stage.axes import Axes
from contrica.second_stage.component_analysis import supported_unmixing
from contrica.second_stage.tables import RandomState, Rows, generator_from, read_codes

ASSUMPTION = "factors are independent and at most one is normal"
ASSUMED = (
    "the codes are an affine map of the factors",
    "the axes along which codes are independent are those of the factors",
    "the rows are independent draws",
    "factors depend on each other no more than squares of components can show",
)


def axes_from_independent_marginals(codes: Rows, *, random_state: RandomState) -> Axes:
    """Find the axes along which codes are independent, or refuse where they are not or are normal.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        An affine image of the factors; rows are independent draws.
    random_state : int or numpy.random.Generator
        Decides the halves, the starts and the resamples.

    Returns
    -------
    Axes
        With components in no particular order.

    Raises
    ------
    NotIdentifiableError
        Quoting which test failed: normality, dependence or stability.
    UnreliableScoreError
        If there are too few rows for the tests.
    ShapeError, DomainError, DtypeError
        If codes is not a finite table of at least two columns that vary.

    Examples
    --------
    >>> import numpy as np
    >>> factors = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> axes = axes_from_independent_marginals(factors @ np.array([[0.6, 0.8], [-0.8, 0.6]]), random_state=0)
    >>> found = np.abs(np.corrcoef(axes.transform(factors @ np.array([[0.6, 0.8], [-0.8, 0.6]])).T, factors.T)[:2, 2:])
    >>> bool(found.max(axis=0).min() > 0.99)
    True
    """
    table = read_codes(codes)
    unmixing, evidence = supported_unmixing(
        table,
        "codes",
        assumption=ASSUMPTION,
        advice="use the law of the pair noise, or train with an exponent other than 2",
        generator=generator_from(random_state),
    )
    return Axes.along(unmixing, table, "ICA on codes", evidence, ASSUMED)
