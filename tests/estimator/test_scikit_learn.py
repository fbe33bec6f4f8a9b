"""The contract of scikit-learn, by its own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from contrica import ContrastiveICA

QUICK = {"steps": 3, "widths": (8,)}


@pytest.fixture(autouse=True)
def array_api(monkeypatch):
    """Without it scikit-learn skips one of its checks."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.mark.slow
@parametrize_with_checks([ContrastiveICA(**QUICK), ContrastiveICA(pairs="time", **QUICK)])
def test_scikit_learn_finds_nothing_to_complain_of(estimator, check):
    check(estimator)
