"""The critic: the logit of a pair, and the one place where "closer" becomes "larger".

    logit(x, x~) = -( delta(f(x), f(x~)) + alpha(x) + alpha~(x~) + b )

``delta`` is the dissimilarity of the codes; ``alpha`` (anchor offset) and ``alpha~`` (candidate offset) are free scalar
networks of the observations that take up the pair law's normaliser and the non-uniform marginal, ``b`` is a scalar.
With all three off this is the unmodified contrastive objective. (Matthes, Han, Shen 2023, section 3; for why the three
do not weaken identifiability see ``contrica.identifiability``.)

Where an anchor has a ladder of positives, p_1 the narrowest law and p_K the widest, the ratio to strangers is a product
of ratios of neighbours, each of which is estimated by itself with the same codes:

    log p_1(x~|x)/p(x~)  =  sum_(k<K) log p_k(x~|x)/p_(k+1)(x~|x)  +  log p_K(x~|x)/p(x~)
                         ~  sum_(k<K) -(w_k delta(f(x), f(x~)) + b_k)  +  logit(x, x~)

(Telescoping density ratios: Rhodes, Xu, Gutmann 2020, arXiv 2006.12204.)
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
        Whether the scalar b is learned; it starts at 0, and training sets it from the first batches. With it, b_k are.
    num_rungs : int
        K, for batches that hold K positives of each anchor, such as `SimulatedLadder` draws; w_k > 0 are learned, and
        start at 1. The logit itself is then that of the widest positives.

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
        num_rungs: int = 1,
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
        self.num_rungs = _checks.count(num_rungs, "num_rungs")
        self.rung_log_weights = nn.Parameter(torch.zeros(num_rungs - 1)) if num_rungs > 1 else None
        self.rung_biases = nn.Parameter(torch.zeros(num_rungs - 1)) if num_rungs > 1 and bias else None

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

    def rung_logits(
        self, anchor_codes: Float[Tensor, "batch code_dim"], candidate_codes: Float[Tensor, "batch code_dim"]
    ) -> Float[Tensor, "rungs batch"]:
        """Return ``-(w_k delta + b_k)`` of row i with row i, for each rung k < K: no rows for plain pairs.

        Added to `paired_logits` they are the logit of the narrowest positives against strangers.
        """
        dissimilarity = self.dissimilarity(anchor_codes, candidate_codes)
        if self.rung_log_weights is None:
            return dissimilarity.new_zeros(0, len(dissimilarity))
        scaled = self.rung_log_weights.exp()[:, None] * dissimilarity
        return -(scaled if self.rung_biases is None else scaled + self.rung_biases[:, None])

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
