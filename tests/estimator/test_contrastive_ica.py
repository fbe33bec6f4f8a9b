import inspect
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from contrica import MLP, ContrastiveICA, DomainError, InfoNCE, PowerSum, ShapeError
from contrica.errors import DtypeError

QUICK = {"steps": 5, "widths": (8,), "random_state": 0}


def recording(rows=300, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(0)


@pytest.fixture(scope="module")
def fitted():
    return ContrastiveICA(3, **QUICK).fit(recording())


def test_rows_in_time_make_pairs_where_nothing_else_is_said(fitted):
    assert fitted.pair_kind_ == "time"


def test_labels_make_pairs_where_they_are_given():
    X = recording()
    model = ContrastiveICA(**QUICK).fit(X, X[:, 0])
    assert model.pair_kind_ == "labels"
    assert model.critic_.dissimilarity.fixed_exponent > 2
    np.testing.assert_allclose(model.bandwidth_, X[:, 0].std() * 300 ** (-1 / 5))


def test_given_pairs_make_pairs():
    X = recording()
    assert ContrastiveICA(**QUICK).fit(X[:-1], X_pos=X[1:]).pair_kind_ == "given"


@pytest.mark.slow
def test_discrete_and_mixed_labels_make_pairs():
    X = recording()
    side = X[:, 0] > 0
    assert ContrastiveICA(**QUICK).fit(X, side).bandwidth_ is None
    mixed = np.column_stack((X[:, 1], side))
    assert len(ContrastiveICA(label_kinds=["continuous", "discrete"], **QUICK).fit(X, mixed).bandwidth_) == 1


def test_labels_are_left_alone_on_request(fitted):
    X = recording()
    model = ContrastiveICA(3, pairs="time", **QUICK).fit(X, np.zeros(300))
    np.testing.assert_array_equal(model.codes_, fitted.codes_)


def test_codes_are_of_as_many_columns_as_components(fitted):
    assert fitted.transform(recording()).shape == (300, 3)
    assert list(fitted.get_feature_names_out()) == ["contrastiveica0", "contrastiveica1", "contrastiveica2"]


def test_the_codes_of_fit_are_those_of_transform(fitted):
    np.testing.assert_array_equal(fitted.codes_, fitted.transform(recording()))


def test_the_same_random_state_gives_bit_equal_codes_whatever_torch_draws_meanwhile(fitted):
    torch.rand(7)
    np.testing.assert_array_equal(ContrastiveICA(3, **QUICK).fit(recording()).codes_, fitted.codes_)


def test_another_random_state_gives_other_codes(fitted):
    other = ContrastiveICA(3, **{**QUICK, "random_state": 1}).fit(recording())
    assert not np.allclose(other.codes_, fitted.codes_)


def test_torch_draws_what_it_would_have_drawn_without_a_fit():
    encoder = nn.Sequential(nn.Dropout(), nn.Linear(4, 2))
    state = torch.get_rng_state()
    ContrastiveICA(encoder=encoder, steps=3, random_state=0).fit(recording())
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_is_drawn_from_the_random_state():
    model = ContrastiveICA(encoder=nn.Sequential(nn.Dropout(), nn.Linear(4, 2)), steps=3, random_state=0)
    first = model.fit(recording()).codes_
    torch.rand(1)
    np.testing.assert_array_equal(clone(model).fit(recording()).codes_, first)


def test_codes_of_single_precision_are_single(fitted):
    X = recording().astype(np.float32)
    assert fitted.transform(X).dtype == np.float32
    assert fitted.transform(X.astype(np.float16)).dtype == np.float32
    assert fitted.transform(recording()).dtype == np.float64
    assert fitted.transform(np.arange(40).reshape(10, 4)).dtype == np.float64
    np.testing.assert_allclose(fitted.transform(X), fitted.transform(X.astype(np.float64)), atol=1e-4)


def test_a_module_of_ones_own_is_trained_and_left_as_it_was():
    module = nn.Linear(4, 2)
    before = module.weight.clone()
    model = ContrastiveICA(encoder=module, steps=5, random_state=0).fit(recording())
    assert torch.equal(module.weight, before)
    assert not torch.equal(model.encoder_.weight, before)


def test_a_module_may_compute_in_double_precision():
    model = ContrastiveICA(encoder=nn.Linear(4, 2).double(), offsets=False, steps=5, random_state=0)
    assert model.fit(recording()).transform(recording().astype(np.float32)).dtype == np.float32


def test_a_callable_builds_the_encoder():
    model = ContrastiveICA(encoder=lambda *sizes, generator: MLP(*sizes, widths=(8,), generator=generator), steps=5)
    assert model.fit(recording()).encoder_.in_dim == 4


def test_images_are_encoded():
    images = np.random.default_rng(0).random((60, 1, 8, 8)).astype(np.float32)
    model = ContrastiveICA(2, steps=3, random_state=0).fit(images)
    assert model.transform(images).shape == (60, 2)
    with pytest.raises(ShapeError, match=r"each row of X must have shape \(1, 8, 8\)"):
        model.transform(images[:, :, :4, :4])


def test_a_loss_and_a_dissimilarity_may_be_given_as_they_are():
    model = ContrastiveICA(2, loss=InfoNCE("symmetric"), dissimilarity=PowerSum(2, learnable_exponent=True), **QUICK)
    model.fit(recording())
    assert model.critic_.dissimilarity.log_exponent.requires_grad
    assert model.critic_.anchor_offset is not None


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["infonce", "nce", "scl", "nwj"])
@pytest.mark.parametrize(
    "dissimilarity", ["laplace", "normal", "generalised_normal", "flat", "correlated_normal", "sphere"]
)
def test_every_loss_goes_with_every_dissimilarity(loss, dissimilarity):
    model = ContrastiveICA(2, loss=loss, dissimilarity=dissimilarity, **QUICK).fit(recording())
    assert np.isfinite(model.codes_).all()


def test_soap_is_an_optimizer():
    assert np.isfinite(ContrastiveICA(optimizer="soap", **QUICK).fit(recording()).codes_).all()


@pytest.mark.slow
def test_the_curves_say_what_happened():
    model = ContrastiveICA(2, steps=80, widths=(8,), random_state=0, patience=None).fit(recording(700))
    assert len(model.loss_curve_) == model.n_iter_ == 80
    assert len(model.validation_curve_) == 40
    values = dict(model.validation_curve_)
    assert values[model.best_iter_] == min(values.values())


def test_few_rows_are_all_trained_on(fitted):
    assert fitted.validation_curve_ == []
    assert fitted.best_iter_ == fitted.n_iter_ == 5
    assert fitted.diagnosis_ is None


@pytest.mark.slow
def test_a_held_out_score_of_noise_is_about_chance():
    noise = np.random.default_rng(0).normal(size=(2000, 4))
    model = ContrastiveICA(2, steps=60, widths=(16,), random_state=0, validation_fraction=0.0).fit(noise[:1000])
    assert abs(model.score(noise[1000:])) < 0.1


@pytest.mark.slow
def test_a_held_out_score_tells_what_a_pair_shares():
    X = np.random.default_rng(0).normal(size=(2000, 2))
    partner = X + 0.1 * np.random.default_rng(1).normal(size=X.shape)
    settings = {"steps": 150, "widths": (16,), "random_state": 0, "dissimilarity": "normal", "validation_fraction": 0.0}
    model = ContrastiveICA(2, **settings).fit(X[:1000], X_pos=partner[:1000])
    # two channels with a signal of a hundred times the noise, of which 1000 candidates show less
    shared = np.log1p(1 / 0.1**2)
    assert 0.8 * shared < model.score(X[1000:], X_pos=partner[1000:]) < shared + 0.2


def test_a_score_is_the_same_each_time(fitted):
    assert fitted.score(recording(seed=1)) == fitted.score(recording(seed=1))


def test_a_score_needs_what_made_the_pairs():
    X = recording()
    with pytest.raises(DomainError, match="pairs are formed from y"):
        ContrastiveICA(**QUICK).fit(X, X[:, 0]).score(X)
    with pytest.raises(DomainError, match="pairs are formed from X_pos"):
        ContrastiveICA(**QUICK).fit(X, X_pos=X + 0.1).score(X, X[:, 0])


def test_an_interrupted_fit_leaves_a_model_that_works():
    def interrupt(record):
        if record.step == 3:
            raise KeyboardInterrupt

    model = ContrastiveICA(2, on_step=interrupt, **QUICK)
    with pytest.raises(KeyboardInterrupt):
        model.fit(recording())
    assert model.n_iter_ == 3
    assert np.isfinite(model.transform(recording())).all()


def test_a_fit_that_fails_leaves_the_model_as_it_was():
    model = ContrastiveICA(2, **QUICK).fit(recording())
    before = model.transform(recording())
    with pytest.raises(DomainError):
        model.set_params(lags=1000).fit(recording(seed=1))
    np.testing.assert_array_equal(model.transform(recording()), before)


def test_a_verbose_fit_writes_lines_on_the_error_stream(capsys):
    ContrastiveICA(verbose=True, **QUICK).fit(recording())
    assert "step 5 of 5: loss " in capsys.readouterr().err


def test_what_was_not_fitted_does_not_transform():
    with pytest.raises(NotFittedError):
        ContrastiveICA().transform(recording())
    with pytest.raises(NotFittedError):
        ContrastiveICA().score(recording())


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"n_components": 0}, DomainError, "n_components must be at least 1"),
        ({"n_components": 2.0}, DtypeError, "n_components must be a whole number"),
        ({"steps": 0}, DomainError, "steps must be at least 1"),
        ({"batch_size": 1}, DomainError, "batch_size must be at least 2"),
        ({"learning_rate": 0.0}, DomainError, "learning_rate must be greater than 0"),
        ({"optimizer": "sgd"}, DomainError, "optimizer must be one of adamw, soap"),
        ({"validation_fraction": 1.0}, DomainError, r"validation_fraction must lie in \[0, 1\)"),
        ({"patience": 0}, DomainError, "patience must be at least 1"),
        ({"pairs": "near"}, DomainError, "pairs must be one of auto, given, labels, time"),
        ({"lags": 0}, DomainError, "a lag must not be 0"),
        ({"lags": 300}, DomainError, "lags must be shorter than the longest trial, which has 300 rows"),
        ({"random_state": -1}, DomainError, "random_state must be an int"),
    ],
)
def test_settings_that_make_no_fit_are_refused(settings, error, match):
    with pytest.raises(error, match=match):
        ContrastiveICA(**{**QUICK, **settings}).fit(recording())


def test_every_parameter_is_described_in_order():
    text = inspect.getdoc(ContrastiveICA)
    section = text[text.index("Parameters\n") : text.index("Attributes\n")]
    assert re.findall(r"^(\w+) : ", section, re.MULTILINE) == list(inspect.signature(ContrastiveICA).parameters)
