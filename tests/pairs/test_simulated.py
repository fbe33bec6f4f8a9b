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


def noisy(**noises):
    law = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.1))
    return SimulatedPairs(law, Doubling(), **noises)


def test_observation_noise_is_normal_of_its_scale_and_new_for_each_view():
    batch, latents, positives = noisy(observation_noise=0.3).draw_with_latents(5000, generator=generator())
    _, plain, plain_positives = source().draw_with_latents(5000, generator=generator())
    assert torch.equal(latents, plain)
    assert torch.equal(positives, plain_positives)
    errors = [
        batch.anchors - torch.cat([2 * latents, latents**3], 1),
        batch.positives - torch.cat([2 * positives, positives**3], 1),
    ]
    for error in errors:
        assert abs(error.std() - 0.3) < 0.01
        assert error.mean().abs() < 0.01
    assert torch.corrcoef(torch.stack([errors[0][:, 0], errors[1][:, 0]]))[0, 1].abs() < 0.06


def test_latent_noise_is_added_before_the_mixing():
    batch, latents, _ = noisy(latent_noise=0.2).draw_with_latents(5000, generator=generator())
    error = batch.anchors[:, :2] / 2 - latents
    assert abs(error.std() - 0.2) < 0.01
    torch.testing.assert_close(batch.anchors[:, 2:], (latents + error) ** 3, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("noises", [{"latent_noise": -0.1}, {"observation_noise": float("nan")}])
def test_noise_that_is_none_is_refused(noises):
    with pytest.raises(DomainError):
        noisy(**noises)
