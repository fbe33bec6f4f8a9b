"""What is known of a fitted model, as a page tells it."""

from dataclasses import dataclass
from typing import Any

from contrica.diagnosis import Diagnosis
from contrica.pairs.drawn import PairReport

PAIRS_MADE = {
    "given": "given",
    "labels": "by labels",
    "time": "by time",
    "time-and-labels": "by time and labels at once",
    "time-or-labels": "by time or by labels",
}
"""How pairs came about, in words."""


@dataclass(frozen=True)
class FitRecord:
    """A fitted model.

    Attributes
    ----------
    name : str
        Of the model.
    recording : str or None
        What it was fitted on, where that is known.
    num_rows : int or None
        Of the recording.
    pairs : str
        What made them, see `PAIRS_MADE`.
    losses : tuple of float
        In nats, of the batch of each step.
    held_out : tuple of (int, float)
        Steps after which the held-out loss was taken, and its value in nats.
    best_step : int
        Whose parameters were kept.
    diagnosis : Diagnosis or None
    drawn_pairs : PairReport or None
    to_do : tuple of str
        What the fit warned of.
    settings : dict
        That differ from the defaults.
    next_command : str
        What to run with the model.
    """

    name: str
    recording: str | None
    num_rows: int | None
    pairs: str
    losses: tuple[float, ...]
    held_out: tuple[tuple[int, float], ...]
    best_step: int
    diagnosis: Diagnosis | None
    drawn_pairs: PairReport | None
    to_do: tuple[str, ...]
    settings: dict[str, Any]
    next_command: str
