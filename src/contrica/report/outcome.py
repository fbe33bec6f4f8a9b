"""One record as the numbers that a reader sees, each of a checked type, so that pictures need no guard of their own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from contrica.errors import RecordError
from contrica.record import Record

METRICS = ("r2", "mcc_pearson", "smallest_matched", "leakage")
"""Scores shown, by their names in `evaluation.Scores`."""


@dataclass(frozen=True)
class Measured:
    """A value with the ends of its interval, None where it has none."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """Read a `evaluation.Score` as JSON holds it."""
        return cls(real(found["value"]), number(found.get("low")), number(found.get("high")))


@dataclass(frozen=True)
class FloorValues:
    """What reference codes get in each metric; no values where they could not be scored, with the reason."""

    values: dict[str, float]
    note: str


@dataclass(frozen=True)
class Promise:
    """The guarantee in words, or why there is none."""

    holds: bool
    axes: bool
    text: str


@dataclass(frozen=True)
class Window:
    """The photograph a camera looked at, and the side of its window, in pixels of the photograph."""

    image: str
    side: int


@dataclass(frozen=True)
class SecondStage:
    """Whether something identified the axes of affine codes, in words, and the MCC along them; None where refused."""

    holds: bool
    text: str
    mcc: Measured | None

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """Read the entry of a record."""
        scores = found["scores"]
        mcc = None if scores is None else Measured.read(scores["mcc_pearson"])
        return cls(bool(found["holds"]), str(found["text"]), mcc)


@dataclass(frozen=True)
class Outcome:
    """What came out of one experiment.

    ``scores`` has the keys of ``METRICS``; ``in_sample`` has R2 and MCC by the published protocol; ``correlations`` are
    the matched ones, per factor; ``curve`` holds (step, held-out loss) in nats, without the points at which the loss
    was not finite; ``learned`` holds learned numbers of delta and of the output, in the order of the matched factors;
    ``information_error`` is the standard error of an information that is an average over draws; ``selection`` says
    which dissimilarity was selected from the pairs, None where it was given.
    """

    name: str
    scores: dict[str, Measured]
    in_sample: dict[str, float]
    correlations: tuple[float, ...]
    scored_rows: int
    floors: dict[str, FloorValues]
    promise: Promise
    loss: float | None
    best: float | None
    gap: float | None
    excess: float | None
    noise: float | None
    mutual_information: float | None
    information_error: float | None
    log_batch: float | None
    calibration: float | None
    factors: tuple[tuple[float, ...], ...]
    recovered: tuple[tuple[float, ...], ...]
    curve: tuple[tuple[int, float], ...]
    curve_best: float | None
    window: Window | None
    condition_number: float | None
    second_stage: SecondStage | None
    selection: str | None
    learned: dict[str, tuple[float, ...]]
    seconds: float
    processor_seconds: float | None
    settings: dict[str, Any]
    environment: dict[str, str]

    @property
    def above_log_batch(self) -> float | None:
        """Mutual information less the logarithm of the batch, in nats; None where the information is not known."""
        if self.mutual_information is None or self.log_batch is None:
            return None
        return self.mutual_information - self.log_batch

    @classmethod
    def of(cls, record: Record) -> Self:
        """Read a record.

        Raises
        ------
        RecordError
            If a part is missing or of the wrong type.
        """
        try:
            return cls._read(record)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise RecordError(
                f"the record is damaged: a part is missing or of the wrong type ({type(error).__name__}: {error});"
                " run again"
            ) from error

    @classmethod
    def _read(cls, record: Record) -> Self:
        optimum, information = record.optimum, record.information
        factors, recovered = _rows(record.factors), _rows(record.recovered)
        if len(factors) != len(recovered) or len({len(row) for row in (*factors, *recovered)}) > 1:
            raise ValueError("factors and recovered differ in shape")
        points = [(int(point["step"]), number(point["loss"])) for point in record.curve if point["step"] is not None]
        bests = [number(point.get("best")) for point in record.curve]
        return cls(
            name=str(record.experiment["name"]),
            scores={metric: Measured.read(record.scores[metric]) for metric in METRICS},
            in_sample={metric: real(record.scores["published"][metric]["value"]) for metric in ("r2", "mcc_pearson")},
            correlations=tuple(real(value) for value in record.scores["mcc_pearson"]["per_factor"]),
            scored_rows=int(record.scores["scored_rows"]),
            floors={name: _floor(floor) for name, floor in record.scores["floors"].items()},
            promise=Promise(
                bool(record.guarantee["holds"]), bool(record.guarantee["axes"]), str(record.guarantee["text"])
            ),
            loss=number(optimum.get("loss")),
            best=number(optimum.get("best")),
            gap=number(optimum.get("gap")),
            excess=number(optimum.get("excess")),
            noise=number(optimum.get("noise")),
            mutual_information=number(information.get("mutual_information")),
            information_error=number(information.get("information_standard_error")),
            log_batch=number(information.get("log_batch")),
            calibration=number(record.calibration),
            factors=factors,
            recovered=recovered,
            curve=tuple((step, loss) for step, loss in points if loss is not None),
            curve_best=bests[-1] if bests else None,
            window=_window(record.experiment.get("mixing")),
            condition_number=number(record.mixing.get("condition_number")),
            second_stage=None if record.second_stage is None else SecondStage.read(record.second_stage),
            selection=None if record.selection is None else str(record.selection["words"]),
            learned={str(name): tuple(map(real, values)) for name, values in (record.learned or {}).items()},
            seconds=real(record.seconds),
            processor_seconds=number(record.processor_seconds),
            settings=dict(record.experiment),
            environment={str(name): str(value) for name, value in record.environment.items()},
        )


def real(value: Any) -> float:
    """Return a finite number; ValueError for any other."""
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is not finite")
    return found


def number(value: Any) -> float | None:
    """Return a finite number, or None for None."""
    return None if value is None else real(value)


def _rows(table: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(real(value) for value in row) for row in table)


def _floor(found: Mapping[str, Any]) -> FloorValues:
    scores = found.get("scores")
    values = {} if scores is None else {metric: real(scores[metric]["value"]) for metric in METRICS}
    return FloorValues(values, str(found.get("note") or ""))


def _window(mixing: object) -> Window | None:
    if not isinstance(mixing, dict) or "image" not in mixing:
        return None
    return Window(str(mixing["image"]), int(mixing["window"]))
