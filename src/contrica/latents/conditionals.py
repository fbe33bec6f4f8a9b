"""How a positive is made from its anchor: the conditional p(s~|s), with exact draws.

    p(s~|s) = Q(s~)/Z(s) exp(-delta(s, s~)),      log Z(s) = log int Q(u) exp(-delta(s, u)) du  over the space

The theory asks for a delta that is symmetric and vanishes on the diagonal, and for any positive base measure Q; most
laws here have one, with Q = 1. On a box the wall cuts the noise off, so that Z depends on s and p(s~) is not uniform
even if p(s) is. (Matthes, Han, Shen 2023; Zimmermann et al. 2021.)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from contrica import _checks
from contrica.dissimilarities import Dissimilarity, PowerSum
from contrica.errors import DomainError, NoDensityError, ShapeError
from contrica.latents import draws
from contrica.latents.generalised_normal import TruncatedGeneralisedNormal
from contrica.latents.marginals import intervals, within_exponents
from contrica.spaces import Space

CHUNK = 32768
"""Values drawn at once: 256 KiB for each of a dozen intermediate results, whatever is drawn. Half of it takes a tenth
to a fifth more time for 2048 pairs of ten generalised normal factors; more of it takes no less."""


class Conditional(ABC):
    """p(s~|s) on a space."""

    space: Space

    def sample(
        self, latents: Float[Tensor, "batch latent_dim"], *, generator: torch.Generator
    ) -> Float[Tensor, "batch latent_dim"]:
        """Return one positive per row of latents, with their dtype and device; drawn in float64.

        Parameters
        ----------
        latents : Tensor of shape (batch, latent_dim)
            The anchors, in the space.
        generator : torch.Generator
            The only source of randomness; it is advanced.

        Raises
        ------
        DomainError
            If an anchor lies outside of the space.
        """
        _checks.matrix(latents, "latents", columns=self.space.dim)
        _checks.generator(generator)
        with torch.no_grad():
            return self._draw(self._anchors(latents), generator).to(latents)

    def log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        """Return log p(s~|s) in nats, float64 on the CPU, broadcast over the leading axes.

        It is minus infinity where a positive lies outside of the space.

        Parameters
        ----------
        latents, positives : Tensors of shape (..., latent_dim)
            ``latents[:, None], positives[None]`` gives all pairs.

        Raises
        ------
        NoDensityError
            If the density has no exact value.
        """
        anchors = self._anchors(latents)
        candidates = _checks.points(positives, "positives", dim=self.space.dim).to("cpu", torch.float64)
        return torch.where(self.space.contains(candidates), self._log_density(anchors, candidates), -torch.inf)

    def log_base_measure(self, positives: Float[Tensor, "*batch latent_dim"]) -> Float[Tensor, "*batch"]:
        """Return log Q(s~) in nats up to a constant, float64 on the CPU, for positives of shape (..., dim).

        Raises
        ------
        NoDensityError
            If the law has no delta, and so no Q beside it.
        """
        values = _checks.points(positives, "positives", dim=self.space.dim).to("cpu", torch.float64)
        return self._log_base_measure(values)

    def _anchors(self, latents: Tensor) -> Tensor:
        values = _checks.points(latents, "latents", dim=self.space.dim).to("cpu", torch.float64)
        if not self.space.contains(values).all():
            raise DomainError(f"latents must lie in {self.space!r}, got some outside; draw them from its marginal")
        return values

    @property
    @abstractmethod
    def dissimilarity(self) -> Dissimilarity | None:
        """The delta of this conditional, None where no member of `contrica.dissimilarities` is one."""

    @property
    @abstractmethod
    def is_factorised(self) -> bool:
        """Whether the factors of s~ are independent given s."""

    @abstractmethod
    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Return float64 positives for float64 latents in the space."""

    @abstractmethod
    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        """Return log p(s~|s) for float64 latents and positives in the space, broadcast over the leading axes."""

    @abstractmethod
    def _log_base_measure(self, positives: Tensor) -> Tensor:
        """Return log Q for float64 positives."""


class FlatConditional(Conditional):
    """p(s~|s) proportional to ``exp(-delta(s, s~))`` alone: Q = 1."""

    def log_normaliser(self, latents: Float[Tensor, "*batch latent_dim"]) -> Float[Tensor, "*batch"]:
        """Return log Z(s) in nats, float64 on the CPU, for latents of shape (..., dim).

        Raises
        ------
        NoDensityError
            If Z has no closed form.
        """
        return self._log_normaliser(self._anchors(latents))

    def _log_base_measure(self, positives: Tensor) -> Tensor:
        return torch.zeros(positives.shape[:-1], dtype=torch.float64)

    def _log_density(self, latents: Tensor, positives: Tensor) -> Tensor:
        return -self._distance(latents, positives) - self._log_normaliser(latents)

    @property
    @abstractmethod
    def dissimilarity(self) -> Dissimilarity:
        """The delta of this conditional."""

    @abstractmethod
    def _distance(self, latents: Tensor, positives: Tensor) -> Tensor:
        """Return delta in float64, broadcast over the leading axes."""

    @abstractmethod
    def _log_normaliser(self, latents: Tensor) -> Tensor:
        """Return log Z for float64 latents in the space."""


class GeneralConditional(Conditional):
    """p(s~|s) that no delta of `contrica.dissimilarities` gives."""

    @property
    def dissimilarity(self) -> None:
        """None: there is none."""
        return

    def _log_base_measure(self, positives: Tensor) -> Tensor:
        raise NoDensityError(
            f"Q belongs to a delta, and {type(self).__name__} has none; ask for the log density instead"
        )


class PowerConditional(FlatConditional):
    """Independent noise per factor, ``delta = sum_i (|s_i - s~_i|/power_scale_i)^exponent``, cut off by walls.

    Numerics: draws are inverse-CDF draws, one uniform per factor and none rejected, exact on the faces of the box and
    for scales far below and far above its side.
    """

    def __init__(self, space: Space, *, exponent: float, power_scales: Sequence[float]) -> None:
        self._intervals = intervals(space, type(self).__name__)
        self.space = space
        self.exponent = within_exponents(exponent, "exponent")
        self.power_scales = tuple(power_scales)
        self._noise = self._factor(torch.tensor(self.power_scales, dtype=torch.float64))

    @property
    def dissimilarity(self) -> PowerSum:
        """``sum_i power_scale_i^-p |s_i - s~_i|^p``."""
        weights = [scale**-self.exponent for scale in self.power_scales]
        return PowerSum(self.space.dim, exponent=self.exponent, weights=weights)

    @property
    def is_factorised(self) -> bool:
        """True: each factor has its own noise."""
        return True

    def factor(self, index: int) -> TruncatedGeneralisedNormal:
        """Return the noise of one factor."""
        return self._factor(self.power_scales[index])

    def _factor(self, scale: float | Tensor) -> TruncatedGeneralisedNormal:
        return TruncatedGeneralisedNormal(self.exponent, scale=scale, intervals=self._intervals)

    def _draw(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        return self._from_uniforms(latents, draws.uniforms(latents.shape, generator))

    def _from_uniforms(self, latents: Tensor, uniforms: Tensor) -> Tensor:
        rows = max(1, CHUNK // self.space.dim)
        chunks = zip(latents.split(rows), uniforms.split(rows), strict=True)
        return torch.cat([self._noise.draw(anchors, uniforms) for anchors, uniforms in chunks])

    def _distance(self, latents: Tensor, positives: Tensor) -> Tensor:
        # Factor by factor: all pairs of a batch cost one matrix at a time, not one per factor at once.
        factors = zip(latents.unbind(-1), positives.unbind(-1), range(self.space.dim), strict=True)
        total = torch.zeros((), dtype=torch.float64)
        for left, right, index in factors:
            total = total + self.factor(index).dissimilarity(left, right)
        return total

    def _log_normaliser(self, latents: Tensor) -> Tensor:
        return self._noise.log_normaliser(latents).sum(-1)


class NormalConditional(PowerConditional):
    """Normal noise of standard deviation ``scale`` before the cut: identifies rotations at best, never the axes.

    Parameters
    ----------
    space : Euclidean, Box or BoxGrid
    scale : float or sequence of floats
        sigma in the units of the space, one for all factors or one each.

    Raises
    ------
    DomainError
        On a sphere, or for a scale that is not positive.
    ShapeError
        If the scales are not one per factor.

    >>> from contrica.spaces import Euclidean
    >>> zero = torch.zeros(1, 2)
    >>> NormalConditional(Euclidean(2), 1.0).log_density(zero, zero)   # -log(2 pi)
    tensor([-1.8379], dtype=torch.float64)
    """

    def __init__(self, space: Space, scale: float | Sequence[float]) -> None:
        self.scale = per_factor(scale, space)
        super().__init__(space, exponent=2.0, power_scales=[math.sqrt(2.0) * sigma for sigma in self.scale])


class LaplaceConditional(PowerConditional):
    """Laplace noise, ``exp(-|s~ - s|/scale)``: sparse steps, which identify the axes.

    Parameters
    ----------
    space : Euclidean, Box or BoxGrid
    scale : float or sequence of floats
        Mean absolute step before the cut in the units of the space, one for all factors or one each.

    Raises
    ------
    DomainError
        On a sphere, or for a scale that is not positive.
    ShapeError
        If the scales are not one per factor.

    >>> from contrica.spaces import Box
    >>> walls = torch.tensor([[0.0]])
    >>> LaplaceConditional(Box(1), 0.1).log_density(walls, walls).exp()   # 10 / (1 - exp(-10))
    tensor([10.0005], dtype=torch.float64)
    """

    def __init__(self, space: Space, scale: float | Sequence[float]) -> None:
        self.scale = per_factor(scale, space)
        super().__init__(space, exponent=1.0, power_scales=self.scale)


class GeneralisedNormalConditional(PowerConditional):
    """Noise with density proportional to ``exp(-(|s~ - s|/scale)^exponent)``: identifies the axes unless p = 2.

    Parameters
    ----------
    space : Euclidean, Box or BoxGrid
    exponent : float
        p in [0.1, 100].
    scale : float or sequence of floats
        In the units of the space, one for all factors or one each.

    Raises
    ------
    DomainError
        On a sphere, or for a scale or an exponent outside of its range.
    ShapeError
        If the scales are not one per factor.

    >>> from contrica.spaces import Box
    >>> GeneralisedNormalConditional(Box(2), 3.0, [0.1, 0.5]).dissimilarity.weights
    tensor([1000.0000,    8.0000], dtype=torch.float64)
    """

    def __init__(self, space: Space, exponent: float, scale: float | Sequence[float]) -> None:
        self.scale = per_factor(scale, space)
        super().__init__(space, exponent=exponent, power_scales=self.scale)


def per_factor(value: float | Sequence[float], space: Space, name: str = "scale") -> tuple[float, ...]:
    """Return one positive number per factor, else raise."""
    if not isinstance(value, Sequence):
        return (_checks.positive(value, name),) * space.dim
    if len(value) != space.dim:
        raise ShapeError(
            f"{name} must have one entry per factor, {space.dim}, got {len(value)}; pass one or {space.dim}"
        )
    return tuple(_checks.positive(entry, name) for entry in value)
