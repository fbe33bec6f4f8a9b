"""Spikes of a monkey's motor cortex while it steers a cursor to targets by a brain-computer interface: two sessions.

A mat file with ``beforeLearning`` and ``afterLearning``: the same 86 units under a mapping from spikes to the cursor
that the monkey knows and, after it was changed, once the monkey has learned it. ``clouds`` holds eight cells, each with
the bins in which the direction from the cursor to the target is within 22.5 degrees of an angle, in order of time:
``spikes`` (86, T) in bins of 45 ms, ``factorActivity`` (10, T), the factors that the interface extracted, and
``cursorToTargetDirection`` (2, T). (From mattgolub/bci_learning; Golub et al. 2018, Nat. Neurosci. 21:607.)

A trial begins with the cursor at rest in the centre, so its direction to the target stays the same for three bins. From
there to the next such rest the bins of a cell count as one trial. Bins in which another trial strays into the sector
fall to the trial before them, for the file does not say which trial they are of.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from contrica.datasets.location import recorded
from contrica.errors import FileFormatError

NAME = "monkey_bci.mat"

BIN_SECONDS = 0.045
"""Width of a bin."""

REST_BINS = 3
"""Bins for which the cursor rests when a trial begins."""

SAME_DIRECTION = 1e-6
"""Cosine and sine that differ by less are those of a resting cursor; one that moves turns a thousand times as much."""


@dataclass(frozen=True, eq=False)
class MotorCortexSession:
    """One session.

    Attributes
    ----------
    name : str
        "before learning" or "after learning".
    spikes : array of shape (rows, units), float32
        Spikes per bin of 45 ms.
    factors : array of shape (rows, 10), float32
        The factors that came with them.
    directions : array of shape (rows,)
        Degrees in [0, 360), from the cursor to the target.
    sectors : array of shape (rows,), int64
        The nearest of 0, 45, ..., 315 degrees.
    trials : array of shape (rows,), int64
        Numbered from 0; within a sector in order of time.
    """

    name: str
    spikes: npt.NDArray[np.float32]
    factors: npt.NDArray[np.float32]
    directions: npt.NDArray[np.float64]
    sectors: npt.NDArray[np.int64]
    trials: npt.NDArray[np.int64]


def motor_cortex_sessions(path: Path | None = None) -> tuple[MotorCortexSession, MotorCortexSession]:
    """Read both sessions, before learning first, from ``path`` or from the folder of recorded data.

    Raises
    ------
    UnreadableFileError
        If there is no such file.
    FileFormatError
        If it does not hold them.
    """
    source = recorded(NAME) if path is None else path
    try:
        file = loadmat(source, simplify_cells=True, variable_names=["beforeLearning", "afterLearning"])
        before = _session("before learning", file["beforeLearning"]["clouds"])
        after = _session("after learning", file["afterLearning"]["clouds"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, NotImplementedError, MatReadError) as error:
        raise FileFormatError(f"{source} must hold two sessions, and it does not ({error}); get it again") from error
    return before, after


def _session(name: str, clouds: dict[str, Any]) -> MotorCortexSession:
    spikes, factors, directions, sectors = [], [], [], []
    trials: list[npt.NDArray[np.int64]] = []
    columns = zip(clouds["spikes"], clouds["factorActivity"], clouds["cursorToTargetDirection"], strict=True)
    for angle, (counts, activity, towards) in zip(clouds["angles"], columns, strict=True):
        if not len(counts.T) == len(activity.T) == len(towards.T) or len(towards) != 2:
            raise ValueError(f"the cell of {angle} degrees describes different numbers of bins")
        spikes.append(counts.T.astype(np.float32))
        factors.append(activity.T.astype(np.float32))
        directions.append(np.degrees(np.arctan2(towards[1], towards[0])) % 360.0)
        sectors.append(np.full(len(towards.T), int(angle), np.int64))
        trials.append(_trials(towards.T) + (trials[-1].max() + 1 if trials else 0))
    return MotorCortexSession(
        name,
        np.concatenate(spikes),
        np.concatenate(factors),
        np.concatenate(directions),
        np.concatenate(sectors),
        np.concatenate(trials),
    )


def _trials(towards: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Return how many rests began before each bin; bins ahead of the first rest belong to the first trial."""
    still = np.abs(np.diff(towards, axis=0)).max(axis=1) < SAME_DIRECTION
    rests = np.convolve(still, np.ones(REST_BINS - 1), "valid") == REST_BINS - 1
    begins = np.zeros(len(towards), np.int64)
    begins[: len(rests)] = rests
    begins[1 : len(rests)][still[: len(rests) - 1]] = 0
    numbers: npt.NDArray[np.int64] = np.maximum(np.cumsum(begins) - 1, 0)
    return numbers
