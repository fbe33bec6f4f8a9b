"""Batches of pairs drawn a few ahead, each the one that would have been drawn in its turn.

A batch of some hundred pairs is too small for the calls that it takes. Where a law maps uniforms to pairs, the uniforms
of several batches are drawn one batch after the other, mapped together, and handed out one by one, each with the
generator's state after it; a generator that was used for something else in between gets what it asks for all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from contrica.latents import draws
from contrica.latents.conditionals import CHUNK, PowerConditional
from contrica.latents.marginals import FactorisedMarginal, UniformMarginal
from contrica.latents.model import LatentModel


@dataclass(frozen=True, eq=False)
class _Batch:
    latents: Tensor
    positives: Tensor
    before: Tensor
    after: Tensor


class PairsAhead:
    """Draws what ``LatentModel.sample`` draws from the same generator, and leaves it in the same state.

    >>> from contrica.latents import LaplaceConditional
    >>> from contrica.spaces import Box
    >>> pairs = PairsAhead(LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.1)))
    >>> stream = torch.Generator().manual_seed(0)
    >>> [pairs.sample(64, generator=stream)[0].shape for _ in range(3)][-1]
    torch.Size([64, 2])
    """

    def __init__(self, model: LatentModel) -> None:
        self._model = model
        self._left: Tensor | None = None
        self._waiting: list[_Batch] = []

    def sample(self, num_pairs: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (latents, positives), each of shape (num_pairs, dim), float32; see `LatentModel.sample`."""
        before = generator.get_state()
        if not self._waiting and self._left is not None and torch.equal(self._left, before):
            self._waiting = self._ahead(num_pairs, generator)
        if self._waiting:
            batch = self._waiting.pop()
            if len(batch.latents) == num_pairs and torch.equal(batch.before, before):
                self._left = batch.after
                generator.set_state(batch.after)
                return batch.latents, batch.positives
            self._waiting = []
            generator.set_state(before)
        drawn = self._model.sample(num_pairs, generator=generator)
        self._left = generator.get_state()
        return drawn

    def _ahead(self, num_pairs: int, generator: torch.Generator) -> list[_Batch]:
        """Return the next batches, the first one last; none where uniforms are not mapped or a batch fills a chunk."""
        marginal, conditional, shape = self._model.marginal, self._model.conditional, (num_pairs, self._model.dim)
        batches = CHUNK // (num_pairs * self._model.dim)
        if batches < 2 or not isinstance(conditional, PowerConditional):
            return []
        quantile: Callable[[Tensor], Tensor]
        match marginal:
            case FactorisedMarginal():
                quantile = marginal._from_uniforms
            case UniformMarginal(is_factorised=True):
                quantile = marginal._factor_quantile
            case _:
                return []
        states, firsts, seconds = [generator.get_state()], [], []
        for _ in range(batches):
            firsts.append(draws.uniforms(shape, generator))
            seconds.append(draws.uniforms(shape, generator))
            states.append(generator.get_state())
        latents = quantile(torch.cat(firsts)).float()
        positives = conditional._from_uniforms(conditional._anchors(latents), torch.cat(seconds)).float()
        rows = latents.split(num_pairs), positives.split(num_pairs)
        return [_Batch(*batch) for batch in zip(*rows, states[:-1], states[1:], strict=True)][::-1]
