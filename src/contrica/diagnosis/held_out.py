"""Held-out pairs as a fitted model sees them: codes, offsets, and who was to be told from whom.

Row i has one positive and, as its others, the candidates that the loss contrasts it with: the other positives, the
other anchors, or separate negatives. Rows are dealt into blocks, and others are those of the own block, so that all
pairs of n rows cost n times the size of a block. Of a ladder of positives it is the widest that are looked at.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.contrast import NegativeSource
from contrica.critics import Critic, DissimilarityFunction, Side
from contrica.errors import DomainError, DtypeError, NonFiniteError, UnreliableScoreError
from contrica.losses import InfoNCE, Loss
from contrica.pairs.batch import PairBatch

LEAST_ROWS = 100
"""A standard error from fewer units is itself off by more than 7 %, and its tails by far more."""

BLOCK_ROWS = 512
"""Candidates of each row, if there are so many: log 512 = 6.2 nats can be told apart."""

ENCODED_AT_ONCE = 4096
"""Observations that go through the encoder together."""


@dataclass(frozen=True, eq=False)
class Block:
    """Rows and others that are contrasted with each other, as row numbers, and their logits in float64.

    Parameters
    ----------
    rows : Tensor of shape (block,)
        Rows of the held-out pairs.
    columns : Tensor of shape (others,)
        Rows of the others.
    positive_logits : Tensor of shape (block,)
    other_logits : Tensor of shape (block, others)
        Minus infinity where a pair is inadmissible.
    """

    rows: Tensor
    columns: Tensor
    positive_logits: Tensor
    other_logits: Tensor

    @property
    def admissible(self) -> Tensor:
        """Which others each row is contrasted with."""
        return ~torch.isneginf(self.other_logits)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a fitted model makes of held-out pairs.

    Parameters
    ----------
    loss : Loss
    dissimilarity : callable
    anchors, positives : Side of n rows
        For InfoNCE by columns, where candidates choose among anchors, the two are exchanged.
    others : Side
        Candidates that rows are contrasted with.
    units : Tensor of shape (n,), int64
        Rows of equal number depend on each other.
    blocks : tuple of Block
    shares_rows : bool
        Whether row i of the others is of the same pair as row i of the anchors.
    """

    loss: Loss
    dissimilarity: DissimilarityFunction
    anchors: Side
    positives: Side
    others: Side
    units: Tensor
    blocks: tuple[Block, ...]
    shares_rows: bool

    @property
    def num_pairs(self) -> int:
        """How many pairs there are."""
        return len(self.anchors.codes)

    @property
    def code_dim(self) -> int:
        """How many codes there are."""
        return self.anchors.codes.shape[1]

    def rows(self, index: Tensor) -> "HeldOut":
        """Return the chosen pairs by themselves, for others that are of the same pairs."""
        anchors, positives, others = (side.rows(index) for side in (self.anchors, self.positives, self.others))
        units = self.units[index].unique(return_inverse=True)[1]
        blocks = tuple(_blocks(self.dissimilarity, anchors, positives, others, units, self.shares_rows, BLOCK_ROWS))
        return replace(self, anchors=anchors, positives=positives, others=others, units=units, blocks=blocks)

    def block(self, rows: Tensor) -> Block:
        """Return the chosen rows as a block, for others that are of the same pairs."""
        return _block(self.dissimilarity, self.anchors, self.positives, self.others, self.units, rows, None)


@torch.no_grad()
def hold_out(
    encoder: Callable[[Tensor], Tensor],
    critic: Critic,
    loss: Loss,
    pairs: PairBatch,
    *,
    negatives: NegativeSource = "positives",
    block_rows: int = BLOCK_ROWS,
) -> HeldOut:
    """Encode the pairs, in evaluation mode, and take the logits block by block.

    Raises
    ------
    UnreliableScoreError
        If there are fewer than ``LEAST_ROWS`` pairs, or as few independent groups.
    DomainError
        If the pairs were drawn from cells, where candidates have another law, or have another number of positives than
        the critic has rungs.
    NonFiniteError
        If the model gives numbers that are not finite.
    DtypeError
        If an argument is of another kind.
    """
    for value, kind, name in ((critic, Critic, "critic"), (loss, Loss, "loss"), (pairs, PairBatch, "pairs")):
        if not isinstance(value, kind):
            raise DtypeError(f"{name} must be a contrica {kind.__name__}, got {type(value).__name__}; pass one")
    _checks.choice(negatives, "negatives", ("positives", "anchors", "anchors_including_self"))
    if pairs.cells is not None:
        raise DomainError("held-out pairs must be drawn from everywhere, got pairs from cells; draw from their source")
    if critic.num_rungs != len(pairs.ladder):
        raise DomainError(
            f"held-out pairs must have as many positives as the critic has rungs, {critic.num_rungs}, got"
            f" {len(pairs.ladder)}; draw from the source of the fit"
        )
    units = torch.arange(pairs.num_pairs) if pairs.groups is None else pairs.groups.cpu().unique(return_inverse=True)[1]
    independent = int(units.max()) + 1
    if independent < LEAST_ROWS:
        raise UnreliableScoreError(
            f"a diagnosis needs at least {LEAST_ROWS} independent pairs, got {independent}; hold out more pairs, or"
            " more groups"
        )
    modules = [part for part in (encoder, critic) if isinstance(part, nn.Module)]
    training = [part.training for part in modules]
    for part in modules:
        part.eval()
    try:
        anchors = _side(critic.anchors, encoder, pairs.anchors)
        positives = _side(critic.candidates, encoder, pairs.ladder[-1])
        others = positives
        if pairs.negatives is not None:
            others = _side(critic.candidates, encoder, pairs.negatives)
        elif negatives != "positives":
            others = _side(critic.candidates, encoder, pairs.anchors)
    finally:
        for part, mode in zip(modules, training, strict=True):
            part.train(mode)
    if isinstance(loss, InfoNCE) and loss.direction == "columns" and pairs.negatives is None:
        anchors, positives, others = positives, anchors, anchors
    shares_rows = pairs.negatives is None
    delta = critic.dissimilarity
    if isinstance(delta, nn.Module):
        delta = copy.deepcopy(delta).cpu()
    blocks = tuple(_blocks(delta, anchors, positives, others, units, shares_rows, block_rows))
    return HeldOut(loss, delta, anchors, positives, others, units, blocks, shares_rows)


def _side(of: Callable[[Tensor, Tensor], Side], encoder: Callable[[Tensor], Tensor], observations: Tensor) -> Side:
    parts = []
    for chunk in observations.split(ENCODED_AT_ONCE):
        codes = _checks.codes(encoder(chunk), "codes")
        _checks.same_rows(chunk, codes, "observations", "codes")
        parts.append(of(codes, chunk))
    side = Side(*(torch.cat(values).cpu() for values in zip(*parts, strict=True)))
    if not all(bool(torch.isfinite(values).all()) for values in side):
        raise NonFiniteError("codes and offsets must be finite, got NaN or infinity; train again at a smaller rate")
    return side


def _blocks(
    dissimilarity: DissimilarityFunction,
    anchors: Side,
    positives: Side,
    others: Side,
    units: Tensor,
    shares_rows: bool,
    block_rows: int,
) -> list[Block]:
    count = max(1, round(len(units) / block_rows))
    columns = None if shares_rows else torch.arange(len(others.codes))
    dealt = (torch.arange(first, len(units), count) for first in range(count))  # rows of a group may follow each other
    return [_block(dissimilarity, anchors, positives, others, units, rows, columns) for rows in dealt]


@torch.no_grad()
def _block(
    dissimilarity: DissimilarityFunction,
    anchors: Side,
    positives: Side,
    others: Side,
    units: Tensor,
    rows: Tensor,
    columns: Tensor | None,
) -> Block:
    """Return a block of these rows; its columns are the same pairs where none are given."""
    left, own = anchors.rows(rows), positives.rows(rows)
    right = others.rows(rows if columns is None else columns)
    positive_logits = -(dissimilarity(left.codes, own.codes) + left.offsets + own.offsets).double()
    apart = dissimilarity(left.codes[:, None], right.codes[None])
    other_logits = -(apart + left.offsets[:, None] + right.offsets[None]).double()
    if columns is None:
        other_logits.masked_fill_(units[rows][:, None] == units[rows], -torch.inf)
    if not bool(torch.isfinite(positive_logits).all()) or bool(torch.isnan(other_logits).any()):
        raise NonFiniteError("logits must be finite, got NaN or infinity; train again at a smaller rate")
    return Block(rows, rows if columns is None else columns, positive_logits, other_logits)
