"""The numbers of an outcome by name, and those of several outcomes gathered by experiment: what charts look up."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from contrica.report.outcome import Outcome

Numbers = Mapping[str, Mapping[str, Sequence[float]]]
"""Experiment -> number -> its values over the seeds."""

NUMBERS: dict[str, tuple[str, Callable[[Outcome], float | None]]] = {
    "r2": ("linear R², held out", lambda outcome: outcome.scores["r2"].value),
    "mcc": ("MCC, held out", lambda outcome: outcome.scores["mcc_pearson"].value),
    "smallest_matched": ("smallest matched correlation", lambda outcome: outcome.scores["smallest_matched"].value),
    "leakage": ("leakage", lambda outcome: outcome.scores["leakage"].value),
    "r2_in_sample": ("linear R², rows fitted and scored", lambda outcome: outcome.in_sample["r2"]),
    "mcc_in_sample": ("MCC, rows fitted and scored", lambda outcome: outcome.in_sample["mcc_pearson"]),
    "mcc_second_stage": (
        "MCC after the second stage",
        lambda outcome: outcome.second_stage.mcc.value if outcome.second_stage and outcome.second_stage.mcc else None,
    ),
    "gap": ("nats above the optimum", lambda outcome: outcome.gap),
    "excess": ("nats above the optimum of the same batch", lambda outcome: outcome.excess),
    "noise": ("its deviation from batch to batch, nats", lambda outcome: outcome.noise),
    "above_log_batch": ("information above log batch, nats", lambda outcome: outcome.above_log_batch),
    "calibration": ("calibration", lambda outcome: outcome.calibration),
    "seconds": ("seconds", lambda outcome: outcome.seconds),
    "processor_seconds": ("processor seconds", lambda outcome: outcome.processor_seconds),
}
"""What may be drawn: its label, and where it stands."""


def numbers_of(outcomes: Iterable[Outcome]) -> dict[str, dict[str, list[float]]]:
    """Return every known number of every experiment, in the order of the outcomes."""
    found: dict[str, dict[str, list[float]]] = {}
    for outcome in outcomes:
        mine = found.setdefault(outcome.name, {})
        for name, (_, read) in NUMBERS.items():
            value = read(outcome)
            if value is not None:
                mine.setdefault(name, []).append(value)
    return found
