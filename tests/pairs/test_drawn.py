import json

import numpy as np
import pytest
import torch

from contrica.errors import DomainError, DtypeError, RecordError
from contrica.pairs import AugmentedPairs, LabelledPairs, TemporalPairs, describe_pairs
from contrica.pairs.drawn import PairReport


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Listed:
    """Draws the pairs it is given, one after the other."""

    def __init__(self, num_rows, pairs):
        self.num_rows = num_rows
        self._pairs = list(pairs)

    def draw_rows(self, batch_size, *, generator):
        drawn = [self._pairs.pop(0) for _ in range(batch_size)]
        return torch.tensor([a for a, _ in drawn]), torch.tensor([p for _, p in drawn])


def test_repeats_and_rows_left_out_are_counted():
    source = Listed(10, [(0, 1), (0, 1), (0, 2), (3, 0)])
    report = describe_pairs(source, num_pairs=4, batch_size=3, generator=generator())
    assert report.distinct_anchors_share == 2 / 4
    assert report.distinct_pairs_share == 3 / 4
    assert report.never_drawn_share == pytest.approx(6 / 10)
    assert report.never_drawn_if_even == pytest.approx(0.9**8)
    assert (report.lags, report.label_distances, report.across_trials_share) == (None, None, None)


def test_lags_have_the_shares_they_were_given():
    source = TemporalPairs(torch.zeros(500, 1), lags={1: 0.5, -3: 0.3, 20: 0.2})
    report = describe_pairs(source, num_pairs=4000, generator=generator())
    assert report.lags.lows == report.lags.highs == (-3, 1, 20)
    np.testing.assert_allclose(np.array(report.lags.counts) / 4000, [0.3, 0.5, 0.2], atol=4.5 / (2 * 4000**0.5))
    assert report.across_trials_share == 0


def test_many_lags_share_bins_of_whole_numbers():
    source = TemporalPairs(torch.zeros(500, 1), lags=range(1, 31))
    lags = describe_pairs(source, num_pairs=3000, generator=generator()).lags
    assert lags.lows == (1, 4, 7, 10, 13, 16, 19, 22, 25, 28)
    assert lags.highs == (3, 6, 9, 12, 15, 18, 21, 24, 27, 30)
    assert sum(lags.counts) == 3000
    assert min(lags.counts) > 200


def test_distances_of_labels_and_pairs_across_trials_are_reported():
    labels = np.arange(100) % 50 * 0.5
    source = LabelledPairs(torch.zeros(100, 1), labels, bandwidth=1.0, apart="trial", trials=np.arange(100) // 50)
    report = describe_pairs(source, num_pairs=2000, generator=generator())
    assert report.across_trials_share == 1
    assert report.lags is None
    assert report.label_distances.lows == (0.0, 0.5, 1.0)
    assert 0.15 < report.label_distances.counts[0] / 2000 < 0.25


def test_distances_that_are_all_different_share_bins():
    labels = np.random.default_rng(0).uniform(size=300)
    source = LabelledPairs(torch.zeros(300, 1), labels, bandwidth=0.1)
    distances = describe_pairs(source, num_pairs=2000, generator=generator()).label_distances
    assert len(distances.counts) == 12
    assert sum(distances.counts) == 2000
    assert distances.highs[-1] <= 1 + 1e-6


def test_the_report_reads_as_sentences():
    source = LabelledPairs(
        torch.zeros(100, 1), np.arange(100) % 50 * 0.5, bandwidth=1.0, apart=3, trials=np.arange(100) // 50
    )
    text = str(describe_pairs(source, num_pairs=500, generator=generator()))
    assert "500 pairs drawn from a recording of 100 rows." in text
    assert "of the rows were never drawn; an even draw would leave out" in text
    assert "of the pairs are of two trials." in text
    assert "Distance of the labels, in bandwidths:" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_source_that_leaves_no_choice_of_batch_is_described_in_smaller_ones():
    source = AugmentedPairs(torch.zeros(7, 1), lambda observations, *, generator: observations)
    report = describe_pairs(source, num_pairs=16, generator=generator())
    assert report.never_drawn_share == 0


def test_equal_generators_give_equal_reports():
    source = TemporalPairs(torch.zeros(50, 1), lags=2)
    before = torch.get_rng_state()
    reports = [describe_pairs(source, num_pairs=99, generator=generator(seed)) for seed in (0, 0, 1)]
    assert reports[0] == reports[1] != reports[2]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"source": 3}, DtypeError),
        ({"num_pairs": 0}, DomainError),
        ({"batch_size": 0}, DomainError),
        ({"generator": None}, DtypeError),
    ],
)
def test_what_cannot_be_described_is_refused(arguments, error):
    whole = {"source": TemporalPairs(torch.zeros(50, 1), lags=2), "generator": generator()} | arguments
    with pytest.raises(error):
        describe_pairs(whole.pop("source"), **whole)


def test_a_report_comes_back_from_json():
    source = LabelledPairs(torch.zeros(300, 1), torch.arange(300.0), bandwidth=4.0, trials=torch.arange(300) // 100)
    report = describe_pairs(source, num_pairs=500, generator=generator())
    assert PairReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


@pytest.mark.parametrize(
    "damage", [{"num_pairs": "many"}, {"lags": {"lows": [1], "highs": [], "counts": [2]}}, {"lags": [1]}, {"lags": {}}]
)
def test_a_damaged_report_is_a_sentence(damage):
    report = describe_pairs(TemporalPairs(torch.zeros(50, 1), lags=2), num_pairs=99, generator=generator())
    with pytest.raises(RecordError, match="must have its counts, and it is damaged"):
        PairReport.from_dict({**report.to_dict(), **damage})
