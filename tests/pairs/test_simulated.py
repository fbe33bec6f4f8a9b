import pytest
import torch

from contrica.errors import DomainError, DtypeError
from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
from contrica.pairs import PairSource, SimulatedPairs
from contrica.spaces import Box


class Doubling(torch.nn.Module):
    """A mixing with something to learn, so that a recorded gradient would show."""

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, latents):
        return torch.cat([self.factor * latents, latents**3], 1)


def source():
    return SimulatedPairs(LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.1)), Doubling())


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_observations_are_the_mixed_latents():
    batch, latents, positives = source().draw_with_latents(50, generator=generator())
    assert latents.shape == positives.shape == (50, 2)
    torch.testing.assert_close(batch.anchors, torch.cat([2 * latents, latents**3], 1))
    torch.testing.assert_close(batch.positives, torch.cat([2 * positives, positives**3], 1))


def test_positives_are_close_and_other_rows_are_not():
    _, latents, positives = source().draw_with_latents(500, generator=generator())
    own = (latents - positives).abs().mean()
    assert own < 0.12
    assert (latents - positives.roll(1, 0)).abs().mean() > 2 * own


def test_the_pairs_are_the_same_whether_or_not_the_latents_are_asked_for():
    plain = source().draw(5, generator=generator())
    assert torch.equal(plain.anchors, source().draw_with_latents(5, generator=generator())[0].anchors)


def test_it_is_a_pair_source():
    assert isinstance(source(), PairSource)


@pytest.mark.parametrize(("latent_model", "mixing"), [(None, Doubling()), (source().latent_model, "identity")])
def test_what_does_not_draw_or_mix_is_refused(latent_model, mixing):
    with pytest.raises(DtypeError):
        SimulatedPairs(latent_model, mixing)


def test_an_advanced_generator_draws_other_pairs():
    stream = generator()
    assert not torch.equal(source().draw(5, generator=stream).anchors, source().draw(5, generator=stream).anchors)


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    source().draw(5, generator=generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_no_gradient_is_recorded():
    batch, *_ = source().draw_with_latents(5, generator=generator())
    assert not batch.anchors.requires_grad


@pytest.mark.parametrize(
    ("batch_size", "stream", "error"),
    [(1, generator(), DomainError), (0, generator(), DomainError), ("5", generator(), DtypeError), (5, 0, DtypeError)],
)
def test_a_draw_that_cannot_be_made_is_refused(batch_size, stream, error):
    with pytest.raises(error):
        source().draw(batch_size, generator=stream)
