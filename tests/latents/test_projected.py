import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.errors import DomainError, NoDensityError
from contrica.latents import (
    LatentModel,
    ProjectedLaplaceConditional,
    ProjectedNormalConditional,
    ProjectedNormalMarginal,
    UniformMarginal,
)
from contrica.spaces import Box, Sphere

NOISES = {
    "normal": (ProjectedNormalConditional, lambda t, scale: np.exp(-0.5 * (t**2).sum(-1) / scale**2)),
    "laplace": (ProjectedLaplaceConditional, lambda t, scale: np.exp(-abs(t).sum(-1) / scale)),
}


def pole(dim, rows):
    return torch.eye(dim, dtype=torch.float64)[:1].expand(rows, dim)


def law_of_the_angle(noise, anchor, scale):
    """The cumulative law of the angle of (anchor + noise) in the plane: the density along each ray is summed up."""
    angles = np.linspace(-math.pi, math.pi, 721)
    lengths = np.linspace(0.0, 1.0 + 14.0 * scale, 1500)
    directions = np.stack([np.cos(angles), np.sin(angles)], 1)
    density = lengths * noise(lengths[:, None] * directions[:, None] - anchor, scale)
    mass = integrate.cumulative_trapezoid(integrate.simpson(density, x=lengths), angles, initial=0.0)
    return lambda angle: np.interp(angle, angles, mass / mass[-1])


@pytest.mark.parametrize("name", NOISES)
def test_directions_in_the_plane_follow_the_density_along_their_rays(name):
    build, noise = NOISES[name]
    anchor = np.array([math.cos(0.4), math.sin(0.4)])
    rows = torch.from_numpy(anchor).expand(10_000, 2)
    drawn = build(Sphere(2), 0.4).sample(rows, generator=torch.Generator().manual_seed(0))
    assert_close(torch.linalg.vector_norm(drawn, dim=1), torch.ones(10_000, dtype=torch.float64))
    angles = np.arctan2(drawn[:, 1].numpy(), drawn[:, 0].numpy())
    cumulative = law_of_the_angle(noise, anchor, 0.4)
    assert stats.kstest(angles, cumulative).pvalue > 1e-3
    assert stats.kstest(angles, law_of_the_angle(noise, anchor, 0.45)).pvalue < 1e-3


def cumulative_cosine(dim, scale):
    """The law of the first coordinate of (first axis + normal noise)/length, from a noncentral t.

    c/sqrt(1 - c^2) sqrt(n - 1) is a normal of mean 1/scale over the root of a mean of n - 1 squared standard normals.
    """

    def cumulative(cosine):
        ratio = cosine / np.sqrt(np.maximum(1.0 - cosine**2, 1e-300)) * math.sqrt(dim - 1.0)
        return stats.nct.cdf(ratio, dim - 1.0, 1.0 / scale)

    return cumulative


@pytest.mark.parametrize(("dim", "scale"), [(3, 1.0), (5, 0.3), (10, 2.0)])
def test_cosines_of_normal_noise_follow_the_noncentral_t_law(dim, scale):
    generator = torch.Generator().manual_seed(1)
    marginal = ProjectedNormalMarginal(Sphere(dim), scale).sample(10_000, generator=generator, dtype=torch.float64)
    noise = ProjectedNormalConditional(Sphere(dim), scale).sample(pole(dim, 10_000), generator=generator)
    for drawn in (marginal, noise):
        assert stats.kstest(drawn[:, 0].numpy(), cumulative_cosine(dim, scale)).pvalue > 1e-3
        assert stats.kstest(drawn[:, 0].numpy(), cumulative_cosine(dim, 1.1 * scale)).pvalue < 1e-3
        tangents = torch.nn.functional.normalize(drawn[:, 1:], dim=1)
        assert tangents.mean(0).abs().max() < 4.0 / math.sqrt((dim - 1) * 10_000)


@pytest.mark.parametrize(("dim", "scale"), [(2, 0.3), (3, 1.0), (3, 0.05), (10, 0.05), (10, 3.0)])
def test_the_normal_density_integrates_to_one_and_has_the_shape_of_its_rays(dim, scale):
    conditional, marginal = ProjectedNormalConditional(Sphere(dim), scale), ProjectedNormalMarginal(Sphere(dim), scale)
    angles = np.linspace(0.0, math.pi, 20_001)
    points = torch.zeros(len(angles), dim, dtype=torch.float64)
    points[:, 0], points[:, 1] = torch.from_numpy(np.cos(angles)), torch.from_numpy(np.sin(angles))
    log_density = conditional.log_density(pole(dim, 1), points)
    assert_close(marginal.log_density(points), log_density)
    lower_area = 2.0 * math.pi ** (0.5 * (dim - 1)) / math.gamma(0.5 * (dim - 1))
    shares = lower_area * np.sin(angles) ** (dim - 2) * log_density.exp().numpy()
    assert integrate.simpson(shares, x=angles) == pytest.approx(1.0, rel=1e-8)
    cumulative = integrate.cumulative_simpson(shares, x=angles, initial=0.0)
    expected = 1.0 - cumulative_cosine(dim, scale)(np.cos(angles[1:-1:500]))
    known = np.isfinite(expected)  # scipy gives up far out in the tail
    assert known.sum() > 10
    np.testing.assert_allclose(cumulative[1:-1:500][known], expected[known], atol=2e-6)


def test_normal_noise_is_symmetric_and_laplace_noise_is_not():
    angles = (0.1, 0.7)
    first, second = (np.array([math.cos(angle), math.sin(angle)]) for angle in angles)
    densities = {}
    for name, (_, noise) in NOISES.items():
        for anchor, direction in itertools.permutations((first, second)):
            ray = [integrate.quad(lambda r: r * noise(r * direction - anchor, 0.3), 0.0, 8.0, limit=200)[0]]  # noqa: B023
            densities.setdefault(name, []).extend(ray)
    assert densities["normal"][0] == pytest.approx(densities["normal"][1], rel=1e-8)
    assert densities["laplace"][0] != pytest.approx(densities["laplace"][1], rel=1e-2)
    conditional = ProjectedNormalConditional(Sphere(2), 0.3)
    points = torch.from_numpy(np.stack([first, second]))
    assert_close(conditional.log_density(*points), conditional.log_density(*points.flip(0)))


def test_uniform_anchors_with_normal_noise_have_an_exact_ratio_and_information():
    model = LatentModel(UniformMarginal(Sphere(4)), ProjectedNormalConditional(Sphere(4), 0.3))
    latents, positives = model.sample(20_000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ratio = model.log_density_ratio(latents, positives)
    assert abs(ratio.mean() - model.mutual_information()) < 4.0 * ratio.std() / math.sqrt(20_000)
    mean = ratio.exp()
    assert abs(mean.mean() - 1.0 - model.chi_square()) < 4.0 * mean.std() / math.sqrt(20_000)
    unpaired = model.log_density_ratio(latents, positives.roll(1, 0)).exp()
    assert abs(unpaired.mean() - 1.0) < 4.0 * unpaired.std() / math.sqrt(20_000)
    assert model.is_exchangeable
    assert model.has_constant_nuisances


def test_what_has_no_closed_form_says_so():
    sphere = Sphere(3)
    points = UniformMarginal(sphere).sample(5, generator=torch.Generator().manual_seed(3))
    laplace = LatentModel(UniformMarginal(sphere), ProjectedLaplaceConditional(sphere, 0.05))
    skewed = LatentModel(ProjectedNormalMarginal(sphere, 1.0), ProjectedNormalConditional(sphere, 0.05))
    for ask in (
        lambda: laplace.conditional.log_density(points, points),
        lambda: laplace.log_density_ratio(points, points),
        laplace.mutual_information,
        lambda: skewed.log_density_ratio(points, points),
        skewed.chi_square,
        lambda: skewed.marginal.factor_log_density(points[:, 0]),
    ):
        with pytest.raises(NoDensityError):
            ask()
    assert not skewed.is_exchangeable
    assert not laplace.has_constant_nuisances


@pytest.mark.parametrize("build", [ProjectedNormalMarginal, ProjectedNormalConditional, ProjectedLaplaceConditional])
@pytest.mark.parametrize(
    ("space", "scale"), [(Box(3), 0.1), (Sphere(3), 0.0), (Sphere(3), 1e-4), (Sphere(3), math.inf)]
)
def test_what_is_no_sphere_or_no_scale_is_refused(build, space, scale):
    with pytest.raises(DomainError):
        build(space, scale)
