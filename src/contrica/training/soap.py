"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

    L <- (1 - beta2) g g^T + beta2 L,   R <- (1 - beta2) g^T g + beta2 R,   L ~ Q_L diag Q_L^T,  R ~ Q_R diag Q_R^T
    step = Q_L Adam(Q_L^T g Q_R) Q_R^T                              for a matrix; plain Adam for a vector

To undo a nonlinear mixing is an ill-conditioned fit: each matrix's gradients are strongly correlated along rows and
columns, where Adam alone, coordinate by coordinate, creeps.
(Vyas et al. 2024, arXiv 2409.11321, algorithm 3; weight decay is decoupled as in AdamW.)
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

LARGEST_SIDE = 1024
"""A side of a matrix that is longer is not rotated: its basis would cost more than the encoder does."""

DENOMINATOR_FLOOR = 1e-8
"""Adam's epsilon: a rotated gradient that has always been below this moves its coordinate by less than a full step."""


class SOAP(torch.optim.Optimizer):
    """Adam in a slowly turning basis, one for the rows and one for the columns of each matrix.

    Parameters
    ----------
    params : iterable of Parameter, or of groups of them
    lr : float
        Step of each rotated coordinate while its gradient keeps its sign.
    betas : pair of float
        Decay of the running means of the gradient, and of its square and the two factors.
    weight_decay : float
        Decoupled, times the rate.
    basis_steps : int
        The bases turn every so many steps, by one power iteration and a QR decomposition.

    Notes
    -----
    Tensors of more than two axes are matrices of their first axis by all others. A step costs four products of each
    matrix with its bases and two to update their factors, whatever the batch, and twice the memory of the matrix plus
    the factors and bases.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    >>> optimizer = SOAP([weight], lr=0.1)
    >>> for _ in range(200):
    ...     weight.grad = 2.0 * weight.detach()
    ...     optimizer.step()
    >>> bool(weight.abs().max() < 0.05)
    True
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float = 4e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        weight_decay: float = 0.0,
        basis_steps: int = 10,
    ) -> None:
        """Keep the settings; a parameter's state begins with its first gradient."""
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "basis_steps": basis_steps}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one update from the gradients as they stand."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        table = gradient.flatten(1) if gradient.ndim > 1 else gradient
        if not state:
            state["step"] = 0
            state["mean"], state["square"] = torch.zeros_like(table), torch.zeros_like(table)
            if table.ndim == 2:
                state["factors"] = [_gram(table, side) for side in (0, 1)]
                state["bases"] = [None if factor is None else _eigenvectors(factor) for factor in state["factors"]]
        state["step"] += 1
        first, second = group["betas"]
        mean = state["mean"].lerp_(table, 1.0 - first)
        rotated, rotated_mean = (_rotate(value, state.get("bases")) for value in (table, mean))
        square = state["square"].mul_(second).addcmul_(rotated, rotated, value=1.0 - second)
        root = (square / (1.0 - second ** state["step"])).sqrt_().add_(DENOMINATOR_FLOOR)
        update = _rotate_back(rotated_mean / root, state.get("bases")) / (1.0 - first ** state["step"])
        if group["weight_decay"]:
            parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
        parameter.add_(update.view_as(parameter), alpha=-group["lr"])
        if table.ndim == 2:
            self._turn(state, table, second, turn=state["step"] % group["basis_steps"] == 0)

    @staticmethod
    def _turn(state: dict[str, Any], table: Tensor, decay: float, *, turn: bool) -> None:
        for side, factor in enumerate(state["factors"]):
            if factor is not None:
                factor.lerp_(_gram(table, side), 1.0 - decay)
                if turn:
                    state["bases"][side] = torch.linalg.qr(factor @ state["bases"][side])[0]


def _eigenvectors(factor: Tensor) -> Tensor:
    """Return a basis; in float64 where float32 does not get there, as on repeated zeros of a matrix of low rank."""
    try:
        vectors: Tensor = torch.linalg.eigh(factor)[1]
    except RuntimeError:  # a LinAlgError, which torch does not export to type checkers
        vectors = torch.linalg.eigh(factor.double())[1].to(factor)
    return vectors


def _gram(table: Tensor, side: int) -> Tensor | None:
    if table.shape[side] > LARGEST_SIDE:
        return None
    return table @ table.T if side == 0 else table.T @ table


def _rotate(table: Tensor, bases: list[Tensor | None] | None) -> Tensor:
    left, right = bases or (None, None)
    turned = table if left is None else left.T @ table
    return turned if right is None else turned @ right


def _rotate_back(table: Tensor, bases: list[Tensor | None] | None) -> Tensor:
    left, right = bases or (None, None)
    turned = table if left is None else left @ table
    return turned if right is None else turned @ right.T
