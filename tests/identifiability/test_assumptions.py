import pytest

from contrica.dissimilarities import PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability import guarantee
from contrica.latents import (
    FrozenConditional,
    HeteroscedasticConditional,
    LaplaceConditional,
    LatentModel,
    LinearNormalConditional,
    NormalMarginal,
    ProjectedLaplaceConditional,
    ProjectedNormalConditional,
    ProjectedNormalMarginal,
    RestrictedConditional,
    UniformMarginal,
)
from contrica.spaces import Box, BoxGrid, Euclidean, HollowBall, Sphere

BOX, SPACE, SPHERE = Box(2), Euclidean(2), Sphere(3)
LAPLACE = LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, 0.2))
FROZEN = LatentModel(UniformMarginal(BOX), FrozenConditional(LaplaceConditional(BOX, 0.2), [1]))
UNEVEN = LatentModel(UniformMarginal(BOX), HeteroscedasticConditional(BOX, 1.0, 0.1, growth=1.0))
DRIFTING = LatentModel(NormalMarginal(SPACE), LinearNormalConditional.rotating(SPACE, 0.9, 0.2))
SKEWED = ProjectedNormalMarginal(SPHERE, 1.0)


@pytest.mark.parametrize(
    ("model", "dissimilarity", "assumption", "expectation"),
    [
        (FROZEN, PowerSum(2), "every factor differs within pairs", "factor 1 never change"),
        (UNEVEN, PowerSum(2), "a symmetric delta", "stretched where noise is small"),
        (DRIFTING, SquaredEuclidean(), "a symmetric delta", "predictor"),
        (
            LatentModel(SKEWED, ProjectedLaplaceConditional(SPHERE, 0.05)),
            SphereDot(),
            "a symmetric delta",
            "experiments find a rotation",
        ),
        (
            LatentModel(SKEWED, ProjectedNormalConditional(SPHERE, 0.05)),
            SphereDot(),
            "the model contains the pair law",
            "experiments find a rotation",
        ),
    ],
)
def test_a_pair_law_without_delta_is_refused_with_what_to_expect(model, dissimilarity, assumption, expectation):
    with pytest.raises(NotIdentifiableError) as refusal:
        guarantee(model, dissimilarity)
    assert f"assumption '{assumption}' fails" in str(refusal.value)
    assert expectation in str(refusal.value)


def test_views_must_show_the_latents_and_nothing_else():
    model = PowerSum(2, exponent=1.0)
    assert guarantee(LAPLACE, model).axes_identified
    with pytest.raises(NotIdentifiableError, match="'the mixing is injective' fails"):
        guarantee(LAPLACE, model, injective=False)
    with pytest.raises(NotIdentifiableError, match="'the views are functions of their latents' fails"):
        guarantee(LAPLACE, model, noise=True)


def test_supports_with_a_hole_are_connected_and_those_in_pieces_are_refused():
    ball = HollowBall(2)
    around = LatentModel(UniformMarginal(ball), RestrictedConditional(LaplaceConditional(SPACE, 0.2), ball))
    assert guarantee(around, PowerSum(2, exponent=1.0, weights=5.0)).axes_identified
    grid = BoxGrid(2)
    pieces = LatentModel(UniformMarginal(grid), LaplaceConditional(grid, 0.2))
    with pytest.raises(NotIdentifiableError, match="'the support is connected' fails"):
        guarantee(pieces, PowerSum(2, exponent=1.0, weights=5.0))
    drifting = RestrictedConditional(LinearNormalConditional.rotating(SPACE, 0.9, 0.2), ball)
    with pytest.raises(NotIdentifiableError, match="predictor"):
        guarantee(LatentModel(UniformMarginal(ball), drifting), SquaredEuclidean())


def test_even_noise_and_standing_dynamics_are_no_reason_to_refuse_by_their_class():
    even = LatentModel(NormalMarginal(SPACE), LinearNormalConditional.rotating(SPACE, 0.9, 0.0))
    assert not guarantee(even, SquaredEuclidean(weight=0.9 / (2 * (1 - 0.81)))).axes_identified
