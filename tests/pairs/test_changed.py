import pytest
import torch

from contrica import ChangedPairs, Dropout, GivenPairs, NeighbourhoodPairs, PairBatch, TemporalPairs
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.testing import check_pair_source


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_dropout_loses_its_share_and_keeps_the_mean():
    lost = Dropout(0.3)(torch.ones(400, 500), generator=seeded())
    assert set(lost.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.7)}
    torch.testing.assert_close(float((lost == 0).double().mean()), 0.3, atol=0.005, rtol=0)
    torch.testing.assert_close(float(lost.mean()), 1.0, atol=0.01, rtol=0)


def test_without_a_share_nothing_is_lost():
    rows = torch.randn(5, 3, generator=seeded())
    torch.testing.assert_close(Dropout(0.0)(rows, generator=seeded()), rows, rtol=0, atol=0)


def test_pairs_are_those_of_the_source_changed_on_each_side_by_itself():
    rows = torch.arange(1.0, 41.0)[:, None].repeat(1, 6)
    batch = ChangedPairs(TemporalPairs(rows, lags=3), Dropout(0.5)).draw(200, generator=seeded())
    first, second = (side.amax(1) / 2 for side in (batch.anchors, batch.positives))
    both = (first > 0) & (second > 0)
    assert both.double().mean() > 0.9
    assert (second - first)[both].unique().tolist() == [3.0]
    assert not torch.equal(batch.anchors == 0, batch.positives == 0)


def test_groups_and_separate_negatives_are_kept():
    class Source:
        def draw(self, batch_size, *, generator):
            rows = torch.randn(batch_size, 2, generator=generator)
            return PairBatch(rows, rows, torch.arange(batch_size), rows[:3])

    batch = ChangedPairs(Source(), lambda rows, *, generator: 2 * rows).draw(8, generator=seeded())
    assert batch.groups.tolist() == list(range(8))
    torch.testing.assert_close(batch.negatives, batch.anchors[:3])


def test_changed_pairs_keep_the_contract_of_a_source():
    rows = torch.randn(40, 3, generator=seeded())
    check_pair_source(ChangedPairs(GivenPairs(rows, rows + 1), Dropout(0.2)))


def test_what_cannot_be_changed_is_refused():
    rows = torch.randn(4000, 2, generator=seeded())
    pairs = GivenPairs(rows, rows)
    with pytest.raises(DtypeError):
        ChangedPairs(rows, Dropout(0.5))
    with pytest.raises(DtypeError):
        ChangedPairs(pairs, 0.5)
    with pytest.raises(ShapeError):
        ChangedPairs(pairs, lambda rows, *, generator: rows[1:]).draw(4, generator=seeded())
    cells = NeighbourhoodPairs(pairs, torch.nn.Identity(), cell_size=16, pool_size=1024)
    cells.refresh(generator=seeded())
    with pytest.raises(DomainError, match="put NeighbourhoodPairs over them"):
        ChangedPairs(cells, Dropout(0.5)).draw(64, generator=seeded())


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_of_its_range_is_refused(share):
    with pytest.raises(DomainError):
        Dropout(share)
