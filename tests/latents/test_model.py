import functools
import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.testing import assert_close

from contrica.errors import DomainError, DtypeError, NoDensityError, ShapeError
from contrica.latents import (
    BimodalMarginal,
    ExponentialTiltMarginal,
    GeneralisedNormalConditional,
    GeneralisedNormalMarginal,
    LaplaceConditional,
    LaplaceMarginal,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.spaces import Box, BoxGrid, Euclidean, Sphere

BOX = Box(1)
CELLS = 800
MIDDLES = (np.arange(CELLS) + 0.5) / CELLS
"""The unit interval in equal cells; midpoint sums err by about (cell/scale)^2/10, about 1e-5 for scales of 0.1."""

# Unnormalised marginals and dissimilarities, written down a second time.
MARGINALS = {
    "uniform": (UniformMarginal(BOX), np.ones_like),
    "tilted": (ExponentialTiltMarginal(BOX, 3.0), lambda s: np.exp(-3.0 * s)),
    "normal": (NormalMarginal(BOX, 0.2, centre=0.7), lambda s: np.exp(-0.5 * ((s - 0.7) / 0.2) ** 2)),
    "laplace": (LaplaceMarginal(BOX, 0.15, centre=0.5), lambda s: np.exp(-np.abs(s - 0.5) / 0.15)),
    "bimodal": (
        BimodalMarginal(BOX, centres=(0.5 - 0.25, 0.5 + 0.25), scale=0.08),
        lambda s: np.exp(-0.5 * ((s - 0.25) / 0.08) ** 2) + np.exp(-0.5 * ((s - 0.75) / 0.08) ** 2),
    ),
}
NOISES = {
    "normal": (NormalConditional(BOX, 0.1), lambda t: 0.5 * (t / 0.1) ** 2),
    "laplace": (LaplaceConditional(BOX, 0.1), lambda t: np.abs(t) / 0.1),
    "peaked": (GeneralisedNormalConditional(BOX, 1.5, 0.1), lambda t: (np.abs(t) / 0.1) ** 1.5),
    "flat": (GeneralisedNormalConditional(BOX, 3.0, 0.15), lambda t: (np.abs(t) / 0.15) ** 3),
}


def joint_on_a_grid(marginal, delta):
    """The joint law of (s, s~) as a matrix of probabilities of cells: rows s, columns s~."""
    conditional = np.exp(-delta(MIDDLES[None] - MIDDLES[:, None]))
    conditional /= conditional.sum(1, keepdims=True)
    weights = marginal(MIDDLES)
    return (weights / weights.sum())[:, None] * conditional


def log_ratio_of(joint):
    return np.log(joint) - np.log(joint.sum(1, keepdims=True)) - np.log(joint.sum(0, keepdims=True))


PAIRED = [("uniform", noise) for noise in NOISES] + [
    ("tilted", "laplace"),
    ("normal", "flat"),
    ("laplace", "normal"),
    ("bimodal", "laplace"),
]


@pytest.fixture(scope="module", params=PAIRED, ids="-".join)
def case(request):
    marginal, noise = request.param
    model = LatentModel(MARGINALS[marginal][0], NOISES[noise][0])
    return model, joint_on_a_grid(MARGINALS[marginal][1], NOISES[noise][1])


@pytest.mark.slow
def test_the_log_density_ratio_is_that_of_a_fine_grid(case):
    model, joint = case
    points = torch.from_numpy(MIDDLES[::40, None].copy())
    ratio = model.log_density_ratio(points[:, None], points[None])
    assert ratio.dtype == torch.float64
    assert_close(ratio, torch.from_numpy(log_ratio_of(joint)[::40, ::40].copy()), rtol=0.0, atol=3e-4)


def test_the_positive_density_is_the_column_sum_of_a_fine_grid(case):
    model, joint = case
    values = model.positive_log_density(torch.from_numpy(MIDDLES[:, None].copy()))
    assert_close(values, torch.from_numpy(np.log(joint.sum(0) * CELLS)), rtol=0.0, atol=3e-4)


@pytest.mark.slow
def test_the_positive_density_integrates_to_one(case):
    model, _ = case
    nodes, weights = np.polynomial.legendre.leggauss(2000)
    points = torch.from_numpy(0.5 + 0.5 * nodes)[:, None]
    total = float((model.positive_log_density(points).exp() * torch.from_numpy(0.5 * weights)).sum())
    assert_close(total, 1.0, rtol=1e-8, atol=0.0)


@pytest.mark.slow
def test_mutual_information_and_chi_square_are_those_of_a_fine_grid(case):
    model, joint = case
    log_ratio = log_ratio_of(joint)
    assert_close(model.mutual_information(), float((joint * log_ratio).sum()), rtol=0.0, atol=2e-4)
    assert_close(model.chi_square(), float((joint * np.exp(log_ratio)).sum()) - 1.0, rtol=2e-4, atol=0.0)


@functools.cache
def rising_model(exponent, scale):
    return LatentModel(ExponentialTiltMarginal(BOX, -2.0), GeneralisedNormalConditional(BOX, exponent, scale))


@pytest.mark.parametrize("exponent", [0.6, 1.0, 2.0, 2.7])
@pytest.mark.parametrize("place", [0.0, 0.013, 0.5, 1.0])
@pytest.mark.slow
def test_the_positive_density_agrees_with_scipy_to_ten_digits(exponent, place):
    scale = 0.07
    model = rising_model(exponent, scale)
    total = math.gamma(1.0 + 1.0 / exponent)

    def noise(s):
        return math.exp(-((abs(place - s) / scale) ** exponent))

    def normaliser(s):
        shares = [1.0 - 2.0 * stats.gennorm.sf(side / scale, exponent) for side in (s, 1.0 - s)]
        return scale * total * sum(shares)

    def integrand(s):
        return 2.0 * math.exp(2.0 * s) / math.expm1(2.0) * noise(s) / normaliser(s)

    edges = sorted({0.0, 1.0, place, *(edge for edge in (place - scale, place + scale, 1e-3, 0.999) if 0 < edge < 1)})
    expected = sum(
        integrate.quad(integrand, low, high, epsabs=1e-14, epsrel=1e-12, limit=200)[0]
        for low, high in itertools.pairwise(edges)
    )
    value = model.positive_log_density(torch.tensor([[place]], dtype=torch.float64)).exp().item()
    # scipy's own error on the singular integrands is what limits the comparison.
    assert_close(value, expected, rtol=1e-9 if exponent >= 1 else 1e-7, atol=0.0)


@pytest.mark.parametrize(
    ("scale", "normal", "laplace"), [(0.05, 1.65, 1.42), (0.1, 1.02, 0.84), (0.2, 0.47, 0.38), (0.3, 0.21, 0.21)]
)
def test_the_information_of_one_factor_of_the_unit_box_is_the_known_number(scale, normal, laplace):
    for conditional, expected in [(NormalConditional, normal), (LaplaceConditional, laplace)]:
        model = LatentModel(UniformMarginal(BOX), conditional(BOX, scale))
        assert round(model.mutual_information(), 2) == expected


MODELS = {
    "box": LatentModel(ExponentialTiltMarginal(Box(3), 2.0), LaplaceConditional(Box(3), [0.1, 0.2, 0.2])),
    "bimodal box": LatentModel(
        BimodalMarginal(Box(2), centres=(0.2, 0.8), scale=0.1), GeneralisedNormalConditional(Box(2), 1.5, 0.2)
    ),
    "line": LatentModel(LaplaceMarginal(Euclidean(2), 1.0), NormalConditional(Euclidean(2), [2.0, 1.5])),
    "flat line": LatentModel(
        GeneralisedNormalMarginal(Euclidean(1), 3.0, 1.0), GeneralisedNormalConditional(Euclidean(1), 0.8, 0.3)
    ),
    "grid": LatentModel(UniformMarginal(BoxGrid(2, gap=0.3)), LaplaceConditional(BoxGrid(2, gap=0.3), [0.1, 0.3])),
    "sphere": LatentModel(UniformMarginal(Sphere(4)), VonMisesFisherConditional(Sphere(4), 5.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_mutual_information_is_the_mean_log_ratio_of_positives(name):
    model = MODELS[name]
    latents, positives = model.sample(40_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    log_ratio = model.log_density_ratio(latents, positives)
    standard_error = float(log_ratio.std()) / 200.0
    assert abs(float(log_ratio.mean()) - model.mutual_information()) < 4.0 * standard_error
    assert 4.0 * standard_error < 0.05 * model.mutual_information()


@pytest.mark.parametrize("name", MODELS)
def test_the_ratio_averages_to_one_over_independent_pairs(name):
    model = MODELS[name]
    generator = torch.Generator().manual_seed(2)
    latents, _ = model.sample(40_000, generator=generator, dtype=torch.float64)
    _, positives = model.sample(40_000, generator=generator, dtype=torch.float64)
    ratio = model.log_density_ratio(latents, positives).exp()
    assert abs(float(ratio.mean()) - 1.0) < 4.0 * float(ratio.std()) / 200.0
    assert 4.0 * float(ratio.std()) / 200.0 < 0.1


@pytest.mark.parametrize("name", ["box", "bimodal box", "grid", "sphere"])
@pytest.mark.slow
def test_the_chi_square_is_the_mean_ratio_of_positives_less_one(name):
    model = MODELS[name]
    latents, positives = model.sample(40_000, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ratio = model.log_density_ratio(latents, positives).exp()
    assert abs(float(ratio.mean()) - 1.0 - model.chi_square()) < 4.0 * float(ratio.std()) / 200.0


@pytest.mark.parametrize("noise", [0.02, 0.5, 3.0])
@pytest.mark.slow
def test_normal_latents_with_normal_noise_have_closed_forms(noise):
    space = Euclidean(3)
    model = LatentModel(NormalMarginal(space, 2.0, centre=1.0), NormalConditional(space, noise))
    points = torch.linspace(-25.0, 25.0, 101, dtype=torch.float64)[:, None].expand(-1, 3)
    expected = stats.norm.logpdf(points.numpy(), 1.0, math.hypot(2.0, noise)).sum(1)
    assert_close(model.positive_log_density(points), torch.from_numpy(expected), rtol=1e-10, atol=1e-9)
    assert_close(model.mutual_information(), 1.5 * math.log1p((2.0 / noise) ** 2), rtol=1e-9, atol=0.0)
    # E_+[r] = 1/(1 - rho^2) = 1 + (2/noise)^2 per factor.
    assert_close(model.chi_square(), (1.0 + (2.0 / noise) ** 2) ** 3 - 1.0, rtol=1e-8, atol=0.0)


def test_the_positive_density_far_out_on_the_line_is_exact():
    model = LatentModel(LaplaceMarginal(Euclidean(1), 1.0), LaplaceConditional(Euclidean(1), 1.0))
    places = torch.tensor([0.0, 3.0, 100.0, -1e4], dtype=torch.float64)
    # The sum of two standard Laplace variables has density (1 + |x|) exp(-|x|)/4.
    expected = torch.log1p(places.abs()) - places.abs() - math.log(4.0)
    assert_close(model.positive_log_density(places[:, None]), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("marginal", "noise", "diverges"),
    [
        (LaplaceMarginal(Euclidean(1), 1.0), NormalConditional(Euclidean(1), 1.0), True),
        (LaplaceMarginal(Euclidean(1), 1.0), LaplaceConditional(Euclidean(1), 1.0), True),
        (LaplaceMarginal(Euclidean(1), 1.0), LaplaceConditional(Euclidean(1), 2.0), False),
        (NormalMarginal(Euclidean(1), 1.0), LaplaceConditional(Euclidean(1), 0.5), False),
        (GeneralisedNormalMarginal(Euclidean(1), 3.0, 1.0), NormalConditional(Euclidean(1), 0.5), False),
        (GeneralisedNormalMarginal(Euclidean(1), 0.5, 1.0), NormalConditional(Euclidean(1), 0.5), True),
    ],
)
@pytest.mark.slow
def test_the_chi_square_of_the_line_is_infinite_exactly_where_the_tails_say_so(marginal, noise, diverges):
    value = LatentModel(marginal, noise).chi_square()
    assert math.isinf(value) == diverges
    # A brute-force sum over wider and wider windows grows without end or settles on the value.
    sums = []
    for reach in (15.0, 30.0):
        grid = np.linspace(-reach, reach, 1501)
        points = torch.from_numpy(grid[:, None])
        log_noise = noise.log_density(points[:, None], points[None]).numpy()
        joint = np.exp(marginal.log_density(points).numpy()[:, None] + log_noise)
        density = joint.sum(0).clip(1e-300)
        sums.append((grid[1] - grid[0]) * (joint * np.exp(log_noise) / density).sum() - 1.0)
    if diverges:
        assert sums[1] > 1.2 * sums[0]
    else:
        assert_close(value, sums[1], rtol=2e-2, atol=0.0)  # the error of the coarse grid


def test_the_sphere_has_closed_forms_that_a_one_dimensional_sum_confirms():
    model = MODELS["sphere"]
    angles = (np.arange(200_000) + 0.5) * math.pi / 200_000
    weights = np.sin(angles) ** 2
    weights /= weights.sum()
    ratio = np.exp(5.0 * np.cos(angles))
    ratio /= (weights * ratio).sum()
    assert_close(model.mutual_information(), float((weights * ratio * np.log(ratio)).sum()), rtol=1e-8, atol=0.0)
    assert_close(model.chi_square(), float((weights * ratio**2).sum()) - 1.0, rtol=1e-8, atol=0.0)
    points = model.marginal.sample(3, generator=torch.Generator().manual_seed(4))
    assert_close(model.positive_log_density(points).exp(), torch.full((3,), 0.5 / math.pi**2, dtype=torch.float64))


def test_information_adds_up_over_factors_and_chi_squares_multiply():
    both = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), [0.1, 0.3]))
    single = [LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, scale)) for scale in (0.1, 0.3)]
    assert_close(both.mutual_information(), sum(model.mutual_information() for model in single), rtol=1e-12, atol=0.0)
    assert_close(1.0 + both.chi_square(), math.prod(1.0 + model.chi_square() for model in single), rtol=1e-12, atol=0.0)


@pytest.mark.slow
def test_a_chi_square_beyond_float64_is_infinite():
    space = Euclidean(300)
    assert LatentModel(NormalMarginal(space, 1.0), NormalConditional(space, 0.01)).chi_square() == math.inf


def test_only_the_sphere_is_exchangeable_and_free_of_nuisances():
    assert MODELS["sphere"].is_exchangeable
    assert MODELS["sphere"].has_constant_nuisances
    generator = torch.Generator().manual_seed(5)
    for name, model in MODELS.items():
        latents, positives = model.sample(50, generator=generator, dtype=torch.float64)
        forth, back = model.log_density_ratio(latents, positives), model.log_density_ratio(positives, latents)
        symmetric = torch.allclose(forth, back, atol=1e-9)
        anchors = model.marginal.log_density(latents) + forth + model.positive_log_density(positives)
        swapped = model.marginal.log_density(positives) + back + model.positive_log_density(latents)
        assert model.is_exchangeable == torch.allclose(anchors, swapped, atol=1e-9), name
        assert model.has_constant_nuisances == symmetric, name


def test_pairs_come_in_the_asked_dtype_and_from_the_given_generator_only():
    model = MODELS["box"]
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(6)
    first, second = (model.sample(5, generator=generator) for _ in range(2))
    again = model.sample(5, generator=torch.Generator().manual_seed(6))
    assert all(tensor.dtype == torch.float32 for tensor in first)
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))
    assert not any(torch.equal(left, right) for left, right in zip(first, second, strict=True))
    assert torch.equal(before, torch.get_rng_state())
    assert model.sample(2, generator=generator, dtype=torch.float64)[1].dtype == torch.float64


def test_float32_pairs_have_a_finite_ratio_even_on_the_faces():
    model = LatentModel(
        UniformMarginal(Box(2, low=-0.1, high=0.1)), LaplaceConditional(Box(2, low=-0.1, high=0.1), 5.0)
    )
    latents, positives = model.sample(50_000, generator=torch.Generator().manual_seed(7))
    assert torch.isfinite(model.log_density_ratio(latents, positives)).all()
    corner = torch.full((1, 2), 0.1)
    assert torch.isfinite(model.log_density_ratio(corner, corner)).all()


def test_dependent_factors_can_be_sampled_but_have_no_exact_ratio():
    for space in (Box(2), Euclidean(2)):
        marginal = UniformMarginal(space) if isinstance(space, Box) else NormalMarginal(space)
        model = LatentModel(marginal, NormPowerConditional(space, norm_exponent=1.0, power=2.0, scale=0.2))
        latents, positives = model.sample(20, generator=torch.Generator().manual_seed(8))
        for ask in (
            lambda model=model, s=latents, t=positives: model.log_density_ratio(s, t),
            lambda model=model, t=positives: model.positive_log_density(t),
            lambda model=model: model.mutual_information(),
            lambda model=model: model.chi_square(),
        ):
            with pytest.raises(NoDensityError, match="integral over all 2"):
                ask()


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(DomainError, match="share one space"):
        LatentModel(UniformMarginal(Box(2)), NormalConditional(Box(3), 0.1))
    model = MODELS["box"]
    inside = torch.full((4, 3), 0.5)
    with pytest.raises(DomainError, match="outside"):
        model.log_density_ratio(inside, inside + 1.0)
    with pytest.raises(DomainError, match="outside"):
        model.log_density_ratio(inside + 1.0, inside)
    with pytest.raises(DomainError, match="finite"):
        model.positive_log_density(inside * math.nan)
    with pytest.raises(ShapeError):
        model.positive_log_density(torch.zeros(4, 2))
    with pytest.raises(DomainError):
        model.sample(0, generator=torch.Generator())
    with pytest.raises(DtypeError):
        model.sample(3, generator=None)


def test_the_law_of_a_grid_of_boxes_is_that_of_a_fine_grid():
    space = BoxGrid(1, cells=3, gap=0.1)
    model = LatentModel(UniformMarginal(space), LaplaceConditional(space, 0.1))
    inside = space.contains(torch.from_numpy(MIDDLES[:, None].copy()), tolerance=0.0).numpy()
    joint = np.exp(-np.abs(MIDDLES[None] - MIDDLES[:, None]) / 0.1)[inside][:, inside]
    joint /= joint.sum(1, keepdims=True) * len(joint)
    log_ratio = log_ratio_of(joint)
    points = torch.from_numpy(MIDDLES[inside][::32, None].copy())
    assert_close(
        model.log_density_ratio(points[:, None], points),
        torch.from_numpy(log_ratio[::32, ::32].copy()),
        rtol=0.0,
        atol=5e-3,  # the walls lie between the nodes of the grid
    )
    assert_close(model.mutual_information(), float((joint * log_ratio).sum()), rtol=0.0, atol=2e-3)
    drawn = model.conditional.sample(points, generator=torch.Generator().manual_seed(9))
    assert space.contains(drawn, tolerance=1e-12).all()
