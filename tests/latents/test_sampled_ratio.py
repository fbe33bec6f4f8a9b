import math

import pytest
import torch

from contrica.errors import DomainError, DtypeError, NoDensityError
from contrica.latents import (
    BimodalMarginal,
    FrozenConditional,
    GaussianCopulaMarginal,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    NormalMarginal,
    NormPowerConditional,
    SampledRatio,
    UniformMarginal,
)
from contrica.losses import NCE, InfoNCE
from contrica.optima import oracle_loss
from contrica.spaces import Box, Euclidean

BOX = Box(3, low=-1.0, high=1.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_it_agrees_with_the_exact_ratio_where_there_is_one():
    exact = LatentModel(BimodalMarginal(BOX, centres=(-0.5, 0.5), scale=0.2), LaplaceConditional(BOX, 0.3))
    sampled = SampledRatio(exact, generator=generator(), num_draws=8192)
    latents, positives = exact.sample(128, generator=generator(1))
    error = sampled.log_density_ratio(latents[:, None], positives[None])
    error -= exact.log_density_ratio(latents[:, None], positives[None])
    assert error.std() < 0.05
    assert abs(error.mean()) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("exponent", [1.0, 3.0])
def test_a_norm_to_its_own_power_in_a_box_has_the_ratio_of_independent_factors(exponent):
    exact = LatentModel(UniformMarginal(BOX), GeneralisedNormalConditional(BOX, exponent, 0.3))
    scale = 0.3 if exponent == 1.0 else exact.conditional.power_scales[0]
    power = NormPowerConditional(BOX, norm_exponent=exponent, power=exponent, scale=scale)
    sampled = SampledRatio(LatentModel(UniformMarginal(BOX), power), generator=generator(), num_draws=8192)
    latents, positives = exact.sample(256, generator=generator(1))
    for loss in (NCE(), InfoNCE()):
        assert math.isclose(
            oracle_loss(loss, sampled, latents, positives), oracle_loss(loss, exact, latents, positives), abs_tol=0.01
        )


@pytest.mark.slow
def test_a_wrong_scale_loses_where_factors_are_correlated():
    marginal = GaussianCopulaMarginal(UniformMarginal(BOX), 0.6)
    true, wrong = (
        SampledRatio(
            LatentModel(marginal, NormPowerConditional(BOX, norm_exponent=3.0, power=1.0, scale=scale)),
            generator=generator(),
        )
        for scale in (0.1, 0.15)
    )
    model = LatentModel(marginal, NormPowerConditional(BOX, norm_exponent=3.0, power=1.0, scale=0.1))
    latents, positives = model.sample(512, generator=generator(2))
    assert oracle_loss(NCE(), true, latents, positives) < oracle_loss(NCE(), wrong, latents, positives) - 0.005


def test_equal_generators_give_equal_ratios():
    model = LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, 0.3))
    latents, positives = model.sample(8, generator=generator(1))
    first, second = (SampledRatio(model, generator=generator(), num_draws=64) for _ in "ab")
    assert torch.equal(first.log_density_ratio(latents, positives), second.log_density_ratio(latents, positives))


def test_what_has_no_density_and_bad_input_are_refused():
    frozen = LatentModel(UniformMarginal(BOX), FrozenConditional(LaplaceConditional(BOX, 0.3), (0,)))
    with pytest.raises(NoDensityError):
        SampledRatio(frozen, generator=generator())
    space = Euclidean(2)
    open_space = LatentModel(
        NormalMarginal(space, 1.0), NormPowerConditional(space, norm_exponent=1.0, power=2.0, scale=0.3)
    )
    assert SampledRatio(open_space, generator=generator()).log_density_ratio(torch.zeros(1, 2), torch.ones(1, 2)) < 0
    model = LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, 0.3))
    with pytest.raises(DomainError, match="must lie in"):
        SampledRatio(model, generator=generator()).log_density_ratio(torch.zeros(1, 3), torch.full((1, 3), 2.0))
    with pytest.raises((DomainError, DtypeError)):
        SampledRatio(model, generator=generator(), num_draws=1)
