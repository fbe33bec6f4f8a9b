import numpy as np
import pytest

from contrica import ContrastiveICA, DomainError, UnreliableScoreError

QUICK = {"dissimilarity": "select", "steps": 60, "widths": (16,), "batch_size": 128, "random_state": 0}


def pairs(noise, rows=3900):
    rng = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.6], [-0.4, 1.0]])
    factors = rng.normal(size=(rows, 2))
    positives = factors + (
        0.3 * rng.laplace(size=factors.shape) if noise == "laplace" else 0.3 * rng.normal(size=(rows, 2))
    )
    return factors @ mixing, positives @ mixing


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
def test_held_out_rows_choose_the_dissimilarity_and_the_choice_is_kept(tmp_path):
    X, X_pos = pairs("laplace")
    model = ContrastiveICA(2, **QUICK).fit(X, X_pos=X_pos)
    assert model.selection_.chosen.name == "exponent 1"
    assert model.selection_.axes_identified
    assert model.critic_.dissimilarity.fixed_exponent == 1.0
    model.save(tmp_path / "model")
    opened = ContrastiveICA.load(tmp_path / "model")
    assert opened.selection_ is None
    assert opened.critic_.dissimilarity.fixed_exponent == 1.0
    np.testing.assert_array_equal(opened.transform(X), model.codes_)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
def test_normal_pairs_end_with_a_dissimilarity_that_claims_no_axes():
    X, X_pos = pairs("normal")
    model = ContrastiveICA(2, **QUICK).fit(X, X_pos=X_pos)
    assert not model.selection_.axes_identified
    assert model.critic_.dissimilarity.fixed_exponent == 2.0


def test_a_choice_needs_held_out_rows():
    X, X_pos = pairs("laplace", rows=300)
    with pytest.raises(DomainError, match="held out, and there are none"):
        ContrastiveICA(2, validation_fraction=0.0, **QUICK).fit(X, X_pos=X_pos)
    with pytest.raises(UnreliableScoreError, match="at least 100"):
        ContrastiveICA(2, validation_fraction=0.2, **QUICK).fit(X, X_pos=X_pos)


def test_nothing_is_chosen_where_the_dissimilarity_is_named():
    X, X_pos = pairs("laplace", rows=200)
    named = {**QUICK, "dissimilarity": "laplace", "steps": 2, "validation_fraction": 0.0}
    assert ContrastiveICA(2, **named).fit(X, X_pos=X_pos).selection_ is None
