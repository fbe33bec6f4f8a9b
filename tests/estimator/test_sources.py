import numpy as np
import pytest
import torch

from contrica.errors import DomainError
from contrica.estimator.labels import Labels
from contrica.estimator.row_order import RowOrder
from contrica.estimator.scaling import Scaling
from contrica.estimator.sources import Pairing, PairRules, Rows, kind_of

SETTINGS = {
    "lags": 1,
    "exclude_within": None,
    "bandwidth": None,
    "num_neighbours": None,
    "periods": None,
    "balanced": False,
    "apart": 0,
    "flat": False,
}


def rules(kind, **settings):
    return PairRules(kind=kind, **{**SETTINGS, **settings})


def numbered(rows=100):
    """Rows that say which they are."""
    return np.arange(float(rows))[:, None]


def drawn(kind, order, *, positives=None, labels=None, size=200, scaling=None, **settings):
    X = numbered(max(order.rows) + 1)
    pairing = Pairing(rules(kind, **settings), scaling or Scaling(None, None), torch.float32)
    source = pairing.source(Rows(X, X if positives is None else positives, order, labels), order)
    batch = source.draw(size, generator=torch.Generator().manual_seed(0))
    return batch.anchors[:, 0].numpy(), batch.positives[:, 0].numpy(), batch


def test_pairs_by_time_are_a_lag_apart():
    anchors, positives, _ = drawn("time", RowOrder.of(100), lags=3)
    assert set(positives - anchors) == {3.0}


def test_pairs_by_time_follow_the_times_and_not_the_rows():
    times = np.random.default_rng(0).permutation(100)
    anchors, positives, _ = drawn("time", RowOrder.of(100, times=times))
    assert set(times[positives.astype(int)] - times[anchors.astype(int)]) == {1}


def test_no_pair_by_time_leaves_its_group():
    groups = np.arange(100) // 10
    anchors, positives, _ = drawn("time", RowOrder.of(100, groups), lags=4)
    assert (groups[anchors.astype(int)] == groups[positives.astype(int)]).all()


def test_no_pair_by_time_spans_rows_that_were_held_out():
    chosen = np.ones(100, bool)
    chosen[50:55] = False
    anchors, positives, _ = drawn("time", RowOrder.of(100).part(chosen), lags=range(1, 10))
    assert ((anchors < 50) == (positives < 50)).all()


def test_given_pairs_are_the_rows_of_both_arrays():
    anchors, positives, _ = drawn("given", RowOrder.of(100), positives=numbered() + 0.5, size=50)
    assert set(positives - anchors) == {0.5}


def test_given_pairs_of_a_group_are_no_negatives_on_request():
    groups = np.arange(100) // 10
    anchors, _, batch = drawn("given", RowOrder.of(100, groups), positives=numbered(), size=50, exclude_within="trial")
    assert batch.groups.tolist() == groups[anchors.astype(int)].tolist()


def test_given_pairs_cannot_be_excluded_by_rows():
    with pytest.raises(DomainError, match="exclude_within must be 'trial' or None, got 3"):
        drawn("given", RowOrder.of(100), exclude_within=3)


def test_pairs_by_labels_are_near_whatever_the_order_of_the_rows():
    y = np.random.default_rng(0).permutation(100) / 10
    order = RowOrder.of(100, times=np.random.default_rng(1).permutation(100))
    anchors, positives, _ = drawn("labels", order, labels=Labels.of(y, 100), bandwidth=[0.25])
    distances = np.abs(y[anchors.astype(int)] - y[positives.astype(int)])
    assert 0 < distances.min() <= distances.max() <= 0.25


def test_pairs_by_classes_share_the_class():
    y = np.random.default_rng(0).integers(3, size=100)
    anchors, positives, _ = drawn("labels", RowOrder.of(100), labels=Labels.of(y, 100))
    assert (y[anchors.astype(int)] == y[positives.astype(int)]).all()


def test_observations_come_in_the_units_and_the_dtype_of_the_encoder():
    scaling = Scaling(np.array([50.0]), np.array([32.0]))
    anchors, positives, batch = drawn("time", RowOrder.of(100), scaling=scaling)
    assert batch.anchors.dtype == torch.float32
    assert set(positives - anchors) == {1 / 32}


def test_distinct_pairs_have_no_anchor_twice_and_are_grouped_by_stretches():
    X, order = numbered(1000), RowOrder.of(1000)
    pairing = Pairing(rules("time"), Scaling(None, None), torch.float32)
    source = pairing.source(Rows(X, X, order, None), order)
    pairs = source.draw_distinct(400, stretches=100, generator=torch.Generator().manual_seed(0))
    anchors = pairs.anchors[:, 0].numpy()
    assert len(np.unique(anchors)) == len(anchors) == 400
    assert set(pairs.positives[:, 0].numpy() - anchors) == {1.0}
    assert pairs.groups.tolist() == (anchors // 10).tolist()


@pytest.mark.parametrize(("lags", "longest"), [(3, 3), (range(1, 6), 5), ({-7: 0.5, 2: 0.5}, 7)])
def test_the_longest_lag_counts_in_both_directions(lags, longest):
    assert rules("time", lags=lags).longest_lag == longest
    assert rules("labels", lags=lags).longest_lag == 0


@pytest.mark.parametrize(
    ("setting", "positives", "labels", "kind"),
    [
        ("auto", True, False, "given"),
        ("auto", False, True, "labels"),
        ("auto", False, False, "time"),
        ("time", True, True, "time"),
        ("given", True, True, "given"),
        ("labels", True, True, "labels"),
    ],
)
def test_what_makes_a_pair_is_what_is_there_or_what_is_said(setting, positives, labels, kind):
    assert kind_of(setting, positives, labels) == kind


@pytest.mark.parametrize(
    ("setting", "positives", "labels", "match"),
    [
        ("auto", True, True, "got both"),
        ("given", False, True, "needs X_pos"),
        ("labels", True, False, "needs y"),
        ("both", True, True, "pairs must be one of"),
    ],
)
def test_what_makes_no_pair_is_refused(setting, positives, labels, match):
    with pytest.raises(DomainError, match=match):
        kind_of(setting, positives, labels)
