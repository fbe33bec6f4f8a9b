import pytest
import torch

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs import GivenPairs, PairBatch, PairSource

ONES = torch.ones(4, 3)
IDS = torch.tensor([0, 0, 1, 2])


def test_a_batch_keeps_what_it_is_given():
    negatives = torch.zeros(7, 3)
    batch = PairBatch(ONES, 2 * ONES, IDS, negatives)
    assert batch.anchors is ONES
    assert batch.groups is IDS
    assert batch.negatives is negatives
    assert batch.num_pairs == 4


def test_a_batch_cannot_be_changed():
    batch = PairBatch(ONES, ONES)
    with pytest.raises(AttributeError):
        batch.anchors = ONES


def test_a_batch_that_is_there_already_is_not_moved():
    batch = PairBatch(ONES, ONES, IDS)
    assert batch.to("cpu") is batch


def test_all_parts_move_to_the_device_together():
    moved = PairBatch(ONES, ONES, negatives=ONES).to("meta")
    assert {part.device.type for part in (moved.anchors, moved.positives, moved.negatives)} == {"meta"}
    assert moved.groups is None


def test_images_are_observations_too():
    assert PairBatch(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8)).num_pairs == 2


def test_one_pair_with_separate_negatives_is_a_batch():
    assert PairBatch(ONES[:1], ONES[:1], negatives=ONES).num_pairs == 1
    assert PairBatch(ONES, ONES, torch.zeros(4, dtype=torch.int64), negatives=ONES).num_pairs == 4


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: PairBatch(ONES.tolist(), ONES), DtypeError),
        (lambda: PairBatch(ONES, ONES.numpy()), DtypeError),
        (lambda: PairBatch(ONES, None), DtypeError),
        (lambda: PairBatch(ONES.long(), ONES.long()), DtypeError),
        (lambda: PairBatch(ONES, ONES.double()), DtypeError),
        (lambda: PairBatch(ONES, ONES, negatives=ONES.half()), DtypeError),
        (lambda: PairBatch(ONES, ONES, IDS.int()), DtypeError),
        (lambda: PairBatch(ONES, ONES, [0, 0, 1, 2]), DtypeError),
        (lambda: PairBatch(ONES, ONES[:3]), ShapeError),
        (lambda: PairBatch(ONES, ONES[:, :2]), ShapeError),
        (lambda: PairBatch(ONES[:, 0], ONES[:, 0]), ShapeError),
        (lambda: PairBatch(torch.tensor(1.0), torch.tensor(1.0)), ShapeError),
        (lambda: PairBatch(ONES[:, :0], ONES[:, :0]), ShapeError),
        (lambda: PairBatch(ONES[:0], ONES[:0]), ShapeError),
        (lambda: PairBatch(ONES[:1], ONES[:1]), ShapeError),
        (lambda: PairBatch(ONES, ONES, negatives=ONES[:0]), ShapeError),
        (lambda: PairBatch(ONES, ONES, negatives=ONES[:, :2]), ShapeError),
        (lambda: PairBatch(ONES, ONES, IDS[:3]), ShapeError),
        (lambda: PairBatch(ONES, ONES, IDS[:, None]), ShapeError),
        (lambda: PairBatch(ONES, ONES, torch.full((4,), 7)), DomainError),
        (lambda: PairBatch(ONES, ONES.to("meta")), DomainError),
        (lambda: PairBatch(ONES, ONES, IDS.to("meta")), DomainError),
    ],
)
def test_what_is_no_batch_of_pairs_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_the_refusal_of_one_group_says_which():
    with pytest.raises(DomainError, match="all rows share group 7; mix groups"):
        PairBatch(ONES, ONES, torch.full((4,), 7))


def test_given_pairs_are_a_pair_source():
    assert isinstance(GivenPairs(ONES, ONES), PairSource)


def test_something_else_is_no_pair_source():
    assert not isinstance(ONES, PairSource)
