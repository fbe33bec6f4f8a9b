"""Whether other seeds find the same: codes of one recording by encoders that were trained apart.

    R2 high, matched correlation high       the axes are found again
    R2 high, matched correlation low        only an affine image of the factors is: axes are arbitrary
    R2 low                                  not even that

Agreement is needed and not enough: encoders that start from one whitening of the data may keep its axes, so runs should
differ in their first parameters, their batches and, where that is possible, in the recordings they saw.
"""

from collections.abc import Sequence
from itertools import combinations

from contrica.diagnosis.check import Check, Quantity, Verdict
from contrica.errors import ShapeError
from contrica.evaluation import linear_r2, mcc, rotated_factors
from contrica.evaluation.halves import Groups, RandomState, generator_of
from contrica.evaluation.intervals import Score
from contrica.evaluation.tables import Rows

LEAST_R2 = 0.9
"""Share of each code of one run that an affine map of another run explains, where both are said to agree."""

LEAST_CORRELATION = 0.95
"""Mean matched correlation of runs whose axes agree: turns by 18 degrees of every code reach it."""


def check_seeds(codes: Sequence[Rows], *, groups: Groups | None = None, random_state: RandomState = 0) -> Check:
    """Compare the codes of several runs, each with each, on rows that the comparison was not fitted on.

    Parameters
    ----------
    codes : sequence of arrays of shape (rows, code_dim)
        Of two encoders or more, for the same held-out observations.
    groups : array of shape (rows,), optional
        Rows of equal value depend on each other.
    random_state : int or numpy.random.Generator
        Decides halves and resamples, and the rotation that is shown beside.

    Raises
    ------
    ShapeError, DomainError, DtypeError, UnreliableScoreError
        If there is one run only, or the arrays cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.uniform(size=(1000, 3))
    >>> check_seeds([codes, -codes[:, [2, 0, 1]]]).verdict.value
    'fine'
    >>> turned = codes @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    >>> check_seeds([codes, turned]).sentence
    'runs agree up to an affine map only: their axes are arbitrary'
    """
    if len(codes) < 2:
        raise ShapeError(f"codes must be those of at least 2 runs, got {len(codes)}; train another seed")
    generator = generator_of(random_state)
    explained: list[Score] = []
    matched: list[Score] = []
    for one, other in combinations(codes, 2):
        explained += [linear_r2(*pair, groups=groups, random_state=generator) for pair in ((one, other), (other, one))]
        matched.append(mcc(one, other, groups=groups, random_state=generator).mean)
    turned = rotated_factors(codes[0], _columns(codes[0]), random_state=generator).codes
    floor = mcc(turned, codes[0], groups=groups, random_state=generator).mean
    r2, correlation = (min(scores, key=lambda score: score.value) for scores in (explained, matched))
    measured = (
        _quantity("lowest R2 of one run's codes from another's", r2),
        _quantity("lowest mean correlation of matched codes", correlation),
        _quantity("the same of a random rotation", floor),
    )
    expected = f"R2 of {LEAST_R2:g} and a mean correlation of {LEAST_CORRELATION:g} at least"
    verdict, sentence, advice = Verdict.CANNOT_TELL, "these rows leave open whether runs agree", "hold out more rows"
    if r2.high < LEAST_R2:
        verdict, sentence = Verdict.LOOK, "runs found different things"
        advice = "train longer, compare held-out losses, and check information against log batch"
    elif r2.low >= LEAST_R2 and correlation.high < LEAST_CORRELATION:
        verdict, sentence = Verdict.LOOK, "runs agree up to an affine map only: their axes are arbitrary"
        advice = "read codes together, find axes by resolve_axes, or use an exponent other than 2"
    elif r2.low >= LEAST_R2 and correlation.low >= LEAST_CORRELATION:
        verdict, sentence, advice = Verdict.FINE, f"{len(codes)} runs found the same axes", ""
    return Check("seeds", measured, expected, verdict, sentence, advice)


def _columns(codes: Rows) -> int:
    shape: tuple[int, ...] = codes.shape  # type: ignore[union-attr]  # mcc has refused what has no columns
    return shape[1]


def _quantity(name: str, score: Score) -> Quantity:
    return Quantity(name, score.value, (score.high - score.low) / 3.92)
