"""Leakage: how much of another factor a code carries beside its own, which MCC does not see.

    leakage = mean over matched codes i of   q_other / (q_own + q_other),
    q_own = corr(h_pi(i), z_i)^2,   q_other = max over j != i of corr(h_pi(i), z_j)^2

0: a code correlates with its own factor only. 1/2: as much with another, as does a code that is constant or missing.
Towards 1: more with another, as noise does when there are many factors. The matching pi
is that of ``mcc`` and fitted on other rows. Factors that correlate with each other leak by themselves: two of
correlation r have leakage r^2 / (1 + r^2) when each is its own code, so the value of the factors themselves is the end
of the scale to read it against.
"""

import numpy as np
import numpy.typing as npt

from contrica.evaluation.correlation import correlations, cross_correlations
from contrica.evaluation.halves import Groups, Halves, RandomState, hold_out
from contrica.evaluation.intervals import Score
from contrica.evaluation.mcc import match, refuse_few_rows
from contrica.evaluation.tables import Rows, Table, read_pair

NOTHING_CARRIED = 0.5
"""Leakage of a code that correlates with no factor at all: as much with another as with its own."""


def leakage(
    codes: Rows,
    factors: Rows,
    *,
    random_state: RandomState = 0,
    groups: Groups | None = None,
    resamples: int = 200,
    confidence: float = 0.95,
) -> Score:
    """Share of a matched code's largest foreign squared correlation, matched on one half and measured on the other.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows.
    random_state : int or numpy.random.Generator
        Decides the halves and the resamples.
    groups : array of shape (rows,), optional
        Rows of equal value stay on one side and are resampled together.
    resamples : int
        Bootstrap resamples behind the interval.
    confidence : float
        Nominal coverage of the interval.

    Returns
    -------
    Score
        0 is perfect (for factors that do not correlate), 1/2 as much of another factor as of its own, 1 the worst.

    Raises
    ------
    UnreliableScoreError
        If a half has fewer rows than a correlation needs.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> factors = np.random.default_rng(0).normal(size=(10000, 2))
    >>> mixed = factors @ np.array([[3.0, 1.0], [1.0, 3.0]])   # squared correlations .9 and .1
    >>> leakage(mixed, factors).value
    0.1
    """
    halves = hold_out(
        codes, factors, random_state=random_state, groups=groups, resamples=resamples, confidence=confidence
    )
    return leakage_of(halves)


def leakage_of(halves: Halves) -> Score:
    """Score rows that are already divided, as ``leakage`` does."""
    refuse_few_rows(halves)
    matching = match(np.abs(correlations(*halves.fitted)))
    codes, factors = halves.scored
    table = correlations(codes, factors)
    per_factor = np.full(len(matching), NOTHING_CARRIED)
    resampled = np.full((len(halves.resampling.shares), len(matching)), NOTHING_CARRIED)
    matched = [(factor, code) for factor, code in enumerate(matching) if code is not None]
    own = codes[:, [code for _, code in matched]]
    for (factor, code), draws in zip(matched, cross_correlations(halves.resampling, own, factors), strict=True):
        per_factor[factor] = _share(table[code], factor)
        resampled[:, factor] = _share(draws, factor)
    return halves.resampling.score(per_factor, resampled, chance=None)


def leakage_of_truth(factors: Rows) -> float:
    """Leakage of the factors taken as codes of themselves: the low end of the scale when factors correlate.

    Examples
    --------
    >>> shared, own = np.random.default_rng(0).normal(size=(2, 100000, 2))
    >>> round(leakage_of_truth(own + shared[:, :1]), 2)   # correlation 1/2
    0.2
    """
    table = read_pair(factors, factors)[1]
    squares = correlations(table, table)
    return float(np.mean([_share(squares[factor], factor) for factor in range(len(squares))]))


def _share(row: Table, factor: int) -> npt.NDArray[np.float64]:
    squares = np.square(row)
    own = squares[..., factor]
    other = np.delete(squares, factor, axis=-1).max(axis=-1, initial=0.0)
    carried = own + other
    share = np.full(carried.shape, NOTHING_CARRIED)
    return np.asarray(np.divide(other, carried, out=share, where=carried > 0))
