"""Which pairs the arguments of fit mean, and a source that draws them without copying X.

    X_pos               row i of X and of X_pos are a pair
    y                   rows with near or equal labels are pairs
    neither             rows a lag apart in one trial are pairs
    y and time          pairs are both at once, or each is one of them by chance

Every source here draws row numbers; only the drawn rows of X are read, put into the units of the scaling, and rounded
to the dtype of the encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.estimator.labels import Labels
from contrica.estimator.row_order import RowOrder
from contrica.estimator.scaling import Scaling
from contrica.pairs import GivenPairs, LabelledPairs, MixedPairs, PairBatch, PairSource, TemporalPairs
from contrica.pairs.drawn import PairReport, RowPairs, describe_pairs
from contrica.pairs.label_space import Bandwidth, Periods
from contrica.pairs.recording import Recording
from contrica.pairs.temporal import Lags
from contrica.pairs.timeline import Separation

DRAWS_OF_EACH = 3
"""Draws of as many pairs as there are rows, of which e^-3 of the rows are missing."""

MOST_DESCRIBED, DESCRIBED_PER_ROW = 10_000, 20
"""Pairs that are counted for a report, at most and per row."""

PairKind = Literal["given", "labels", "time", "time-and-labels", "time-or-labels"]
"""What makes a pair."""

KINDS: tuple[PairKind, ...] = get_args(PairKind)

OF_LABELS: tuple[PairKind, ...] = ("labels", "time-and-labels", "time-or-labels")
"""Kinds of pairs that need y."""


def kind_of(pairs: str, has_positives: bool, has_labels: bool) -> PairKind:
    """Return what makes a pair, from the setting and from what fit was given.

    Raises
    ------
    DomainError
        If that is not said, or what is wanted is missing.
    """
    _checks.choice(pairs, "pairs", ("auto", *KINDS))
    if pairs == "auto" and has_positives and has_labels:
        raise DomainError("pairs come from X_pos or from y, got both; say pairs='given' or pairs='labels'")
    if pairs == "given" or (pairs == "auto" and has_positives):
        if not has_positives:
            raise DomainError("pairs='given' needs X_pos, got none; pass it to fit")
        return "given"
    kind = cast(PairKind, pairs if pairs != "auto" else "labels" if has_labels else "time")
    if kind in OF_LABELS and not has_labels:
        raise DomainError(f"pairs={kind!r} needs y, got none; pass it to fit")
    return kind


Places = npt.NDArray[np.float64]
"""Numbers of the places of an order of rows, as observations of one column."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of the rows: the observations x and x~, which are mostly the same, their order, their labels."""

    anchors: npt.NDArray[Any]
    positives: npt.NDArray[Any]
    order: RowOrder
    labels: Labels | None


@dataclass(frozen=True, eq=False)
class PairRules:
    """How pairs are formed from what is known of the rows; see `ContrastiveICA` for each.

    ``flat`` says that whatever is near enough is as likely as what is nearest, as with labels within a bandwidth.
    """

    kind: PairKind
    time_share: float
    lags: Lags
    exclude_within: Separation | None
    bandwidth: Bandwidth | None
    num_neighbours: int | None
    periods: Periods | None
    balanced: bool
    apart: Separation
    flat: bool

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0.0 < _checks.finite(self.time_share, "time_share") < 1.0:
            raise DomainError(
                f"time_share must lie between 0 and 1, got {self.time_share}; say pairs='time' or 'labels' for all"
            )

    @property
    def longest_lag(self) -> int:
        """The longest lag in rows; 0 where time does not make the pairs."""
        if "time" not in self.kind:
            return 0
        lags = [self.lags] if isinstance(self.lags, int) else list(self.lags)
        return max((abs(lag) for lag in lags), default=0)

    def over(self, order: RowOrder, labels: Labels | None) -> PairSource:
        """Return a source of pairs of places in ``order``, each observation being the number of a place.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            As `GivenPairs`, `LabelledPairs` and `TemporalPairs`.
        """
        places = np.arange(len(order.rows), dtype=np.float64)[:, None]
        if self.kind == "given":
            numbers = torch.from_numpy(places)
            return GivenPairs(numbers, numbers, self._groups_of(order))
        if self.kind == "time":
            return self._by_time(places, order)
        assert labels is not None
        here = labels.part(order.rows)
        if self.kind == "labels":
            return self._by_labels(places, here, order)
        if self.exclude_within is not None:
            raise DomainError(f"exclude_within is of pairs by time alone, and pairs are {self.kind!r}; leave it out")
        by_time = self._by_time(places, order)
        if self.kind == "time-and-labels":
            return self._at_once(places, here, order)
        shares = [self.time_share, 1.0 - self.time_share]
        return MixedPairs([by_time, self._by_labels(places, here, order)], shares)

    def _by_time(self, places: Places, order: RowOrder) -> TemporalPairs:
        return TemporalPairs(places, lags=self.lags, trials=order.trials, exclude_within=self.exclude_within)

    def _by_labels(self, places: Places, labels: Labels, order: RowOrder) -> LabelledPairs:
        alone = labels.continuous is None
        return LabelledPairs(
            places,
            labels.continuous,
            classes=labels.classes,
            bandwidth=None if alone else self.bandwidth,
            num_neighbours=None if alone else self.num_neighbours,
            periods=None if alone else self.periods,
            balanced=self.balanced,
            apart=self.apart,
            trials=order.trials,
        )

    def _at_once(self, places: Places, labels: Labels, order: RowOrder) -> LabelledPairs:
        """Return pairs that are near in time and in label: time is one label more, within its trial."""
        if self.num_neighbours is not None:
            raise DomainError("num_neighbours is of pairs by labels alone; leave it out, or pass a bandwidth")
        columns, widths, periods = [places], [float(self.longest_lag)], [None]
        if labels.continuous is not None:
            count = labels.continuous.shape[1]
            columns.append(labels.continuous)
            widths += each(self.bandwidth, count)
            periods += each(self.periods, count)
        known = [order.trials] if labels.classes is None else [order.trials, labels.classes]
        classes = np.unique(np.stack(known, 1), axis=0, return_inverse=True)[1].reshape(-1)
        if self.balanced and labels.classes is None:
            raise DomainError("balanced speaks of discrete labels, but there are none; leave it out")
        return LabelledPairs(
            places,
            np.concatenate(columns, 1),
            classes=classes if classes.any() else None,
            bandwidth=widths,
            periods=periods,
            balanced=self.balanced,
            apart=self.apart,
            trials=order.trials,
        )

    def _groups_of(self, order: RowOrder) -> Tensor | None:
        if self.exclude_within is None:
            return None
        if self.exclude_within != "trial":
            raise DomainError(
                "given pairs are parted by group, so exclude_within must be 'trial' or None, got"
                f" {self.exclude_within!r}; pass one of them"
            )
        return torch.from_numpy(order.groups)


def each(value: Any, count: int) -> list[Any]:
    """Return one value per label, of one for all or one each.

    >>> each(0.5, 2), each((1.0, None), 2)
    ([0.5, 0.5], [1.0, None])
    """
    return [*value] if isinstance(value, Sequence | np.ndarray) else [value] * count


@dataclass(frozen=True, eq=False)
class Pairing:
    """How rows become pairs of observations: the rules, the units, and the dtype of the encoder."""

    rules: PairRules
    scaling: Scaling
    dtype: torch.dtype

    def source(self, rows: Rows, order: RowOrder) -> "DrawnRows":
        """Return a source of pairs of those ``rows`` that are in ``order``.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If they leave no pairs.
        """
        return DrawnRows(self.rules.over(order, rows.labels), rows, order, scaling=self.scaling, dtype=self.dtype)


class DrawnRows:
    """Pairs of observations, from a source that draws places of an order of rows.

    Parameters
    ----------
    places : PairSource
        As `PairRules.over` returns it for ``order``.
    rows : Rows
        Where observations are read.
    order : RowOrder
        Which row each place is.
    scaling : Scaling
        Into which units they are put.
    dtype : torch.dtype
        Of the observations that are given out.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        As `Recording`.
    """

    def __init__(
        self, places: PairSource, rows: Rows, order: RowOrder, *, scaling: Scaling, dtype: torch.dtype
    ) -> None:
        """Keep all of them; nothing is read yet."""
        self._places = places
        self._order = order
        self._recordings = (Recording(rows.anchors), Recording(rows.positives))
        self._scaling = scaling
        self._dtype = dtype

    @property
    def num_rows(self) -> int:
        """How many rows there are to draw from."""
        return len(self._order.rows)

    @property
    def num_dropped_rows(self) -> int:
        """How many of them are never drawn as anchors, having no positive."""
        return int(getattr(self._places, "num_dropped_rows", 0))

    def described(self, generator: torch.Generator) -> PairReport | None:
        """Return what pairs are drawn, without reading a row; None where they were given."""
        if not isinstance(self._places, RowPairs):
            return None
        count = min(MOST_DESCRIBED, DESCRIBED_PER_ROW * self.num_rows)
        return describe_pairs(self._places, num_pairs=count, generator=generator)

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` pairs.

        Raises
        ------
        DomainError, DtypeError
            As the source of places does, or if a drawn row of a mapped file is not finite.
        """
        batch = self._places.draw(batch_size, generator=generator)
        return self._read(batch.anchors, batch.positives, batch.groups)

    def draw_distinct(self, most: int, *, stretches: int, generator: torch.Generator) -> PairBatch:
        """Draw pairs of which no two have the same anchor, in order, and group them by stretches of consecutive rows.

        Parameters
        ----------
        most : int
            Pairs that are wanted; there are fewer where there are fewer rows.
        stretches : int
            Into so many stretches of equal length the rows are cut at most.
        generator : torch.Generator
        """
        size = min(most, self.num_rows)
        draws = [self._places.draw(size, generator=generator) for _ in range(DRAWS_OF_EACH)]
        drawn, firsts = np.unique(torch.cat([draw.anchors for draw in draws]).long().numpy(), return_index=True)
        positives = torch.cat([draw.positives for draw in draws])[torch.from_numpy(firsts)]
        chosen = torch.from_numpy(np.linspace(0, len(drawn) - 1, min(size, len(drawn))).astype(np.int64))
        anchors = torch.from_numpy(drawn)[chosen, None]
        length = -(-self.num_rows // stretches)
        return self._read(anchors, positives[chosen], anchors[:, 0] // length)

    def _read(self, anchors: Tensor, positives: Tensor, groups: Tensor | None) -> PairBatch:
        of_anchors, of_positives = self._recordings
        return PairBatch(self._taken(of_anchors, anchors), self._taken(of_positives, positives), groups)

    def _taken(self, recording: Recording, places: Tensor) -> Tensor:
        rows = self._order.rows[places[:, 0].long().numpy()]
        return torch.from_numpy(self._scaling(recording.take(torch.from_numpy(rows)).numpy())).to(self._dtype)
