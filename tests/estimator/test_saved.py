import numpy as np
import pandas as pd
import pytest
from torch import nn

from contrica import ContrastiveICA, Critic, PowerSum, save_model
from contrica.errors import RecordError
from contrica.estimator.saved import plain, unplain

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def recording(rows=300, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(0)


def opened(model, folder, **settings):
    model.save(folder)
    return ContrastiveICA.load(folder, device="cpu", **settings)


def test_a_saved_model_encodes_and_scores_as_before(tmp_path):
    X = recording()
    X[:, 3] = 7.0
    model = ContrastiveICA(3, lags=range(1, 4), **QUICK).fit(X)
    copy = opened(model, tmp_path)
    np.testing.assert_array_equal(copy.transform(X), model.codes_)
    assert copy.score(X) == model.score(X)
    assert copy.get_params() == {**model.get_params(), "device": "cpu"}
    assert (copy.loss_curve_, copy.best_iter_, copy.pair_kind_) == (model.loss_curve_, 5, "time")
    assert str(copy.drawn_pairs_) == str(model.drawn_pairs_)
    assert copy.scaling_.constant.tolist() == [False, False, False, True]


def test_a_model_of_two_kinds_of_pairs_scores_as_before(tmp_path):
    X = recording()
    settings = {"pairs": "time-or-labels", "time_share": 0.25, "lags": 2}
    model = ContrastiveICA(2, **settings, **QUICK).fit(X, X[:, :1])
    copy = opened(model, tmp_path)
    assert (copy.pair_kind_, copy.time_share) == ("time-or-labels", 0.25)
    assert copy.score(X, X[:, :1]) == model.score(X, X[:, :1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
def test_a_diagnosis_is_kept(tmp_path):
    model = ContrastiveICA(2, **QUICK).fit(recording(1200))
    assert model.diagnosis_ is not None
    copy = opened(model, tmp_path)
    assert copy.diagnosis_ == model.diagnosis_
    assert copy.drawn_pairs_ == model.drawn_pairs_


def test_a_model_of_labels_scores_with_the_bandwidth_of_fit(tmp_path):
    X = recording()
    model = ContrastiveICA(2, **QUICK).fit(X, X[:, :2])
    copy = opened(model, tmp_path)
    assert copy.bandwidth_ == model.bandwidth_
    assert copy.score(X[:100], X[:100, :2]) == model.score(X[:100], X[:100, :2])


def test_names_of_columns_are_kept(tmp_path):
    X = pd.DataFrame(recording(), columns=list("abcd"))
    copy = opened(ContrastiveICA(2, **QUICK).fit(X), tmp_path)
    with pytest.raises(ValueError, match="feature names should match"):
        copy.transform(X[list("badc")])


def test_images_are_kept(tmp_path):
    images = np.random.default_rng(0).random((60, 1, 8, 8)).astype(np.float32)
    model = ContrastiveICA(2, steps=3, random_state=0).fit(images)
    np.testing.assert_array_equal(opened(model, tmp_path).transform(images), model.codes_)


def test_an_encoder_of_ones_own_has_to_be_passed(tmp_path):
    model = ContrastiveICA(encoder=nn.Linear(4, 2), steps=5, random_state=0).fit(recording())
    with pytest.raises(RecordError, match="encoder is a part of your own"):
        opened(model, tmp_path)
    copy = opened(model, tmp_path, own={"encoder": nn.Linear(4, 2)})
    np.testing.assert_array_equal(copy.transform(recording()), model.codes_)


def test_parts_that_were_given_are_kept(tmp_path):
    model = ContrastiveICA(2, loss="nce", dissimilarity=PowerSum(2, exponent=1.5), **QUICK).fit(recording())
    assert opened(model, tmp_path).dissimilarity.fixed_exponent == 1.5


def test_another_model_is_no_estimator(tmp_path):
    save_model(tmp_path / "model", {"critic": Critic(PowerSum(2))})
    with pytest.raises(RecordError, match="must hold a ContrastiveICA"):
        ContrastiveICA.load(tmp_path / "model", device="cpu")


@pytest.mark.parametrize("value", [1, range(1, 9, 2), {1: 0.5, -3: 0.5}, (0.1, None), "trial", None, True])
def test_a_setting_comes_back_as_it_was(value):
    assert unplain(plain(value)) == value


@pytest.mark.parametrize("value", [{"range": [0, 10**15, 1]}, {"range": [0, 5, 0]}, {"mapping": [[1]]}, {"other": 1}])
def test_a_setting_that_is_damaged_is_refused(value):
    with pytest.raises(RecordError, match="settings are damaged"):
        unplain(value)
