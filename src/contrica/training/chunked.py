"""Gradient caching: a large batch through a large encoder in bounded memory, with the gradients of the plain form.

    codes without a graph, chunk by chunk -> loss -> gradient of the codes -> each chunk encoded again, with its graph

The activations of one chunk live at a time; the price is a second forward pass. The encoder must give a row the same
code whatever rows are beside it and each time it is asked: no batch normalisation in train mode, no dropout.
(Gao et al. 2021, arXiv 2101.06983.)
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from contrica import _checks

Encode = Callable[[Tensor], Tensor]


def in_chunks(encode: Encode, rows_at_once: int) -> Encode:
    """Return ``encode`` as a function that keeps the activations of ``rows_at_once`` observations at a time.

    Raises
    ------
    DomainError, DtypeError
        If ``rows_at_once`` is no positive whole number.

    Examples
    --------
    >>> encoder = torch.nn.Linear(3, 2)
    >>> observations = torch.randn(10, 3)
    >>> torch.allclose(in_chunks(encoder, 4)(observations), encoder(observations))
    True
    """
    _checks.count(rows_at_once, "rows_at_once")

    def encoded(observations: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return torch.cat([encode(chunk) for chunk in observations.split(rows_at_once)])
        chunks = observations.split(rows_at_once)
        return torch.cat([checkpoint(encode, chunk, use_reentrant=False, preserve_rng_state=False) for chunk in chunks])

    return encoded
