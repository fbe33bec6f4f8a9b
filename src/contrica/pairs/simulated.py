"""Positive pairs of a simulation: latents are drawn in pairs, and each is mixed into an observation.

s ~ p(s), s~ ~ p(s~|s), x = g(s), x~ = g(s~). With noise, x = g(s + d) + e, and d and e are drawn anew for each view.
Training sees (x, x~) alone; the latents s, s~ are given out separately, to whoever scores the codes.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DtypeError
from contrica.latents import LatentModel
from contrica.latents.ahead import PairsAhead
from contrica.pairs.batch import PairBatch


class SimulatedPairs:
    """Fresh pairs without end.

    Parameters
    ----------
    latent_model : LatentModel
        Draws pairs of latents.
    mixing : callable
        The map g from latents (batch, latent_dim) to observations (batch, ...).
    latent_noise, observation_noise : float
        Standard deviations of independent normal noise d, in the units of the latents, and e, in the units of the
        observations; 0 for none. Latents with noise may leave their space, and g must be defined there.

    Raises
    ------
    DtypeError
        If an argument is of another kind.
    DomainError
        If a noise is negative or not finite.

    Notes
    -----
    Latents of small batches are drawn a few ahead, which a caller cannot tell: see `contrica.latents.ahead`.

    Examples
    --------
    >>> from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
    >>> from contrica.spaces import Box
    >>> model = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.1))
    >>> pairs = SimulatedPairs(model, torch.nn.Identity())
    >>> pairs.draw(4, generator=torch.Generator().manual_seed(0)).anchors.shape
    torch.Size([4, 2])
    """

    def __init__(
        self,
        latent_model: LatentModel,
        mixing: Callable[[Tensor], Tensor],
        *,
        latent_noise: float = 0.0,
        observation_noise: float = 0.0,
    ) -> None:
        """Keep both; nothing is drawn yet."""
        if not isinstance(latent_model, LatentModel):
            raise DtypeError(
                f"latent_model must be a contrica LatentModel, got {type(latent_model).__name__}; build one"
            )
        if not callable(mixing):
            raise DtypeError(f"mixing must be callable, got {type(mixing).__name__}; pass a function of the latents")
        self._pairs = PairsAhead(latent_model)
        self.mixing = mixing
        self.latent_noise = _checks.not_negative(latent_noise, "latent_noise")
        self.observation_noise = _checks.not_negative(observation_noise, "observation_noise")

    @property
    def latent_model(self) -> LatentModel:
        """The law of the latents of a pair."""
        return self._pairs.model

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` independent pairs of observations.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 2, or ``generator`` is none.
        """
        return self.draw_with_latents(batch_size, generator=generator)[0]

    @torch.no_grad()
    def draw_with_latents(self, batch_size: int, *, generator: torch.Generator) -> tuple[PairBatch, Tensor, Tensor]:
        """Draw pairs together with what they were made of, for evaluation only.

        Returns
        -------
        tuple of (PairBatch, Tensor, Tensor)
            The pairs, the latents s of the anchors and s~ of the positives, each of shape (batch_size, latent_dim).
            From equal generators `draw` gives the same pairs.

        Raises
        ------
        DomainError, DtypeError
            As `draw`.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        latents, positives = self._pairs.sample(size, generator=_checks.generator(generator))
        shown = [_with_noise(view, self.latent_noise, generator) for view in (latents, positives)]
        seen = self.mixing(torch.cat(shown)).split(size)
        anchors, positive_views = (_with_noise(view, self.observation_noise, generator) for view in seen)
        return PairBatch(anchors, positive_views), latents, positives


def _with_noise(values: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    if scale == 0.0:
        return values
    noise = torch.randn(values.shape, generator=generator, dtype=values.dtype, device=generator.device)
    return values + scale * noise.to(values.device)
