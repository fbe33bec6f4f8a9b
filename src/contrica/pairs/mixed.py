"""Positive pairs of several kinds: each from one of several sources, drawn by chance.

    k ~ q,   (x, x~) ~ p_k,      p(x, x~) = sum_k q_k p_k(x, x~)

Near in time or near in label, a step or an augmentation: what only some pairs move is still moved by the others. The
x~ of another pair has the law of all positives, sum_k q_k p_k(x~), so the best critic is the log ratio of the mixture.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.drawn import RowPairs

PROBABILITY_SLACK = 1e-6
"""Probabilities may sum to 1 within this, and are then divided by their sum."""

Share: TypeAlias = tuple[int, slice, torch.Generator]
"""How many pairs of a source are wanted, which of those drawn are kept, and the stream it draws from."""


class MixedPairs:
    """Pairs of several sources.

    Parameters
    ----------
    sources : sequence of PairSource
        Two or more, of observations of one shape and dtype: time and labels, several bandwidths, other augmentations.
    probabilities : sequence of float, optional
        The chance of each source; equal if not given.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        If there are fewer than two sources, an entry is none, or probabilities do not fit.

    Notes
    -----
    Pairs that must be near in time and in label at once are those of `LabelledPairs` with time as one more label, and
    with trials as classes.

    Examples
    --------
    >>> from contrica.pairs.temporal import TemporalPairs
    >>> steps = torch.arange(100.0)[:, None]
    >>> pairs = MixedPairs([TemporalPairs(steps, lags=1), TemporalPairs(steps, lags=-20)], [0.9, 0.1])
    >>> batch = pairs.draw(1000, generator=torch.Generator().manual_seed(0))
    >>> round(float((batch.positives < batch.anchors).float().mean()), 1)
    0.1
    """

    def __init__(self, sources: Sequence[PairSource], probabilities: Sequence[float] | None = None) -> None:
        """Keep the sources; nothing is drawn yet."""
        self.sources = tuple(sources)
        if len(self.sources) < 2:
            raise ShapeError(f"a mixture must have at least 2 sources, got {len(self.sources)}; use the one as it is")
        for source in self.sources:
            if not isinstance(source, PairSource):
                raise DtypeError(f"sources must have a method draw, got {type(source).__name__}; pass pair sources")
        chances = [1.0 / len(self.sources)] * len(self.sources) if probabilities is None else list(probabilities)
        if len(chances) != len(self.sources):
            raise ShapeError(f"probabilities must be one per source, {len(self.sources)}, got {len(chances)}; pass all")
        for chance in chances:
            if _checks.finite(chance, "a probability") < 0:
                raise DomainError(f"probabilities must be at least 0, got {chance!r}; pass probabilities")
        if not abs(sum(chances) - 1.0) <= PROBABILITY_SLACK:
            raise DomainError(f"probabilities must sum to 1, got {sum(chances):.6g}; divide them by their sum")
        self.probabilities = tuple(chance / sum(chances) for chance in chances)

    @property
    def num_rows(self) -> int:
        """How many rows the recording has that all sources draw from.

        Raises
        ------
        DomainError
            If a source does not say which rows it draws, or their recordings differ in length.
        """
        return self._by_rows()[0].num_rows

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` pairs, each from a source by chance.

        Raises
        ------
        DomainError, DtypeError, ShapeError
            If ``batch_size`` is not a whole number of at least 2, ``generator`` is none, or sources draw observations
            that differ in shape or dtype, or pairs that are not each other's negatives.
        """
        places, shares = self._shares(_checks.count(batch_size, "batch_size", least=2), generator)
        batches = []
        for source, (count, kept, stream) in zip(self.sources, shares, strict=True):
            if count == 0:
                continue
            batch = source.draw(max(2, count), generator=stream)
            if batch.groups is not None or batch.negatives is not None or batch.cells is not None or batch.wider:
                raise DomainError(
                    f"pairs of a mixture must all be independent, but {type(source).__name__} draws groups, negatives,"
                    " cells or wider positives; leave them out"
                )
            batches.append((batch.anchors[kept], batch.positives[kept]))
        if len({(anchors.shape[1:], anchors.dtype, anchors.device) for anchors, _ in batches}) > 1:
            raise ShapeError("sources must draw observations of one shape and dtype, got several; convert them")
        anchors, positives = (torch.cat(side)[places.to(side[0].device)] for side in zip(*batches, strict=True))
        return PairBatch(anchors, positives)

    def draw_rows(self, batch_size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the rows of x and of x~, each of shape (batch_size,); `draw` takes the same from equal generators.

        Raises
        ------
        DomainError, DtypeError
            As `num_rows`; if ``batch_size`` is not a whole number of at least 1, or ``generator`` is none.
        """
        sources = self._by_rows()
        places, shares = self._shares(_checks.count(batch_size, "batch_size"), generator)
        drawn = [
            [rows[kept] for rows in source.draw_rows(max(2, count), generator=stream)]
            for source, (count, kept, stream) in zip(sources, shares, strict=True)
            if count
        ]
        anchors, positives = (torch.cat(side)[places] for side in zip(*drawn, strict=True))
        return anchors, positives

    def time_lags(self, anchor_rows: Tensor, positive_rows: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return what the first source that knows of time says, None if there is none."""
        said: tuple[Tensor, Tensor] | None = self._said_of_rows("time_lags", anchor_rows, positive_rows)
        return said

    def label_distances(self, anchor_rows: Tensor, positive_rows: Tensor) -> Tensor | None:
        """Return what the first source that knows of labels says, in its bandwidths, None if there is none."""
        said: Tensor | None = self._said_of_rows("label_distances", anchor_rows, positive_rows)
        return said

    def _said_of_rows(self, name: str, *rows: Tensor) -> Any:
        for source in self.sources:
            said = getattr(source, name)(*rows) if hasattr(source, name) else None
            if said is not None:
                return said
        return None

    def _shares(self, size: int, generator: torch.Generator) -> tuple[Tensor, list[Share]]:
        """Return where each pair stands among those of all sources, and the share of each source.

        A batch has two pairs at least, so of a source of which one is wanted either of two is kept.
        """
        _checks.generator(generator)
        device, count = generator.device, len(self.sources)
        uniforms = torch.rand(size, generator=generator, dtype=torch.float64, device=device)
        seeds = torch.randint(1 << 62, (count,), generator=generator, device=device).tolist()
        either = torch.randint(2, (count,), generator=generator, device=device).tolist()
        bounds = torch.tensor(self.probabilities, dtype=torch.float64).cumsum(0)[:-1]
        which = torch.bucketize(uniforms.cpu(), bounds, right=True)
        wanted = torch.bincount(which, minlength=count).tolist()
        kept = [
            slice(pick, pick + 1) if number == 1 else slice(None) for number, pick in zip(wanted, either, strict=True)
        ]
        streams = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        return which.argsort(stable=True).argsort(), list(zip(wanted, kept, streams, strict=True))

    def _by_rows(self) -> list[RowPairs]:
        by_rows: list[RowPairs] = [source for source in self.sources if isinstance(source, RowPairs)]
        if len(by_rows) < len(self.sources) or len({source.num_rows for source in by_rows}) > 1:
            raise DomainError(
                "all sources of a mixture must draw rows of one recording for their rows to be known, got others; pass"
                " TemporalPairs, LabelledPairs or AugmentedPairs of the same observations"
            )
        return by_rows
