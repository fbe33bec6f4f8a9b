import math

import numpy as np
import pytest
import torch
from scipy import integrate, special
from torch.testing import assert_close

from contrica.latents.generalised_normal import GeneralisedNormalLaw, TruncatedGeneralisedNormal

EXPONENTS = [0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0, 60.0]


def symmetric_probability(t, exponent):
    """P(|x| < t) of the law exp(-|x|^p): the incomplete gamma function, or t/Gamma(1 + 1/p) where t^p is nothing."""
    power = t**exponent
    return np.where(power > 1e-200, special.gammainc(1.0 / exponent, power), t / special.gamma(1.0 + 1.0 / exponent))


def interval_oracle(exponent, scale, low, high, centre, statistic):
    """Integrate ``statistic(|t|^p) exp(-|t|^p)`` over the interval by scipy, split at the centre."""

    def integrand(x):
        power = (abs(x - centre) / scale) ** exponent
        return statistic(power) * math.exp(-power)

    sides = [(low, centre), (centre, high)]
    return sum(integrate.quad(integrand, *side, limit=500, epsabs=1e-13, epsrel=1e-12)[0] for side in sides)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_integral_is_that_of_the_density(exponent):
    t = torch.logspace(-8, 1.2, 500, dtype=torch.float64) ** (1.0 / min(exponent, 1.0))
    law = GeneralisedNormalLaw(exponent)
    expected = law.total * symmetric_probability(t.numpy(), exponent)
    assert_close(law.integral(t), torch.from_numpy(expected), rtol=1e-11, atol=1e-14 * law.total)
    assert_close(law.integral(-t), -law.integral(t), rtol=0.0, atol=0.0)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_small_integrals_keep_their_relative_accuracy(exponent):
    t = torch.logspace(-30, -20, 11, dtype=torch.float64)
    series = t - t ** (1 + exponent) / (1 + exponent) + t ** (1 + 2 * exponent) / (2 + 4 * exponent)
    series = series - t ** (1 + 3 * exponent) / (6 + 18 * exponent)
    # The next term of the series is below t^(4p)/24, which bounds the comparison for the smallest exponent.
    assert_close(
        GeneralisedNormalLaw(exponent).integral(t), series, rtol=float(t.max()) ** (4 * exponent) / 24 + 1e-14, atol=0.0
    )


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_inverse_undoes_the_integral_over_three_hundred_orders_of_magnitude(exponent):
    law = GeneralisedNormalLaw(exponent)
    shares = torch.cat(
        [torch.logspace(-300, -1, 400, dtype=torch.float64), torch.linspace(0.1, 1 - 1e-13, 400, dtype=torch.float64)]
    )
    mass = law.total * torch.cat([-shares, shares])
    assert_close(law.integral(law.inverse(mass)), mass, rtol=2e-13 * max(1.0, 1.0 / exponent), atol=0.0)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_zero_and_infinity_are_mapped_to_their_exact_values(exponent):
    law = GeneralisedNormalLaw(exponent)
    ends = torch.tensor([-torch.inf, 0.0, torch.inf], dtype=torch.float64)
    assert_close(law.integral(ends), torch.tensor([-law.total, 0.0, law.total], dtype=torch.float64))
    assert law.inverse(torch.zeros(1, dtype=torch.float64)).item() == 0.0


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 2.0, 3.0, 8.0])
@pytest.mark.parametrize("scale", [0.02, 0.3, 40.0])
@pytest.mark.parametrize("centre", [0.0, 0.37, 1.0])
def test_normaliser_and_mean_dissimilarity_agree_with_numerical_integration(exponent, scale, centre):
    noise = TruncatedGeneralisedNormal(exponent, scale=scale, intervals=[(0.0, 1.0)])
    centres = torch.tensor([centre], dtype=torch.float64)
    normaliser = interval_oracle(exponent, scale, 0.0, 1.0, centre, lambda power: 1.0)
    mean = interval_oracle(exponent, scale, 0.0, 1.0, centre, lambda power: power) / normaliser
    assert_close(noise.log_normaliser(centres).exp().item(), normaliser, rtol=1e-9, atol=0.0)
    assert_close(noise.mean_dissimilarity(centres).item(), mean, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_equidistant_uniforms_give_the_quantiles_of_the_untruncated_law(exponent):
    noise = TruncatedGeneralisedNormal(exponent, scale=1.0, intervals=[(-math.inf, math.inf)])
    uniforms = torch.linspace(0.001, 0.999, 101, dtype=torch.float64)
    drawn = noise.draw(torch.zeros(101, dtype=torch.float64), uniforms)
    probability = 0.5 + 0.5 * np.sign(drawn.numpy()) * symmetric_probability(drawn.abs().numpy(), exponent)
    assert_close(probability, uniforms.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("centre", [0.0, 0.5, 1.0])
def test_a_scale_far_above_the_interval_gives_uniform_draws(exponent, centre):
    noise = TruncatedGeneralisedNormal(exponent, scale=1e200, intervals=[(0.0, 1.0)])
    uniforms = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)[1:-1]
    drawn = noise.draw(torch.full((99,), centre, dtype=torch.float64), uniforms)
    assert_close(drawn, uniforms, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_scale_far_below_the_interval_on_its_face_gives_the_one_sided_law(exponent):
    scale = 1e-6 if exponent >= 1 else 1e-40
    noise = TruncatedGeneralisedNormal(exponent, scale=scale, intervals=[(0.0, 1.0)])
    uniforms = torch.linspace(0.0, 1.0, 101, dtype=torch.float64)[1:-1]
    drawn = noise.draw(torch.zeros(99, dtype=torch.float64), uniforms)
    assert_close(symmetric_probability(drawn.numpy() / scale, exponent), uniforms.numpy(), rtol=1e-9, atol=1e-12)


def test_the_extreme_uniforms_stay_finite_and_inside():
    uniforms = torch.tensor([2.0**-53, 1.0 - 2.0**-53], dtype=torch.float64)
    for exponent in EXPONENTS:
        for low, high in [(-math.inf, math.inf), (0.0, 1.0)]:
            noise = TruncatedGeneralisedNormal(exponent, scale=0.01, intervals=[(low, high)])
            drawn = noise.draw(torch.full((2,), 0.5, dtype=torch.float64), uniforms)
            assert torch.isfinite(drawn).all()
            assert ((drawn >= low) & (drawn <= high)).all()


def test_a_wrong_scale_is_noticed_by_the_quantile_comparison():
    noise = TruncatedGeneralisedNormal(3.0, scale=1.001, intervals=[(-math.inf, math.inf)])
    uniforms = torch.linspace(0.001, 0.999, 101, dtype=torch.float64)
    drawn = noise.draw(torch.zeros(101, dtype=torch.float64), uniforms)
    probability = 0.5 + 0.5 * np.sign(drawn.numpy()) * symmetric_probability(drawn.abs().numpy(), 3.0)
    assert not np.allclose(probability, uniforms.numpy(), rtol=1e-9, atol=1e-12)
