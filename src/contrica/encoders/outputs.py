"""Projections of raw codes onto the set that codes live in; the only place where codes are projected.

An output space is part of the model: an unbounded encoder leaves an isometry of R^n undetermined, a sphere leaves a
rotation, and a box as large as the true one leaves a signed permutation, whatever the dissimilarity.
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DtypeError, ShapeError
from contrica.spaces import Box, Euclidean, ProductSpace, Space, Sphere


class Output(nn.Module, ABC):
    """A map from R^dim into a space that is written with as many coordinates.

    Attributes
    ----------
    space : Space
        The set that codes live in; up to the learned radius or sides, where there are such.
    """

    space: Space

    @property
    def is_learned(self) -> bool:
        """Whether radius or sides are learned, so that ``space`` is only where they start."""
        return any(parameter.requires_grad for parameter in self.parameters())

    @abstractmethod
    def forward(self, raw: Float[Tensor, "batch code_dim"]) -> Float[Tensor, "batch code_dim"]:
        """Project raw codes, row by row."""


class Unbounded(Output):
    """All of R^dim: the codes as they come.

    >>> Unbounded(2)(torch.tensor([[3.0, -4.0]]))
    tensor([[ 3., -4.]])
    """

    def __init__(self, dim: int) -> None:
        """Remember the dimension."""
        super().__init__()
        self.space: Space = Euclidean(_checks.count(dim, "dim"))

    def extra_repr(self) -> str:
        """Return the dimension."""
        return f"{self.space.dim}"

    def forward(self, raw: Float[Tensor, "batch code_dim"]) -> Float[Tensor, "batch code_dim"]:
        """Return ``raw`` itself."""
        return raw


class SphereOutput(Output):
    """The sphere of R^dim: radius * raw / |raw|.

    Parameters
    ----------
    dim : int
        Number of coordinates, at least 2.
    learnable_radius : bool, default False
        Learn the radius, from 1, through its logarithm.

    Notes
    -----
    Raw codes are first divided by their largest entry, so that none over- or underflows; the origin, which has no
    direction, goes to the first axis and passes no gradient.

    Examples
    --------
    >>> SphereOutput(2)(torch.tensor([[3.0, -4.0], [0.0, 0.0]]))
    tensor([[ 0.6000, -0.8000],
            [ 1.0000,  0.0000]])
    """

    def __init__(self, dim: int, *, learnable_radius: bool = False) -> None:
        """Start at radius 1."""
        super().__init__()
        self.space: Space = Sphere(dim)
        self.log_radius = nn.Parameter(torch.zeros(())) if learnable_radius else None

    def extra_repr(self) -> str:
        """Return the dimension, and whether the radius is learned."""
        return f"{self.space.dim}, learnable_radius={self.log_radius is not None}"

    def forward(self, raw: Float[Tensor, "batch code_dim"]) -> Float[Tensor, "batch code_dim"]:
        """Project each row to the sphere; NaN stays NaN."""
        largest = raw.detach().abs().amax(-1, keepdim=True)
        pole = torch.zeros_like(raw)
        pole[..., 0] = 1.0
        scaled = torch.where(largest == 0, pole, raw / torch.where(largest == 0, torch.ones_like(largest), largest))
        unit: Tensor = scaled / torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
        return unit if self.log_radius is None else self.log_radius.exp() * unit


class BoxOutput(Output):
    """The cube ``box``: low + side * sigmoid(raw), per coordinate.

    Parameters
    ----------
    box : Box
        The cube, and with it the number of coordinates.
    learnable_sides : bool, default False
        Learn one side per coordinate, from the cube's side, through its logarithm; the lower corner stays.

    Notes
    -----
    The sigmoid is flat at its ends: a float32 code whose raw value is above 17 lies on the face and passes no gradient.

    Examples
    --------
    >>> BoxOutput(Box(2, low=-1.0, high=1.0))(torch.tensor([[0.0, 100.0]]))
    tensor([[0., 1.]])
    """

    def __init__(self, box: Box, *, learnable_sides: bool = False) -> None:
        """Start at the sides of ``box``."""
        super().__init__()
        if not isinstance(box, Box):
            raise DtypeError(f"box must be a contrica.spaces.Box, got {type(box).__name__}; pass Box(dim)")
        self.space: Space = box
        self._low, self._side = box.low, box.side
        log_sides = torch.full((box.dim,), math.log(box.side))
        self.log_sides = nn.Parameter(log_sides) if learnable_sides else None

    def extra_repr(self) -> str:
        """Return the box, and whether its sides are learned."""
        return f"{self.space!r}, learnable_sides={self.log_sides is not None}"

    def forward(self, raw: Float[Tensor, "batch code_dim"]) -> Float[Tensor, "batch code_dim"]:
        """Squash each coordinate into its side."""
        side = self._side if self.log_sides is None else self.log_sides.exp()
        return self._low + side * torch.sigmoid(raw)


class ProductOutput(Output):
    """Blocks of codes, each in a space of its own: the first coordinates through the first output, and so on.

    Parameters
    ----------
    *blocks : Output
        Two or more, none of which is a product.

    Raises
    ------
    DtypeError, ShapeError
        If they are no such outputs.

    Examples
    --------
    >>> ProductOutput(SphereOutput(2), Unbounded(1))(torch.tensor([[3.0, -4.0, 7.0]]))
    tensor([[ 0.6000, -0.8000,  7.0000]])
    """

    def __init__(self, *blocks: Output) -> None:
        """Keep the outputs."""
        super().__init__()
        for block in blocks:
            if not isinstance(block, Output):
                raise DtypeError(f"blocks must be contrica Outputs, got {type(block).__name__}; see contrica.encoders")
        self.space: Space = ProductSpace(*(block.space for block in blocks))
        self.blocks = nn.ModuleList(blocks)
        self._sizes = [block.space.dim for block in blocks]

    def forward(self, raw: Float[Tensor, "batch code_dim"]) -> Float[Tensor, "batch code_dim"]:
        """Project each block."""
        parts = zip(self.blocks, raw.split(self._sizes, -1), strict=True)
        return torch.cat([block(part) for block, part in parts], -1)


def fitting_output(output: Output | None, code_dim: int) -> Output:
    """Return ``output``, or `Unbounded` for None, after checking that it writes points with ``code_dim`` numbers."""
    if output is None:
        return Unbounded(code_dim)
    if not isinstance(output, Output):
        raise DtypeError(f"output must be a contrica Output, got {type(output).__name__}; see contrica.encoders")
    if output.space.dim != code_dim:
        raise ShapeError(f"output must have code_dim = {code_dim} coordinates, got {output.space.dim}; make them equal")
    return output
