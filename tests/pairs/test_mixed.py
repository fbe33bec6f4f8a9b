import numpy as np
import pytest
import torch

from contrica import AugmentedPairs, GivenPairs, LabelledPairs, MixedPairs, TemporalPairs, describe_pairs
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.testing import check_pair_source
from row_laws import assert_law, drawn_table

ROWS = torch.arange(20.0)[:, None]
TRIALS = np.arange(20) // 10
TIME = TemporalPairs(ROWS, lags={1: 0.5, 3: 0.5}, trials=TRIALS)
LABELS = LabelledPairs(ROWS, (np.arange(20) * 7 % 20) * 1.0, bandwidth=2.0, trials=TRIALS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_law_is_the_mixture_of_the_laws():
    time, labels = (np.zeros((20, 20)) for _ in range(2))
    for lag in (1, 3):
        for row in range(20):
            if row + lag < 20 and TRIALS[row] == TRIALS[row + lag]:
                time[row, row + lag] = 0.5 / (20 - 2 * lag)
    values = np.arange(20) * 7 % 20
    for row in range(20):
        near = [other for other in range(20) if other != row and abs(values[other] - values[row]) <= 2]
        labels[row, near] = 1 / (20 * len(near))
    assert_law(MixedPairs([TIME, LABELS], [0.3, 0.7]), 0.3 * time + 0.7 * labels)
    assert_law(MixedPairs([TIME, LABELS]), (time + labels) / 2)
    with pytest.raises(AssertionError, match="chi-square"):
        assert_law(MixedPairs([TIME, LABELS], [0.3, 0.7]), 0.4 * time + 0.6 * labels)


@pytest.mark.parametrize("size", [2, 3, 50])
def test_the_batch_holds_the_rows_that_are_drawn(size):
    source = MixedPairs([TIME, LABELS, AugmentedPairs(ROWS, lambda x, *, generator: x.clone())], [0.5, 0.4, 0.1])
    for seed in range(20):
        rows, batch = source.draw_rows(size, generator=generator(seed)), source.draw(size, generator=generator(seed))
        assert torch.equal(batch.anchors[:, 0].long(), rows[0])
        assert torch.equal(batch.positives[:, 0].long(), rows[1])


@pytest.mark.slow
def test_where_a_pair_stands_says_nothing_of_its_source():
    apart = MixedPairs([GivenPairs(ROWS[:10], ROWS[:10]), GivenPairs(ROWS[10:], ROWS[10:])], [0.25, 0.75])
    second = torch.stack([apart.draw(8, generator=generator(seed)).anchors[:, 0] >= 10 for seed in range(300)])
    shares = second.float().mean(0)
    assert float((shares - 0.75).abs().max()) < 4 * (0.75 * 0.25 / 300) ** 0.5


@pytest.mark.slow
def test_a_source_of_which_one_pair_is_wanted_favours_none():
    source = MixedPairs([GivenPairs(ROWS[:4], ROWS[:4]), GivenPairs(ROWS[4:8], ROWS[4:8])])
    drawn = torch.cat([source.draw(2, generator=generator(seed)).anchors[:, 0] for seed in range(600)])
    counts = torch.bincount(drawn.long(), minlength=8).double()
    assert float((counts / 1200 - 1 / 8).abs().max()) < 4.5 * (7 / 64 / 1200) ** 0.5


def test_a_source_of_no_chance_is_never_drawn_from():
    assert drawn_table(MixedPairs([TIME, LABELS], [0.0, 1.0]), 500)[0, 1] == drawn_table(LABELS, 500)[0, 1] == 0


@pytest.mark.parametrize(
    "source",
    [
        MixedPairs([TIME, LABELS]),
        MixedPairs([TIME, GivenPairs(ROWS, ROWS + 1.0)], [0.5, 0.5]),
        MixedPairs([MixedPairs([TIME, LABELS]), LABELS], [0.2, 0.8]),
    ],
)
def test_it_is_a_pair_source(source):
    check_pair_source(source)


def test_what_is_drawn_is_reported_by_time_and_by_label():
    report = describe_pairs(MixedPairs([TIME, LABELS], [0.5, 0.5]), num_pairs=4000, generator=generator())
    assert report.num_rows == 20
    assert {1, 3} < set(report.lags.lows)
    assert report.label_distances.counts[0] > 0
    assert 0 < report.across_trials_share < 0.5
    plain = MixedPairs([AugmentedPairs(ROWS, lambda x, *, generator: x)] * 2)
    assert describe_pairs(plain, num_pairs=40, generator=generator()).lags is None


def test_time_is_a_label_like_others_for_pairs_that_are_near_in_both():
    rng = np.random.default_rng(0)
    label, time, trials = rng.uniform(size=400), np.arange(400) % 100, np.arange(400) // 100
    source = LabelledPairs(
        torch.zeros(400, 1), np.stack((label, time), 1), bandwidth=[0.2, 10.0], classes=trials, trials=trials
    )
    anchors, positives = source.draw_rows(3000, generator=generator())
    assert (trials[anchors] == trials[positives]).all()
    assert int((anchors - positives).abs().max()) == 10
    assert np.abs(label[anchors] - label[positives]).max() <= 0.2 * (1 + 1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([TIME],), ShapeError, "at least 2 sources"),
        (([TIME, ROWS],), DtypeError, "must have a method draw"),
        (([TIME, LABELS], [1.0]), ShapeError, "one per source, 2"),
        (([TIME, LABELS], [0.5, 0.4]), DomainError, "must sum to 1"),
        (([TIME, LABELS], [1.5, -0.5]), DomainError, "at least 0"),
        (([TIME, LABELS], [float("nan"), 1.0]), DomainError, "finite"),
    ],
)
def test_what_makes_no_mixture_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        MixedPairs(*arguments)


def test_a_draw_that_cannot_be_made_is_refused():
    dependent = TemporalPairs(torch.arange(200.0)[:, None], lags=1, exclude_within=1)
    with pytest.raises(DomainError, match="must all be independent, but TemporalPairs"):
        MixedPairs([dependent, dependent]).draw(8, generator=generator())
    with pytest.raises(ShapeError, match="one shape and dtype"):
        MixedPairs([TIME, GivenPairs(ROWS.double(), ROWS.double())]).draw(10, generator=generator())
    with pytest.raises(DomainError, match="rows of one recording"):
        MixedPairs([TIME, GivenPairs(ROWS, ROWS)]).draw_rows(4, generator=generator())
    with pytest.raises(DomainError, match="rows of one recording"):
        describe_pairs(MixedPairs([TIME, TemporalPairs(ROWS[:9], lags=1)]), generator=generator())
    with pytest.raises(DomainError, match="at least 2"):
        MixedPairs([TIME, LABELS]).draw(1, generator=generator())
    with pytest.raises(DtypeError, match="generator must be"):
        MixedPairs([TIME, LABELS]).draw(4, generator=None)
