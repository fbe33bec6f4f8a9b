"""Models that are right by construction: the exact latents as codes, the exact log density ratio as logit."""

import torch
from torch import nn

from contrica import Critic, PairBatch


class LogNormaliser(nn.Module):
    """alpha(x) = log Z(s), at x = s."""

    def __init__(self, law):
        super().__init__()
        self.law = law

    def forward(self, latents):
        return -self.law.conditional.log_density(latents, latents).to(latents.dtype)


class LogMarginal(nn.Module):
    """alpha~(x~) = log p(s~), at x~ = s~ and Q = 1."""

    def __init__(self, law):
        super().__init__()
        self.law = law

    def forward(self, latents):
        return self.law.positive_log_density(latents).to(latents.dtype)


class Tilted(nn.Module):
    """An offset that is off by so much per standard deviation of the first latent, 0 on average over the latents."""

    def __init__(self, offset, latents, slope):
        super().__init__()
        self.offset = offset
        self.mean, self.slope = latents[:, 0].mean(), slope / latents[:, 0].std()

    def forward(self, latents):
        return self.offset(latents) + self.slope * (latents[:, 0] - self.mean)


def exact_critic(law, *, dissimilarity=None, anchor=True, candidate=True, bias=None):
    """Return the critic whose logit on latents is the log density ratio, spoiled in the way asked for."""
    critic = Critic(
        law.conditional.dissimilarity if dissimilarity is None else dissimilarity,
        anchor_offset=LogNormaliser(law) if anchor else None,
        candidate_offset=LogMarginal(law) if candidate else None,
        bias=bias is not None,
    )
    if bias is not None:
        critic.bias.data.fill_(bias)
    return critic


def drawn(law, num_pairs, seed=0):
    """Return pairs whose observations are the latents."""
    return PairBatch(*law.sample(num_pairs, generator=torch.Generator().manual_seed(seed)))
