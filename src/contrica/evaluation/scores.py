"""Everything that is said of codes when the factors are known, on one set of held-out rows, beside its floors.

    score(codes, factors)  =  linear R2, MCC (Pearson, Spearman), smallest matched correlation, leakage,
                              the same by the published protocol, and all of it for reference codes

All of it is scored on the same rows, so that values may be compared with each other and with the floors.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from contrica.errors import ContricaError, ShapeError
from contrica.evaluation import floors as reference
from contrica.evaluation.alignment import ROWS_PER_COEFFICIENT, aligned_r2_of
from contrica.evaluation.halves import Groups, Halves, RandomState, generator_of, hold_out
from contrica.evaluation.intervals import InSampleScore, Score
from contrica.evaluation.leakage import leakage_of, leakage_of_truth
from contrica.evaluation.linear import Affine, linear_r2_in_sample
from contrica.evaluation.mcc import Matching, mcc_in_sample, mcc_of
from contrica.evaluation.tables import Rows


@dataclass(frozen=True)
class Published:
    """The protocols of published numbers, which fit and score the same rows; optimistic, for comparison only."""

    r2: InSampleScore
    mcc_pearson: InSampleScore
    mcc_spearman: InSampleScore


@dataclass(frozen=True)
class Floor:
    """Scores of reference codes, or None with the reason in ``note``; ``converged`` is False for an early stop."""

    scores: "Scores | None"
    note: str
    converged: bool


@dataclass(frozen=True)
class Scores:
    """What codes are worth, measured on rows that nothing was fitted on.

    Parameters
    ----------
    code_dim, factor_dim : int
        Number of codes and of factors.
    fit_rows, scored_rows : int
        Size of the half that maps and matchings were fitted on, and of the half that was scored.
    r2 : Score
        Linear R2; 1 perfect, 0 chance, blind to rotation.
    mcc_pearson, mcc_spearman : Score
        Mean matched correlation; 1 perfect, 0 chance, but read it beside the rotation floor.
    smallest_matched : Score
        The least of the matched Pearson correlations.
    leakage : Score
        Share of another factor in a matched code; 0 perfect, 1/2 as much as of its own.
    leakage_of_truth : float
        Leakage of the factors themselves, above 0 when they correlate.
    matching : tuple of int or None
        ``matching[i]`` is the code of factor i by Pearson correlation, None if it has none.
    unmatched_factors : tuple of int
        Factors without a code, each of which counts 0 in the mean correlations.
    collapsed_codes : tuple of int
        Codes that are constant.
    published : Published
        The same by the published protocols.
    floors : dict of str to Floor
        ``noise`` and ``rotation``; with observations also ``observations`` and ``ica``.
    """

    code_dim: int
    factor_dim: int
    fit_rows: int
    scored_rows: int
    r2: Score
    mcc_pearson: Score
    mcc_spearman: Score
    smallest_matched: Score
    leakage: Score
    leakage_of_truth: float
    matching: Matching
    unmatched_factors: tuple[int, ...]
    collapsed_codes: tuple[int, ...]
    published: Published
    floors: dict[str, Floor] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts, lists, numbers, strings and None, which JSON can hold; no NaN among them."""
        plain = _plain(dataclasses.asdict(self))
        assert isinstance(plain, dict)
        return plain

    def __str__(self) -> str:
        lines = [
            f"{self.code_dim} codes, {self.factor_dim} factors;"
            f" fitted on {self.fit_rows} rows, scored on {self.scored_rows} others",
            f"{'':<20}{'value':>6}  {100 * self.r2.confidence:g} % interval",
            f"{'linear R2':<20}{self.r2}",
            f"{'MCC Pearson':<20}{self.mcc_pearson}",
            f"{'MCC Spearman':<20}{self.mcc_spearman}",
            f"{'smallest matched':<20}{self.smallest_matched}",
            f"{'leakage':<20}{self.leakage}  (the factors themselves: {self.leakage_of_truth:.3f})",
        ]
        if self.unmatched_factors:
            lines.append(f"factors without a code, counted 0: {', '.join(map(str, self.unmatched_factors))}")
        if self.collapsed_codes:
            lines.append(f"constant codes: {', '.join(map(str, self.collapsed_codes))}")
        lines.append(f"{'read beside':<20}{'R2':>6}{'MCC':>8}{'Spearman':>10}{'leakage':>9}")
        own = self.published
        lines.append(
            f"{'these, in-sample':<20}{own.r2.value:6.3f}{own.mcc_pearson.value:8.3f}{own.mcc_spearman.value:10.3f}"
        )
        lines.extend(_line(name, floor) for name, floor in self.floors.items())
        return "\n".join(line.rstrip() for line in lines)


def score(
    codes: Rows,
    factors: Rows,
    *,
    observations: Rows | None = None,
    groups: Groups | None = None,
    random_state: RandomState = 0,
    resamples: int = 200,
    confidence: float = 0.95,
    rows_per_coefficient: float = ROWS_PER_COEFFICIENT,
    floors: bool = True,
) -> Scores:
    """Score codes against known factors: fitted on one half of the rows, scored on the other, beside their floors.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        Outputs of any encoder, as a numpy array or a tensor; computed in float64.
    factors : array of shape (rows, factor_dim)
        True factors of the same rows, in any units.
    observations : array of shape (rows, ...), optional
        What the encoder saw, for the floors that need it; images are flattened.
    groups : array of shape (rows,), optional
        Rows of equal value depend on each other; they stay on one side and are resampled together.
    random_state : int or numpy.random.Generator
        Decides the halves, the resamples and the floors. The same int gives the same scores.
    resamples : int
        Bootstrap resamples behind the intervals.
    confidence : float
        Nominal coverage of the intervals.
    rows_per_coefficient : float
        Fewer rows than this per fitted coefficient are refused.
    floors : bool
        Whether to score the reference codes too.

    Returns
    -------
    Scores
        A frozen value that prints as a few lines and turns into JSON by ``to_dict``.

    Raises
    ------
    UnreliableScoreError
        If the rows are too few for the degrees of freedom.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal length in which every factor varies.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.uniform(size=(2000, 3))
    >>> found = score(factors[:, ::-1] + 0.01 * rng.normal(size=(2000, 3)), factors)
    >>> round(found.r2.value, 2), round(found.mcc_pearson.value, 2), found.matching
    (1.0, 1.0, (2, 1, 0))
    >>> found.floors["noise"].scores.r2.value < 0.1 < found.floors["rotation"].scores.mcc_pearson.value < 0.99
    True
    """
    generator = generator_of(random_state)
    halves = hold_out(codes, factors, random_state=generator, groups=groups, resamples=resamples, confidence=confidence)
    seen = None if observations is None else _observed(observations, len(halves.codes))
    scores = _scores_of(halves, rows_per_coefficient)
    if not floors:
        return scores
    rows, code_dim = halves.codes.shape
    draws: dict[str, Callable[[], reference.ReferenceCodes]] = {
        "noise": lambda: reference.noise_codes(rows, code_dim, random_state=generator),
        "rotation": lambda: reference.rotated_factors(halves.factors, code_dim, random_state=generator),
    }
    if seen is not None:
        affordable = int(len(halves.split.fit_rows) / rows_per_coefficient) - 1
        most = max(1, min(reference.MOST_COMPONENTS, affordable))
        draws["observations"] = lambda: reference.observation_codes(seen, components=most, random_state=generator)
        draws["ica"] = lambda: reference.ica_codes(seen, code_dim, random_state=generator)
    return replace(scores, floors={name: _floor(draw, halves, rows_per_coefficient) for name, draw in draws.items()})


def _scores_of(halves: Halves, rows_per_coefficient: float) -> Scores:
    r2 = aligned_r2_of(halves, Affine, rows_per_coefficient=rows_per_coefficient)
    pearson = mcc_of(halves, kind="pearson")
    return Scores(
        code_dim=halves.codes.shape[1],
        factor_dim=halves.factors.shape[1],
        fit_rows=len(halves.split.fit_rows),
        scored_rows=len(halves.split.scored_rows),
        r2=r2,
        mcc_pearson=pearson.mean,
        mcc_spearman=mcc_of(halves, kind="spearman").mean,
        smallest_matched=pearson.smallest,
        leakage=leakage_of(halves),
        leakage_of_truth=leakage_of_truth(halves.factors),
        matching=pearson.matching,
        unmatched_factors=tuple(factor for factor, code in enumerate(pearson.matching) if code is None),
        collapsed_codes=pearson.collapsed_codes,
        published=Published(
            r2=linear_r2_in_sample(halves.codes, halves.factors),
            mcc_pearson=mcc_in_sample(halves.codes, halves.factors, kind="pearson"),
            mcc_spearman=mcc_in_sample(halves.codes, halves.factors, kind="spearman"),
        ),
    )


def _floor(draw: Callable[[], reference.ReferenceCodes], halves: Halves, rows_per_coefficient: float) -> Floor:
    try:
        drawn = draw()
        scores = _scores_of(replace(halves, codes=drawn.codes), rows_per_coefficient)
    except ContricaError as error:
        return Floor(None, str(error), converged=False)
    return Floor(scores, drawn.note, drawn.converged)


def _observed(observations: Rows, rows: int) -> Rows:
    table = reference.flat(observations)
    if len(table) != rows:
        raise ShapeError(
            "row i of codes and observations must describe the same sample, but codes has"
            f" {rows} rows, observations has {len(table)}; pass arrays of equal length"
        )
    return table


def _line(name: str, floor: Floor) -> str:
    if floor.scores is None:
        return f"{name:<20}not available: {floor.note}"
    found = floor.scores
    values = f"{found.r2.value:6.3f}{found.mcc_pearson.value:8.3f}{found.mcc_spearman.value:10.3f}"
    return f"{name:<20}{values}{found.leakage.value:9.3f}  {floor.note}"


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value
