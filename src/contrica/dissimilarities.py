"""The dissimilarity ``delta(a, b)`` between two codes: zero on the diagonal, symmetric, smaller is closer.

Each class maps ``(..., dim)`` and ``(..., dim)``, broadcast over the leading axes, to ``(...)`` in nats, so that the
paired values are ``delta(a, b)`` and the all-pairs matrix is ``delta(a[:, None], b[None])``. A dissimilarity is also
what defines a conditional: ``p(s~|s) = Q(s~)/Z(s) exp(-delta(s, s~))`` (Matthes, Han, Shen 2023; Zimmermann et al.
2021). Any callable with this broadcasting serves as one; ``contrica.testing.check_dissimilarity`` says whether it is
sound.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DtypeError, ShapeError

GRADIENT_FLOOR = 1e-6
"""Below this magnitude the derivative of ``m^q``, q < 1, is cut to zero: it would exceed ``q * 1e6^(1-q)``."""


class Dissimilarity(nn.Module, ABC):
    """A symmetric non-negative function of two codes that vanishes exactly where they agree."""

    @abstractmethod
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""


class PowerSum(Dissimilarity):
    """``sum_i weights_i |a_i - b_i|^exponent_i``: normal, Laplace and generalised normal noise, factor by factor.

    Parameters
    ----------
    dim : int
        Number of code dimensions.
    exponent : float or sequence of dim floats
        p > 0. 1 is Laplace, 2 normal; for p != 2 the axes are identified, for p = 2 they are not.
    weights : float or sequence of dim floats
        lambda > 0, in nats per unit^p: ``1/scale`` for Laplace, ``1/(2 sigma^2)`` for normal, ``scale^-p`` otherwise.
    learnable_exponent, learnable_weights : bool
        Train them, one per dimension, through their logarithms.

    On the unit sphere the exponent 2 is von Mises-Fisher noise with a concentration of ``2 lambda_i`` along each axis:
    learned weights tell axes of different concentration apart.

    Numerics: exact for every p. At ``a_i = b_i`` all gradients are zero; for p < 1, where the true slope is unbounded,
    they are zero below ``GRADIENT_FLOOR``.

    >>> PowerSum(2, exponent=1.0)(torch.tensor([0.0, 0.0]), torch.tensor([1.0, -2.0]))
    tensor(3.)
    """

    log_exponent: Tensor
    log_weights: Tensor

    def __init__(
        self,
        dim: int,
        *,
        exponent: float | Sequence[float] = 1.0,
        weights: float | Sequence[float] = 1.0,
        learnable_exponent: bool = False,
        learnable_weights: bool = False,
    ) -> None:
        super().__init__()
        self.dim = _checks.count(dim, "dim")
        exponents = _per_dimension(exponent, self.dim, "exponent")
        scales = _per_dimension(weights, self.dim, "weights")
        self.fixed_exponent = exponents[0] if len(set(exponents)) == 1 and not learnable_exponent else None
        _store_log(self, "log_exponent", exponents, learnable=learnable_exponent)
        _store_log(self, "log_weights", scales, learnable=learnable_weights)
        self.unit_weights = not learnable_weights and all(weight == 1.0 for weight in scales)

    def extra_repr(self) -> str:
        """Return the settings."""
        learned = [name for name in ("log_exponent", "log_weights") if getattr(self, name).requires_grad]
        exponents, weights = (_short(values) for values in (self.exponent, self.weights))
        return f"{self.dim}, exponent={exponents}, weights={weights}" + (f", learned={learned}" if learned else "")

    @property
    def exponent(self) -> Tensor:
        """The exponents, of shape (dim,)."""
        return self.log_exponent.exp()

    @property
    def weights(self) -> Tensor:
        """The weights in nats per unit^p, of shape (dim,)."""
        return self.log_weights.exp()

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""
        _matching_columns(left, right, self.dim)
        difference = left - right
        exponent = self.exponent.to(difference.dtype) if self.fixed_exponent is None else self.fixed_exponent
        powers = _absolute_power(difference, exponent)
        return powers.sum(-1) if self.unit_weights else powers @ self.weights.to(powers.dtype)


class SquaredEuclidean(Dissimilarity):
    """``weight ||a - b||_2^2``: identifies the codes up to a rotation, never the axes.

    >>> SquaredEuclidean()(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
    tensor(25.)
    """

    def __init__(self, *, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = _checks.positive(weight, "weight")

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"weight={self.weight!r}"

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""
        _matching_columns(left, right, None)
        return self.weight * (left - right).square().sum(-1)


class NormPower(Dissimilarity):
    """``weight ||a - b||_p^k``: factors that are dependent given the anchor, unless k = p.

    Parameters
    ----------
    norm_exponent : float
        p > 0 of the norm.
    power : float
        k > 0 to which the norm is raised.
    weight : float
        Nats per unit^k.

    Numerics: the largest coordinate is factored out before anything is raised to p, so no distance underflows to a
    dead gradient. At a = b the gradient is zero; where the slope is unbounded, for k < 1 or p < 1, it is zero below
    ``GRADIENT_FLOOR``.

    >>> NormPower(norm_exponent=1.0, power=2.0)(torch.tensor([0.0, 0.0]), torch.tensor([1.0, -2.0]))
    tensor(9.)
    """

    def __init__(self, *, norm_exponent: float, power: float, weight: float = 1.0) -> None:
        super().__init__()
        self.norm_exponent = _checks.positive(norm_exponent, "norm_exponent")
        self.power = _checks.positive(power, "power")
        self.weight = _checks.positive(weight, "weight")

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"norm_exponent={self.norm_exponent!r}, power={self.power!r}, weight={self.weight!r}"

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""
        _matching_columns(left, right, None)
        difference = left - right
        # ||d|| = m ||d/m|| holds for every m, so m may be a constant for the gradient; ||d/m||_p^p >= 1 unless d = 0.
        largest = difference.detach().abs().amax(-1)
        equal = largest == 0
        unit = torch.where(equal, 1.0, largest)
        total = _absolute_power(difference / unit[..., None], self.norm_exponent).sum(-1)
        norm = unit * torch.where(equal, 1.0, total).pow(1.0 / self.norm_exponent)
        return self.weight * _absolute_power(torch.where(equal, 0.0, norm), self.power)


class Mahalanobis(Dissimilarity):
    """``(a - b)^T W (a - b)`` with a positive definite ``W = L L^T``, L lower triangular.

    Parameters
    ----------
    dim : int
        Number of code dimensions.
    matrix : matrix of dim x dim floats, optional
        W in nats per squared unit, symmetric and positive definite. Without it W is learned, from the identity.

    Raises
    ------
    ShapeError, DomainError
        If the matrix is not dim x dim, or not symmetric and positive definite.

    >>> Mahalanobis(2)(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0])).item()
    25.0
    """

    lower: Tensor
    log_diagonal: Tensor

    def __init__(self, dim: int, *, matrix: Sequence[Sequence[float]] | None = None) -> None:
        super().__init__()
        self.dim = _checks.count(dim, "dim")
        self.matrix = None if matrix is None else _checks.positive_definite(matrix, "matrix", self.dim).tolist()
        if self.matrix is None:
            self.lower = nn.Parameter(torch.zeros(self.dim, self.dim))
            self.log_diagonal = nn.Parameter(torch.zeros(self.dim))
            return
        factor = torch.linalg.cholesky(torch.tensor(self.matrix, dtype=torch.float64, device="cpu"))
        self.register_buffer("lower", factor.tril(-1), persistent=False)
        self.register_buffer("log_diagonal", factor.diagonal().log(), persistent=False)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"{self.dim}" if self.matrix is None else f"{self.dim}, matrix={self.matrix}"

    @property
    def factor(self) -> Tensor:
        """L of ``W = L L^T``, lower triangular with a positive diagonal, of shape (dim, dim)."""
        return self.lower.tril(-1) + torch.diag(self.log_diagonal.exp())

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""
        _matching_columns(left, right, self.dim)
        difference = left - right
        return (difference @ self.factor.to(difference.dtype)).square().sum(-1)


class SphereDot(Dissimilarity):
    """``concentration (1 - a^T b)`` on the unit sphere: von Mises-Fisher noise; its inverse is InfoNCE's temperature.

    >>> SphereDot(concentration=10.0)(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])).item()
    10.0
    """

    log_concentration: Tensor

    def __init__(self, *, concentration: float = 1.0, learnable_concentration: bool = False) -> None:
        super().__init__()
        start = [_checks.positive(concentration, "concentration")]
        _store_log(self, "log_concentration", start, learnable=learnable_concentration)

    def extra_repr(self) -> str:
        """Return the settings."""
        learned = ", learned=['log_concentration']" if self.log_concentration.requires_grad else ""
        return f"concentration={_short(self.concentration[None])}{learned}"

    @property
    def concentration(self) -> Tensor:
        """The concentration kappa in nats, 0-d."""
        return self.log_concentration.exp().squeeze(0)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of unit codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""
        _matching_columns(left, right, None)
        return self.concentration.to(left.dtype) * (1.0 - (left * right).sum(-1))


class BlockSum(Dissimilarity):
    """``sum_B delta_B(a_B, b_B)`` over blocks of code dimensions, such as a direction beside a position.

    Parameters
    ----------
    parts : sequence of Dissimilarity
        delta_B, in the order of the blocks.
    sizes : sequence of int
        Code dimensions of each block.

    Raises
    ------
    ShapeError
        If there is no size for each part.

    >>> delta = BlockSum([SquaredEuclidean(), PowerSum(1)], sizes=[2, 1])
    >>> delta(torch.tensor([0.0, 0.0, 0.0]), torch.tensor([3.0, 4.0, -2.0]))
    tensor(27.)
    """

    def __init__(self, parts: Sequence[Dissimilarity], *, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(_checks.count(size, "sizes") for size in sizes)
        if not parts or len(self.sizes) != len(parts):
            raise ShapeError(
                f"each part needs a size, got {len(parts)} parts and {len(self.sizes)} sizes; pass one each"
            )
        for part in parts:
            if not isinstance(part, Dissimilarity):
                raise DtypeError(f"parts must be contrica Dissimilarities, got {type(part).__name__}; pass such")
        self.parts = nn.ModuleList(parts)
        self.dim = sum(self.sizes)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"sizes={self.sizes}"

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return delta of codes of shape (..., dim), broadcast over the leading axes, of shape (...)."""
        _matching_columns(left, right, self.dim)
        blocks = zip(self.parts, left.split(self.sizes, -1), right.split(self.sizes, -1), strict=True)
        terms = [part(here, there) for part, here, there in blocks]
        total: Tensor = sum(terms[1:], terms[0])
        return total


def _absolute_power(value: Tensor, exponent: float | Tensor) -> Tensor:
    """Return ``|value|^exponent`` with finite gradients everywhere."""
    if isinstance(exponent, float) and exponent == 1.0:
        return value.abs()
    if isinstance(exponent, float) and exponent == 2.0:
        return value.square()
    magnitude = value.abs()
    if isinstance(exponent, float) and exponent > 1.0:
        return magnitude.pow(exponent)
    # m^q and its slope are smooth above the floor; below it the value stays and the slope in m is cut.
    raised = magnitude.clamp_min(GRADIENT_FLOOR)
    if not isinstance(exponent, float):
        raised = torch.where(exponent >= 1.0, magnitude, raised)
    return raised.pow(exponent) + (magnitude.detach().pow(exponent) - raised.detach().pow(exponent))


def _short(values: Tensor) -> str:
    numbers = [f"{value:.9g}" for value in values.tolist()]  # tells any two settings of float32 apart
    return numbers[0] if len(set(numbers)) == 1 else f"[{', '.join(numbers)}]"


def _per_dimension(value: float | Sequence[float], dim: int, name: str) -> list[float]:
    values = list(value) if isinstance(value, Sequence) else [value] * dim
    if len(values) != dim:
        raise ShapeError(f"{name} must have one entry per dimension, {dim}, got {len(values)}; pass one float or {dim}")
    return [_checks.positive(entry, name) for entry in values]


def _store_log(module: nn.Module, name: str, values: list[float], *, learnable: bool) -> None:
    logarithms = torch.tensor([math.log(value) for value in values], dtype=torch.float64)
    if learnable:
        module.register_parameter(name, nn.Parameter(logarithms.float()))
    else:
        # what is fixed is what the constructor was told, and no state that a checkpoint may change
        module.register_buffer(name, logarithms, persistent=False)


def _matching_columns(left: Tensor, right: Tensor, dim: int | None) -> None:
    for name, codes in (("left", left), ("right", right)):
        if not isinstance(codes, Tensor):
            raise DtypeError(
                f"{name} codes must be a torch.Tensor, got {type(codes).__name__}; pass torch.as_tensor(...)"
            )
        if not codes.is_floating_point():
            raise DtypeError(f"{name} codes must be floating, got {codes.dtype}; pass codes.float()")
    wanted = left.shape[-1:] if dim is None else (dim,)
    if wanted in ((), (0,)) or left.shape[-1:] != wanted or right.shape[-1:] != wanted:
        raise ShapeError(
            f"both codes must have {'equally many' if dim is None else dim} dimensions, got shapes"
            f" {tuple(left.shape)} and {tuple(right.shape)};"
            " build the encoder and the dissimilarity for the same dimension"
        )
