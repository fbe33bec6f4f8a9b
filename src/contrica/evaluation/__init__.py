"""Arrays in, scores out: what codes of anybody's model are worth against known factors."""

from contrica.evaluation.alignment import Alignment, aligned_r2
from contrica.evaluation.floors import ReferenceCodes, ica_codes, noise_codes, observation_codes, rotated_factors
from contrica.evaluation.halves import Split, split_rows
from contrica.evaluation.intervals import InSampleScore, Score
from contrica.evaluation.leakage import leakage, leakage_of_truth
from contrica.evaluation.linear import Affine, linear_r2, linear_r2_in_sample
from contrica.evaluation.mcc import MeanCorrelation, mcc, mcc_in_sample
from contrica.evaluation.permutation import MonotonePermutation, SignedPermutation
from contrica.evaluation.rotation import Rotation
from contrica.evaluation.scores import Floor, Published, Scores, score

__all__ = [
    "Affine",
    "Alignment",
    "Floor",
    "InSampleScore",
    "MeanCorrelation",
    "MonotonePermutation",
    "Published",
    "ReferenceCodes",
    "Rotation",
    "Score",
    "Scores",
    "SignedPermutation",
    "Split",
    "aligned_r2",
    "ica_codes",
    "leakage",
    "leakage_of_truth",
    "linear_r2",
    "linear_r2_in_sample",
    "mcc",
    "mcc_in_sample",
    "noise_codes",
    "observation_codes",
    "rotated_factors",
    "score",
    "split_rows",
]
