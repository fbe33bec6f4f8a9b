"""The sums and their gradients by autograd: packed operands in, two compiled passes, the pair matrix nowhere.

With ``g_i`` the gradient of row i's sum ``L_i`` and ``h(t) = t |t|^(p-2)``,

    G_ij = g_i exp(s_ij - L_i)  or  g_i sigmoid(s_ij)  or  g_i
    dL/du_ik = -p w_k A_ik,   A_ik = sum_j G_ij h(u_ik - v_jk)        dL/dr_i = -sum_j G_ij
    dL/dv_jk =  p w_k B_jk,   B_jk = sum_i G_ij h(u_ik - v_jk)        dL/dc_j = -sum_i G_ij
    dL/dw_k  = -sum_ij G_ij |u_ik - v_jk|^p = -(sum_i A_ik u_ik - sum_j B_jk v_jk)

the last because ``|t|^p = t h(t)``; A and B have equal sums over rows and columns, so the codes may be taken from any
origin, and are from their mean. For a raised sum, ``w T_ij^q``, whose weight is fixed, ``G_ij`` is multiplied by
``q T_ij^(q-1)`` in A and B. For the bilinear form ``A_ik = -sum_j G_ij v_jk``, ``B_jk = sum_i G_ij u_ik``, p = 1
and ``dL/dw_k = sum_j B_jk v_jk``. Numerics: row sums in float64, which is also what the backward pass is handed; the
first two forms of G_ij are 0 where they are below about 1e-25 (float64: 2e-295) of the largest g_i.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from contrica import _checks
from contrica._fused import kernels
from contrica._fused.chunks import run_chunks
from contrica._fused.form import Form
from contrica._fused.packing import Array, Ids, Packed
from contrica.dissimilarities import GRADIENT_FLOOR
from contrica.losses.reduction import LogitSum, LogSumExp, Reduction


def reduce_form(reduction: Reduction, form: Form, exclude: Ids | None, within: Ids | None) -> Tensor:
    """Return the reduced logits of each row, of shape (rows,), differentiable in every tensor of the form.

    Pairs with equal ids in ``exclude``, or different ones in ``within``, are inadmissible; a row without admissible
    pairs has the empty sum, minus infinity for the log-sum-exp, and no gradient.
    """
    fixed = (form.exponent, form.raised)
    sums: Tensor = _FusedReduction.apply(reduction, fixed, exclude, within, *form[: -len(fixed)])  # type: ignore[no-untyped-call]
    return sums


class _FusedReduction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        reduction: Reduction,
        fixed: tuple[float | None, tuple[float, float] | None],
        exclude: Ids | None,
        within: Ids | None,
        left: Tensor,
        right: Tensor,
        row_offsets: Tensor,
        column_offsets: Tensor,
        weights: Tensor,
    ) -> Tensor:
        form = Form(left, right, row_offsets, column_offsets, weights, *fixed)
        packed = Packed(form, reduction.power if isinstance(reduction, LogSumExp) else 1, exclude, within)
        ctx.reduction, ctx.packed = reduction, packed
        if isinstance(reduction, LogSumExp):
            ctx.log_totals = _log_totals(packed)
            sums = ctx.log_totals - packed.row_offsets
        else:
            sums = np.zeros(packed.padded_rows)
            run_chunks(
                kernels.reduce_logits if isinstance(reduction, LogitSum) else kernels.reduce_softplus,
                packed.chunks,
                packed.height,
                packed.operands,
                packed.scratch(),
                packed.row_offsets,
                sums,
                terms=packed.terms,
            )
        return torch.from_numpy(sums[: packed.rows].astype(packed.dtype))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        _checks.first_derivative("the all-pairs sums")
        packed: Packed = ctx.packed
        gradients = packed.by_row(upstream.detach().numpy(), 0.0)
        if isinstance(ctx.reduction, LogSumExp):
            filled = np.isfinite(ctx.log_totals)
            shifts = np.where(filled, ctx.log_totals, 0.0).astype(packed.dtype)
            gradients = np.where(filled, gradients, 0.0).astype(packed.dtype)
            kernel = kernels.differentiate_exp
        else:
            summed = isinstance(ctx.reduction, LogitSum)
            kernel = kernels.differentiate_logits if summed else kernels.differentiate_softplus
            shifts = packed.row_offsets
        return (None, None, None, None, *_gradients(packed, kernel, shifts, gradients))


def _log_totals(packed: Packed) -> Array:
    """Return ``log sum_j exp(s_ij + r_i)``, float64."""
    peaks, totals = np.full(packed.padded_rows, -np.inf), np.zeros(packed.padded_rows)
    run_chunks(
        kernels.reduce_exp,
        packed.chunks,
        packed.height,
        packed.operands,
        packed.scratch(),
        peaks,
        totals,
        terms=packed.terms,
    )
    with np.errstate(divide="ignore"):
        return np.asarray(peaks + np.log(totals))


def _gradients(packed: Packed, kernel: Any, shifts: Array, gradients: Array) -> list[Tensor]:
    """Return the gradients of left, right, row offsets, column offsets and weights."""
    rows, columns, dim = packed.rows, packed.columns, packed.dim
    row_sums = np.zeros(packed.padded_rows)
    row_parts = np.zeros((packed.padded_rows, dim))
    column_sums = np.zeros((packed.chunks, packed.tiles, kernels.TILE), packed.dtype)
    column_parts = np.zeros((packed.chunks, packed.tiles, dim, kernels.TILE), packed.dtype)
    exponent = packed.exponent or 1.0
    unit = _unit(gradients)
    # Below the floor the slope of |t|^p, p < 1, is cut, as it is where the dissimilarity differentiates itself.
    floor = GRADIENT_FLOOR if exponent < 1.0 else 0.0
    run_chunks(
        kernel,
        packed.chunks,
        packed.height,
        packed.operands,
        packed.scratch(),
        shifts,
        (gradients.astype(np.float64) / unit).astype(packed.dtype),
        packed.dtype.type(exponent - 1.0),
        packed.dtype.type(floor),
        row_sums,
        column_sums,
        row_parts,
        column_parts,
        terms=packed.terms,
    )
    a, u = row_parts[:rows], packed.left[:rows, :dim]
    b = column_parts.sum(0, dtype=np.float64).transpose(0, 2, 1).reshape(-1, dim)[:columns]
    v = packed.right[:, :dim].transpose(0, 2, 1).reshape(-1, dim)[:columns]
    if packed.exponent is None:
        by_weights = (b * v).sum(0)
    else:
        origin = v.mean(0, dtype=np.float64)
        by_weights = (b * (v - origin)).sum(0) - (a * (u - origin)).sum(0)
    scale = exponent * packed.weights
    return [
        torch.from_numpy(np.ascontiguousarray(unit * gradient, packed.dtype))
        for gradient in (
            -scale * a,
            scale * b,
            -packed.power * row_sums[:rows],
            -packed.power * column_sums.sum(0, dtype=np.float64).reshape(-1)[:columns],
            packed.power * by_weights,
        )
    ]


def _unit(gradients: Array) -> float:
    """Return the power of two just below the largest of them, by which to divide is exact; 1 where there is none."""
    largest = float(np.abs(gradients).max(initial=0.0))
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if 0.0 < largest < math.inf else 1.0
