import pytest
import torch

from contrica.dissimilarities import Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability import Indeterminacy, guarantee
from contrica.latents import (
    AnisotropicSphereConditional,
    ExponentialTiltMarginal,
    GaussianCopulaMarginal,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    LinearNormalConditional,
    MLPStructuralMarginal,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.losses import NCE, InfoNCE
from contrica.spaces import Box, Euclidean, Sphere

BOX, SPACE, SPHERE = Box(3), Euclidean(3), Sphere(3)
NORMAL = NormalMarginal(SPACE, 1.0)
COVARIANCE = [[0.5, 0.2, 0.0], [0.2, 0.4, -0.1], [0.0, -0.1, 0.3]]


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
    "Laplace noise on correlated latents": (
        LatentModel(GaussianCopulaMarginal(UniformMarginal(BOX), 0.8), LaplaceConditional(BOX, 0.2)),
        PowerSum(3, exponent=1.0, weights=5.0),
        Indeterminacy.SCALED_PERMUTATION,
    ),
    "Laplace noise on latents that cause one another": (
        LatentModel(
            MLPStructuralMarginal(NORMAL, generator=torch.Generator().manual_seed(0)), LaplaceConditional(SPACE, 0.2)
        ),
        PowerSum(3, exponent=1.0, weights=5.0),
        Indeterminacy.SCALED_PERMUTATION,
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
    "correlated normal": (
        LatentModel(NORMAL, LinearNormalConditional.random_walk(SPACE, COVARIANCE)),
        Mahalanobis(3, matrix=(0.5 * torch.tensor(COVARIANCE, dtype=torch.float64).inverse()).tolist()),
        Indeterminacy.AFFINE,
    ),
    "autoregressive": (
        LatentModel(NORMAL, LinearNormalConditional.autoregressive(SPACE, 0.8)),
        SquaredEuclidean(weight=0.8 / (2.0 * (1.0 - 0.8**2))),
        Indeterminacy.ORTHOGONAL,
    ),
    "autoregressive of three speeds": (
        LatentModel(NORMAL, LinearNormalConditional.autoregressive(SPACE, [0.5, 0.7, 0.9])),
        PowerSum(3, exponent=2.0, weights=[rho / (2.0 * (1.0 - rho**2)) for rho in (0.5, 0.7, 0.9)]),
        Indeterminacy.AFFINE,
    ),
    "von Mises-Fisher": (
        LatentModel(UniformMarginal(SPHERE), VonMisesFisherConditional(SPHERE, 10.0)),
        SphereDot(concentration=10.0),
        Indeterminacy.ORTHOGONAL,
    ),
    "one concentration per axis of the sphere": (
        LatentModel(UniformMarginal(SPHERE), AnisotropicSphereConditional(SPHERE, [2.0, 5.0, 9.0])),
        PowerSum(3, exponent=2.0, weights=[2.0, 5.0, 9.0]),
        Indeterminacy.SIGNED_PERMUTATION,
    ),
    "two concentrations on the sphere": (
        LatentModel(UniformMarginal(SPHERE), AnisotropicSphereConditional(SPHERE, [2.0, 9.0, 9.0])),
        PowerSum(3, exponent=2.0, weights=[2.0, 9.0, 9.0]),
        Indeterminacy.BLOCKS,
    ),
    "concentrations that are all equal": (
        LatentModel(UniformMarginal(SPHERE), AnisotropicSphereConditional(SPHERE, 5.0)),
        SphereDot(concentration=10.0),
        Indeterminacy.ORTHOGONAL,
    ),
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
def test_for_what_is_accepted_the_density_times_exp_delta_over_q_does_not_depend_on_the_positive(name):
    """log p(s~|s) + delta(s, s~) - log Q(s~) is a function of s alone: the premise of the theorem, for each pair."""
    model, dissimilarity, _ = ACCEPTED[name]
    generator = torch.Generator().manual_seed(0)
    anchors, _ = model.sample(16, generator=generator, dtype=torch.float64)
    candidates, _ = model.sample(64, generator=generator, dtype=torch.float64)
    log_density = model.conditional.log_density(anchors[:, None], candidates[None])
    constant = log_density + dissimilarity(anchors[:, None], candidates[None]).double()
    constant -= model.conditional.log_base_measure(candidates)
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


def test_learned_exponents_and_concentrations_contain_the_pair_law():
    laplace, _, _ = ACCEPTED["Laplace in a box"]
    assert guarantee(laplace, PowerSum(3, exponent=1.5, learnable_exponent=True)).axes_identified
    sphere, _, _ = ACCEPTED["von Mises-Fisher"]
    assert guarantee(sphere, SphereDot(learnable_concentration=True)).indeterminacy is Indeterminacy.ORTHOGONAL
