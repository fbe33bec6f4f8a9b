"""Codes, offsets and ids laid out as the kernels read them: rows in fours, columns in tiles, dimensions in pairs."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica._fused import kernels
from contrica._fused.chunks import chunk_height
from contrica._fused.form import Form

FORMS = {1.0: kernels.ABSOLUTE, 2.0: kernels.SQUARE, 3.0: kernels.CUBE}

Array = npt.NDArray[Any]
Ids = tuple[Tensor, Tensor]


class Packed:
    """A form's operands; ``power`` multiplies the weights and the offsets, and so every logit.

    Attributes
    ----------
    operands : tuple
        What every kernel reads.
    row_offsets : array of shape (padded rows,)
    weights : float64 array of shape (dim,)
    height, chunks : int
        Rows per chunk, and chunks.
    terms : int
        Pairs times dimensions: the work.
    """

    def __init__(self, form: Form, power: int, exclude: Ids | None, within: Ids | None) -> None:
        left, right = (codes.detach().numpy() for codes in (form.left, form.right))
        (self.rows, self.dim), self.columns = left.shape, len(right)
        self.dtype = left.dtype
        self.padded_rows = -(-self.rows // kernels.BLOCK_ROWS) * kernels.BLOCK_ROWS
        self.tiles = -(-self.columns // kernels.TILE)
        self.terms = self.rows * self.columns * self.dim
        self.exponent, self.power = form.exponent, power
        even = self.dim + self.dim % 2
        self.left = np.zeros((self.padded_rows, even), self.dtype)
        self.left[: self.rows, : self.dim] = left
        self.right = np.zeros((self.tiles, even, kernels.TILE), self.dtype)
        for tile in range(self.tiles):
            part = right[tile * kernels.TILE : (tile + 1) * kernels.TILE]
            self.right[tile, : self.dim, : len(part)] = part.T
        self.row_offsets = self.by_row(power * form.row_offsets.detach().numpy(), np.inf)
        column_offsets = self.by_tile(power * form.column_offsets.detach().numpy(), np.inf)
        self.weights = power * form.weights.detach().double().numpy()
        weights = np.zeros(even, self.dtype)
        weights[: self.dim] = self.weights if form.raised is None else 1.0
        outer = () if form.raised is None else tuple(map(self.dtype.type, (self.weights[0], *form.raised)))
        excluded, kept = self._ids(exclude), self._ids(within)
        spans = [
            np.stack([columns.min(1), columns.max(1)], 1) if columns.size else columns
            for columns in (excluded[1], kept[1])
        ]
        shape = kernels.DOT if form.exponent is None else FORMS.get(form.exponent, kernels.POWER)
        exponent = self.dtype.type(form.exponent or 1.0)
        self.operands = (
            self.left,
            self.right,
            column_offsets,
            weights,
            exponent,
            shape,
            excluded,
            spans[0],
            kept,
            spans[1],
            outer,
        )
        private = self.tiles * kernels.TILE * (self.dim + 1) * self.dtype.itemsize
        self.height = chunk_height(self.padded_rows, private, kernels.BLOCK_ROWS)
        self.chunks = -(-self.padded_rows // self.height)

    def by_row(self, values: Array, padding: float) -> Array:
        """Return one value per padded row, in the type of the codes."""
        padded = np.full(self.padded_rows, padding, self.dtype)
        padded[: self.rows] = values
        return padded

    def by_tile(self, values: Array, padding: float) -> Array:
        """Return one value per column, tile by tile, in the type of ``values``."""
        padded = np.full(self.tiles * kernels.TILE, padding, values.dtype)
        padded[: self.columns] = values
        return padded.reshape(self.tiles, kernels.TILE)

    def scratch(self) -> Array:
        """Return room for the block of logits of each chunk."""
        return np.empty((self.chunks, kernels.SCRATCH_ROWS, kernels.TILE), self.dtype)

    def _ids(self, ids: Ids | None) -> tuple[Array, Array]:
        if ids is None:
            return np.empty(0, np.int32), np.empty((0, 0), np.int32)
        rows, columns = (side.detach().to(torch.int64).numpy() for side in ids)
        limits = np.iinfo(np.int32)
        if min(rows.min(), columns.min()) < limits.min or max(rows.max(), columns.max()) > limits.max:
            numbered = np.unique(np.concatenate([rows, columns]), return_inverse=True)[1]
            rows, columns = numbered[: self.rows], numbered[self.rows :]
        padded = np.zeros(self.padded_rows, np.int32)
        padded[: self.rows] = rows
        return padded, self.by_tile(columns.astype(np.int32), columns[-1])
