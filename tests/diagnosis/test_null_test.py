import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

from contrica import ContrastiveICA, null_test
from contrica.diagnosis.shuffles import Shuffles
from contrica.errors import DomainError, DtypeError, NonFiniteError, ShapeError

SHUFFLES = ["rows", "blocks", "shifts", "trials"]


def correlation(X, y, groups=None):
    return abs(np.corrcoef(X, y)[0, 1])


def slow_series(rows, memory, rng):
    noise = rng.normal(size=rows)
    series = noise.copy()
    for row in range(1, rows):
        series[row] = memory * series[row - 1] + (1 - memory**2) ** 0.5 * noise[row]
    return series


def rejections(memory, shuffle, *, rows=300, repeats=200, related=False, **options):
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(repeats):
        one, other = (slow_series(rows, memory, rng) for _ in range(2))
        other = other + one if related else other
        test = null_test(correlation, one, other, shuffle=shuffle, num_shuffles=19, random_state=rng, **options)
        found += test.p_value <= 0.05
    return found


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_the_level_holds_where_there_is_nothing_to_find(shuffle):
    groups = np.repeat(np.arange(10), 30)
    found = rejections(0.0, shuffle, groups=groups)
    assert stats.binom.sf(found - 1, 200, 0.05) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", ["blocks", "shifts", "trials"])
def test_the_level_holds_for_slow_series_where_their_slowness_is_kept(shuffle):
    options = {"block_length": 60} if shuffle == "blocks" else {}
    if shuffle == "trials":  # trials that are drawn apart from each other, as the whole series are not
        rng, found = np.random.default_rng(0), 0
        for _ in range(200):
            one, other = (np.concatenate([slow_series(30, 0.9, rng) for _ in range(10)]) for _ in range(2))
            groups = np.repeat(np.arange(10), 30)
            test = null_test(
                correlation, one, other, groups=groups, shuffle="trials", num_shuffles=19, random_state=rng
            )
            found += test.p_value <= 0.05
    else:
        found = rejections(0.9, shuffle, rows=600, **options)
    assert stats.binom.sf(found - 1, 200, 0.08) > 1e-3  # the seams cost a little of the level


@pytest.mark.slow
def test_shuffling_single_rows_of_slow_series_calls_chance_real():
    assert rejections(0.9, "shifts", repeats=60) < 9
    assert rejections(0.9, "rows", repeats=60) > 18  # where the level allows 3


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", ["rows", "blocks", "shifts"])
def test_real_structure_is_found(shuffle):
    assert rejections(0.5, shuffle, repeats=20, related=True) >= 18  # a turn by few rows leaves most in place


@pytest.mark.slow
def test_p_values_are_uniform_for_independent_rows():
    rng = np.random.default_rng(0)
    p_values = [
        null_test(correlation, *rng.normal(size=(2, 40)), shuffle="rows", num_shuffles=19, random_state=rng).p_value
        for _ in range(400)
    ]
    counts = np.bincount(np.round(np.array(p_values) * 20).astype(int), minlength=21)[1:]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_p_value_counts_the_data_among_its_shuffles():
    def first_label(X, y):
        return float(y[0])

    found = null_test(first_label, np.arange(30), np.arange(30)[::-1], shuffle="rows", num_shuffles=9)
    assert found.observed == 29
    assert found.p_value == (1 + sum(value >= 29 for value in found.null)) / 10
    assert found.smallest_p == 0.1
    equal = null_test(lambda X, y: 1.0, np.arange(30), np.arange(30), num_shuffles=9)
    assert equal.p_value == 1.0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.sampled_from(SHUFFLES), st.integers(1, 7))
def test_a_shuffle_is_a_permutation_that_keeps_what_it_promises(trial_of_row, shuffle, length):
    trials = np.unique(trial_of_row, return_inverse=True)[1].astype(np.int64)
    shuffles = Shuffles.of(trials, shuffle, length if shuffle == "blocks" else None)
    order = shuffles.draw(np.random.default_rng(0))
    assert sorted(order) == list(range(len(trials)))
    members = [np.flatnonzero(trials == trial) for trial in range(trials.max() + 1)]
    if shuffle != "trials":
        assert (trials[order] == trials).all()
    for rows in members:
        moved = order[rows]
        match shuffle:
            case "blocks":
                whole = len(rows) // length * length
                for first in range(0, whole, length):
                    places = np.searchsorted(rows, moved[first : first + length])
                    assert places[0] % length == 0
                    assert (np.diff(places) == 1).all()
                assert (moved[whole:] == rows[whole:]).all()
            case "shifts":
                steps = np.diff(np.searchsorted(rows, moved))
                assert set(steps % len(rows)) <= {1 % len(rows)}
            case "trials":
                assert (moved == members[trials[moved[0]]]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("shuffle", "ways"), [("rows", 24), ("blocks", 2), ("shifts", 4)])
def test_every_order_is_drawn_equally_often(shuffle, ways):
    shuffles = Shuffles.of(np.zeros(4, np.int64), shuffle, 2 if shuffle == "blocks" else None)
    assert np.exp(shuffles.log_ways) == pytest.approx(ways)
    rng = np.random.default_rng(0)
    counts = np.unique([shuffles.draw(rng) for _ in range(3000)], axis=0, return_counts=True)[1]
    assert len(counts) == ways
    assert stats.chisquare(counts).pvalue > 1e-3


def test_what_is_not_shuffled_arrives_as_it_was():
    seen = []

    def note(X, y, *, X_pos, groups):
        seen.append((X, y, X_pos, groups))
        return 0.0

    X, y = torch.arange(30.0)[:, None], list(range(30))
    null_test(note, X, y, X_pos=-X, groups=["a"] * 10 + ["b"] * 20, shuffle="rows", num_shuffles=3)
    assert all(each[0] is X and torch.equal(each[2], -X) and each[3][9] == "a" for each in seen)
    assert seen[0][1].tolist() == y
    assert sorted(seen[1][1].tolist()) == y != seen[1][1].tolist()
    assert sorted(seen[2][1][:10].tolist()) == y[:10]


def test_given_positives_and_the_order_of_rows_are_shuffled_where_there_are_no_labels():
    rng = np.random.default_rng(0)
    X = slow_series(200, 0.9, rng)[:, None]
    pairs = null_test(lambda X, *, X_pos: -np.abs(X - X_pos).mean(), X, X_pos=X + 0.1, shuffle="rows")
    assert pairs.p_value == 0.01
    assert "positives shuffled row by row" in str(pairs)
    smooth = null_test(lambda X: -np.abs(np.diff(X[:, 0])).mean(), X, shuffle="rows")
    assert smooth.p_value == 0.01
    noise = null_test(lambda X: -np.abs(np.diff(X[:, 0])).mean(), rng.permutation(X), shuffle="rows")
    assert noise.p_value > 0.05
    beyond = null_test(lambda X: abs(np.corrcoef(X[:-100, 0], X[100:, 0])[0, 1]), X, shuffle="blocks", block_length=10)
    assert beyond.p_value > 0.05


class Remembered(BaseEstimator):
    """Scores how many of the scored rows were fitted."""

    def fit(self, X, y=None, *, groups=None):
        self.fitted_, self.groups_ = X[:, 0].copy(), groups
        return self

    def score(self, X, y=None, *, groups=None):
        if groups is not None:
            assert not set(groups) & set(self.groups_)
        return float(np.isin(X[:, 0], self.fitted_).mean())


def test_an_estimator_is_scored_on_rows_and_groups_that_it_has_not_seen():
    X = np.arange(100.0)[:, None]
    assert null_test(Remembered(), X, np.arange(100), num_shuffles=1).observed == 0.0
    groups = np.arange(100) % 7
    assert null_test(Remembered(), X, np.arange(100), groups=groups, num_shuffles=1).observed == 0.0


def test_an_estimator_of_scikit_learn_is_tested():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X @ [1.0, 2.0, 0.0] + rng.normal(size=120)
    assert null_test(Ridge(), X, y, shuffle="rows", num_shuffles=19).p_value == 0.05
    assert null_test(Ridge(), X, rng.normal(size=120), shuffle="rows", num_shuffles=19).p_value > 0.05


@pytest.mark.slow
def test_fits_at_the_same_time_find_the_same():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    both = [null_test(Ridge(), X, y, shuffle="rows", num_shuffles=5, jobs=jobs) for jobs in (1, 2)]
    assert both[0] == both[1]


@pytest.mark.slow
def test_time_contrast_finds_structure_in_a_slow_signal_and_none_in_noise():
    rng = np.random.default_rng(0)
    factors = np.stack([slow_series(800, 0.95, rng) for _ in range(2)], 1)
    signal = np.concatenate((factors, np.tanh(factors @ rng.normal(size=(2, 2)))), 1)
    model = ContrastiveICA(2, lags=1, steps=60, batch_size=128, random_state=0)
    found = null_test(model, signal.astype(np.float32), shuffle="rows", num_shuffles=19)
    assert found.p_value == 0.05
    noises = [rng.normal(size=(800, 4)).astype(np.float32) for _ in range(2)]
    p_values = [null_test(model, noise, shuffle="rows", num_shuffles=19).p_value for noise in noises]
    assert max(p_values) > 0.05  # one in twenty is at .05 by chance


def test_it_reads_as_a_sentence_and_turns_into_json():
    rng = np.random.default_rng(0)
    X = rng.normal(size=100)
    found = null_test(correlation, X, X, num_shuffles=19)
    assert str(found).startswith("the structure is real: a score of 1, beside ")
    assert str(found).endswith("labels shuffled in blocks of 5 rows; p = 0.05 (the least that so many can give)")
    assert json.loads(json.dumps(found.to_dict()))["null"] == list(found.null)
    assert "as much is found" in str(null_test(correlation, X, rng.normal(size=100), num_shuffles=19))
    assert null_test(correlation, X, X, random_state=1, num_shuffles=5) != null_test(correlation, X, X, num_shuffles=5)


ROWS = np.arange(60.0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((correlation, ROWS, ROWS[:-1]), {}, ShapeError, "y must have one entry per row of X, 60, got 59"),
        ((correlation, ROWS, ROWS), {"groups": [1, 2]}, ShapeError, "groups must have shape"),
        ((correlation, 3.0), {}, DtypeError, "X must be an array"),
        (("score", ROWS, ROWS), {}, DtypeError, "must be callable"),
        ((correlation, ROWS, ROWS), {"shuffle": "all"}, DomainError, "shuffle must be one of"),
        ((correlation, ROWS, ROWS), {"block_length": 30}, DomainError, "20 ways .* blocks of 30 rows there are 2"),
        ((correlation, ROWS, ROWS), {"block_length": 0}, DomainError, "at least 1"),
        ((correlation, ROWS, ROWS), {"shuffle": "shifts", "block_length": 5}, DomainError, "leave it out"),
        ((correlation, ROWS, ROWS), {"shuffle": "trials"}, DomainError, "at least 20 ways"),
        ((np.mean, ROWS), {"shuffle": "shifts"}, DomainError, "there are no labels"),
        ((correlation, ROWS, ROWS), {"num_shuffles": 0}, DomainError, "at least 1"),
        ((lambda X, y: np.nan, ROWS, ROWS), {}, NonFiniteError, "a score must be finite"),
        ((lambda X, y: X, ROWS, ROWS), {}, DtypeError, "one number"),
        ((Ridge(), ROWS, ROWS), {"test_fraction": 1.0}, DomainError, "must lie in"),
        ((Ridge(), ROWS, ROWS), {"groups": np.zeros(60)}, DomainError, "one side only"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_is_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        null_test(*arguments, **options)
