"""What pairs a source really draws: their lags, their label distances, and which rows are drawn at all.

A sample of pairs is drawn and counted, without reading an observation. An even draw of n pairs leaves out a share
(1 - 1/N)^(2 n) of N rows, which is printed beside the share that was left out.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DtypeError, RecordError

MOST_VALUES = 12
"""Up to so many different values are counted one by one, more of them in as many bins of equal width, or fewer."""

BAR = 32
"""Characters of the longest bar of a printed histogram."""


@runtime_checkable
class RowPairs(Protocol):
    """A pair source over the rows of a recording that says which rows it draws.

    It may also have ``time_lags(anchor_rows, positive_rows)``, which returns the lag of each pair and whether both
    rows are of one trial, and ``label_distances(anchor_rows, positive_rows)``, which returns a distance; or None.
    """

    @property
    def num_rows(self) -> int:
        """How many rows the recording has."""
        ...

    def draw_rows(self, batch_size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the rows of x and of x~."""
        ...


@dataclass(frozen=True)
class Histogram:
    """How many pairs have a value in each bin.

    Attributes
    ----------
    lows, highs : tuple of float
        Ends of each bin, equal where it is a single value. A whole number belongs to the bin whose ends hold it; a
        number that is the end of two bins belongs to the upper one.
    counts : tuple of int
        Pairs in each bin.
    """

    lows: tuple[float, ...]
    highs: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        """What each bin holds, in words."""
        return [
            _text(low) if low == high else f"{_text(low)} to {_text(high)}"
            for low, high in zip(self.lows, self.highs, strict=True)
        ]

    def __str__(self) -> str:
        """Return a line per bin: the bin, a bar, and the share."""
        bins = self.names
        width, most, total = max(map(len, bins)), max(self.counts), sum(self.counts)
        return "\n".join(
            f"  {name:>{width}}  {'#' * round(BAR * count / most):<{BAR}}  {count / total:.1%}"
            for name, count in zip(bins, self.counts, strict=True)
        )


@dataclass(frozen=True)
class PairReport:
    """A sample of pairs, counted; print it to read it.

    Attributes
    ----------
    num_pairs, num_rows : int
        Pairs that were drawn, and rows of the recording.
    distinct_anchors_share, distinct_pairs_share : float
        Different anchor rows, and different (anchor, positive) rows, over pairs: 1 if none is repeated.
    never_drawn_share : float
        Rows of the recording that were neither anchor nor positive.
    never_drawn_if_even : float
        The same of an even draw of as many rows, on average.
    across_trials_share : float or None
        Pairs of two trials; None where the source knows no time.
    lags : Histogram or None
        Rows from anchor to positive, of the pairs within a trial.
    label_distances : Histogram or None
        In bandwidths, the largest over labels.
    """

    num_pairs: int
    num_rows: int
    distinct_anchors_share: float
    distinct_pairs_share: float
    never_drawn_share: float
    never_drawn_if_even: float
    across_trials_share: float | None
    lags: Histogram | None
    label_distances: Histogram | None

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts, lists, numbers and None, which JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Any) -> Self:
        """Return what `to_dict` described.

        Raises
        ------
        RecordError
            If it described something else.
        """
        try:
            kept = {field.name: said[field.name] for field in fields(cls)}
            for name in ("lags", "label_distances"):
                kept[name] = None if kept[name] is None else _histogram_of(kept[name])
            if not all(value is None or isinstance(value, int | float | Histogram) for value in kept.values()):
                raise TypeError("a number is missing")
            return cls(**kept)
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(
                f"a report of pairs must have its counts, and it is damaged ({error}); use a copy of it"
            ) from error

    @property
    def summary(self) -> list[str]:
        """How many pairs there are, and of which rows, in sentences."""
        lines = [
            f"{self.num_pairs} pairs drawn from a recording of {self.num_rows} rows.",
            f"{self.distinct_anchors_share:.1%} of the anchors and {self.distinct_pairs_share:.1%} of the pairs are"
            " the first of their kind, the rest are repeats.",
            f"{self.never_drawn_share:.1%} of the rows were never drawn; an even draw would leave out"
            f" {self.never_drawn_if_even:.1%}.",
        ]
        if self.across_trials_share:
            lines.append(f"{self.across_trials_share:.1%} of the pairs are of two trials.")
        return lines

    def __str__(self) -> str:
        """Return the report in words."""
        lines = self.summary
        if self.lags is not None:
            lines += ["Lag from anchor to positive, in rows, of the pairs within a trial:", str(self.lags)]
        if self.label_distances is not None:
            lines += ["Distance of the labels, in bandwidths:", str(self.label_distances)]
        return "\n".join(lines)


def describe_pairs(
    source: RowPairs, *, num_pairs: int = 10_000, batch_size: int = 512, generator: torch.Generator
) -> PairReport:
    """Draw pairs from ``source`` and count what they are.

    Parameters
    ----------
    source : RowPairs
        `TemporalPairs`, `LabelledPairs`, `AugmentedPairs`, or one of your own with ``num_rows`` and ``draw_rows``.
    num_pairs : int
        Pairs to look at.
    batch_size : int
        Pairs per draw, for sources whose rows depend on each other within a batch.
    generator : torch.Generator
        Is advanced.

    Returns
    -------
    PairReport
        Shares have a standard error of at most 1 / (2 sqrt(num_pairs)).

    Raises
    ------
    DomainError, DtypeError
        If ``source`` does not say which rows it draws, a number is not positive, or ``generator`` is none.

    Examples
    --------
    >>> from contrica.pairs.temporal import TemporalPairs
    >>> pairs = TemporalPairs(torch.zeros(50, 1), lags={1: 0.75, 5: 0.25})
    >>> print(describe_pairs(pairs, num_pairs=1000, generator=torch.Generator().manual_seed(0)).lags)
      1  ################################  78.6%
      5  #########                         21.4%
    """
    if not isinstance(source, RowPairs):
        raise DtypeError(f"source must have num_rows and draw_rows, got {type(source).__name__}; pass such a source")
    total, size = _checks.count(num_pairs, "num_pairs"), _checks.count(batch_size, "batch_size")
    _checks.generator(generator)
    size = min(size, source.num_rows)
    drawn = [source.draw_rows(min(size, total - first), generator=generator) for first in range(0, total, size)]
    anchors, positives = (torch.cat([batch[side] for batch in drawn]) for side in (0, 1))
    known = source.time_lags(anchors, positives) if hasattr(source, "time_lags") else None
    lags, together = (None, None) if known is None else known
    distances = source.label_distances(anchors, positives) if hasattr(source, "label_distances") else None
    num_rows = source.num_rows
    return PairReport(
        num_pairs=total,
        num_rows=num_rows,
        distinct_anchors_share=len(anchors.unique()) / total,
        distinct_pairs_share=len((anchors * num_rows + positives).unique()) / total,
        never_drawn_share=1 - len(torch.cat((anchors, positives)).unique()) / num_rows,
        never_drawn_if_even=(1 - 1 / num_rows) ** (2 * total),
        across_trials_share=None if together is None else 1 - float(together.double().mean()),
        lags=None if lags is None or together is None or not bool(together.any()) else _histogram(lags[together]),
        label_distances=None if distances is None else _histogram(distances),
    )


def _histogram_of(said: Any) -> Histogram:
    bins = [said["lows"], said["highs"], said["counts"]]
    found = Histogram(*(tuple(value + 0 for value in column) for column in bins))
    if not found.counts or len({len(column) for column in bins}) > 1 or not sum(found.counts) > 0:
        raise ValueError("a histogram has no bins")
    return found


def _text(number: float) -> str:
    return f"{number:.3g}" if isinstance(number, float) else str(number)


def _histogram(values: Tensor) -> Histogram:
    numbers = values.numpy()
    different, counts = np.unique(numbers, return_counts=True)
    if len(different) <= MOST_VALUES:
        return Histogram(tuple(different.tolist()), tuple(different.tolist()), tuple(counts.tolist()))
    if values.is_floating_point():
        counts, edges = np.histogram(numbers, MOST_VALUES)
        return Histogram(tuple(edges[:-1].tolist()), tuple(edges[1:].tolist()), tuple(counts.tolist()))
    width = -(-int(different[-1] - different[0] + 1) // MOST_VALUES)
    lows = np.arange(different[0], different[-1] + 1, width)
    counts = np.bincount((numbers - different[0]) // width, minlength=len(lows))
    return Histogram(tuple(lows.tolist()), tuple((lows + width - 1).tolist()), tuple(counts.tolist()))
