"""Inside scikit-learn's own machinery: pipelines, searches over blocked splits, and data frames' worth of names."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contrica import ContrastiveICA

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def recording(rows=240, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(0)


def test_a_pipeline_hands_labels_on_to_the_step_that_wants_them():
    X = recording()
    y = (X[:, 0] > 0).astype(int)
    steps = make_pipeline(StandardScaler(), ContrastiveICA(2, pairs="time", **QUICK), LogisticRegression())
    assert steps.fit(X, y).predict(X).shape == (240,)
    assert steps[1].pair_kind_ == "time"


def test_a_pipeline_hands_pairs_to_the_estimator():
    X = recording()
    steps = make_pipeline(PCA(3), ContrastiveICA(2, **QUICK))
    steps.fit(X, contrastiveica__groups=np.arange(240) // 60)
    assert steps.transform(X).shape == (240, 2)
    assert list(steps.get_feature_names_out()) == ["contrastiveica0", "contrastiveica1"]


@pytest.mark.slow
def test_a_search_over_splits_in_time_compares_held_out_scores():
    search = GridSearchCV(
        ContrastiveICA(**QUICK), {"n_components": [1, 3], "dissimilarity": ["laplace", "normal"]}, cv=TimeSeriesSplit(3)
    )
    search.fit(recording(), times=np.arange(240))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.codes_.shape == (240, search.best_params_["n_components"])


@pytest.mark.slow
def test_a_search_over_groups_compares_held_out_scores():
    groups = np.arange(240) // 40
    search = GridSearchCV(ContrastiveICA(**QUICK), {"n_components": [1, 2]}, cv=GroupKFold(3))
    search.fit(recording(), groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_groups_reach_fit_and_score_by_routing():
    seen = []

    class Watched(ContrastiveICA):
        def _rows(self, kind, observations, y, X_pos, groups, times):
            seen.append(None if groups is None else len(groups))
            return super()._rows(kind, observations, y, X_pos, groups, times)

    Watched.__init__ = ContrastiveICA.__init__
    with sklearn.config_context(enable_metadata_routing=True):
        model = Watched(**QUICK).set_fit_request(groups=True).set_score_request(groups=True)
        scores = cross_val_score(model, recording(), params={"groups": np.arange(240) // 40}, cv=GroupKFold(3))
    assert np.isfinite(scores).all()
    assert seen == [160, 80] * 3


@pytest.mark.slow
def test_a_clone_has_the_settings_and_not_the_fit():
    model = ContrastiveICA(3, lags=range(1, 4), periods=[None, 360.0], **QUICK).fit(recording())
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "codes_")


def test_settings_are_set_by_name():
    assert ContrastiveICA().set_params(steps=7, loss="nce").get_params()["steps"] == 7


@pytest.mark.slow
def test_the_best_number_of_lags_is_not_looked_for_by_a_score_on_other_pairs():
    """Scores compare on the same pairs: a shorter lag has more to share, whatever the encoder."""
    X = recording(2000)
    settings = {"steps": 40, "widths": (8,), "random_state": 0, "validation_fraction": 0.0}
    near, far = (ContrastiveICA(2, lags=lag, **settings).fit(X[:1000]).score(X[1000:]) for lag in (1, 200))
    assert near > far


def test_data_frames_keep_their_names():
    X = pd.DataFrame(recording(), columns=list("abcd"))
    model = ContrastiveICA(2, **QUICK).set_output(transform="pandas").fit(X)
    assert list(model.feature_names_in_) == list("abcd")
    assert list(model.transform(X).columns) == ["contrastiveica0", "contrastiveica1"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(X[list("badc")])


def test_labels_groups_and_times_of_a_data_frame_are_those_of_arrays():
    X, place = recording(), np.abs(recording()[:, 0])
    frame = pd.DataFrame({"place": place, "side": np.where(recording()[:, 1] > 0, "left", "right")})
    frame["trial"] = pd.Categorical(np.arange(240) // 60)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(240), "s")
    extra = {"groups": frame["trial"], "times": frame["when"]}
    of_frame = ContrastiveICA(2, **QUICK).fit(pd.DataFrame(X), frame[["place", "side"]], **extra)
    mixed = np.column_stack((place, recording()[:, 1] <= 0))
    of_arrays = ContrastiveICA(2, label_kinds=["continuous", "discrete"], **QUICK).fit(
        X, mixed, groups=np.arange(240) // 60, times=np.arange(240.0)
    )
    np.testing.assert_array_equal(of_frame.codes_, of_arrays.codes_)
