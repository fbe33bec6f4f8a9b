import json
import math

import numpy as np
import pytest
import torch

from contrica.errors import ContricaError, DomainError, ShapeError, UnreliableScoreError
from contrica.evaluation import (
    leakage,
    leakage_of_truth,
    linear_r2,
    linear_r2_in_sample,
    mcc,
    mcc_in_sample,
    score,
)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(1200, 4))
    codes = factors @ np.linalg.qr(rng.normal(size=(4, 4)))[0] + 0.05 * rng.normal(size=(1200, 4))
    return codes, factors, factors @ rng.normal(size=(4, 6))


@pytest.fixture(scope="module")
def found(scene):
    codes, factors, observations = scene
    return score(codes, factors, observations=observations)


def test_each_entry_is_what_its_own_function_says(scene, found):
    codes, factors, _ = scene
    assert found.r2 == linear_r2(codes, factors)
    assert found.mcc_pearson == mcc(codes, factors).mean
    assert found.smallest_matched == mcc(codes, factors).smallest
    assert found.matching == mcc(codes, factors).matching
    assert found.mcc_spearman == mcc(codes, factors, kind="spearman").mean
    assert found.leakage == leakage(codes, factors)
    assert found.leakage_of_truth == leakage_of_truth(factors)
    assert found.published.r2 == linear_r2_in_sample(codes, factors)
    assert found.published.mcc_pearson == mcc_in_sample(codes, factors)
    assert found.published.mcc_spearman == mcc_in_sample(codes, factors, kind="spearman")
    assert (found.code_dim, found.factor_dim, found.fit_rows, found.scored_rows) == (4, 4, 600, 600)


def test_the_floors_are_in_their_order(found):
    floors = {name: floor.scores for name, floor in found.floors.items()}
    assert list(floors) == ["noise", "rotation", "observations", "ica"]
    assert floors["noise"].r2.value < 0.02
    assert floors["rotation"].r2.value == pytest.approx(1.0)
    assert 0.5 < floors["rotation"].mcc_pearson.value < 0.95
    assert floors["observations"].r2.value == pytest.approx(1.0)
    assert floors["ica"].mcc_pearson.value > 0.98
    assert all(scores.floors == {} for scores in floors.values())


def test_without_observations_only_the_floors_that_need_none_are_given(scene):
    codes, factors, _ = scene
    assert list(score(codes, factors).floors) == ["noise", "rotation"]
    assert score(codes, factors, floors=False).floors == {}


@pytest.mark.slow
def test_the_same_seed_repeats_everything_and_another_does_not(scene, found):
    codes, factors, observations = scene
    assert score(codes, factors, observations=observations) == found
    assert score(codes, factors, random_state=1).r2 != found.r2


def test_a_tensor_scores_as_its_array(scene, found):
    codes, factors, _ = scene
    tensor = torch.from_numpy(codes).requires_grad_()
    assert score(tensor, torch.from_numpy(factors), floors=False).r2 == found.r2


def test_the_dictionary_survives_json(found):
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["r2"]["value"] == found.r2.value
    assert plain["floors"]["rotation"]["scores"]["mcc_pearson"]["low"] == (
        found.floors["rotation"].scores.mcc_pearson.low
    )


def test_broken_codes_are_scored_without_nan():
    factors = np.random.default_rng(0).normal(size=(400, 3))
    found = score(np.ones((400, 2)), factors, observations=np.random.default_rng(1).normal(size=(400, 3)))
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["matching"].count(None) == 1
    assert found.unmatched_factors == tuple(i for i, code in enumerate(found.matching) if code is None)
    assert found.collapsed_codes == (0, 1)
    assert found.mcc_pearson.value == 0.0
    text = str(found)
    assert "constant codes: 0, 1" in text
    assert f"factors without a code, counted 0: {found.unmatched_factors[0]}" in text


def test_the_text_shows_every_value_beside_its_floors(found):
    lines = str(found).splitlines()
    assert lines[0] == "4 codes, 4 factors; fitted on 600 rows, scored on 600 others"
    assert "95 % interval" in lines[1]
    for start, value in {
        "linear R2": found.r2.value,
        "MCC Pearson": found.mcc_pearson.value,
        "MCC Spearman": found.mcc_spearman.value,
        "smallest matched": found.smallest_matched.value,
        "leakage": found.leakage.value,
        "rotation": found.floors["rotation"].scores.r2.value,
        "ica": found.floors["ica"].scores.mcc_pearson.value,
    }.items():
        (line,) = [line for line in lines if line.startswith(start)]
        assert f"{value:.3f}" in line
    assert all(line == line.rstrip() for line in lines)


def test_a_floor_that_cannot_be_had_says_why(scene):
    codes, factors, _ = scene
    found = score(codes, factors, observations=np.ones((1200, 70)))
    for name in ("observations", "ica"):
        assert found.floors[name].scores is None
        assert not found.floors[name].converged
        assert "observations must vary" in found.floors[name].note
        assert f"{name:<20}not available: observations must vary" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_wide_observations_are_reduced_to_what_the_rows_can_fit(scene):
    codes, factors, _ = scene
    wide = np.random.default_rng(3).normal(size=(120, 5, 16))
    found = score(codes[:120], factors[:120], observations=wide)
    assert found.floors["observations"].scores.code_dim == 5
    assert found.floors["observations"].note == "5 whitened principal components of 80 columns"


def test_ica_that_stops_early_is_scored_and_marked(scene, monkeypatch):
    monkeypatch.setattr("contrica.evaluation.floors.ICA_STEPS", 1)
    codes, factors, observations = scene
    found = score(codes, factors, observations=observations)
    assert found.floors["ica"].scores is not None
    assert not found.floors["ica"].converged
    assert "did not converge" in str(found)


def test_observations_of_other_rows_are_an_error_and_no_missing_floor(scene):
    codes, factors, observations = scene
    with pytest.raises(ShapeError, match="codes has 1200 rows, observations has 1199"):
        score(codes, factors, observations=observations[1:])
    with pytest.raises(DomainError, match="observations must be finite"):
        score(codes, factors, observations=np.full((1200, 2), math.nan))


def test_groups_are_kept_whole(scene):
    codes, factors, _ = scene
    grouped = score(codes, factors, groups=np.arange(1200) // 10, floors=False)
    assert grouped.fit_rows + grouped.scored_rows == 1200
    with pytest.raises(UnreliableScoreError, match="independent units"):
        score(codes, factors, groups=np.arange(1200) // 100, floors=False)


def test_too_few_rows_are_refused_unless_the_bar_is_lowered():
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=(100, 10)), rng.normal(size=(100, 2))
    with pytest.raises(UnreliableScoreError, match=r"an affine map of 10 codes has 11 coefficients .* pass >= 220"):
        score(codes, factors)
    assert score(codes, factors, rows_per_coefficient=4).r2.rows == 50


def test_scoring_leaves_the_arrays_alone(scene):
    copies = [each.copy() for each in scene]
    score(scene[0], scene[1], observations=scene[2])
    for copy, given in zip(copies, scene, strict=True):
        np.testing.assert_array_equal(copy, given)


@pytest.mark.parametrize("options", [{"resamples": 3}, {"confidence": 2.0}, {"random_state": None}, {"groups": [1]}])
def test_options_outside_their_domain_are_refused(scene, options):
    codes, factors, _ = scene
    with pytest.raises(ContricaError, match=next(iter(options))):
        score(codes, factors, **options)
