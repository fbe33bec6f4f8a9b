import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs import LabelledPairs, describe_pairs
from contrica.pairs.label_space import EDGE
from contrica.testing import check_pair_source
from row_laws import assert_law, drawn_table


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(num_rows):
    """A recording whose observation is the number of the row."""
    return torch.arange(float(num_rows))[:, None]


def distance(left, right, bandwidth, periods):
    """The largest difference in bandwidths, each around its period."""
    largest = 0.0
    for a, b, width, period in zip(left, right, bandwidth, periods, strict=True):
        gap = abs(a - b)
        if period is not None:
            gap = min(gap % period, period - gap % period)
        largest = max(largest, gap / width)
    return largest


def positives_by_enumeration(num_rows, labels, bandwidth, periods, k, classes, apart, trials):
    """P(i) of every row, from all pairs of rows."""
    places = [sum(trials[other] == trials[row] for other in range(row)) for row in range(num_rows)]
    found = []
    for i in range(num_rows):
        others = [
            j
            for j in range(num_rows)
            if classes[i] == classes[j]
            and (trials[i] != trials[j] or (apart != "trial" and abs(places[i] - places[j]) > apart))
        ]
        far = {j: distance(labels[i], labels[j], bandwidth, periods) for j in others}
        found.append(sorted(others, key=far.get)[:k] if k else [j for j in others if far[j] <= EDGE])
    return found


def law_by_enumeration(positives, classes, balanced):
    """p(i, j) = p(i) / |P(i)| with p uniform on the anchors, or on the classes first."""
    law = np.zeros((len(positives), len(positives)))
    anchors = [i for i, found in enumerate(positives) if found]
    for i in anchors:
        alike = [j for j in anchors if classes[j] == classes[i]] if balanced else anchors
        groups = len({classes[j] for j in anchors}) if balanced else 1
        for j in positives[i]:
            law[i, j] = 1 / (groups * len(alike) * len(positives[i]))
    return law


RANDOM = np.random.default_rng(5)
LINE = RANDOM.uniform(-3, 7, (14, 1))
PLANE = RANDOM.uniform(-3, 7, (14, 2))
FIVE = RANDOM.uniform(-3, 7, (14, 5))
STEPS = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7] * 2]).T.astype(np.float32)
CLASSES = np.array([4, 4, -2, 4, 9, -2, 9, 4, 4, -2, 9, 4, 7, 4])
TRIALS = np.array([0, 0, 1, 0, 1, 1, 0, 0, 2, 2, 1, 2, 2, 0])

CASES = {
    "one label": {"labels": LINE, "bandwidth": 1.5},
    "one label in narrow cells": {"labels": LINE, "bandwidth": 0.4},
    "one label in one cell": {"labels": LINE, "bandwidth": 20.0},
    "steps of a bandwidth": {"labels": STEPS, "bandwidth": 0.1},
    "a circle of many cells": {"labels": LINE * 5, "bandwidth": 3.0, "periods": 20.0},
    "a circle of three cells": {"labels": LINE * 5, "bandwidth": 6.0, "periods": 20.0},
    "a circle of two cells": {"labels": LINE * 5, "bandwidth": 8.0, "periods": 20.0},
    "a circle of one cell": {"labels": LINE * 5, "bandwidth": 12.0, "periods": 20.0},
    "two labels": {"labels": PLANE, "bandwidth": [3.0, 4.0]},
    "a cylinder": {"labels": PLANE, "bandwidth": [2.5, 1.5], "periods": [None, 6.0]},
    "a torus": {"labels": PLANE, "bandwidth": [1.5, 1.5], "periods": 5.0},
    "five labels": {"labels": FIVE, "bandwidth": 5.0},
    "classes": {"classes": CLASSES},
    "balanced classes": {"classes": CLASSES, "balanced": True},
    "labels in classes": {"classes": CLASSES, "labels": LINE, "bandwidth": 4.0},
    "balanced labels in classes": {"classes": CLASSES, "labels": LINE, "bandwidth": 4.0, "balanced": True},
    "labels apart in time": {"labels": LINE, "bandwidth": 3.0, "apart": 4},
    "labels apart in time in trials": {"labels": LINE, "bandwidth": 3.0, "apart": 2, "trials": TRIALS},
    "labels in other trials": {"labels": PLANE, "bandwidth": 4.0, "apart": "trial", "trials": TRIALS},
    "classes in other trials": {"classes": CLASSES, "apart": "trial", "trials": TRIALS},
    "nearest": {"labels": LINE, "num_neighbours": 3},
    "nearest on a torus": {"labels": PLANE, "bandwidth": [1.0, 2.0], "num_neighbours": 4, "periods": [5.0, 7.0]},
    "nearest in classes": {"labels": LINE, "num_neighbours": 4, "classes": CLASSES, "balanced": True},
    "nearest apart in time": {"labels": LINE, "num_neighbours": 2, "apart": 3, "trials": TRIALS},
    "nearest in other trials": {"labels": LINE, "num_neighbours": 2, "apart": "trial", "trials": TRIALS},
}


def source_and_law(labels=None, bandwidth=None, num_neighbours=None, periods=None, classes=None, **options):
    given_options = {"bandwidth": bandwidth, "num_neighbours": num_neighbours, "periods": periods, "classes": classes}
    source = LabelledPairs(numbered(14), labels, **given_options, **options)
    table = np.zeros((14, 0)) if labels is None else labels.astype(np.float64)
    classes = np.zeros(14, int) if classes is None else classes
    per_label = [bandwidth or 1.0] * table.shape[1] if np.ndim(bandwidth) == 0 else bandwidth
    around = [periods] * table.shape[1] if np.ndim(periods) == 0 else periods
    trials = options.get("trials", np.zeros(14, int))
    positives = positives_by_enumeration(
        14, table, per_label, around, num_neighbours, classes, options.get("apart", 0), trials
    )
    return source, law_by_enumeration(positives, classes, options.get("balanced", False))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_drawn_law_is_the_enumerated_one(name):
    source, law = source_and_law(**CASES[name])
    assert_law(source, law)
    assert source.num_dropped_rows == int((law.sum(1) == 0).sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a torus", "five labels", "labels in classes", "labels apart in time"])
def test_the_law_is_the_same_where_neighbours_are_listed(name, monkeypatch):
    monkeypatch.setattr("contrica.pairs.label_grid.ROUNDS", 0)
    monkeypatch.setattr("contrica.pairs.label_grid.FIRST_ROUNDS", 0)
    assert_law(*source_and_law(**CASES[name]), num_pairs=3000)


def test_the_law_is_the_same_with_fewer_cells_than_bandwidths(monkeypatch):
    monkeypatch.setattr("contrica.pairs.label_grid.LARGEST_CODE", 14 * 20)
    assert_law(*source_and_law(labels=PLANE, bandwidth=0.9))


def test_a_law_that_is_slightly_off_is_found():
    source, law = source_and_law(labels=LINE, bandwidth=1.5)
    law[law > 0] *= np.linspace(0.8, 1.2, (law > 0).sum())
    with pytest.raises(AssertionError, match="chi-square"):
        assert_law(source, law / law.sum())


def test_rows_without_a_positive_are_counted_and_never_drawn():
    source = LabelledPairs(numbered(5), np.array([0.0, 0.5, 9.0, 10.0, 100.0]), bandwidth=0.6)
    assert source.num_dropped_rows == 3
    table = drawn_table(source, 100)
    assert table[:2, :2].sum() == 100
    assert table.trace() == 0


def test_shifting_a_periodic_label_by_its_period_changes_nothing():
    angles = np.random.default_rng(0).uniform(0, 2 * math.pi, 50)
    turned = angles + 2 * math.pi * np.random.default_rng(1).integers(-3, 4, 50)
    drawn = [
        LabelledPairs(numbered(50), labels, bandwidth=0.3, periods=2 * math.pi).draw_rows(200, generator=generator())
        for labels in (angles, turned)
    ]
    assert torch.equal(drawn[0][1], drawn[1][1])


def test_the_least_negative_angle_is_next_to_the_largest():
    labels = np.array([-1e-300, 0.0, 359.5, 180.0])
    source = LabelledPairs(numbered(4), labels, bandwidth=1.0, periods=360.0)
    assert source.num_dropped_rows == 1
    assert drawn_table(source, 300)[0, [1, 2]].min() > 0


@given(st.integers(2, 40), st.integers(1, 3), st.integers(0, 999))
def test_every_drawn_pair_is_within_the_bandwidth(num_rows, columns, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(-4, 5, (num_rows, columns)) * random.uniform(0.1, 10, columns)
    bandwidth, periods = random.uniform(0.5, 5, columns), [None, 4.0, 7.0][:columns]
    labels[0] = 0.0
    labels[1] = 0.2 * bandwidth
    source = LabelledPairs(numbered(num_rows), labels, bandwidth=bandwidth, periods=periods)
    anchors, positives = source.draw_rows(30, generator=generator(seed))
    assert not (anchors == positives).any()
    for a, p in zip(anchors.tolist(), positives.tolist(), strict=True):
        assert distance(labels[a], labels[p], bandwidth, periods) <= EDGE * (1 + 1e-12)


def test_label_distances_are_those_of_the_formula():
    source = LabelledPairs(numbered(14), PLANE, bandwidth=[2.5, 1.5], periods=[None, 6.0], trials=TRIALS, apart=1)
    rows = torch.arange(14).repeat(14), torch.arange(14).repeat_interleave(14)
    expected = [
        distance(PLANE[a], PLANE[b], [2.5, 1.5], [None, 6.0])
        for a, b in zip(*(side.tolist() for side in rows), strict=True)
    ]
    torch.testing.assert_close(source.label_distances(*rows), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("name", CASES)
def test_it_is_a_pair_source(name):
    check_pair_source(source_and_law(**CASES[name])[0])


def test_the_batch_holds_the_rows_that_are_drawn():
    source = source_and_law(**CASES["labels apart in time in trials"])[0]
    rows, batch = source.draw_rows(20, generator=generator()), source.draw(20, generator=generator())
    assert torch.equal(batch.anchors[:, 0].long(), rows[0])
    assert torch.equal(batch.positives[:, 0].long(), rows[1])
    assert batch.groups is None


BAD = [
    ({}, DomainError, "need classes"),
    ({"labels": LINE}, DomainError, "need a bandwidth"),
    ({"labels": PLANE, "num_neighbours": 2}, DomainError, "need a bandwidth"),
    ({"labels": LINE, "bandwidth": 1e-9}, DomainError, "some row must have a positive"),
    ({"labels": np.ones(14), "bandwidth": 1.0}, DomainError, "one value"),
    ({"labels": np.arange(14) * 5.0, "bandwidth": 1.0, "periods": 5.0}, DomainError, "one value"),
    ({"labels": np.full(14, np.nan), "bandwidth": 1.0}, DomainError, "finite"),
    ({"labels": np.arange(13.0), "bandwidth": 1.0}, ShapeError, "14 rows"),
    ({"labels": np.zeros((14, 2, 2)), "bandwidth": 1.0}, ShapeError, "shape"),
    ({"labels": PLANE, "bandwidth": [1.0]}, ShapeError, "one per label, 2"),
    ({"labels": PLANE, "bandwidth": 1.0, "periods": [1.0]}, ShapeError, "one per label, 2"),
    ({"labels": LINE, "bandwidth": 0.0}, DomainError, "greater than 0"),
    ({"labels": LINE, "bandwidth": "wide"}, ShapeError, "one per label"),
    ({"labels": LINE, "bandwidth": [None]}, DomainError, "for every label"),
    ({"labels": LINE, "bandwidth": float("inf")}, DomainError, "finite"),
    ({"labels": LINE * 1e300, "bandwidth": 1e-300}, DomainError, "overflow"),
    ({"labels": LINE, "bandwidth": 1.0, "periods": -1.0}, DomainError, "greater than 0"),
    ({"labels": LINE, "num_neighbours": 0}, DomainError, "at least 1"),
    ({"labels": LINE, "num_neighbours": 1.5}, DtypeError, "whole number"),
    ({"classes": CLASSES, "bandwidth": 1.0}, DomainError, "speaks of continuous labels"),
    ({"classes": CLASSES, "num_neighbours": 2}, DomainError, "speaks of continuous labels"),
    ({"classes": np.zeros(14, int)}, DomainError, "every row is 0"),
    ({"classes": np.arange(14)}, DomainError, "some row must have a positive"),
    ({"classes": CLASSES + 0.5}, DtypeError, "integers"),
    ({"classes": CLASSES[:3]}, ShapeError, "classes must have shape"),
    ({"classes": CLASSES, "balanced": 1}, DtypeError, "True or False"),
    ({"labels": LINE, "bandwidth": 1.0, "balanced": True}, DomainError, "need classes"),
    ({"classes": CLASSES, "apart": "trial"}, DomainError, "at least 2 trials"),
    ({"classes": CLASSES, "apart": -1}, DomainError, "at least 0"),
    ({"labels": LINE, "bandwidth": 30.0, "apart": 13}, DomainError, "smaller apart"),
    ({"labels": LINE, "num_neighbours": 3, "apart": 13}, DomainError, "smaller apart"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_what_makes_no_pairs_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        LabelledPairs(numbered(14), **arguments)


def test_positions_of_a_rat_give_pairs_that_are_near_in_space_and_not_in_time():
    folder = os.environ.get("CONTRICA_DATA")
    if folder is None or not (Path(folder) / "rat_open_field_path.npz").is_file():
        pytest.skip("CONTRICA_DATA names no folder that holds rat_open_field_path.npz")
    with np.load(Path(folder) / "rat_open_field_path.npz") as file:
        place = file["pos"]
    source = LabelledPairs(place, place, bandwidth=0.05, apart=500)
    batch = source.draw(2000, generator=generator())
    assert batch.anchors.dtype == torch.float64
    assert float((batch.anchors - batch.positives).abs().max()) <= 0.05 * EDGE
    anchors, positives = source.draw_rows(2000, generator=generator())
    assert int((anchors - positives).abs().min()) > 500
    report = describe_pairs(source, num_pairs=2000, generator=generator())
    assert report.never_drawn_share == pytest.approx(report.never_drawn_if_even, abs=0.01)
