"""Where the latents are: the marginal p(s), normalised on its space, with exact draws.

A factorised marginal is a product of one density per factor, ``log p(s) = sum_i log q(s_i)``, the same q for each;
its one-dimensional density is what the quadrature of ``p(s~) = int p(s) p(s~|s) ds`` needs, and its distribution
function is what a copula couples.
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError, NoDensityError
from contrica.latents import draws
from contrica.latents.generalised_normal import LARGEST_EXPONENT, LEAST_EXPONENT, TruncatedGeneralisedNormal
from contrica.spaces import Box, BoxGrid, Euclidean, HollowBall, Space, Sphere

BISECTIONS = 60
"""Halvings of a box until a quantile is known to float64."""

Landmarks = tuple[tuple[float, float], ...]
"""Places at which a one-dimensional density changes fast or has a kink, each with the width of the change."""


class Marginal(ABC):
    """A normalised density on a space, with exact draws."""

    space: Space

    def sample(
        self, num_samples: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "samples latent_dim"]:
        """Return independent draws of shape (num_samples, dim) in the units of the space.

        Parameters
        ----------
        num_samples : int
            How many draws.
        generator : torch.Generator
            The only source of randomness; it is advanced.
        dtype : torch.dtype
            float32 or float64 of the result. The draw itself is made in float64.
        """
        _checks.count(num_samples, "num_samples")
        _checks.generator(generator)
        return self._draw(num_samples, generator).to(_checks.floating_dtype(dtype))

    def log_density(self, latents: Float[Tensor, "*batch latent_dim"]) -> Float[Tensor, "*batch"]:
        """Return log p(s) in nats, float64 on the CPU, of latents (..., dim); minus infinity outside of the space."""
        values = _checks.points(latents, "latents", dim=self.space.dim).to("cpu", torch.float64)
        return torch.where(self.space.contains(values), self._log_density(values), -torch.inf)

    @property
    def is_factorised(self) -> bool:
        """Whether the factors are independent, which `factor_log_density` requires."""
        return True

    def factor_log_density(self, values: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Return the log density of one factor at values of any shape, in nats, float64.

        Raises
        ------
        NoDensityError
            If the factors are not independent.
        """
        self._needs_factors()
        numbers = values.to("cpu", torch.float64)
        inside = self.space.contains(numbers.unsqueeze(-1))
        return torch.where(inside, self._factor_log_density(numbers), -torch.inf)

    def factor_distribution(self, values: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Return the probability that one factor is at most each value, for values in the space, float64.

        Raises
        ------
        NoDensityError
            If the factors are not independent.
        """
        self._needs_factors()
        return self._factor_distribution(values.to("cpu", torch.float64))

    def factor_quantile(self, probabilities: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Return the value of one factor below which each probability in (0, 1) lies, float64.

        Raises
        ------
        NoDensityError
            If the factors are not independent.
        """
        self._needs_factors()
        return self._factor_quantile(probabilities.to("cpu", torch.float64))

    def _needs_factors(self) -> None:
        if not self.is_factorised:
            raise NoDensityError(
                f"the law of one factor needs independent factors, but {type(self).__name__} on"
                f" {self.space!r} couples them; use a factorised marginal"
            )

    @property
    def landmarks(self) -> Landmarks:
        """Places at which the density of one factor is not smooth or changes fast, with the width of the change."""
        return ()

    @abstractmethod
    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return float64 draws of shape (num_samples, dim)."""

    @abstractmethod
    def _log_density(self, latents: Tensor) -> Tensor:
        """Return log p(s) for float64 latents within the space."""

    @abstractmethod
    def _factor_log_density(self, values: Tensor) -> Tensor:
        """Return the log density of one factor for float64 values within the space."""

    @abstractmethod
    def _factor_distribution(self, values: Tensor) -> Tensor:
        """Return the distribution function of one factor at float64 values within the space."""

    @abstractmethod
    def _factor_quantile(self, probabilities: Tensor) -> Tensor:
        """Return the inverse of the distribution function of one factor at float64 probabilities."""


class CoupledMarginal(Marginal):
    """A density whose factors are not independent, so that none has a law by itself."""

    @property
    def is_factorised(self) -> bool:
        """False: the factors are coupled."""
        return False

    def _factor_log_density(self, values: Tensor) -> Tensor:
        raise AssertionError("refused before")

    def _factor_distribution(self, values: Tensor) -> Tensor:
        raise AssertionError("refused before")

    def _factor_quantile(self, probabilities: Tensor) -> Tensor:
        raise AssertionError("refused before")


class UniformMarginal(Marginal):
    """Every place alike, on a bounded space; the factors are coupled unless it is a box or a grid of boxes.

    Parameters
    ----------
    space : Box, BoxGrid, HollowBall or Sphere

    Raises
    ------
    DomainError
        On another space.

    >>> UniformMarginal(Box(2, low=0.0, high=2.0)).log_density(torch.ones(1, 2)).exp()
    tensor([0.2500], dtype=torch.float64)
    """

    def __init__(self, space: Space) -> None:
        if not isinstance(space, (Box, BoxGrid, HollowBall, Sphere)):
            raise DomainError(
                f"a uniform marginal needs a Box, BoxGrid, HollowBall or Sphere, got {space!r}; pass one of them"
            )
        self.space: Box | BoxGrid | HollowBall | Sphere = space

    @property
    def is_factorised(self) -> bool:
        """Whether the space is a box or a grid of boxes."""
        return isinstance(self.space, (Box, BoxGrid))

    @property
    def _factor_length(self) -> float:
        assert isinstance(self.space, (Box, BoxGrid))
        return self.space.side if isinstance(self.space, Box) else self.space.cells * self.space.cell_side

    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        if isinstance(self.space, (Box, BoxGrid)):
            return self._factor_quantile(draws.uniforms((num_samples, self.space.dim), generator))
        directions = nn.functional.normalize(draws.normals((num_samples, self.space.dim), generator), dim=1)
        if isinstance(self.space, Sphere):
            return directions
        shares = draws.uniforms((num_samples, 1), generator)
        core = (self.space.inner / self.space.outer) ** self.space.dim
        return self.space.outer * (core + (1.0 - core) * shares) ** (1.0 / self.space.dim) * directions

    def _log_density(self, latents: Tensor) -> Tensor:
        match self.space:
            case Sphere():
                log_volume = self.space.log_area
            case HollowBall():
                log_volume = self.space.log_volume
            case _:
                log_volume = self.space.dim * math.log(self._factor_length)
        return torch.full(latents.shape[:-1], -log_volume, dtype=torch.float64)

    def _factor_log_density(self, values: Tensor) -> Tensor:
        return torch.full(values.shape, -math.log(self._factor_length), dtype=torch.float64)

    def _factor_distribution(self, values: Tensor) -> Tensor:
        below = torch.zeros(values.shape, dtype=torch.float64)
        for low, high in intervals(self.space, type(self).__name__):
            below += (values - low).clamp(0.0, high - low)
        return below / self._factor_length

    def _factor_quantile(self, probabilities: Tensor) -> Tensor:
        if isinstance(self.space, Box):
            return self.space.low + self.space.side * probabilities
        assert isinstance(self.space, BoxGrid)
        place = self.space.cells * probabilities
        cell = place.floor().clamp(0, self.space.cells - 1)
        start = self.space.low + cell * (self.space.cell_side + self.space.gap)
        return start + (place - cell) * self.space.cell_side


class FactorisedMarginal(Marginal):
    """A product of one density per factor, the same for each, drawn by a map from one uniform."""

    @property
    def is_factorised(self) -> bool:
        """True: the factors are independent."""
        return True

    def _draw(self, num_samples: int, generator: torch.Generator) -> Tensor:
        return self._from_uniforms(draws.uniforms((num_samples, self.space.dim), generator))

    def _log_density(self, latents: Tensor) -> Tensor:
        return self._factor_log_density(latents).sum(-1)

    @abstractmethod
    def _from_uniforms(self, uniforms: Tensor) -> Tensor:
        """Map uniforms in (0, 1) to draws of one factor, elementwise."""


class PowerMarginal(FactorisedMarginal):
    """Factors with density proportional to ``exp(-(|s - centre|/power_scale)^exponent)``, cut off at a box's walls."""

    def __init__(self, space: Space, *, exponent: float, power_scale: float, centre: float | None) -> None:
        low, high = interval(space, type(self).__name__)
        self.space = space
        self.exponent = within_exponents(exponent, "exponent")
        self.power_scale = power_scale
        middle = 0.5 * (low + high) if isinstance(space, Box) else 0.0
        self.centre = middle if centre is None else _inside(centre, low, high)
        self._noise = TruncatedGeneralisedNormal(self.exponent, scale=power_scale, intervals=[(low, high)])
        self._log_normaliser = self._noise.log_normaliser(_scalar(self.centre))

    @property
    def landmarks(self) -> Landmarks:
        """The centre, with the scale."""
        return ((self.centre, self.power_scale),)

    def _from_uniforms(self, uniforms: Tensor) -> Tensor:
        return self._noise.draw(_scalar(self.centre), uniforms)

    def _factor_log_density(self, values: Tensor) -> Tensor:
        return -self._noise.dissimilarity(_scalar(self.centre), values) - self._log_normaliser

    def _factor_distribution(self, values: Tensor) -> Tensor:
        return self._noise.distribution(_scalar(self.centre), values)

    def _factor_quantile(self, probabilities: Tensor) -> Tensor:
        return self._from_uniforms(probabilities)


class NormalMarginal(PowerMarginal):
    """Independent normal factors, cut off at the walls of a box.

    Parameters
    ----------
    space : Euclidean or Box
    scale : float
        Standard deviation before the cut, in the units of the space.
    centre : float, optional
        The mode, within the box; its middle, or 0 on the whole line, if not given.

    Raises
    ------
    DomainError
        On a sphere, for a scale that is not positive, or for a centre outside of the box.

    >>> NormalMarginal(Euclidean(2), 1.0).log_density(torch.zeros(1, 2))   # -log(2 pi)
    tensor([-1.8379], dtype=torch.float64)
    """

    def __init__(self, space: Space, scale: float = 1.0, *, centre: float | None = None) -> None:
        self.scale = _checks.positive(scale, "scale")
        super().__init__(space, exponent=2.0, power_scale=math.sqrt(2.0) * self.scale, centre=centre)


class LaplaceMarginal(PowerMarginal):
    """Independent Laplace factors, ``exp(-|s - centre|/scale)``, cut off at the walls of a box.

    Parameters
    ----------
    space : Euclidean or Box
    scale : float
        Mean absolute deviation before the cut, in the units of the space.
    centre : float, optional
        The mode, within the box; its middle, or 0 on the whole line, if not given.

    Raises
    ------
    DomainError
        On a sphere, for a scale that is not positive, or for a centre outside of the box.

    >>> LaplaceMarginal(Euclidean(1), 0.5).log_density(torch.zeros(1, 1)).exp()   # 1 / (2 scale)
    tensor([1.], dtype=torch.float64)
    """

    def __init__(self, space: Space, scale: float = 1.0, *, centre: float | None = None) -> None:
        self.scale = _checks.positive(scale, "scale")
        super().__init__(space, exponent=1.0, power_scale=self.scale, centre=centre)


class GeneralisedNormalMarginal(PowerMarginal):
    """Independent factors with density proportional to ``exp(-(|s - centre|/scale)^exponent)``.

    Parameters
    ----------
    space : Euclidean or Box
    exponent : float
        p in [0.1, 100].
    scale : float
        In the units of the space.
    centre : float, optional
        The mode, within the box; its middle, or 0 on the whole line, if not given.

    Raises
    ------
    DomainError
        On a sphere, for a scale that is not positive, or for a centre outside of the box.

    >>> GeneralisedNormalMarginal(Euclidean(1), 2.0, 1.0).log_density(torch.zeros(1, 1))   # -log sqrt(pi)
    tensor([-0.5724], dtype=torch.float64)
    """

    def __init__(self, space: Space, exponent: float, scale: float, *, centre: float | None = None) -> None:
        self.scale = _checks.positive(scale, "scale")
        super().__init__(space, exponent=exponent, power_scale=self.scale, centre=centre)


class ExponentialTiltMarginal(FactorisedMarginal):
    """Skewed factors on a box, density proportional to ``exp(-rate s)``; rate 0 is uniform, a negative one rises.

    >>> ExponentialTiltMarginal(Box(1), 3.0).log_density(torch.zeros(1, 1)).exp()   # 3 / (1 - exp(-3))
    tensor([3.1572], dtype=torch.float64)
    """

    def __init__(self, space: Box, rate: float) -> None:
        interval(space, type(self).__name__, bounded=True)
        self.space: Box = space
        self.rate = _checks.finite(rate, "rate")
        self._steepness = abs(self.rate) * space.side

    @property
    def landmarks(self) -> Landmarks:
        """The steep end of the box, with the distance over which the density falls by a factor of e."""
        place = self.space.low if self.rate >= 0 else self.space.high
        return ((place, self.space.side / max(self._steepness, 1.0)),)

    def _from_uniforms(self, uniforms: Tensor) -> Tensor:
        if self._steepness == 0.0:
            depth = uniforms
        else:
            depth = -torch.log1p(uniforms * math.expm1(-self._steepness)) / self._steepness
        return (self.space.low + self.space.side * (depth if self.rate >= 0 else 1.0 - depth)).clamp(
            self.space.low, self.space.high
        )

    def _factor_log_density(self, values: Tensor) -> Tensor:
        depth = values - self.space.low if self.rate >= 0 else self.space.high - values
        filled = 1.0 if self._steepness == 0.0 else -math.expm1(-self._steepness) / self._steepness
        return -abs(self.rate) * depth - math.log(filled * self.space.side)

    def _factor_distribution(self, values: Tensor) -> Tensor:
        height = (values - self.space.low) / self.space.side
        if self._steepness == 0.0:
            return height.clamp(0.0, 1.0)
        depth = height if self.rate >= 0 else 1.0 - height
        share = torch.expm1(-self._steepness * depth) / math.expm1(-self._steepness)
        return (share if self.rate >= 0 else 1.0 - share).clamp(0.0, 1.0)

    def _factor_quantile(self, probabilities: Tensor) -> Tensor:
        return self._from_uniforms(probabilities if self.rate >= 0 else 1.0 - probabilities)


class BimodalMarginal(FactorisedMarginal):
    """Factors on a box from a mixture of two normals, each cut off at the walls.

    Parameters
    ----------
    space : Box
    centres : pair of floats
        Within the box.
    scale : float
        Standard deviation of either component before the cut, in the units of the space.
    first_weight : float
        Probability of the first component, strictly between 0 and 1.

    Raises
    ------
    DomainError
        On another space, or for a parameter outside of its range.

    >>> marginal = BimodalMarginal(Box(1), centres=(0.25, 0.75), scale=0.05)
    >>> low, middle = marginal.factor_log_density(torch.tensor([0.25, 0.5])).exp().tolist()
    >>> low > 1000 * middle
    True
    """

    def __init__(self, space: Box, *, centres: tuple[float, float], scale: float, first_weight: float = 0.5) -> None:
        low, high = interval(space, type(self).__name__, bounded=True)
        self.space: Box = space
        self.centres = (_inside(centres[0], low, high), _inside(centres[1], low, high))
        self.scale = _checks.positive(scale, "scale")
        self.first_weight = _checks.positive(first_weight, "first_weight")
        if self.first_weight >= 1.0:
            raise DomainError(f"first_weight must be less than 1, got {first_weight}; pass the share of one component")
        self._noise = TruncatedGeneralisedNormal(2.0, scale=math.sqrt(2.0) * self.scale, intervals=[(low, high)])
        self._log_weights = [
            math.log(weight) - float(self._noise.log_normaliser(_scalar(centre)))
            for weight, centre in zip((self.first_weight, 1.0 - self.first_weight), self.centres, strict=True)
        ]

    @property
    def landmarks(self) -> Landmarks:
        """Both centres, with the scale."""
        return tuple((centre, self.scale) for centre in self.centres)

    def _from_uniforms(self, uniforms: Tensor) -> Tensor:
        share = self.first_weight
        first = uniforms < share
        centres = torch.where(first, _scalar(self.centres[0]), _scalar(self.centres[1]))
        return self._noise.draw(centres, torch.where(first, uniforms / share, (uniforms - share) / (1.0 - share)))

    def _factor_log_density(self, values: Tensor) -> Tensor:
        first, second = (
            log_weight - self._noise.dissimilarity(_scalar(centre), values)
            for log_weight, centre in zip(self._log_weights, self.centres, strict=True)
        )
        return torch.logaddexp(first, second)

    def _factor_distribution(self, values: Tensor) -> Tensor:
        first, second = (self._noise.distribution(_scalar(centre), values) for centre in self.centres)
        return self.first_weight * first + (1.0 - self.first_weight) * second

    def _factor_quantile(self, probabilities: Tensor) -> Tensor:
        low, high = (torch.full_like(probabilities, end) for end in (self.space.low, self.space.high))
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            below = self._factor_distribution(middle) < probabilities
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return 0.5 * (low + high)


def intervals(space: Space, name: str) -> tuple[tuple[float, float], ...]:
    """Return the intervals in which one factor may lie, apart and ascending; else raise DomainError."""
    return space.intervals if isinstance(space, BoxGrid) else (interval(space, name),)


def interval(space: Space, name: str, *, bounded: bool = False) -> tuple[float, float]:
    """Return the ends of one factor's interval, infinite for a Euclidean space; else raise DomainError."""
    if isinstance(space, Box):
        return space.low, space.high
    if isinstance(space, Euclidean) and not bounded:
        return -math.inf, math.inf
    wanted = "a Box" if bounded else "a Box or a Euclidean space"
    raise DomainError(f"{name} needs {wanted}, got {space!r}; pass another space or another law")


def within_exponents(exponent: float, name: str) -> float:
    """Return the exponent if its tables can be built, else raise DomainError."""
    if not LEAST_EXPONENT <= _checks.positive(exponent, name) <= LARGEST_EXPONENT:
        raise DomainError(
            f"{name} must lie in [{LEAST_EXPONENT:g}, {LARGEST_EXPONENT:g}], got {exponent}; pass a less extreme one"
        )
    return float(exponent)


def _inside(centre: float, low: float, high: float) -> float:
    if not low <= _checks.finite(centre, "centre") <= high:
        raise DomainError(f"a centre must lie in the space, [{low}, {high}], got {centre}; move it inside")
    return float(centre)


def _scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
