"""Checks of a fitted model that need no ground truth."""

from contrica.diagnosis.check import Check, Quantity, Verdict
from contrica.diagnosis.diagnosis import Diagnosis, diagnose
from contrica.diagnosis.factors import Factor

__all__ = ["Check", "Diagnosis", "Factor", "Quantity", "Verdict", "diagnose"]
