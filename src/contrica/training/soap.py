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
    the factors and bases. The mean is kept in the basis and turned with it, which is the same as to rotate it anew.

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
            gradients = {parameter: parameter.grad for parameter in group["params"] if parameter.grad is not None}
            if gradients:
                self._update(gradients, group)

    def _update(self, gradients: dict[Tensor, Tensor], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        tables = [gradient.flatten(1) if gradient.ndim > 1 else gradient for gradient in gradients.values()]
        states = [self._counted(*both) for both in zip(gradients, tables, strict=True)]
        rotated = [_rotate(table, state["bases"]) for table, state in zip(tables, states, strict=True)]
        means, squares = ([state[name] for state in states] for name in ("rotated_mean", "square"))
        torch._foreach_lerp_(means, rotated, 1.0 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, rotated, rotated, value=1.0 - second)
        unbiased = torch._foreach_div(squares, [1.0 - second ** state["step"] for state in states])
        torch._foreach_sqrt_(unbiased)
        torch._foreach_add_(unbiased, DENOMINATOR_FLOOR)
        updates = torch._foreach_div(means, unbiased)
        if group["weight_decay"]:
            torch._foreach_mul_([*gradients], 1.0 - group["lr"] * group["weight_decay"])
        for parameter, state, table, update in zip(gradients, states, tables, updates, strict=True):
            step = _rotate_back(update, state["bases"]).view_as(parameter)
            parameter.add_(step, alpha=-group["lr"] / (1.0 - first ** state["step"]))
            _turn(state, table, second, turn=state["step"] % group["basis_steps"] == 0)

    def _counted(self, parameter: Tensor, table: Tensor) -> dict[str, Any]:
        """Return the parameter's state with this step counted; it begins with the first gradient."""
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state["step"] = 0
            state["rotated_mean"], state["square"] = torch.zeros_like(table), torch.zeros_like(table)
            state["factors"] = [_gram(table, side) for side in (0, 1)] if table.ndim == 2 else [None, None]
            state["bases"] = [None if factor is None else _eigenvectors(factor) for factor in state["factors"]]
        state["step"] += 1
        return state


def _turn(state: dict[str, Any], table: Tensor, decay: float, *, turn: bool) -> None:
    """Take this gradient into the factors and, where it is time, turn the bases, and with them the mean."""
    for side, factor in enumerate(state["factors"]):
        if factor is not None:
            rows = table if side == 0 else table.T
            factor.addmm_(rows, rows.T, beta=decay, alpha=1.0 - decay)
            if turn:
                before, now = state["bases"][side], torch.linalg.qr(factor @ state["bases"][side])[0]
                state["bases"][side] = now
                change: list[Tensor | None] = [None, None]
                change[side] = before.T @ now
                state["rotated_mean"].copy_(_rotate(state["rotated_mean"], change))


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


def _rotate(table: Tensor, bases: list[Tensor | None]) -> Tensor:
    left, right = bases
    turned = table if left is None else left.T @ table
    return turned if right is None else turned @ right


def _rotate_back(table: Tensor, bases: list[Tensor | None]) -> Tensor:
    left, right = bases
    turned = table if left is None else left @ table
    return turned if right is None else turned @ right.T
