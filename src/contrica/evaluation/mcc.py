"""Mean correlation coefficient: each factor is given a code of its own, and the correlations are averaged.

    matching = argmax over one-to-one maps pi of  sum_i |corr_fit(h_pi(i), z_i)|
    MCC      = 1/n sum_i  sign(corr_fit(h_pi(i), z_i)) corr_scored(h_pi(i), z_i),    0 for a factor without a code

The matching and the signs are part of the map, so they are fitted on rows that are not scored; codes of noise then get
0 on average. With as many codes as factors and all rows on both sides it is the published
``max_pi 1/n sum_i |corr(h_pi(i), z_i)|`` of Hyvarinen and Morioka, NeurIPS 2016, which ``mcc_in_sample`` computes and
whose chance level grows with the number of codes. Neither is 0 for a rotation: see ``rotated_factors``.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from contrica import _checks
from contrica.errors import UnreliableScoreError
from contrica.evaluation.correlation import Kind, correlations, resampled_correlations
from contrica.evaluation.halves import Groups, Halves, RandomState, hold_out
from contrica.evaluation.intervals import InSampleScore, Score
from contrica.evaluation.rank_correlation import resampled_rank_correlations
from contrica.evaluation.tables import Rows, Standardiser, Table, read_pair

Matching: TypeAlias = tuple[int | None, ...]

LEAST_ROWS = 26
"""The correlation of independent columns has standard deviation 1/sqrt(rows - 1), which is .2 here and more below."""


@dataclass(frozen=True)
class MeanCorrelation:
    """What the best one-to-one matching of codes and factors is worth on rows it was not fitted on.

    Parameters
    ----------
    mean : Score
        Mean matched correlation: 1 is perfect, 0 is chance, below 0 the fitted signs did not hold.
    smallest : Score
        The least matched correlation, which a mean hides.
    matching : tuple of int or None
        ``matching[i]`` is the code of factor i, None where there are fewer codes than factors.
    collapsed_codes : tuple of int
        Codes that are constant; their correlations are 0.
    """

    mean: Score
    smallest: Score
    matching: Matching
    collapsed_codes: tuple[int, ...]


def mcc(
    codes: Rows,
    factors: Rows,
    *,
    kind: Kind = "pearson",
    random_state: RandomState = 0,
    groups: Groups | None = None,
    resamples: int = 200,
    confidence: float = 0.95,
) -> MeanCorrelation:
    """Mean correlation of each factor with the code matched to it, matched on one half and measured on the other.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder; a constant column is legal and correlates 0 with everything.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows, more or fewer than codes.
    kind : {"pearson", "spearman"}
        Spearman's is that of ranks and does not see monotone maps of a column. Neither sees a fold such as ``s**2``.
    random_state : int or numpy.random.Generator
        Decides the halves and the resamples.
    groups : array of shape (rows,), optional
        Rows of equal value stay on one side and are resampled together.
    resamples : int
        Bootstrap resamples behind the intervals.
    confidence : float
        Nominal coverage of the intervals.

    Returns
    -------
    MeanCorrelation
        The mean and the smallest correlation with their intervals, and the matching.

    Raises
    ------
    UnreliableScoreError
        If a half has fewer than ``LEAST_ROWS`` rows.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> factors = np.random.default_rng(0).normal(size=(400, 3))
    >>> found = mcc(-factors[:, [2, 0, 1]] ** 3, factors, kind="spearman")
    >>> found.mean.value, found.matching
    (1.0, (1, 2, 0))
    """
    _checks.choice(kind, "kind", ("pearson", "spearman"))
    halves = hold_out(
        codes, factors, random_state=random_state, groups=groups, resamples=resamples, confidence=confidence
    )
    return mcc_of(halves, kind=kind)


def mcc_of(halves: Halves, *, kind: Kind = "pearson") -> MeanCorrelation:
    """Score rows that are already divided, as ``mcc`` does."""
    refuse_few_rows(halves)
    matching, signs = matched_signs(*halves.fitted, kind=kind)
    codes, factors = halves.scored
    matched = [factor for factor, code in enumerate(matching) if code is not None]
    own = codes[:, [code for code in matching if code is not None]]
    if kind == "pearson":
        values, draws = resampled_correlations(halves.resampling, own, factors[:, matched])
    else:
        values, draws = resampled_rank_correlations(halves.resampling, own, factors[:, matched])
    per_factor = np.zeros(len(matching))
    resampled = np.zeros((len(draws), len(matching)))
    per_factor[matched] = signs[matched] * values
    resampled[:, matched] = signs[matched] * draws
    mean = halves.resampling.score(per_factor, resampled)
    low, high = halves.resampling.interval(resampled.min(axis=1))
    smallest = Score(float(per_factor.min()), low, high, mean.per_factor, mean.chance, mean.rows, mean.confidence)
    collapsed = np.flatnonzero(Standardiser.fit(halves.codes).constant)
    return MeanCorrelation(mean, smallest, matching, tuple(collapsed.tolist()))


def mcc_in_sample(codes: Rows, factors: Rows, *, kind: Kind = "pearson") -> InSampleScore:
    """MCC with the matching fitted on the rows that are scored: the published protocol, to compare with its numbers.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder; a constant column correlates 0 with everything.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows; a factor without a code counts 0.
    kind : {"pearson", "spearman"}
        Correlation of values or of ranks.

    Returns
    -------
    InSampleScore
        Between 0 and 1. Noise gets more than 0: about .03 for 10 codes, 10 factors and 4096 rows, .21 for 64 rows.

    Raises
    ------
    UnreliableScoreError
        If there are fewer than ``LEAST_ROWS`` rows.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> factors = np.random.default_rng(0).normal(size=(100, 2))
    >>> mcc_in_sample(factors @ np.array([[0.0, -2.0], [1.0, 0.0]]), factors).value
    1.0
    """
    _checks.choice(kind, "kind", ("pearson", "spearman"))
    code_table, factor_table = read_pair(codes, factors)
    if len(code_table) < LEAST_ROWS:
        raise UnreliableScoreError(
            f"a correlation that is told from chance needs at least {LEAST_ROWS} rows, got {len(code_table)};"
            " pass more rows"
        )
    strengths = np.abs(correlations(code_table, factor_table, kind=kind))
    per_factor = [0.0 if code is None else float(strengths[code, i]) for i, code in enumerate(match(strengths))]
    return InSampleScore(float(np.mean(per_factor)), tuple(per_factor), None, len(code_table))


def match(strengths: Table) -> Matching:
    """Give each factor a code of its own so that the sum of strengths, of shape (code_dim, factor_dim), is largest.

    Examples
    --------
    >>> match(np.array([[0.9, 0.8], [0.7, 0.1]]))   # .8 + .7 beats .9 + .1
    (1, 0)
    """
    code_of = dict(zip(*(axis.tolist() for axis in linear_sum_assignment(strengths.T, maximize=True)), strict=True))
    return tuple(code_of.get(factor) for factor in range(strengths.shape[1]))


def matched_signs(codes: Table, factors: Table, *, kind: Kind = "pearson") -> tuple[Matching, Table]:
    """Return the matching of the rows given, and for each factor the sign of its correlation, 1 where it is 0."""
    table = correlations(codes, factors, kind=kind)
    matching = match(np.abs(table))
    signs = [1.0 if code is None or table[code, i] >= 0 else -1.0 for i, code in enumerate(matching)]
    return matching, np.array(signs)


def refuse_few_rows(halves: Halves) -> None:
    """Raise UnreliableScoreError unless both halves have ``LEAST_ROWS`` rows."""
    fewest = min(len(halves.split.fit_rows), len(halves.split.scored_rows))
    if fewest < LEAST_ROWS:
        raise UnreliableScoreError(
            f"a correlation that is told from chance needs at least {LEAST_ROWS} rows to match on and as many to"
            f" measure on, got {fewest} of {len(halves.codes)}; pass >= {2 * LEAST_ROWS}"
        )
