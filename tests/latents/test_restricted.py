import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from contrica.errors import DomainError, NoDensityError
from contrica.latents import (
    LaplaceConditional,
    LatentModel,
    LinearNormalConditional,
    NormPowerConditional,
    RestrictedConditional,
    UniformMarginal,
)
from contrica.spaces import Box, BoxGrid, Euclidean, HollowBall, Sphere

PLANE = Euclidean(2)
NOISES = {
    "Laplace": LaplaceConditional(PLANE, [0.3, 0.6]),
    "correlated": LinearNormalConditional.random_walk(PLANE, [[0.2, 0.15], [0.15, 0.2]]),
    "dependent": NormPowerConditional(PLANE, norm_exponent=1.0, power=2.0, scale=0.5),
    "drifting": LinearNormalConditional.rotating(PLANE, 0.7, 0.8),
}
SUPPORTS = {"hollow ball": HollowBall(2), "grid": BoxGrid(2, gap=0.3), "box": Box(2, low=-1.0)}
ANCHORS = {"hollow ball": (0.0, -0.6), "grid": (0.3, 0.9), "box": (-1.0, 0.5)}


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("support", SUPPORTS)
def test_draws_inside_have_the_shape_of_the_noise(noise, support):
    """Counts in the cells of a grid against the noise's own density there, by a chi-square."""
    base, space = NOISES[noise], SUPPORTS[support]
    conditional = RestrictedConditional(base, space)
    anchor = torch.tensor([ANCHORS[support]], dtype=torch.float64)
    drawn = conditional.sample(anchor.expand(20_000, 2), generator=torch.Generator().manual_seed(0))
    assert space.contains(drawn, tolerance=0.0).all()
    fine = (torch.arange(800, dtype=torch.float64) + 0.5) / 400.0 - 1.0
    points = torch.cartesian_prod(fine, fine)
    mass = torch.where(space.contains(points, tolerance=0.0), base.log_density(anchor, points).exp(), 0.0)
    table = mass.reshape(8, 100, 8, 100).sum((1, 3)).numpy()
    counts, *_ = np.histogram2d(*drawn.T.numpy(), bins=8, range=[(-1.0, 1.0)] * 2)
    expected = 20_000 * table / table.sum()
    seen = expected > 10.0
    surprise = ((counts - expected)[seen] ** 2 / expected[seen]).sum()
    assert stats.chi2.sf(surprise, seen.sum() - 1) > 1e-4
    assert counts[table == 0].sum() == 0


def test_factors_are_drawn_one_by_one_where_noise_and_support_are_products():
    space = BoxGrid(12, gap=0.5)
    conditional = RestrictedConditional(LaplaceConditional(Euclidean(12), 0.5), space)
    assert conditional.is_factorised
    corners = torch.zeros(500, 12, dtype=torch.float64)
    drawn = conditional.sample(corners, generator=torch.Generator().manual_seed(1))
    exact = LaplaceConditional(space, 0.5).sample(corners, generator=torch.Generator().manual_seed(2))
    assert stats.ks_2samp(drawn.flatten().numpy(), exact.flatten().numpy()).pvalue > 1e-3
    assert not RestrictedConditional(NOISES["Laplace"], HollowBall(2)).is_factorised
    assert not RestrictedConditional(NOISES["correlated"], Box(2)).is_factorised


def test_it_has_the_delta_of_the_noise_and_no_density():
    conditional = RestrictedConditional(LinearNormalConditional.autoregressive(PLANE, 0.8), HollowBall(2))
    points = UniformMarginal(HollowBall(2)).sample(20, generator=torch.Generator().manual_seed(3))
    delta = conditional.dissimilarity(points[:1], points)
    assert_close(delta, conditional.conditional.dissimilarity(points[:1], points))
    assert_close(conditional.log_base_measure(points), conditional.conditional.log_base_measure(points))
    model = LatentModel(UniformMarginal(HollowBall(2)), conditional)
    for ask in (lambda: conditional.log_density(points, points), model.mutual_information):
        with pytest.raises(NoDensityError):
            ask()
    assert RestrictedConditional(NOISES["drifting"], Box(2)).dissimilarity is None


@pytest.mark.slow
def test_a_support_too_thin_beside_the_noise_ends_in_an_error_and_not_in_a_hang():
    space = HollowBall(8, inner=1.0 - 1e-7)
    conditional = RestrictedConditional(LaplaceConditional(Euclidean(8), 10.0), space)
    pole = torch.eye(8, dtype=torch.float64)[:1]
    with pytest.raises(DomainError, match="wider support"):
        conditional.sample(pole, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(
    ("conditional", "space"),
    [
        (LaplaceConditional(Box(2), 0.1), HollowBall(2)),
        (LaplaceConditional(PLANE, 0.1), Sphere(2)),
        (LaplaceConditional(PLANE, 0.1), HollowBall(3)),
        ("noise", HollowBall(2)),
    ],
)
def test_what_does_not_fit_is_refused(conditional, space):
    with pytest.raises(DomainError):
        RestrictedConditional(conditional, space)


def test_uniform_latents_of_a_hollow_ball_and_a_grid_are_spread_by_volume():
    generator = torch.Generator().manual_seed(5)
    for dim in (2, 5):
        ball = UniformMarginal(HollowBall(dim, inner=0.6))
        drawn = ball.sample(10_000, generator=generator, dtype=torch.float64)
        radii = torch.linalg.vector_norm(drawn, dim=1).numpy()
        assert stats.kstest(radii, lambda r, n=dim: (r**n - 0.6**n) / (1.0 - 0.6**n)).pvalue > 1e-3
        assert drawn.mean(0).abs().max() < 4.0 / math.sqrt(10_000)
        assert_close(ball.log_density(drawn[:2]).exp() * math.exp(ball.space.log_volume), torch.ones(2).double())
        assert not ball.is_factorised
    grid = UniformMarginal(BoxGrid(2, cells=3, gap=0.1))
    drawn = grid.sample(10_000, generator=generator, dtype=torch.float64)
    place = np.linspace(0.0, 1.0, 1001)
    expected = np.interp(place, np.array(grid.space.intervals).flatten(), np.array([0, 1, 1, 2, 2, 3]) / 3)
    assert stats.kstest(drawn[:, 0].numpy(), lambda v: np.interp(v, place, expected)).pvalue > 1e-3
    assert grid.space.contains(drawn, tolerance=1e-12).all()
    assert_close(grid.factor_distribution(torch.from_numpy(place)).numpy(), expected, rtol=0.0, atol=1e-9)
    assert_close(grid.log_density(drawn[:1]).exp().item(), 1.0 / 0.8**2)
