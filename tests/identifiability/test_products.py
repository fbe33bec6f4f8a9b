import pytest
import torch

from contrica.dissimilarities import BlockSum, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability import Indeterminacy, guarantee
from contrica.latents import (
    FrozenConditional,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    ProductConditional,
    ProductMarginal,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.spaces import Box, Euclidean, ProductSpace, Sphere

SPHERE, BOX, PLANE = Sphere(3), Box(2), Euclidean(2)
DIRECTION = UniformMarginal(SPHERE), VonMisesFisherConditional(SPHERE, 10.0)
POSITION = UniformMarginal(BOX), LaplaceConditional(BOX, 0.2)
NORMAL = NormalMarginal(PLANE), NormalConditional(PLANE, 0.5)
CUBIC = NormalMarginal(PLANE), GeneralisedNormalConditional(PLANE, 3.0, 0.5)
NORM = NormalMarginal(PLANE), NormPowerConditional(PLANE, norm_exponent=2.0, power=1.0, scale=0.5)
DELTAS = {
    DIRECTION: SphereDot(concentration=10.0),
    POSITION: PowerSum(2, exponent=1.0, weights=5.0),
    NORMAL: SquaredEuclidean(weight=2.0),
    CUBIC: PowerSum(2, exponent=3.0, weights=8.0),
    NORM: NormPower(norm_exponent=2.0, power=1.0, weight=2.0),
}


def model_of(*blocks):
    return LatentModel(
        ProductMarginal(*(marginal for marginal, _ in blocks)),
        ProductConditional(*(conditional for _, conditional in blocks)),
    )


def delta_of(*blocks):
    return BlockSum([DELTAS[block] for block in blocks], sizes=[block[0].space.dim for block in blocks])


@pytest.mark.parametrize(
    ("blocks", "indeterminacy", "sentence"),
    [
        ((DIRECTION, POSITION, NORMAL), Indeterminacy.BLOCKS, "block 1 up to order, sign, scale"),
        ((DIRECTION, DIRECTION), Indeterminacy.BLOCKS, "block 1 up to a rotation"),
        ((POSITION, CUBIC), Indeterminacy.SCALED_PERMUTATION, "block 0 up to order, sign, scale"),
        ((NORM, NORM), Indeterminacy.BLOCKS, "block 0 up to a rotation"),
    ],
)
def test_blocks_that_separate_leave_each_what_its_geometry_leaves(blocks, indeterminacy, sentence):
    promise = guarantee(model_of(*blocks), delta_of(*blocks))
    assert promise.indeterminacy is indeterminacy
    assert sentence in promise.because
    assert any("differentiable" in condition for condition in promise.conditions)
    assert len(set(promise.citations)) == len(promise.citations)


@pytest.mark.parametrize("blocks", [(DIRECTION, POSITION, NORMAL), (POSITION, CUBIC)])
def test_the_density_times_exp_delta_over_q_does_not_depend_on_the_positive(blocks):
    model, delta = model_of(*blocks), delta_of(*blocks)
    latents, positives = model.sample(20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    constant = model.conditional.log_density(latents[:, None], positives) + delta(latents[:, None], positives)
    constant -= model.conditional.log_base_measure(positives)
    torch.testing.assert_close(constant, constant[:, :1].expand_as(constant), rtol=0.0, atol=1e-8)


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        ((NORMAL, NORMAL), "degree 2, which can mix"),
        ((POSITION, POSITION), "degree 1, which can mix"),
        ((POSITION, NORM), "degree 1, which can mix"),
    ],
)
def test_blocks_of_one_degree_are_refused(blocks, sentence):
    with pytest.raises(NotIdentifiableError, match=sentence):
        guarantee(model_of(*blocks), delta_of(*blocks))


def test_a_squared_norm_beside_a_sphere_must_be_euclidean():
    law = NormalMarginal(PLANE), NormPowerConditional(PLANE, norm_exponent=1.0, power=2.0, scale=0.5)
    delta = BlockSum([DELTAS[DIRECTION], NormPower(norm_exponent=1.0, power=2.0, weight=4.0)], sizes=[3, 2])
    with pytest.raises(NotIdentifiableError, match="must be Euclidean"):
        guarantee(model_of(DIRECTION, law), delta)


def test_model_and_codes_must_come_in_the_same_blocks():
    model, delta = model_of(DIRECTION, POSITION), delta_of(DIRECTION, POSITION)
    assert guarantee(model, delta, code_space=ProductSpace(SPHERE, BOX)).indeterminacy is Indeterminacy.BLOCKS
    for other in (PowerSum(5, exponent=1.0), delta_of(POSITION, DIRECTION)):
        with pytest.raises(NotIdentifiableError, match="use a BlockSum"):
            guarantee(model, other)
    for codes in (
        Euclidean(5),
        ProductSpace(BOX, SPHERE),
        ProductSpace(Euclidean(3), BOX),
        ProductSpace(SPHERE, Sphere(2)),
    ):
        with pytest.raises(NotIdentifiableError, match="codes in the blocks"):
            guarantee(model, delta, code_space=codes)


def test_what_fails_in_a_block_fails_in_the_product():
    frozen = UniformMarginal(BOX), FrozenConditional(LaplaceConditional(BOX, 0.2), [0])
    with pytest.raises(NotIdentifiableError, match="every factor differs"):
        guarantee(model_of(DIRECTION, frozen), delta_of(DIRECTION, POSITION))
    wrong = BlockSum([SphereDot(concentration=1.0), DELTAS[POSITION]], sizes=[3, 2])
    with pytest.raises(NotIdentifiableError, match="concentration cannot be absorbed"):
        guarantee(model_of(DIRECTION, POSITION), wrong)
    with pytest.raises(NotIdentifiableError, match="alpha~"):
        guarantee(model_of(DIRECTION, POSITION), delta_of(DIRECTION, POSITION), candidate_offset=False)
