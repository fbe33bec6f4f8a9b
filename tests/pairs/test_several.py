import numpy as np
import pytest
import torch

from contrica import EitherPairs, GivenPairs, LabelledPairs, TemporalPairs, stack_recordings
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.testing import check_pair_source


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def two_recordings():
    return [torch.arange(60.0).reshape(20, 3) + 1, np.arange(30.0).reshape(30, 1) + 100]


def test_rows_keep_their_order_and_say_which_recording_they_are_of():
    first, second = two_recordings()
    stacked = stack_recordings([first, second])
    assert stacked.shape == (50, 4)
    torch.testing.assert_close(stacked[:20, 1:], first)
    torch.testing.assert_close(stacked[20:, 1], torch.tensor(second[:, 0]).float())
    assert stacked[:, 0].tolist() == [0.0] * 20 + [1.0] * 30
    assert (stacked[20:, 2:] == 0).all()


def test_pairs_by_time_stay_within_a_recording_and_its_trials():
    stacked = stack_recordings(two_recordings())
    trials = np.repeat([0, 1, 2], [20, 15, 15])
    batch = TemporalPairs(stacked, lags=2, trials=trials).draw(500, generator=seeded())
    assert (batch.anchors[:, 0] == batch.positives[:, 0]).all()


def test_shared_labels_give_pairs_across_recordings_as_often_as_rows_are_there():
    stacked = stack_recordings(two_recordings())
    classes = np.arange(50) % 5
    batch = LabelledPairs(stacked, classes=classes).draw(4000, generator=seeded())
    across = (batch.anchors[:, 0] != batch.positives[:, 0]).double().mean()
    # Of each class there are 4 rows in the one and 6 in the other recording, and no row is its own positive.
    torch.testing.assert_close(float(across), 2 * 0.4 * 6 / 9, atol=0.03, rtol=0)


def sources():
    first, second = two_recordings()
    stacked = [stack_recordings([first]), stack_recordings([second])]
    return [TemporalPairs(table, lags=1) for table in stacked]


@pytest.mark.slow
def test_each_batch_is_of_one_source_as_often_as_its_weight_says():
    pairs = EitherPairs(sources(), weights=[3.0, 1.0])
    generator = seeded()
    widths = [pairs.draw(4, generator=generator).anchors.shape[1] for _ in range(600)]
    assert set(widths) == {4, 2}
    torch.testing.assert_close(widths.count(4) / 600, 0.75, atol=0.07, rtol=0)
    never = EitherPairs(sources(), weights=[0.0, 2.0])
    assert {never.draw(4, generator=generator).anchors.shape[1] for _ in range(50)} == {2}


def test_either_pairs_keep_the_contract_of_a_source():
    rows = torch.randn(40, 2, generator=seeded())
    check_pair_source(EitherPairs([GivenPairs(rows, rows + 1), GivenPairs(rows, rows - 1)]))


@pytest.mark.parametrize(
    ("recordings", "error"),
    [
        ([], ShapeError),
        ([torch.zeros(3, 2, 2)], ShapeError),
        ([torch.zeros(1, 2)], ShapeError),
        ([[[1.0], [2.0]]], DtypeError),
        ([torch.zeros(3, 2), torch.full((3, 2), float("nan"))], DomainError),
    ],
)
def test_what_is_no_list_of_tables_is_refused(recordings, error):
    with pytest.raises(error):
        stack_recordings(recordings)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"sources": []}, ShapeError),
        ({"sources": [3]}, DtypeError),
        ({"weights": [1.0]}, ShapeError),
        ({"weights": [0.0, 0.0]}, DomainError),
        ({"weights": [2.0, -1.0]}, DomainError),
        ({"weights": [1.0, float("nan")]}, DomainError),
    ],
)
def test_sources_and_weights_that_do_not_fit_are_refused(arguments, error):
    with pytest.raises(error):
        EitherPairs(**({"sources": sources()} | arguments))
