"""Batches of pairs drawn a few ahead, each the one that would have been drawn in its turn.

A batch of some hundred pairs is too small for the calls that it takes. Where a law maps uniforms to pairs, the uniforms
of several batches are drawn one batch after the other, mapped together, and handed out one by one, each with the
generator's state after it; a generator that was used for something else in between gets what it asks for all the same.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from contrica.latents import draws
from contrica.latents.conditionals import CHUNK, Conditional, PowerConditional
from contrica.latents.marginals import FactorisedMarginal, Marginal, UniformMarginal
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
        self.model = model
        self._left: Tensor | None = None
        self._waiting: list[_Batch] = []
        self._one_thread_at_a_time = threading.Lock()

    def __reduce__(self) -> tuple[type["PairsAhead"], tuple[LatentModel]]:
        """Copy and pickle the model alone: what waits can be drawn anew."""
        return PairsAhead, (self.model,)

    def sample(self, num_pairs: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (latents, positives), each of shape (num_pairs, dim), float32; see `LatentModel.sample`."""
        with self._one_thread_at_a_time:
            return self._sample(num_pairs, generator)

    def _sample(self, num_pairs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        before = generator.get_state()
        if not self._waiting and self._left is not None and torch.equal(self._left, before):
            self._waiting = self._ahead(num_pairs, generator)
        if self._waiting:
            batch = self._waiting.pop()
            if len(batch.latents) == num_pairs and torch.equal(batch.before, before):
                self._left = batch.after
                generator.set_state(batch.after)
                return batch.latents.clone(), batch.positives.clone()
            self._waiting = []
            generator.set_state(before)
        drawn = self.model.sample(num_pairs, generator=generator)
        self._left = generator.get_state()
        return drawn

    def _ahead(self, num_pairs: int, generator: torch.Generator) -> list[_Batch]:
        """Return the next batches, the first one last; none where uniforms are not mapped or a batch fills a chunk."""
        conditional, shape = self.model.conditional, (num_pairs, self.model.dim)
        batches, quantile = CHUNK // (num_pairs * self.model.dim), _quantile(self.model)
        if batches < 2 or quantile is None or not isinstance(conditional, PowerConditional):
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


def _quantile(model: LatentModel) -> Callable[[Tensor], Tensor] | None:
    """Return what maps uniforms to latents; None where model, marginal or conditional draw in a way of their own."""
    marginal, conditional = type(model.marginal), type(model.conditional)
    if not (
        type(model).sample is LatentModel.sample
        and marginal.sample is Marginal.sample
        and conditional.sample is Conditional.sample
        and getattr(conditional, "_draw", None) is PowerConditional._draw
    ):
        return None
    match model.marginal:
        case FactorisedMarginal() as factorised if marginal._draw is FactorisedMarginal._draw:
            return factorised._from_uniforms
        case UniformMarginal(is_factorised=True) as uniform if marginal._draw is UniformMarginal._draw:
            return uniform._factor_quantile
    return None
