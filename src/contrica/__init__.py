"""Contrastive learning that recovers the true latent factors, and says up to what.

Public names in the order in which data flows; what is not here is in the modules that they come from.
"""

from contrica.errors import (
    ContractError,
    ContricaError,
    DomainError,
    DtypeError,
    FileFormatError,
    MissingExtraError,
    NoDensityError,
    NonFiniteError,
    NotIdentifiableError,
    OutputError,
    ShapeError,
    UnknownNameError,
    UnreadableFileError,
    UnreliableScoreError,
)
from contrica.spaces import Box, Euclidean, Sphere
from contrica.dissimilarities import Dissimilarity, Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.latents import (
    AnisotropicSphereConditional,
    BimodalMarginal,
    ExponentialTiltMarginal,
    FrozenConditional,
    GeneralisedNormalConditional,
    GeneralisedNormalMarginal,
    HeteroscedasticConditional,
    LaplaceConditional,
    LaplaceMarginal,
    LatentModel,
    LinearNormalConditional,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    ProjectedLaplaceConditional,
    ProjectedNormalConditional,
    ProjectedNormalMarginal,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.mixing import Camera, Fold, InvertibleMLP
from contrica.pairs import (
    AugmentedPairs,
    GivenPairs,
    LabelledPairs,
    NeighbourhoodPairs,
    PairBatch,
    PairSource,
    SimulatedPairs,
    TemporalPairs,
    describe_pairs,
)
from contrica.encoders import MLP, BoxOutput, Conv, ScalarNet, SphereOutput, Unbounded
from contrica.critics import Critic
from contrica.losses import NCE, NWJ, SCL, InfoNCE, Loss
from contrica.pairwise import PairPlan
from contrica.contrast import contrast, pair_loss
from contrica.training import StepRecord, TrainingOptions, train
from contrica.identifiability import Guarantee, Indeterminacy, guarantee
from contrica.optima import best_loss
from contrica.evaluation import Scores, linear_r2, mcc, score
from contrica.second_stage import estimate_num_latents, resolve_axes
from contrica.diagnosis import Diagnosis, diagnose
from contrica.saving import load_model, save_model
from contrica.experiment import Experiment, run
from contrica.record import Record
from contrica.estimator import ContrastiveICA

__all__ = [
    "MLP",
    "NCE",
    "NWJ",
    "SCL",
    "AnisotropicSphereConditional",
    "AugmentedPairs",
    "BimodalMarginal",
    "Box",
    "BoxOutput",
    "Camera",
    "ContractError",
    "ContrastiveICA",
    "ContricaError",
    "Conv",
    "Critic",
    "Diagnosis",
    "Dissimilarity",
    "DomainError",
    "DtypeError",
    "Euclidean",
    "Experiment",
    "ExponentialTiltMarginal",
    "FileFormatError",
    "Fold",
    "FrozenConditional",
    "GeneralisedNormalConditional",
    "GeneralisedNormalMarginal",
    "GivenPairs",
    "Guarantee",
    "HeteroscedasticConditional",
    "Indeterminacy",
    "InfoNCE",
    "InvertibleMLP",
    "LabelledPairs",
    "LaplaceConditional",
    "LaplaceMarginal",
    "LatentModel",
    "LinearNormalConditional",
    "Loss",
    "Mahalanobis",
    "MissingExtraError",
    "NeighbourhoodPairs",
    "NoDensityError",
    "NonFiniteError",
    "NormPower",
    "NormPowerConditional",
    "NormalConditional",
    "NormalMarginal",
    "NotIdentifiableError",
    "OutputError",
    "PairBatch",
    "PairPlan",
    "PairSource",
    "PowerSum",
    "ProjectedLaplaceConditional",
    "ProjectedNormalConditional",
    "ProjectedNormalMarginal",
    "Record",
    "ScalarNet",
    "Scores",
    "ShapeError",
    "SimulatedPairs",
    "Sphere",
    "SphereDot",
    "SphereOutput",
    "SquaredEuclidean",
    "StepRecord",
    "TemporalPairs",
    "TrainingOptions",
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
    "linear_r2",
    "load_model",
    "mcc",
    "pair_loss",
    "resolve_axes",
    "run",
    "save_model",
    "score",
    "train",
]
