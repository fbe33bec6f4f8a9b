"""Positive pairs from labels: an observation and one whose labels are nearly the same.

    i ~ p on A,    j ~ uniform on P(i),    x = x_i,  x~ = x_j
    bandwidth b:   P(i) = {j : class_j = class_i, d(y_i, y_j) <= 1, j apart from i}
    k nearest:     P(i) = the k rows of smallest d(y_i, y_j) with class_j = class_i and j apart from i
    d(y, y~) = max_d |y_d - y~_d| / b_d,   around the period of labels that have one

A are the rows with P(i) not empty, and p is uniform on A or, balanced, on the classes and then on A within the class.
No row is apart from itself. (Contrast by labels as in Khosla et al. 2020, NeurIPS; Schneider et al. 2023, Nature.)
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError
from contrica.pairs.batch import PairBatch
from contrica.pairs.label_grid import LabelGrid
from contrica.pairs.label_space import Bandwidth, LabelSpace, Periods
from contrica.pairs.nearest_labels import NearestLabels
from contrica.pairs.recording import Observations, Recording
from contrica.pairs.row_draws import below
from contrica.pairs.timeline import Separation, Timeline, TrialIds, separation


class LabelledPairs:
    """Pairs of observations of a recording whose labels are near, whose class is the same, or both.

    Parameters
    ----------
    observations : Tensor or array of shape (rows, ...)
        See `Recording` for dtypes and mapped files.
    labels : Tensor or array of shape (rows,) or (rows, label_dim), optional
        Continuous labels, finite. Time may be one of them, with its window as bandwidth and trials as classes: pairs
        are then near in time and in label at once. For one or the other by chance see `MixedPairs`.
    classes : Tensor or array of shape (rows,), integers, optional
        Discrete labels; at least one of the two kinds is needed. Positives never leave the class.
    bandwidth : float or sequence of floats, optional
        In units of the labels, one for all or one per label: positives differ by no more than this in every label.
        With ``num_neighbours`` it is the unit in which labels are compared, and may be left out for one label.
    num_neighbours : int, optional
        Positives are this many nearest rows, or all that there are if there are fewer.
    periods : float or sequence of (float or None), optional
        In units of the labels, 2 pi or 360 for angles; None for a label that is not periodic.
    balanced : bool
        Draw the class of the anchor first, all classes being equally likely.
    apart : int or "trial"
        Positives are more than so many rows of the trial away, or in another trial: with labels that change slowly
        they would otherwise be neighbours in time above all. 0 excludes the row itself and nothing else.
    trials : Tensor or array of shape (rows,), integers, optional
        Which trial each row belongs to; one trial if not given.

    Attributes
    ----------
    num_dropped_rows : int
        Rows without a positive, which are never anchors.

    Raises
    ------
    ShapeError, DtypeError
        If the arrays do not describe the same rows, or a type is wrong.
    DomainError
        If labels are not finite, a label or the class has one value only, a bandwidth is missing or not positive, or
        no row has a positive.

    Notes
    -----
    Draws are independent, so the x~ of another pair has the law of all positives, r(j) = sum_i p(i) 1[j in P(i)] /
    |P(i)|. It is near p where labels are about as dense within two bandwidths; the best critic is
    log p(x~|x) / r(x~) up to the freedom of the loss, which is exact for whatever r is. In the limit of many rows and
    with q the density of the labels, p(y~|y) is q(y~) on the box around y, divided by the mass of the box.

    Rows are sorted once, by cells of a grid that is cut along up to three labels, and the cells around each cell are
    found, in up to 108 bytes a cell. With the bandwidth in proportion to the spread of the labels, a draw looks up the
    3^label_dim cells around a row, up to 27, whatever the number of rows, and searches the row itself in its own cell,
    or with ``apart`` above 0 what is near in time in all of them, by two binary searches each. More than three labels
    of which each excludes much cost a query of a k-d tree and a list of the positives, as many as there are.
    The k nearest cost a query for k rows, and for as many as are not apart.

    Examples
    --------
    >>> angles = torch.arange(0.0, 360.0, 10.0)
    >>> pairs = LabelledPairs(angles[:, None], angles, bandwidth=10.0, periods=360.0)
    >>> batch = pairs.draw(100, generator=torch.Generator().manual_seed(0))
    >>> ((batch.positives - batch.anchors) % 360).unique()
    tensor([ 10., 350.])
    """

    def __init__(
        self,
        observations: Observations,
        labels: Observations | None = None,
        *,
        classes: TrialIds | None = None,
        bandwidth: Bandwidth | None = None,
        num_neighbours: int | None = None,
        periods: Periods | None = None,
        balanced: bool = False,
        apart: Separation = 0,
        trials: TrialIds | None = None,
    ) -> None:
        """Sort rows by label; the observations stay where they are."""
        self._recording = Recording(observations)
        self._timeline = Timeline(self.num_rows, trials)
        rows = self._timeline.rows
        self._space = _space(labels, self._timeline, bandwidth, num_neighbours, periods)
        self._classes = _classes(classes, self.num_rows, labels is None, balanced)[rows]
        first, last = self._timeline.surroundings(separation(apart, "apart", self._timeline))
        self._positives: LabelGrid | NearestLabels
        if num_neighbours is None or labels is None:
            self._positives = LabelGrid(self._space, self._classes, first, last)
        else:
            self._positives = NearestLabels(self._space, self._classes, first, last, num_neighbours)
        anchors = np.flatnonzero(self._positives.reachable())
        self.num_dropped_rows = self.num_rows - len(anchors)
        if len(anchors) == 0:
            raise DomainError(
                f"some row must have a positive, but none of {self.num_rows} has another row within the bandwidth, of"
                " its class and apart in time; pass a larger bandwidth or a smaller apart"
            )
        groups = self._classes[anchors] if balanced else np.zeros(len(anchors), np.int64)
        self._anchors = anchors[np.argsort(groups, kind="stable")]
        self._group_sizes = np.unique(groups, return_counts=True)[1]
        self._group_begins = np.cumsum(self._group_sizes) - self._group_sizes

    @property
    def num_rows(self) -> int:
        """How many rows the recording has."""
        return self._recording.num_rows

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` independent pairs.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 2, ``generator`` is none, or a drawn row of a mapped
            file is not finite.
        """
        anchors, positives = self.draw_rows(_checks.count(batch_size, "batch_size", least=2), generator=generator)
        return PairBatch(self._recording.take(anchors), self._recording.take(positives))

    def draw_rows(self, batch_size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the rows of x and of x~, each of shape (batch_size,); `draw` takes the same from equal generators.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 1, or ``generator`` is none.
        """
        size = _checks.count(batch_size, "batch_size")
        _checks.generator(generator)
        group = below(torch.full((size,), len(self._group_sizes)), generator).numpy()
        rank = below(torch.from_numpy(self._group_sizes[group]), generator).numpy()
        anchors = self._anchors[self._group_begins[group] + rank]
        positives = self._positives.draw(anchors, generator)
        rows = self._timeline.rows
        return torch.from_numpy(rows[anchors]), torch.from_numpy(rows[positives])

    def time_lags(self, anchor_rows: Tensor, positive_rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lag of each pair of rows, and whether both are of one trial."""
        return self._timeline.lags(anchor_rows, positive_rows)

    def label_distances(self, anchor_rows: Tensor, positive_rows: Tensor) -> Tensor | None:
        """Return the label distance d of each pair of rows, in bandwidths; None where labels are discrete only."""
        if self._space.points.shape[1] == 0:
            return None
        anchors, positives = (self._timeline.places[rows.cpu().numpy()] for rows in (anchor_rows, positive_rows))
        return torch.from_numpy(self._space.distances(anchors, positives))


def _space(
    labels: Observations | None,
    timeline: Timeline,
    bandwidth: Bandwidth | None,
    num_neighbours: int | None,
    periods: Periods | None,
) -> LabelSpace:
    """Return the labels in order of time, or a space without labels."""
    if labels is None:
        given = {"bandwidth": bandwidth, "num_neighbours": num_neighbours, "periods": periods}
        for name, value in given.items():
            if value is not None:
                raise DomainError(f"{name} speaks of continuous labels, but there are none; pass labels or no {name}")
        return LabelSpace(np.zeros((timeline.num_rows, 0)), 1.0)
    table = _checks.array(labels, "labels")
    _checks.same_rows(torch.from_numpy(timeline.rows), torch.from_numpy(table), "observations", "labels")
    if num_neighbours is not None:
        _checks.count(num_neighbours, "num_neighbours")
        if bandwidth is None and table.shape[1] == 1:
            bandwidth = 1.0
    if bandwidth is None:
        raise DomainError("labels need a bandwidth, got none; pass one in their units, or num_neighbours for one label")
    return LabelSpace(table[timeline.rows], bandwidth, periods)


def _classes(classes: TrialIds | None, num_rows: int, must_differ: bool, balanced: bool) -> npt.NDArray[np.int64]:
    """Return the class of each row, numbered from 0."""
    if not isinstance(balanced, bool):
        raise DtypeError(f"balanced must be True or False, got {balanced!r}; pass one of them")
    if classes is None:
        if must_differ or balanced:
            raise DomainError("pairs by class need classes, got none; pass classes, or labels without balanced")
        return np.zeros(num_rows, np.int64)
    values, numbers = np.unique(_checks.ids(classes, "classes", rows=num_rows), return_inverse=True)
    if len(values) == 1:
        raise DomainError(f"classes must differ from row to row, but every row is {values[0]}; leave them out")
    return numbers.astype(np.int64)
