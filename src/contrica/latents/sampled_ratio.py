"""The log density ratio of a pair law by averages over draws, where an integral has no closed form.

    log r(s, s~) = log p(s~|s) - log (1/M) sum_m p(s~|s_m),      s_m ~ p(s)
    Z(s) = Z_free (1/M) #{m: s + t_m in the space},              t_m ~ exp(-delta(0, t)) / Z_free

The second line is for noise of R^n that is drawn again where it leaves a box. Both averages are of M draws, the same
ones in every call: relative errors fall as M^-1/2, and the bias of a logarithm as 1/M.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError
from contrica.latents.conditionals import Conditional
from contrica.latents.model import LatentModel
from contrica.latents.norm_power import NormPowerConditional
from contrica.spaces import Box

CHUNK_ENTRIES = 1 << 22
"""Rows times draws that are compared at once: 32 MiB in float64."""


class SampledRatio:
    """log p(s~|s) - log p(s~) up to the noise of ``num_draws`` draws, for any marginal.

    Parameters
    ----------
    model : LatentModel
        Its conditional has a density, or is a `NormPowerConditional`, whose normaliser in a box is sampled as well.
    generator : torch.Generator
        Of the draws; all are made here.
    num_draws : int, default 4096
        The variance of a value is about ``E_+[r]/num_draws``, which grows exponentially with the information.

    Raises
    ------
    NoDensityError
        If the conditional has neither.

    >>> from contrica.latents import NormPowerConditional, UniformMarginal
    >>> noise = NormPowerConditional(Box(2), norm_exponent=3.0, power=1.0, scale=0.1)
    >>> model = LatentModel(UniformMarginal(Box(2)), noise)
    >>> ratio = SampledRatio(model, generator=torch.Generator().manual_seed(0), num_draws=1024)
    >>> latents, positives = model.sample(1000, generator=torch.Generator().manual_seed(1))
    >>> round(float(ratio.log_density_ratio(latents, positives).mean()), 1)   # the mutual information, in nats
    1.3
    """

    def __init__(self, model: LatentModel, *, generator: torch.Generator, num_draws: int = 4096) -> None:
        num_draws = _checks.count(num_draws, "num_draws", least=2)
        self._space = model.space
        self._conditional: Conditional = model.conditional
        self._steps: Tensor | None = None
        if isinstance(model.conditional, NormPowerConditional) and isinstance(model.space, Box):
            self._low, self._high = model.space.low, model.space.high
            self._conditional = model.conditional.unrestricted
            origin = torch.zeros(num_draws, model.dim, dtype=torch.float64)
            self._steps = self._conditional.sample(origin, generator=generator)
        self._anchors = model.marginal.sample(num_draws, generator=generator, dtype=torch.float64)
        self._anchor_shares = self._log_share(self._anchors)
        self._conditional.log_density(self._anchors[:1], self._anchors[:1])

    def log_density_ratio(self, latents: Tensor, positives: Tensor) -> Float[Tensor, "..."]:
        """Return the ratio in nats, float64, broadcast over the leading axes, as `LatentModel.log_density_ratio` does.

        Raises
        ------
        DomainError
            If a latent or a positive lies outside of the space.
        """
        if not bool(self._space.contains(latents).all() and self._space.contains(positives).all()):
            raise DomainError(f"latents and positives must lie in {self._space!r}, got some outside; draw them from it")
        return (
            self._conditional.log_density(latents, positives)
            - self._log_share(latents)
            - self._positive_log_density(positives)
        )

    def _log_share(self, latents: Tensor) -> Tensor:
        """Return the log of the share of the noise that stays in the space, 0 where all of it does."""
        if self._steps is None:
            return torch.zeros(latents.shape[:-1], dtype=torch.float64)
        rows = latents.double().reshape(-1, latents.shape[-1])
        shares = []
        for part in rows.split(max(1, CHUNK_ENTRIES // len(self._steps))):
            inside = torch.ones(len(part), len(self._steps), dtype=torch.bool)
            for start, step in zip(part.unbind(-1), self._steps.unbind(-1), strict=True):
                places = start[:, None] + step
                inside &= (places >= self._low) & (places <= self._high)
            shares.append(inside.double().mean(1))
        return torch.cat(shares).log().reshape(latents.shape[:-1])

    def _positive_log_density(self, positives: Tensor) -> Tensor:
        rows = positives.double().reshape(-1, positives.shape[-1])
        found = []
        for part in rows.split(max(1, CHUNK_ENTRIES // len(self._anchors))):
            logs = self._conditional.log_density(self._anchors, part[:, None]) - self._anchor_shares
            found.append(logs.logsumexp(1))
        return torch.cat(found).reshape(positives.shape[:-1]) - math.log(len(self._anchors))
