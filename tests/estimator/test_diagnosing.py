import warnings

import numpy as np
import pytest

from contrica import ContrastiveICA
from contrica.errors import ContricaWarning

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def test_a_fit_is_diagnosed_on_rows_that_were_held_out():
    X = np.random.default_rng(0).normal(size=(1200, 3)).cumsum(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ContricaWarning)
        found = ContrastiveICA(2, **QUICK).fit(X).diagnosis_
    assert 100 <= found.num_pairs <= 120
    assert [factor.code for factor in found.factors] == [0, 1]
    assert found.log_batch == np.log(512)
    assert {check.name for check in found.checks} >= {"normalisation", "reliability", "saturation", "dimensions"}


@pytest.mark.slow
def test_each_check_that_asks_for_a_look_is_a_warning_with_what_to_do():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(3000, 1))
    anchors, positives = (np.concatenate((shared, rng.normal(size=(3000, 1))), 1) for _ in range(2))
    positives[:, 0] += 0.1 * rng.normal(size=3000)
    model = ContrastiveICA(2, dissimilarity="normal", validation_fraction=0.3, **QUICK)
    with pytest.warns(ContricaWarning) as given:
        model.fit(anchors, X_pos=positives)
    actions = model.diagnosis_.actions
    assert actions
    assert [str(warning.message) for warning in given] == [
        f"{check.name}: {check.sentence}; to do: {check.advice}" for check in actions
    ]


def test_rows_in_no_pair_are_told():
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = np.concatenate((np.zeros(50), 10.0 * np.arange(1, 51)))
    y[:50] += 0.01 * np.arange(50)
    with pytest.warns(ContricaWarning, match="50 of 100 rows are in no pair .* pass a larger bandwidth"):
        ContrastiveICA(bandwidth=0.5, **QUICK).fit(X, y)


def test_rows_of_short_trials_are_told():
    X = np.random.default_rng(0).normal(size=(100, 3))
    groups = np.concatenate((np.zeros(50), np.arange(1, 51)))
    with pytest.warns(ContricaWarning, match="50 of 100 rows are in no pair .* pass shorter lags or longer trials"):
        ContrastiveICA(**QUICK).fit(X, groups=groups)


def test_nothing_is_said_where_nothing_is_to_do():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ContricaWarning)
        ContrastiveICA(**QUICK).fit(np.random.default_rng(0).normal(size=(100, 3)))
