"""The affine map to uncorrelated coordinates of unit variance: where a linear skip connection starts.

With the eigenvalues e_1 >= e_2 >= ... and orthonormal eigenvectors v_i of Cov[x], coordinate i of the result is
v_i . (x - E[x]) / sqrt(e_i). Codes that start so are spread in every direction, which is what keeps contrastive
training off the plateau where it finds one dimension after another. An affine map of the codes is undone by the
encoder, so it costs no identifiability.
"""

import torch
from jaxtyping import Float
from torch import Tensor

RELATIVE_RESOLUTION = 1e-5
"""Directions with a smaller spread, relative to the largest size of a value, are float32 rounding: 6e-8 per value."""


@torch.no_grad()
def whitening(
    observations: Float[Tensor, "samples in_dim"], dim: int
) -> tuple[Float[Tensor, "dim in_dim"], Float[Tensor, " dim"]]:
    """Return weight and bias, float64, of the whitening of the ``dim`` widest directions.

    Parameters
    ----------
    observations : Tensor of shape (samples, in_dim)
        Any units; finite; checked by the caller.
    dim : int
        How many coordinates are wanted. Where the observations span fewer directions, the surplus rows of weight
        and bias are zero.

    Returns
    -------
    tuple of Tensor
        ``weight`` of shape (dim, in_dim) and ``bias`` of shape (dim,): the coordinates are ``weight @ x + bias``.

    Notes
    -----
    Takes the eigenvectors of the smaller of the covariance and the Gram matrix of the rows, so both many rows and
    many columns are fine: time min(samples, in_dim)^3. The largest entry of each direction is made positive, so the
    result does not depend on the sign that an eigenvector happens to have.

    Examples
    --------
    >>> observations = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    >>> weight, bias = whitening(observations, 2)
    >>> weight
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]], dtype=torch.float64)
    """
    table = observations.to(torch.float64)
    mean = table.mean(0)
    centred = table - mean
    samples, in_dim = table.shape
    freedom = max(samples - 1, 1)
    wide = in_dim > samples
    variances, vectors = torch.linalg.eigh((centred @ centred.T if wide else centred.T @ centred) / freedom)
    spreads = variances.clamp_min(0.0).sqrt().flip(0)[:dim]
    directions = vectors.flip(1)[:, :dim].T
    kept = spreads > RELATIVE_RESOLUTION * max(float(spreads[0]), float(mean.abs().max()))
    spreads, directions = spreads[kept], directions[kept]
    if wide:
        directions = directions @ centred / (spreads[:, None] * freedom**0.5)
    weight = table.new_zeros(dim, in_dim)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    weight[: len(spreads)] = directions * largest.sign() / spreads[:, None]
    return weight, -weight @ mean
