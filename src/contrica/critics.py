"""The critic: the logit of a pair, and the one place where "closer" becomes "larger".

    logit(x, x~) = -( delta(f(x), f(x~)) + alpha(x) + alpha~(x~) + b )

``delta`` is the dissimilarity of the codes; ``alpha`` (anchor offset) and ``alpha~`` (candidate offset) are free scalar
networks of the observations that take up the pair law's normaliser and the non-uniform marginal, ``b`` is a scalar.
With all three off this is the unmodified contrastive objective. (Matthes, Han, Shen 2023, section 3; for why the three
do not weaken identifiability see ``contrica.identifiability``.)
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DtypeError, ShapeError

DissimilarityFunction = Callable[[Tensor, Tensor], Tensor]


class Side(NamedTuple):
    """One side of the pairs as the critic sees it: codes of shape (rows, code_dim) and offsets of shape (rows,)."""

    codes: Tensor
    offsets: Tensor

    def rows(self, index: Tensor | slice) -> "Side":
        """Return the chosen rows."""
        return Side(self.codes[index], self.offsets[index])


class Critic(nn.Module):
    """``-(delta + alpha + alpha~ + b)`` with each of the three extras switchable.

    Parameters
    ----------
    dissimilarity : Dissimilarity or callable
        delta, broadcasting over leading axes.
    anchor_offset, candidate_offset : nn.Module, optional
        alpha and alpha~, from observations (batch, ...) to (batch,). Pass the same module twice to tie them, which is
        right for exchangeable pairs, p(x, x~) = p(x~, x). None means 0.
    bias : bool
        Whether the scalar b is learned; it starts at 0, and training sets it from the first batches.

    >>> from contrica.dissimilarities import PowerSum
    >>> critic = Critic(PowerSum(2))
    >>> observations = codes = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    >>> critic.logits(critic.anchors(codes, observations), critic.candidates(codes, observations))
    tensor([[-0., -2.],
            [-2., -0.]])
    """

    def __init__(
        self,
        dissimilarity: DissimilarityFunction,
        *,
        anchor_offset: nn.Module | None = None,
        candidate_offset: nn.Module | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if not callable(dissimilarity):
            raise DtypeError(
                f"dissimilarity must be callable, got {type(dissimilarity).__name__}; pass PowerSum(dim) or a function"
            )
        self.dissimilarity = dissimilarity
        self.anchor_offset = anchor_offset
        self.candidate_offset = candidate_offset
        self.bias = nn.Parameter(torch.zeros(())) if bias else None

    def anchors(self, codes: Float[Tensor, "batch code_dim"], observations: Tensor) -> Side:
        """Return the anchors' side; the bias b is carried here, since it may stand on either."""
        offsets = _offsets(self.anchor_offset, codes, observations)
        return Side(codes, offsets if self.bias is None else offsets + self.bias)

    def candidates(self, codes: Float[Tensor, "batch code_dim"], observations: Tensor) -> Side:
        """Return the candidates' side, positives and negatives alike."""
        return Side(codes, _offsets(self.candidate_offset, codes, observations))

    def paired_logits(self, anchors: Side, candidates: Side) -> Float[Tensor, " batch"]:
        """Return the logit of row i with row i."""
        _checks.same_rows(anchors.codes, candidates.codes, "anchors", "candidates")
        return -(self.dissimilarity(anchors.codes, candidates.codes) + anchors.offsets + candidates.offsets)

    def logits(self, anchors: Side, candidates: Side) -> Float[Tensor, "batch candidates"]:
        """Return the logit of every anchor with every candidate, all at once."""
        dissimilarity = self.dissimilarity(anchors.codes[:, None], candidates.codes[None])
        return -(dissimilarity + anchors.offsets[:, None] + candidates.offsets[None])


def _offsets(network: nn.Module | None, codes: Tensor, observations: Tensor) -> Tensor:
    _checks.codes(codes, "codes")
    if network is None:
        return codes.new_zeros(len(codes))
    offsets: Tensor = network(observations)
    if offsets.shape != (len(codes),):
        raise ShapeError(
            f"an offset network must return one number per observation, shape ({len(codes)},), got"
            f" {tuple(offsets.shape)}; squeeze its last axis"
        )
    return offsets.to(codes.dtype)
