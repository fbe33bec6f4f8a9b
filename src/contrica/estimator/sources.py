"""Which pairs the arguments of fit mean, and a source that draws them without copying X.

    X_pos               row i of X and of X_pos are a pair
    y                   rows with near or equal labels are pairs
    neither             rows a lag apart in one trial are pairs

Every source here draws row numbers; only the drawn rows of X are read, put into the units of the scaling, and rounded
to the dtype of the encoder.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.estimator.labels import Labels
from contrica.estimator.row_order import RowOrder
from contrica.estimator.scaling import Scaling
from contrica.pairs import GivenPairs, LabelledPairs, PairBatch, PairSource, TemporalPairs
from contrica.pairs.drawn import PairReport, RowPairs, describe_pairs
from contrica.pairs.label_space import Bandwidth, Periods
from contrica.pairs.recording import Recording
from contrica.pairs.temporal import Lags
from contrica.pairs.timeline import Separation

DRAWS_OF_EACH = 3
"""Draws of as many pairs as there are rows, of which e^-3 of the rows are missing."""

MOST_DESCRIBED, DESCRIBED_PER_ROW = 10_000, 20
"""Pairs that are counted for a report, at most and per row."""

PairKind = Literal["given", "labels", "time"]
"""What makes a pair."""


def kind_of(pairs: str, has_positives: bool, has_labels: bool) -> PairKind:
    """Return what makes a pair, from the setting and from what fit was given.

    Raises
    ------
    DomainError
        If that is not said, or what is wanted is missing.
    """
    _checks.choice(pairs, "pairs", ("auto", "given", "labels", "time"))
    if pairs == "auto" and has_positives and has_labels:
        raise DomainError("pairs come from X_pos or from y, got both; say pairs='given' or pairs='labels'")
    if pairs == "given" or (pairs == "auto" and has_positives):
        if not has_positives:
            raise DomainError("pairs='given' needs X_pos, got none; pass it to fit")
        return "given"
    if pairs == "labels" or (pairs == "auto" and has_labels):
        if not has_labels:
            raise DomainError("pairs='labels' needs y, got none; pass it to fit")
        return "labels"
    return "time"


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
    lags: Lags
    exclude_within: Separation | None
    bandwidth: Bandwidth | None
    num_neighbours: int | None
    periods: Periods | None
    balanced: bool
    apart: Separation
    flat: bool

    @property
    def longest_lag(self) -> int:
        """The longest lag in rows; 0 where time does not make the pairs."""
        if self.kind != "time":
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
        if self.kind == "labels" and labels is not None:
            here = labels.part(order.rows)
            neighbours = None if here.continuous is None else self.num_neighbours
            return LabelledPairs(
                places,
                here.continuous,
                classes=here.classes,
                bandwidth=None if here.continuous is None else self.bandwidth,
                num_neighbours=neighbours,
                periods=None if here.continuous is None else self.periods,
                balanced=self.balanced,
                apart=self.apart,
                trials=order.trials,
            )
        return TemporalPairs(places, lags=self.lags, trials=order.trials, exclude_within=self.exclude_within)

    def _groups_of(self, order: RowOrder) -> Tensor | None:
        if self.exclude_within is None:
            return None
        if self.exclude_within != "trial":
            raise DomainError(
                "given pairs are parted by group, so exclude_within must be 'trial' or None, got"
                f" {self.exclude_within!r}; pass one of them"
            )
        return torch.from_numpy(order.groups)


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
