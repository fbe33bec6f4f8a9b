import pytest

from contrica.dissimilarities import Mahalanobis, NormPower, PowerSum, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability import Indeterminacy, guarantee
from contrica.latents import (
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    UniformMarginal,
)
from contrica.spaces import Box, Euclidean, Sphere

BOX, SPACE = Box(3), Euclidean(3)
NORMAL_IN_A_BOX = LatentModel(UniformMarginal(BOX), NormalConditional(BOX, 0.5))
NORMAL_ON_THE_LINE = LatentModel(NormalMarginal(SPACE), NormalConditional(SPACE, 0.5))
LAPLACE = LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, 0.2))
CUBIC = LatentModel(UniformMarginal(BOX), GeneralisedNormalConditional(BOX, 3.0, 0.2))
DEPENDENT = LatentModel(NormalMarginal(SPACE), NormPowerConditional(SPACE, norm_exponent=3.0, power=1.0, scale=0.5))


def test_a_box_of_codes_identifies_the_axes_of_normal_pairs():
    model, dissimilarity, _ = NORMAL_IN_A_BOX, PowerSum(3, exponent=2.0, weights=2.0), None
    promise = guarantee(model, dissimilarity, code_space=Box(3))
    assert promise.indeterminacy is Indeterminacy.SIGNED_PERMUTATION


def test_a_box_of_learned_sides_leaves_normal_pairs_their_rotation():
    model, dissimilarity, _ = NORMAL_IN_A_BOX, PowerSum(3, exponent=2.0, weights=2.0), None
    promise = guarantee(model, dissimilarity, code_space=Box(3), learned_extent=True)
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL
    assert "experience" in str(promise)


def test_a_mahalanobis_model_of_normal_pairs_is_affine():
    model, _, _ = NORMAL_ON_THE_LINE, None, None
    assert guarantee(model, Mahalanobis(3)).indeterminacy is Indeterminacy.AFFINE


def test_learned_exponents_do_not_rescue_normal_pairs():
    with pytest.raises(NotIdentifiableError, match="no axes"):
        guarantee(NORMAL_IN_A_BOX, PowerSum(3, exponent=1.5, learnable_exponent=True))


@pytest.mark.parametrize(
    ("model", "dissimilarity", "indeterminacy"),
    [
        (NORMAL_IN_A_BOX, SquaredEuclidean(weight=2.0), Indeterminacy.ORTHOGONAL),
        (NORMAL_IN_A_BOX, Mahalanobis(5), Indeterminacy.AFFINE),
        (CUBIC, PowerSum(5, exponent=3.0), Indeterminacy.REPEATED_FACTORS),
        (CUBIC, PowerSum(5, exponent=4.0, learnable_exponent=True), Indeterminacy.REPEATED_FACTORS),
        (DEPENDENT, NormPower(norm_exponent=3.0, power=1.0, weight=2.0), Indeterminacy.REPEATED_FACTORS),
    ],
)
def test_surplus_codes_embed_the_factors_where_the_norm_is_strictly_convex(model, dissimilarity, indeterminacy):
    promise = guarantee(model, dissimilarity, code_space=Euclidean(5))
    assert promise.indeterminacy is indeterminacy
    assert any("more codes than factors" in condition for condition in promise.conditions)


def test_surplus_codes_split_factors_under_l1_and_hold_no_box():
    with pytest.raises(NotIdentifiableError, match="monotone pieces"):
        guarantee(LAPLACE, PowerSum(5, exponent=1.0), code_space=Euclidean(5))
    promise = guarantee(NORMAL_IN_A_BOX, SquaredEuclidean(weight=2.0), code_space=Box(5))
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL


@pytest.mark.parametrize("codes", [1, 2])
def test_fewer_codes_than_factors_are_refused(codes):
    for asked in ({"code_space": Euclidean(codes)}, {}):
        with pytest.raises(NotIdentifiableError, match="add codes"):
            guarantee(LAPLACE, PowerSum(codes, exponent=1.0), **asked)


@pytest.mark.parametrize(
    ("model", "code_space", "sentence"),
    [
        (NORMAL_ON_THE_LINE, Box(3), "room"),
        (NORMAL_ON_THE_LINE, Sphere(3), "room"),
        (NORMAL_IN_A_BOX, Sphere(3), "room"),
    ],
)
def test_codes_without_room_for_the_latents_are_refused(model, code_space, sentence):
    with pytest.raises(NotIdentifiableError, match=sentence):
        guarantee(model, SquaredEuclidean(weight=2.0), code_space=code_space)


def test_a_dissimilarity_of_another_number_of_codes_is_refused():
    with pytest.raises(NotIdentifiableError, match="made for 3 codes"):
        guarantee(LAPLACE, PowerSum(3, exponent=1.0), code_space=Euclidean(5))
