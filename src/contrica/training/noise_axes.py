"""Turns codes on the sphere to the axes along which pairs differ most and least: a shortcut past a flat stretch.

    C^-1/2 E[d d^T] C^-1/2 = R^T diag(v) R,    C = E[f f^T],    d = f(x) - f(x~),    f <- R f,

where the code of largest lambda gets the smallest v.

Noise of the density ``exp(-sum_i lambda_i (s_i - s~_i)^2)`` is symmetric in each factor, so that codes that are a
rotation of the factors have differences whose covariance is diagonal in the factors, with entries that fall as lambda
rises. C, which is that of the sphere in the end, takes out what is left of a stretch: one by a hundredth moves v by
two, and neighbours may be nine apart. Under the critic alone the last rotation between two factors of nearly the same
lambda is slow: it is worth a thousandth of a nat. The map changes parameters, not the objective, and leaves the optimum
where it is.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP, SphereOutput
from contrica.errors import DomainError, DtypeError, UnreliableScoreError
from contrica.pairs.batch import PairBatch
from contrica.training.axes import ROWS_AT_ONCE, ROWS_PER_ENTRY


@torch.no_grad()
def turn_to_noise_axes(encoder: MLP, dissimilarity: PowerSum, pairs: PairBatch) -> Float[Tensor, "code_dim code_dim"]:
    """Rotate the codes to the principal axes of their pair differences, in place, and return that rotation.

    Parameters
    ----------
    encoder : MLP
        With `SphereOutput`, so that a rotation of the raw codes is one of the codes.
    dissimilarity : PowerSum
        Of exponent 2, with one weight per code: it says which axis becomes which code, and is left as it is.
    pairs : PairBatch
        At least ten pairs per code. Two axes whose variances differ by a share q are found to an angle of about
        ``1 / (q sqrt(pairs))`` radians, so that many pairs serve.

    Raises
    ------
    DtypeError, DomainError
        If the encoder is no MLP on the sphere, or the exponent is not 2.
    UnreliableScoreError
        If there are too few pairs, or the codes lie in a subspace.
    """
    if not isinstance(encoder, MLP):
        raise DtypeError(f"encoder must be a contrica MLP, got {type(encoder).__name__}; turn others by hand")
    if not isinstance(encoder.output, SphereOutput):
        raise DomainError(f"codes must lie on the sphere, got {type(encoder.output).__name__}; use SphereOutput")
    if dissimilarity.fixed_exponent != 2.0:
        raise DomainError(f"exponent must be 2, got {dissimilarity}; leave the codes as they are")
    if pairs.num_pairs < ROWS_PER_ENTRY * encoder.code_dim:
        raise UnreliableScoreError(
            f"{encoder.code_dim} codes need {ROWS_PER_ENTRY * encoder.code_dim} pairs, got {pairs.num_pairs}; draw more"
        )
    views = zip(pairs.anchors.split(ROWS_AT_ONCE), pairs.positives.split(ROWS_AT_ONCE), strict=True)
    codes = [(encoder(anchors).double(), encoder(positives).double()) for anchors, positives in views]
    spread = sum((view.T @ view for pair in codes for view in pair), torch.zeros(()))
    noise = sum(((anchor - positive).T @ (anchor - positive) for anchor, positive in codes), torch.zeros(()))
    variances, vectors = torch.linalg.eigh(spread / pairs.num_pairs)
    if not bool(variances[0] > torch.finfo(torch.float32).eps * variances[-1]):
        raise UnreliableScoreError("codes must fill as many directions as there are codes, got fewer; train longer")
    sphering = vectors @ (vectors / variances.sqrt()).T
    _, axes = torch.linalg.eigh(sphering @ noise @ sphering / pairs.num_pairs)
    turn = torch.empty_like(axes)
    turn[dissimilarity.weights.argsort(descending=True)] = axes.T
    for layer in (encoder.last, encoder.skip):
        if layer is not None:
            layer.weight.copy_(turn.to(layer.weight) @ layer.weight)
            if layer.bias is not None:
                layer.bias.copy_(turn.to(layer.bias) @ layer.bias)
    return turn
