"""Tasks on series: pairs a lag apart within a piece, and the two nulls of what is read from them.

Where the order of training rows is shuffled, pairs have nothing in common, and what a decoder still reads is what any
codes of these inputs tell. Where labels are turned around against the inputs, codes stay and what both have in common
is lost but for their slowness.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor

from contrica.pairs import PairSource, TemporalPairs
from contrica.recordings.task import Array, Decode, Null, Rows, Task, View


def series_task(
    inputs: Tensor,
    pieces: Array,
    roles: Array,
    *,
    lags: range,
    labels: Array,
    decoder: Callable[[Array], Decode],
    view: View,
    series: Array | None = None,
) -> Task:
    """Return the task and its nulls.

    Parameters
    ----------
    inputs : Tensor of shape (rows, columns)
        In order of time.
    pieces, roles : array of shape (rows,)
        Pairs do not leave a piece.
    lags : range
        In rows.
    labels : array of shape (rows, ...)
    decoder : callable
        From labels to the decoder of these.
    view : View
    series : array of shape (rows,), optional
        Labels are turned around within each; one series if not given.
    """
    train = np.flatnonzero(roles == "train")

    def pairs_when(instead: Rows) -> Callable[[Rows], PairSource]:
        return lambda rows: TemporalPairs(inputs[instead[rows]], lags=lags, trials=pieces[rows])

    itself = np.arange(len(inputs))
    task = Task(inputs, roles, pairs_when(itself), decoder(labels), views=(view,))

    def shuffled(order: Rows) -> Task:
        instead = itself.copy()
        instead[train] = train[order]
        return replace(task, pairs=pairs_when(instead))

    def turned(order: Rows) -> Task:
        return replace(task, decode=decoder(labels[order]))

    nulls = (
        Null("order of the training rows shuffled", len(train), shuffled),
        Null("labels turned around in time", len(inputs), turned, refits=False, shuffle="shifts", groups=series),
    )
    return replace(task, nulls=nulls)
