import inspect
import re

import pytest

import contrica

# The public names, and nothing else. A line here is a promise to users: it changes together with the changelog.
PUBLIC_NAMES = [
    "AnisotropicSphereConditional",
    "AugmentedPairs",
    "BimodalMarginal",
    "BlockSum",
    "Box",
    "BoxGrid",
    "BoxOutput",
    "Camera",
    "ChangedPairs",
    "Checkpoints",
    "ContractError",
    "ContrastiveICA",
    "ContricaError",
    "ContricaWarning",
    "Conv",
    "Critic",
    "Diagnosis",
    "Dissimilarity",
    "DissimilaritySelection",
    "DomainError",
    "Dropout",
    "DtypeError",
    "EitherPairs",
    "Euclidean",
    "Experiment",
    "ExponentialTiltMarginal",
    "FileFormatError",
    "Fold",
    "FrozenConditional",
    "GaussianCopulaMarginal",
    "GeneralisedNormalConditional",
    "GeneralisedNormalMarginal",
    "GivenPairs",
    "Guarantee",
    "HeteroscedasticConditional",
    "HollowBall",
    "Indeterminacy",
    "InfoNCE",
    "InvertibleMLP",
    "LabelledPairs",
    "LaplaceConditional",
    "LaplaceMarginal",
    "LatentModel",
    "LinearNormalConditional",
    "LinearStructuralMarginal",
    "Loss",
    "MLP",
    "MLPStructuralMarginal",
    "Mahalanobis",
    "MixedPairs",
    "MissingExtraError",
    "NCE",
    "NWJ",
    "NeighbourhoodPairs",
    "NoDensityError",
    "NonFiniteError",
    "NormPower",
    "NormPowerConditional",
    "NormalConditional",
    "NormalMarginal",
    "NotIdentifiableError",
    "NullTest",
    "OutputError",
    "PairBatch",
    "PairPlan",
    "PairSource",
    "PerRecording",
    "PowerSum",
    "ProductConditional",
    "ProductMarginal",
    "ProductOutput",
    "ProductSpace",
    "ProjectedLaplaceConditional",
    "ProjectedNormalConditional",
    "ProjectedNormalMarginal",
    "Record",
    "RestrictedConditional",
    "SCL",
    "ScalarNet",
    "Scores",
    "ShapeError",
    "SimulatedLadder",
    "SimulatedPairs",
    "Sphere",
    "SphereDot",
    "SphereOutput",
    "SquaredEuclidean",
    "StepRecord",
    "TemporalLadder",
    "TemporalPairs",
    "TrainingOptions",
    "TrainingState",
    "Unbounded",
    "UniformMarginal",
    "UnknownNameError",
    "UnreadableFileError",
    "UnreliableScoreError",
    "VonMisesFisherConditional",
    "best_loss",
    "contrast",
    "describe_pairs",
    "diagnose",
    "estimate_num_latents",
    "guarantee",
    "held_interrupts",
    "keep_freed_memory",
    "linear_r2",
    "load_model",
    "mcc",
    "null_test",
    "pair_loss",
    "resolve_axes",
    "run",
    "save_model",
    "score",
    "select_dissimilarity",
    "stack_recordings",
    "train",
]


def test_the_public_names_are_exactly_these():
    assert sorted(contrica.__all__) == sorted(PUBLIC_NAMES)


def test_no_public_name_stands_twice():
    assert len(set(contrica.__all__)) == len(contrica.__all__)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_resolves(name):
    assert getattr(contrica, name) is not None


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_has_a_docstring_of_its_own(name):
    described = getattr(contrica, name)
    if not (inspect.isclass(described) or inspect.isroutine(described) or inspect.ismodule(described)):
        pytest.skip("a constant is described where it is defined")
    docstring = (vars(described).get("__doc__") if inspect.isclass(described) else described.__doc__) or ""
    assert docstring.strip(), f"{name} has no docstring"
    assert not re.match(rf"{name}\(", docstring), f"{name} has only the signature that dataclass writes"
