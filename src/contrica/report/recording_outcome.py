"""A record of a recording as the numbers that a reader sees, each of a checked type; several seeds side by side."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from contrica.errors import RecordError
from contrica.recordings import RecordingRecord
from contrica.report.outcome import Measured, number, real
from contrica.report.over_seeds import spread

OURS = "contrica"
"""What the codes learned here are called among the scores."""

NULL = "null"
"""How the names of codes of shuffled data begin."""

LARGEST_P = 0.05


@dataclass(frozen=True)
class NullFinding:
    """A score beside those of shuffled data."""

    shuffled: str
    observed: float
    null: tuple[float, ...]
    p_value: float
    text: str


@dataclass(frozen=True)
class Finding:
    """What a check of the fit found, in plain words."""

    name: str
    verdict: str
    sentence: str
    advice: str


@dataclass(frozen=True)
class Picture:
    """Codes of test rows in the plane, and what they are coloured by."""

    codes: str
    title: str
    kind: str
    points: tuple[tuple[float, float], ...]
    values: tuple[Any, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class RecordingOutcome:
    """What came out of one fit to a recording; ``scores`` are codes -> score -> value, the decisive score first."""

    name: str
    scores: dict[str, dict[str, float]]
    nulls: tuple[NullFinding, ...]
    agreement: dict[str, float]
    findings: tuple[Finding, ...] | None
    pictures: tuple[Picture, ...]
    curve: tuple[tuple[int, float], ...]
    chance: float
    rows: dict[str, int]
    seconds: float
    processor_seconds: float | None
    settings: dict[str, Any]
    environment: dict[str, str]

    @property
    def decisive(self) -> str:
        """The name of the score that nulls are of."""
        return next(iter(self.scores[OURS]))

    @classmethod
    def of(cls, record: RecordingRecord) -> Self:
        """Read a record.

        Raises
        ------
        RecordError
            If a part is missing or of the wrong type.
        """
        try:
            return cls._read(record)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, StopIteration) as error:
            raise RecordError(
                f"the record is damaged: a part is missing or of the wrong type ({type(error).__name__}: {error});"
                " run again"
            ) from error

    @classmethod
    def _read(cls, record: RecordingRecord) -> Self:
        scores = {str(codes): _numbers(found) for codes, found in record.scores.items()}
        next(iter(scores[OURS]))
        checks = None if record.diagnosis is None else record.diagnosis["checks"]
        return cls(
            name=str(record.experiment["name"]),
            scores=scores,
            nulls=tuple(
                NullFinding(
                    str(one["shuffled"]),
                    real(one["observed"]),
                    tuple(map(real, one["null"])),
                    real(one["p_value"]),
                    str(one["text"]),
                )
                for one in record.nulls
            ),
            agreement=_numbers(record.agreement),
            findings=None if checks is None else tuple(_finding(check) for check in checks),
            pictures=tuple(map(_picture, record.pictures)),
            curve=tuple((int(point["step"]), real(point["loss"])) for point in record.curve),
            chance=real(record.chance),
            rows={str(role): int(count) for role, count in record.rows.items()},
            seconds=real(record.seconds),
            processor_seconds=number(record.processor_seconds),
            settings=dict(record.experiment),
            environment={str(name): str(value) for name, value in record.environment.items()},
        )


@dataclass(frozen=True)
class OverSeeds:
    """The outcomes of one experiment for several seeds: middles with the least and the greatest."""

    outcomes: tuple[RecordingOutcome, ...]

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.outcomes[0].name

    @property
    def shown(self) -> RecordingOutcome:
        """The seed whose decisive score is in the middle."""
        order = sorted(self.outcomes, key=lambda one: one.scores[OURS][one.decisive])
        return order[len(order) // 2]

    @property
    def scores(self) -> dict[str, dict[str, Measured]]:
        """Codes -> score -> its middle."""
        return _middles([one.scores for one in self.outcomes])

    @property
    def agreement(self) -> dict[str, Measured]:
        """Other codes -> middle of what these explain of them."""
        return _middles([{"": one.agreement} for one in self.outcomes])[""]

    @property
    def nulls(self) -> dict[str, tuple[float, ...]]:
        """What was shuffled -> p-values."""
        found: dict[str, list[float]] = {}
        for one in self.outcomes:
            for null in one.nulls:
                found.setdefault(null.shuffled, []).append(null.p_value)
        return {shuffled: tuple(values) for shuffled, values in found.items()}


def gathered(outcomes: Iterable[RecordingOutcome]) -> list[OverSeeds]:
    """Return the outcomes by experiment, in the order in which these first come."""
    by_name: dict[str, list[RecordingOutcome]] = {}
    for outcome in outcomes:
        by_name.setdefault(outcome.name, []).append(outcome)
    return [OverSeeds(tuple(same)) for same in by_name.values()]


@dataclass(frozen=True)
class Judgement:
    """How the codes stand beside others and beside nothing, in words; ``mark`` is a class of the style sheet."""

    mark: str
    head: str
    sentence: str


def judged(found: OverSeeds) -> Judgement:
    """Say whether what the codes tell is real, and whether something else tells more."""
    first = found.outcomes[0]
    ours = statistics.median(one.scores[OURS][one.decisive] for one in found.outcomes)
    others = {
        codes: scores[first.decisive].value
        for codes, scores in found.scores.items()
        if codes != OURS and not codes.startswith(NULL) and first.decisive in scores
    }
    said = ", ".join(f"{codes} {value:.3f}" for codes, value in others.items())
    p_values = [p for values in found.nulls.values() for p in values]
    sentence = f"The first score, {first.decisive}, is {ours:.3f} on held-out rows, beside {said}."
    if not p_values:
        return Judgement("nearly", "Not compared with shuffled data", sentence)
    sentence += f" On shuffled data as much comes up with p = {max(p_values):.3g} at most."
    if max(p_values) > LARGEST_P:
        return Judgement("missed", "No more than comes of nothing", sentence)
    better = [codes for codes, value in others.items() if value > ours]
    if better:
        return Judgement("nearly", f"Real, but more is read from {' and '.join(better)}", sentence)
    return Judgement("recovered", "Real, and by its first score the best of all that were compared", sentence)


def _middles(found: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Measured]]:
    names = dict.fromkeys((outer, inner) for one in found for outer in one for inner in one[outer])
    middles: dict[str, dict[str, Measured]] = {outer: {} for one in found for outer in one}
    for outer, inner in names:
        middles[outer][inner] = spread(one[outer][inner] for one in found if inner in one.get(outer, {}))
    return middles


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): real(value) for name, value in found.items()}


def _finding(check: Mapping[str, Any]) -> Finding:
    return Finding(*(str(check[name]) for name in ("name", "verdict", "sentence", "advice")))


def _picture(found: Mapping[str, Any]) -> Picture:
    kind, points, values = str(found["kind"]), found["points"], found["values"]
    names = tuple(map(str, found["names"]))
    if len(points) != len(values):
        raise ValueError("points and colours differ in number")
    read: tuple[Any, ...]
    if kind == "plane":
        read = tuple((real(x), real(y)) for x, y in values)
    elif kind == "circle":
        read = tuple(map(real, values))
    elif kind == "classes":
        read = tuple(names[int(value)] for value in values)
    else:
        raise ValueError(f"kind {kind!r}")
    places = tuple((real(x), real(y)) for x, y in points)
    return Picture(str(found["codes"]), str(found["title"]), kind, places, read, names)
