import pytest
import torch

from contrica.dissimilarities import Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability import Indeterminacy, guarantee
from contrica.latents import (
    ExponentialTiltMarginal,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    ProjectedLaplaceConditional,
    ProjectedNormalConditional,
    ProjectedNormalMarginal,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.losses import NCE, InfoNCE
from contrica.spaces import Box, Euclidean, Sphere

BOX, SPACE, SPHERE = Box(3), Euclidean(3), Sphere(3)
NORMAL = NormalMarginal(SPACE, 1.0)


def uniform_box(conditional):
    return LatentModel(UniformMarginal(BOX), conditional)


ACCEPTED = {
    "Laplace in a box": (
        uniform_box(LaplaceConditional(BOX, 0.2)),
        PowerSum(3, exponent=1.0, weights=5.0),
        Indeterminacy.SCALED_PERMUTATION,
    ),
    "Laplace of three scales": (
        uniform_box(LaplaceConditional(BOX, (0.1, 0.2, 0.4))),
        PowerSum(3, exponent=1.0, weights=(10.0, 5.0, 2.5)),
        Indeterminacy.SCALED_PERMUTATION,
    ),
    "generalised normal": (
        LatentModel(ExponentialTiltMarginal(BOX, 3.0), GeneralisedNormalConditional(BOX, 3.0, 0.2)),
        PowerSum(3, exponent=3.0, weights=125.0),
        Indeterminacy.SCALED_PERMUTATION,
    ),
    "normal": (
        LatentModel(NORMAL, NormalConditional(SPACE, 0.5)),
        SquaredEuclidean(weight=2.0),
        Indeterminacy.ORTHOGONAL,
    ),
    "normal as a power sum": (
        uniform_box(NormalConditional(BOX, 0.5)),
        PowerSum(3, exponent=2.0, weights=2.0),
        Indeterminacy.ORTHOGONAL,
    ),
    "normal of three scales": (
        LatentModel(NORMAL, NormalConditional(SPACE, (0.5, 1.0, 2.0))),
        PowerSum(3, exponent=2.0, weights=(2.0, 0.5, 0.125)),
        Indeterminacy.AFFINE,
    ),
    "dependent factors": (
        LatentModel(NORMAL, NormPowerConditional(SPACE, norm_exponent=1.0, power=2.0, scale=0.5)),
        NormPower(norm_exponent=1.0, power=2.0, weight=4.0),
        Indeterminacy.SIGNED_PERMUTATION,
    ),
    "a power of the Euclidean norm": (
        LatentModel(NORMAL, NormPowerConditional(SPACE, norm_exponent=2.0, power=1.0, scale=0.5)),
        NormPower(norm_exponent=2.0, power=1.0, weight=2.0),
        Indeterminacy.ORTHOGONAL,
    ),
    "von Mises-Fisher": (
        LatentModel(UniformMarginal(SPHERE), VonMisesFisherConditional(SPHERE, 10.0)),
        SphereDot(concentration=10.0),
        Indeterminacy.ORTHOGONAL,
    ),
}


REFUSED_ON_THE_SPHERE = {
    "normal scaled back": (ProjectedNormalConditional(SPHERE, 0.05), "not by a theorem"),
    "Laplace scaled back": (ProjectedLaplaceConditional(SPHERE, 0.05), "symmetric delta"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_has_the_indeterminacy_of_the_table(name):
    model, dissimilarity, indeterminacy = ACCEPTED[name]
    promise = guarantee(model, dissimilarity)
    assert promise.indeterminacy is indeterminacy
    assert promise.citations
    assert indeterminacy.value in str(promise)
    assert promise.axes_identified == ("permutation" in indeterminacy.name.lower())


@pytest.mark.parametrize("name", ACCEPTED)
def test_for_what_is_accepted_the_density_times_exp_delta_does_not_depend_on_the_positive(name):
    model, dissimilarity, _ = ACCEPTED[name]
    generator = torch.Generator().manual_seed(0)
    anchors, _ = model.sample(16, generator=generator, dtype=torch.float64)
    candidates, _ = model.sample(64, generator=generator, dtype=torch.float64)
    conditional = model.conditional
    if isinstance(conditional, NormPowerConditional) and not isinstance(model.space, Euclidean):
        pytest.fail("the table holds only conditionals with a density")
    log_density = conditional.log_density(anchors[:, None], candidates[None])
    constant = log_density + dissimilarity(anchors[:, None], candidates[None]).double()
    torch.testing.assert_close(constant, constant[:, :1].expand_as(constant), rtol=0.0, atol=1e-8)
    assert log_density.std() > 0.1


def test_a_wrong_scale_would_break_that_constancy():
    model, _, _ = ACCEPTED["Laplace in a box"]
    anchors, _ = model.sample(8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wrong = PowerSum(3, exponent=1.0, weights=4.0)(anchors[:, None], anchors[None])
    constant = model.conditional.log_density(anchors[:, None], anchors[None]) + wrong
    assert constant.std(1).min() > 0.05


@pytest.mark.parametrize(
    ("model", "dissimilarity", "sentence"),
    [
        (uniform_box(LaplaceConditional(BOX, 0.2)), PowerSum(3, exponent=3.0), "wrong side of 2"),
        (uniform_box(GeneralisedNormalConditional(BOX, 3.0, 0.2)), PowerSum(3, exponent=1.0), "wrong side of 2"),
        (uniform_box(LaplaceConditional(BOX, 0.2)), PowerSum(3, exponent=1.5), "not by a theorem"),
        (uniform_box(LaplaceConditional(BOX, 0.2)), SquaredEuclidean(), "no axes"),
        (uniform_box(NormalConditional(BOX, 0.2)), PowerSum(3, exponent=1.0), "no axes"),
        (uniform_box(GeneralisedNormalConditional(BOX, 0.5, 0.2)), PowerSum(3, exponent=0.5), "no norm"),
        (uniform_box(LaplaceConditional(BOX, 0.2)), PowerSum(4, exponent=1.0), "as many codes as factors"),
        (uniform_box(LaplaceConditional(BOX, 0.2)), PowerSum(3, exponent=(1.0, 1.0, 3.0)), "one norm"),
        (uniform_box(LaplaceConditional(BOX, 0.2)), SphereDot(), "the sphere needs"),
        (
            LatentModel(UniformMarginal(SPHERE), VonMisesFisherConditional(SPHERE, 10.0)),
            SphereDot(concentration=1.0),
            "concentration cannot be absorbed",
        ),
        (
            LatentModel(NORMAL, NormPowerConditional(SPACE, norm_exponent=1.0, power=2.0, scale=0.5)),
            PowerSum(3, exponent=1.0),
            "contains the pair law",
        ),
    ],
)
def test_a_refusal_names_the_assumption_that_fails(model, dissimilarity, sentence):
    with pytest.raises(NotIdentifiableError, match="assumption '") as refusal:
        guarantee(model, dissimilarity)
    assert sentence in str(refusal.value)


def test_offsets_are_needed_where_the_marginal_or_the_normaliser_varies():
    model, dissimilarity, _ = ACCEPTED["Laplace in a box"]
    with pytest.raises(NotIdentifiableError, match="alpha~"):
        guarantee(model, dissimilarity, candidate_offset=False)
    with pytest.raises(NotIdentifiableError, match="alpha"):
        guarantee(model, dissimilarity, loss=NCE(), anchor_offset=False)
    with pytest.raises(NotIdentifiableError, match="alpha"):
        guarantee(model, dissimilarity, loss=InfoNCE(direction="symmetric"), anchor_offset=False)
    assert guarantee(model, dissimilarity, loss=InfoNCE(), anchor_offset=False).axes_identified


def test_uniform_pairs_on_the_sphere_need_no_offsets():
    model, dissimilarity, _ = ACCEPTED["von Mises-Fisher"]
    promise = guarantee(model, dissimilarity, loss=NCE(), anchor_offset=False, candidate_offset=False)
    assert not promise.axes_identified


def test_learned_exponents_and_concentrations_contain_the_pair_law():
    laplace, _, _ = ACCEPTED["Laplace in a box"]
    assert guarantee(laplace, PowerSum(3, exponent=1.5, learnable_exponent=True)).axes_identified
    sphere, _, _ = ACCEPTED["von Mises-Fisher"]
    assert guarantee(sphere, SphereDot(learnable_concentration=True)).indeterminacy is Indeterminacy.ORTHOGONAL


def test_a_box_of_codes_identifies_the_axes_of_normal_pairs():
    model, dissimilarity, _ = ACCEPTED["normal as a power sum"]
    promise = guarantee(model, dissimilarity, code_space=Box(3))
    assert promise.indeterminacy is Indeterminacy.SIGNED_PERMUTATION


def test_a_mahalanobis_model_of_normal_pairs_is_affine():
    model, _, _ = ACCEPTED["normal"]
    assert guarantee(model, Mahalanobis(3)).indeterminacy is Indeterminacy.AFFINE


def test_learned_exponents_do_not_rescue_normal_pairs():
    with pytest.raises(NotIdentifiableError, match="no axes"):
        guarantee(uniform_box(NormalConditional(BOX, 0.2)), PowerSum(3, exponent=1.5, learnable_exponent=True))


def test_a_box_of_learned_sides_leaves_normal_pairs_their_rotation():
    model, dissimilarity, _ = ACCEPTED["normal as a power sum"]
    promise = guarantee(model, dissimilarity, code_space=Box(3), learned_extent=True)
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL
    assert "experience" in str(promise)


@pytest.mark.parametrize("name", REFUSED_ON_THE_SPHERE)
@pytest.mark.parametrize("marginal", [UniformMarginal(SPHERE), ProjectedNormalMarginal(SPHERE, 1.0)])
def test_noise_that_is_scaled_back_to_the_sphere_is_refused_with_what_experiments_found(name, marginal):
    conditional, sentence = REFUSED_ON_THE_SPHERE[name]
    with pytest.raises(NotIdentifiableError, match=sentence) as refusal:
        guarantee(LatentModel(marginal, conditional), SphereDot())
    assert "experiments find a rotation" in str(refusal.value)


def test_a_preferred_side_of_the_sphere_asks_for_the_offset_of_the_candidates():
    model = LatentModel(ProjectedNormalMarginal(SPHERE, 1.0), VonMisesFisherConditional(SPHERE, 10.0))
    dissimilarity = SphereDot(concentration=10.0)
    promise = guarantee(model, dissimilarity, loss=InfoNCE(), anchor_offset=False)
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL
    with pytest.raises(NotIdentifiableError, match="alpha~"):
        guarantee(model, dissimilarity, candidate_offset=False)


def test_spherical_latents_need_spherical_codes_whose_radius_serves_as_concentration():
    model, _, _ = ACCEPTED["von Mises-Fisher"]
    with pytest.raises(NotIdentifiableError, match="codes on the sphere"):
        guarantee(model, SphereDot(concentration=10.0), code_space=Euclidean(3))
    unit = SphereDot(concentration=1.0)
    with pytest.raises(NotIdentifiableError, match="concentration"):
        guarantee(model, unit, code_space=SPHERE)
    promise = guarantee(model, unit, code_space=SPHERE, learned_extent=True)
    assert promise.indeterminacy is Indeterminacy.ORTHOGONAL
