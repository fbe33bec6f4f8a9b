import pytest

from contrica.dissimilarities import PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability import Indeterminacy, guarantee
from contrica.latents import (
    AnisotropicSphereConditional,
    LatentModel,
    ProjectedNormalMarginal,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.losses import NCE, InfoNCE
from contrica.spaces import Euclidean, Sphere

SPHERE = Sphere(3)
VON_MISES_FISHER = LatentModel(UniformMarginal(SPHERE), VonMisesFisherConditional(SPHERE, 10.0))


def test_uniform_pairs_on_the_sphere_need_no_offsets():
    model, dissimilarity, _ = VON_MISES_FISHER, SphereDot(concentration=10.0), None
    promise = guarantee(model, dissimilarity, loss=NCE(), anchor_offset=False, candidate_offset=False)
    assert not promise.axes_identified


def test_a_preferred_side_of_the_sphere_asks_for_the_offset_of_the_candidates():
    model = LatentModel(ProjectedNormalMarginal(SPHERE, 1.0), VonMisesFisherConditional(SPHERE, 10.0))
    dissimilarity = SphereDot(concentration=10.0)
    promise = guarantee(model, dissimilarity, loss=InfoNCE(), anchor_offset=False)
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL
    with pytest.raises(NotIdentifiableError, match="alpha~"):
        guarantee(model, dissimilarity, candidate_offset=False)


def test_spherical_latents_need_spherical_codes_whose_radius_serves_as_concentration():
    model, _, _ = VON_MISES_FISHER, SphereDot(concentration=10.0), None
    with pytest.raises(NotIdentifiableError, match="codes on the sphere"):
        guarantee(model, SphereDot(concentration=10.0), code_space=Euclidean(3))
    free = guarantee(model, SquaredEuclidean(weight=5.0), code_space=Euclidean(3))
    assert free.indeterminacy is Indeterminacy.ORTHOGONAL
    unit = SphereDot(concentration=1.0)
    with pytest.raises(NotIdentifiableError, match="concentration"):
        guarantee(model, unit, code_space=SPHERE)
    promise = guarantee(model, unit, code_space=SPHERE, learned_extent=True)
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL


def test_one_learned_concentration_per_dimension_contains_the_round_law():
    learned = PowerSum(3, exponent=2.0, learnable_weights=True)
    assert guarantee(VON_MISES_FISHER, learned, code_space=SPHERE).indeterminacy is Indeterminacy.ORTHOGONAL


@pytest.mark.parametrize(
    ("dissimilarity", "code_space", "sentence"),
    [
        (PowerSum(3, exponent=2.0, weights=[5.0, 5.0, 4.0]), SPHERE, "proportion"),
        (SquaredEuclidean(weight=4.0), SPHERE, "cannot be absorbed"),
        (PowerSum(3, exponent=1.0), SPHERE, "quadratic form"),
        (SphereDot(concentration=10.0), Sphere(4), "as many codes"),
        (SquaredEuclidean(weight=5.0), Euclidean(2), "as many codes"),
    ],
)
def test_what_does_not_fit_the_sphere_is_refused(dissimilarity, code_space, sentence):
    with pytest.raises(NotIdentifiableError, match=sentence):
        guarantee(VON_MISES_FISHER, dissimilarity, code_space=code_space)


def test_axes_of_different_concentration_are_found_by_learned_or_by_permuted_weights_only():
    model = LatentModel(UniformMarginal(SPHERE), AnisotropicSphereConditional(SPHERE, [2.0, 5.0, 9.0]))
    for dissimilarity in (
        PowerSum(3, exponent=2.0, learnable_weights=True),
        PowerSum(3, exponent=2.0, weights=[9.0, 2.0, 5.0]),
    ):
        assert guarantee(model, dissimilarity, code_space=SPHERE).axes_identified
    with pytest.raises(NotIdentifiableError, match="learn one per dimension"):
        guarantee(model, SphereDot(learnable_concentration=True), code_space=SPHERE)
    free = guarantee(model, SquaredEuclidean(), code_space=Euclidean(3))
    assert free.indeterminacy is Indeterminacy.AFFINE


def test_axes_of_different_concentration_need_both_offsets():
    model = LatentModel(UniformMarginal(SPHERE), AnisotropicSphereConditional(SPHERE, [2.0, 5.0, 9.0]))
    learned = PowerSum(3, exponent=2.0, learnable_weights=True)
    with pytest.raises(NotIdentifiableError, match="alpha~"):
        guarantee(model, learned, candidate_offset=False)
    with pytest.raises(NotIdentifiableError, match="alpha"):
        guarantee(model, learned, loss=NCE(), anchor_offset=False)
