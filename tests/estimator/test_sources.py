import numpy as np
import pytest
import torch

from contrica.errors import DomainError, ShapeError
from contrica.estimator.labels import Labels
from contrica.estimator.row_order import RowOrder
from contrica.estimator.scaling import Scaling
from contrica.estimator.sources import Pairing, PairRules, Rows, kind_of

SETTINGS = {
    "time_share": 0.5,
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


ANGLE = np.arange(100) * 30.0 % 360
ON = np.arange(100) % 4 < 2


def both(*columns, kinds="auto"):
    return Labels.of(np.stack(columns, 1), 100, kinds)


def test_pairs_by_time_and_labels_are_near_in_both_and_stay_in_their_trial():
    groups = np.arange(100) // 50
    anchors, positives, _ = drawn(
        "time-and-labels",
        RowOrder.of(100, groups),
        labels=both(ANGLE, ON, kinds=["continuous", "discrete"]),
        lags=range(1, 25),
        bandwidth=[60.0],
        periods=360.0,
    )
    i, j = anchors.astype(int), positives.astype(int)
    turned = np.abs(ANGLE[i] - ANGLE[j])
    wanted = {
        int(b - a)
        for a in range(100)
        for b in range(100)
        if 0 < abs(a - b) <= 24
        and groups[a] == groups[b]
        and ON[a] == ON[b]
        and min(abs(ANGLE[a] - ANGLE[b]), 360 - abs(ANGLE[a] - ANGLE[b])) <= 60
    }
    assert np.minimum(turned, 360 - turned).max() <= 60
    assert (groups[i] == groups[j]).all()
    assert (ON[i] == ON[j]).all()
    assert set(j - i) == wanted  # all of them, to either side


def test_pairs_by_time_and_classes_need_no_bandwidth():
    anchors, positives, _ = drawn("time-and-labels", RowOrder.of(100), labels=Labels.of(ON, 100), lags=2)
    assert set(positives - anchors) == {-1.0, 1.0}


def test_pairs_by_time_or_labels_are_one_of_the_two_each_in_its_share():
    labels = Labels.of(np.random.default_rng(0).permutation(100) / 10, 100)
    anchors, positives, _ = drawn(
        "time-or-labels", RowOrder.of(100), labels=labels, size=2000, bandwidth=[0.15], lags=3, time_share=0.8
    )
    by_label = np.abs(np.diff(labels.continuous[np.stack((anchors, positives)).astype(int), 0], axis=0))[0] <= 0.15
    assert ((positives - anchors == 3) | by_label).all()
    assert abs(np.mean(positives - anchors == 3) - 0.8) < 0.05


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        ("time-or-labels", {"time_share": 1.0}, "time_share must lie between 0 and 1, got 1.0; say pairs='time'"),
        ("time-or-labels", {"exclude_within": 3}, "exclude_within is of pairs by time alone"),
        ("time-and-labels", {"num_neighbours": 3}, "num_neighbours is of pairs by labels alone"),
        ("time-and-labels", {"lags": 0}, "a lag must not be 0"),
        ("time-and-labels", {"lags": 100}, "lags must be shorter than the longest trial"),
        ("time-and-labels", {"bandwidth": [1.0, 2.0]}, "bandwidth must be one number or one per label"),
        ("time-and-labels", {"balanced": True}, "balanced speaks of discrete labels"),
    ],
)
def test_settings_that_do_not_fit_two_kinds_of_pairs_are_refused(kind, settings, match):
    labels = Labels.of(np.arange(100) / 10, 100)
    with pytest.raises((DomainError, ShapeError), match=match):
        drawn(kind, RowOrder.of(100), labels=labels, **{"bandwidth": [0.5], **settings})


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
    assert rules("time-and-labels", lags=lags).longest_lag == longest
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
        ("time-or-labels", True, False, "pairs='time-or-labels' needs y"),
        ("both", True, True, "pairs must be one of"),
    ],
)
def test_what_makes_no_pair_is_refused(setting, positives, labels, match):
    with pytest.raises(DomainError, match=match):
        kind_of(setting, positives, labels)
