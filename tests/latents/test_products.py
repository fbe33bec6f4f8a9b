import math

import pytest
import torch
from torch.testing import assert_close

from contrica.errors import DtypeError, NoDensityError, ShapeError
from contrica.latents import (
    ExponentialTiltMarginal,
    LaplaceConditional,
    LatentModel,
    LinearNormalConditional,
    NormalMarginal,
    ProductConditional,
    ProductMarginal,
    ProjectedLaplaceConditional,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.spaces import Box, Euclidean, ProductSpace, Sphere

SPHERE, BOX, LINE = Sphere(3), Box(2), Euclidean(2)
BLOCKS = [
    LatentModel(UniformMarginal(SPHERE), VonMisesFisherConditional(SPHERE, 10.0)),
    LatentModel(ExponentialTiltMarginal(BOX, 3.0), LaplaceConditional(BOX, 0.2)),
    LatentModel(NormalMarginal(LINE), LinearNormalConditional.autoregressive(LINE, 0.8)),
]
MODEL = LatentModel(
    ProductMarginal(*(block.marginal for block in BLOCKS)),
    ProductConditional(*(block.conditional for block in BLOCKS)),
)


def pairs(rows, seed=0):
    return MODEL.sample(rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_blocks_are_drawn_by_their_own_laws():
    latents, positives = pairs(5)
    generator = torch.Generator().manual_seed(0)
    own = [block.marginal.sample(5, generator=generator, dtype=torch.float64) for block in BLOCKS]
    moved = [block.conditional.sample(part, generator=generator) for block, part in zip(BLOCKS, own, strict=True)]
    assert_close(latents, torch.cat(own, 1))
    assert_close(positives, torch.cat(moved, 1))
    assert MODEL.space == ProductSpace(SPHERE, BOX, LINE)


def test_densities_ratios_and_information_add_up_and_mean_ratios_multiply():
    latents, positives = pairs(30)
    split = list(zip(BLOCKS, MODEL.space.split(latents), MODEL.space.split(positives), strict=True))
    assert_close(MODEL.marginal.log_density(latents), sum(b.marginal.log_density(s) for b, s, _ in split))
    assert_close(
        MODEL.log_density_ratio(latents[:, None], positives),
        sum(b.log_density_ratio(s[:, None], t) for b, s, t in split),
    )
    assert_close(
        MODEL.conditional.log_base_measure(positives), sum(b.conditional.log_base_measure(t) for b, _, t in split)
    )
    delta = MODEL.conditional.dissimilarity(latents, positives)
    assert_close(delta, sum(b.conditional.dissimilarity(s, t) for b, s, t in split))
    assert MODEL.mutual_information() == pytest.approx(sum(block.mutual_information() for block in BLOCKS))
    assert 1.0 + MODEL.chi_square() == pytest.approx(math.prod(1.0 + block.chi_square() for block in BLOCKS))
    assert not MODEL.is_exchangeable
    assert not MODEL.has_constant_nuisances
    assert not MODEL.marginal.is_factorised
    assert not MODEL.conditional.is_factorised


def test_a_point_outside_of_a_block_has_no_density():
    latents, positives = pairs(1)
    positives[:, 3] = 1.5
    assert MODEL.conditional.log_density(latents, positives).item() == -math.inf
    assert MODEL.marginal.log_density(positives).item() == -math.inf


def test_exchangeable_blocks_make_exchangeable_pairs():
    walk = BLOCKS[0], BLOCKS[2]
    model = LatentModel(
        ProductMarginal(*(block.marginal for block in walk)), ProductConditional(*(block.conditional for block in walk))
    )
    assert model.is_exchangeable
    assert not model.has_constant_nuisances


def test_a_block_without_delta_or_exact_law_leaves_the_product_without():
    odd = ProductConditional(ProjectedLaplaceConditional(SPHERE, 0.1), LaplaceConditional(BOX, 0.2))
    model = LatentModel(ProductMarginal(UniformMarginal(SPHERE), UniformMarginal(BOX)), odd)
    assert odd.dissimilarity is None
    latents, positives = model.sample(3, generator=torch.Generator().manual_seed(1))
    assert model.space.contains(positives).all()
    for ask in (
        lambda: odd.log_density(latents, positives),
        lambda: odd.log_base_measure(positives),
        model.mutual_information,
    ):
        with pytest.raises(NoDensityError):
            ask()


def test_what_makes_no_product_is_refused():
    with pytest.raises(ShapeError, match="two blocks"):
        ProductMarginal(UniformMarginal(BOX))
    with pytest.raises(DtypeError, match="no products"):
        ProductConditional(MODEL.conditional, LaplaceConditional(BOX, 0.1))
