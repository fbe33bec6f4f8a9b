"""One outcome for the seeds of an experiment: the middle of each number, and the least and the greatest as its ends."""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Sequence

from contrica.report.outcome import METRICS, FloorValues, Measured, Outcome


def over_seeds(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return one outcome per name, in the order in which the names first come; a single one is returned as it is.

    Of several, each number is the median over the seeds. Scores have their least and greatest value in place of an
    interval. What is no number, such as the factors, is that of the seed whose R2 is in the middle.
    """
    by_name: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_name.setdefault(outcome.name, []).append(outcome)
    return [_middle(same) if len(same) > 1 else same[0] for same in by_name.values()]


def _middle(outcomes: Sequence[Outcome]) -> Outcome:
    shown = sorted(outcomes, key=lambda outcome: outcome.scores["r2"].value)[len(outcomes) // 2]

    def median(number: Callable[[Outcome], float | None]) -> float | None:
        known = [value for outcome in outcomes if (value := number(outcome)) is not None]
        return statistics.median(known) if known else None

    return dataclasses.replace(
        shown,
        scores={metric: spread(outcome.scores[metric].value for outcome in outcomes) for metric in METRICS},
        floors={name: FloorValues(_floor(outcomes, name), floor.note) for name, floor in shown.floors.items()},
        loss=median(lambda outcome: outcome.loss),
        gap=median(lambda outcome: outcome.gap),
        calibration=median(lambda outcome: outcome.calibration),
        seconds=statistics.median(outcome.seconds for outcome in outcomes),
    )


def spread(values: Iterable[float]) -> Measured:
    """Return the median with the least and the greatest value."""
    found = list(values)
    return Measured(statistics.median(found), min(found), max(found))


def _floor(outcomes: Sequence[Outcome], name: str) -> dict[str, float]:
    found = [outcome.floors[name].values for outcome in outcomes if name in outcome.floors]
    return {
        metric: statistics.median(values[metric] for values in found if metric in values)
        for metric in METRICS
        if any(metric in values for values in found)
    }
