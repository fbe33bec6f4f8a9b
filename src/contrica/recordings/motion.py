"""Motion capture of people who exercise: which action each moment is of, from joints and time, or from actions.

Windows of twelve channels, in units of their spread over training rows, within blocks of 2 s that have a role each; a
pair is two windows .5 to 1 s apart.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch

from contrica.datasets import motion_sequences
from contrica.datasets.motion_capture import NAME
from contrica.pairs import LabelledPairs
from contrica.recordings.decoders import class_scores
from contrica.recordings.series import series_task
from contrica.recordings.task import Array, Null, Rows, Task, View, roles_of

BLOCK = 20
"""Frames."""

SPLIT = 7


@dataclass(frozen=True)
class Motion:
    """Action from joints.

    Parameters
    ----------
    pairs_by : "time" or "action"
        Whether a pair is two windows that follow each other, or two of one action from different blocks, which is of
        use where actions of the training rows are known.
    window : int
        Frames of .1 s in a window.
    first_lag, last_lag : int
        Frames between the two windows of a pair, every number of them equally likely.
    """

    pairs_by: Literal["time", "action"] = "time"
    window: int = 5
    first_lag: int = 5
    last_lag: int = 10
    source: ClassVar[str] = NAME

    def task(self, seed: int) -> Task:
        """Cut the sequences into windows; nothing is drawn.

        Raises
        ------
        UnreadableFileError, FileFormatError
            If there is no such recording.
        """
        windows, blocks, actions, numbers = [], [], [], []
        sequences = motion_sequences()
        for number, one in enumerate(sequences):
            block = np.arange(len(one.actions)) // BLOCK + 1000 * number
            seen = np.lib.stride_tricks.sliding_window_view(one.channels, self.window, axis=0)
            whole = np.flatnonzero(block[: len(seen)] == block[self.window - 1 :])
            middle = whole + self.window // 2
            windows.append(seen[whole].reshape(len(whole), -1))
            blocks.append(block[middle])
            actions.append(one.actions[middle])
            numbers.append(np.full(len(whole), number))
        inputs, pieces = np.concatenate(windows), np.concatenate(blocks)
        labels, series = np.concatenate(actions), np.concatenate(numbers)
        roles = roles_of(pieces, seed=SPLIT)
        train = np.flatnonzero(roles == "train")
        scaled = (inputs - inputs[train].mean(0)) / inputs[train].std(0)
        task = series_task(
            torch.tensor(scaled, dtype=torch.float32),
            pieces,
            roles,
            lags=range(self.first_lag, self.last_lag + 1),
            labels=labels,
            decoder=lambda truth: partial(class_scores, truth, name="action"),
            view=View("action", "classes", labels, sequences[0].action_names),
            series=series,
        )
        odd = series[train] % 2 == 1
        task = replace(task, halves=(train[~odd], train[odd]))
        return task if self.pairs_by == "time" else _by_action(task, labels, pieces, series)


def _by_action(task: Task, actions: Array, blocks: Array, series: Array) -> Task:
    """Return the task with pairs by action, and the null that turns the actions around for pairs and decoder alike."""

    def of(labels: Array) -> Task:
        return replace(
            task,
            pairs=lambda rows: LabelledPairs(
                task.inputs[rows], classes=labels[rows], apart="trial", trials=blocks[rows], balanced=True
            ),
            decode=partial(class_scores, labels, name="action"),
            nulls=(),
        )

    def turned(order: Rows) -> Task:
        return of(actions[order])

    null = Null("actions turned around in time", len(actions), turned, shuffle="shifts", groups=series)
    return replace(of(actions), nulls=(null,))
