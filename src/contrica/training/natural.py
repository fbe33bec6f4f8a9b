"""The natural gradient in SOAP's basis, for pairs that share little.

    h = B E[r^2],    step = rate * Q_L (E[r] / (h + damping * mean h)) Q_R^T,    r = Q_L^T g Q_R,    E running means

InfoNCE and NCE are log likelihoods, so that at the optimum the covariance of one pair's gradient is the Fisher
information and the Hessian; NWJ and SCL are none, and h is no more than a guess there. Where pairs share little, the
gradient g of a batch of B pairs is nearly all noise, and its square a B-th of that covariance: h is the curvature, and
the step a share ``rate`` of Newton's. Adam and SOAP divide by the root of the square instead, and creep along
directions of little curvature, where noise and signal are both small.
(Amari 1998, Neural Computation 10:251-276; the Kronecker-factored basis is that of `contrica.training.soap`.)
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from contrica.training.soap import SOAP

DAMPING = 1e-3
"""Share of a tensor's mean curvature that is added to each: it bounds the step where next to no gradient has come."""


class NaturalGradient(SOAP):
    """Newton's step, or a share of it, where noise outweighs the gradient.

    Parameters
    ----------
    params : iterable of Parameter, or of groups of them
    batch_size : int
        Pairs over which a gradient is the mean.
    lr : float
        Share of a Newton step, some thousandths: one step's noise adds about ``lr * parameters / (4 batch_size)`` nats
        to the loss.
    betas, weight_decay, basis_steps
        As in `contrica.training.soap.SOAP`; the curvature is estimated over 1 / (1 - betas[1]) batches.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = NaturalGradient([weight], batch_size=64, lr=0.02)
    >>> stream, target = torch.Generator().manual_seed(0), torch.tensor([1.0, -2.0])
    >>> for _ in range(400):
    ...     rows = target + 10.0 * torch.randn(64, 2, generator=stream)
    ...     weight.grad = (weight.detach() - rows.mean(0)) / 100.0
    ...     optimizer.step()
    >>> bool((weight - target).abs().max() < 0.4)
    True
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        batch_size: int = 512,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        basis_steps: int = 10,
    ) -> None:
        """Keep the settings."""
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, basis_steps=basis_steps)
        for group in self.param_groups:
            group.setdefault("batch_size", batch_size)

    def _denominators(self, squares: tuple[Tensor, ...], group: dict[str, Any]) -> tuple[Tensor, ...]:
        """Return the curvatures, damped; an empty one, of a tensor without any gradient yet, stays above 0."""
        torch._foreach_mul_(squares, group["batch_size"])
        return tuple(square + (DAMPING * square.mean() + torch.finfo(square.dtype).tiny) for square in squares)
