"""Checks of a fitted model that need no ground truth, and the test whether a score could come of nothing.

`diagnose` makes those that cost a second or so; with ``thorough=True`` those of axes, order and connectivity too. The
free critic is trained, and seeds and offsets compare several models, so they are called by themselves:
``check_free_critic(hold_out(encoder, critic, loss, pairs), generator=generator)``.
"""

from contrica.diagnosis.check import Check, Quantity, Verdict
from contrica.diagnosis.connectivity import check_connectivity
from contrica.diagnosis.diagnosis import Diagnosis, diagnose
from contrica.diagnosis.dimensions import check_dimensions
from contrica.diagnosis.factors import Factor, factors_of
from contrica.diagnosis.free_critic import check_free_critic
from contrica.diagnosis.held_out import HeldOut, hold_out
from contrica.diagnosis.information import shared_information
from contrica.diagnosis.normalisation import check_normalisation
from contrica.diagnosis.null_test import NullTest, null_test
from contrica.diagnosis.offsets import check_offsets
from contrica.diagnosis.pair_noise import check_pair_noise
from contrica.diagnosis.reliability import check_reliability
from contrica.diagnosis.rotation import check_rotation
from contrica.diagnosis.saturation import check_saturation
from contrica.diagnosis.seeds import check_seeds
from contrica.diagnosis.swap import check_swap

__all__ = [
    "Check",
    "Diagnosis",
    "Factor",
    "HeldOut",
    "NullTest",
    "Quantity",
    "Verdict",
    "check_connectivity",
    "check_dimensions",
    "check_free_critic",
    "check_normalisation",
    "check_offsets",
    "check_pair_noise",
    "check_reliability",
    "check_rotation",
    "check_saturation",
    "check_seeds",
    "check_swap",
    "diagnose",
    "factors_of",
    "hold_out",
    "null_test",
    "shared_information",
]
