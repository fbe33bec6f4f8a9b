"""The monkey's motor cortex: the direction to the target from 86 units, within a session and across two.

Square roots of counts, averaged over neighbouring bins of the trial. A pair is two moments of different trials whose
directions are nearly the same. A fifth of the trials of each session is for the choice of settings alone; the seed
says which fifth of the others is the test, so five seeds together test each of them once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from contrica.datasets import MotorCortexSession, motor_cortex_sessions
from contrica.datasets.motor_cortex import NAME
from contrica.pairs import LabelledPairs, PairSource, stack_recordings
from contrica.recordings.decoders import direction_scores
from contrica.recordings.smoothing import within
from contrica.recordings.task import Array, Decode, Null, Rows, Task, View

SHARE = 5
"""One of so many trials is for validation, and one of so many of the others for the test."""

APART = 1000
"""Trials of the second session are numbered from here."""

Which = Literal["before", "after", "both"]


@dataclass(frozen=True)
class MotorCortex:
    """Direction to the target from spikes.

    Parameters
    ----------
    learned : "before", "after" or "both"
        The session that codes are learned from. From both, each session has an encoder of its own, as if its units were
        others, and directions are all that ties them.
    decoded : "before", "after" or "both"
        The session whose held-out trials are decoded, by the decoder of the session that was learned. With both, each
        session's trials are decoded by its own decoder and by that of the other.
    reach : int
        Bins of 45 ms to either side that are averaged.
    bandwidth : float
        Degrees by which the directions of a pair differ at most.
    """

    learned: Which = "before"
    decoded: Which = "before"
    reach: int = 2
    bandwidth: float = 20.0
    source: ClassVar[str] = NAME

    def task(self, seed: int) -> Task:
        """Choose the trials; nothing is drawn.

        Raises
        ------
        UnreadableFileError, FileFormatError
            If there is no such recording.
        """
        names = ("before", "after")
        wanted = [
            name for name in names if "both" in (self.learned, self.decoded) or name in (self.learned, self.decoded)
        ]
        sessions = dict(zip(names, motor_cortex_sessions(), strict=True))
        chosen = [sessions[name] for name in wanted]
        number = np.concatenate([np.full(len(one.trials), index) for index, one in enumerate(chosen)])
        trials = np.concatenate([one.trials + APART * index for index, one in enumerate(chosen)])
        directions = np.concatenate([one.directions for one in chosen])
        spikes = [np.sqrt(within(one.spikes, one.trials, self.reach)) for one in chosen]
        several = self.learned == "both"
        inputs = stack_recordings(spikes) if several else torch.tensor(np.concatenate(spikes))
        roles = np.concatenate([_roles(one, seed) for one in chosen])
        of = {name: number == index for index, name in enumerate(wanted)}
        if not several and self.learned != self.decoded:
            # The decoder reads another session than it was fitted on: each side gives only the rows of its part.
            roles[of[self.learned] & (roles != "train")] = "other session"
            roles[of[self.decoded] & (roles == "train")] = "other session"

        def decoder(truth: Array) -> Decode:
            return partial(_across, truth, of) if several else partial(direction_scores, truth)

        task = Task(
            inputs=inputs,
            roles=roles,
            pairs=_pairs(inputs, directions, trials, self.bandwidth),
            decode=decoder(directions),
            views=(View("direction", "circle", directions),),
            given={
                "10 given factors": np.concatenate([one.factors for one in chosen]),
                "10 given factors, averaged alike": np.concatenate(
                    [within(one.factors, one.trials, self.reach) for one in chosen]
                ),
            },
            widths=tuple(one.shape[1] for one in spikes) if several else None,
        )
        named, trial = np.unique(trials, return_inverse=True)
        if not several and self.learned != self.decoded:
            # Codes and decoder know nothing of the other session, so its labels alone change places.
            theirs = np.unique(trial[of[self.decoded]])

            def of_others(order: Rows) -> Task:
                whole = np.arange(len(named))
                whole[theirs] = theirs[order]
                return replace(task, decode=decoder(_exchanged(directions, trial, whole)))

            words = "directions of whole trials of the other session shuffled"
            return replace(task, nulls=(Null(words, len(theirs), of_others, refits=False),))

        def shuffled(order: Rows) -> Task:
            others = _exchanged(directions, trial, order)
            return replace(task, pairs=_pairs(inputs, others, trials, self.bandwidth), decode=decoder(others))

        return replace(task, nulls=(Null("directions of whole trials shuffled", len(named), shuffled),))


def _pairs(inputs: Tensor, directions: Array, trials: Array, bandwidth: float) -> Callable[[Rows], PairSource]:
    return lambda rows: LabelledPairs(
        inputs[rows], directions[rows], bandwidth=bandwidth, periods=360.0, apart="trial", trials=trials[rows]
    )


def _roles(session: MotorCortexSession, seed: int) -> Array:
    """Return the roles of the rows: every fifth trial for validation, the fifth of the others that the seed says."""
    trials = np.unique(session.trials)
    validation = trials % SHARE == SHARE - 1
    fold = np.cumsum(~validation) % SHARE == seed % SHARE
    share = np.where(validation, "validation", np.where(fold, "test", "train"))
    return np.asarray(share[np.searchsorted(trials, session.trials)], dtype="U16")


def _across(directions: Array, of: dict[str, Array], codes: Array, fit: Rows, test: Rows) -> dict[str, float]:
    """Return scores of each session's rows by its own decoder and by that of the other, the mean of all first."""
    found: dict[str, float] = {}
    for name, rows in of.items():
        for reader, fitted in of.items():
            scores = direction_scores(directions, codes, fit[fitted[fit]], test[rows[test]])
            by = "own decoder" if reader == name else f"decoder of {reader}"
            found[f"{name}, {by}"] = next(iter(scores.values()))
    return {"mean within 22.5 degrees": float(np.mean(list(found.values()))), **found}


def _exchanged(directions: Array, trial: Array, order: Rows) -> Array:
    """Give each trial the directions of another one, stretched or shrunk to its own length."""
    changed = np.empty_like(directions)
    for number, other in enumerate(order):
        rows, theirs = np.flatnonzero(trial == number), np.flatnonzero(trial == other)
        places = np.round(np.linspace(0, len(theirs) - 1, len(rows))).astype(int)
        changed[rows] = directions[theirs[places]]
    return changed
