import numpy as np
import pytest
import torch

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs import AugmentedPairs
from contrica.testing import check_pair_source
from row_laws import assert_law


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def jitter(observations, *, generator):
    return observations + 0.1 * torch.randn(observations.shape, generator=generator, dtype=observations.dtype)


def unchanged(observations, *, generator):
    return observations


ROWS = torch.arange(40.0)[:, None]


def test_it_is_a_pair_source():
    check_pair_source(AugmentedPairs(ROWS, jitter))
    check_pair_source(AugmentedPairs(ROWS.numpy(), jitter, anchor_augmentation=unchanged))


def test_both_are_changes_of_the_same_row_and_independent():
    source = AugmentedPairs(torch.arange(4000.0, dtype=torch.float64)[:, None], jitter)
    rows = source.draw_rows(4000, generator=generator())[0].double()
    batch = source.draw(4000, generator=generator())
    changes = torch.stack((batch.anchors[:, 0] - rows, batch.positives[:, 0] - rows))
    torch.testing.assert_close(changes.std(1), torch.full((2,), 0.1, dtype=torch.float64), rtol=0.05, atol=0)
    assert abs(float(torch.corrcoef(changes)[0, 1])) < 4.5 / 4000**0.5


def test_anchors_can_be_left_as_they_are():
    batch = AugmentedPairs(ROWS, jitter, anchor_augmentation=unchanged).draw(10, generator=generator())
    assert set(batch.anchors.flatten().tolist()) <= set(range(40))
    assert not torch.equal(batch.anchors, batch.positives)


def test_every_row_is_as_likely_and_none_occurs_twice():
    source = AugmentedPairs(ROWS[:8], jitter)
    assert sorted(source.draw_rows(8, generator=generator())[0].tolist()) == list(range(8))

    class OneByOne:
        num_rows = 8

        def draw_rows(self, size, *, generator):
            rows = torch.cat([source.draw_rows(1, generator=generator)[0] for _ in range(size)])
            return rows, rows

    assert_law(OneByOne(), np.eye(8) / 8, num_pairs=1000)


def test_a_change_in_place_leaves_the_recording_alone():
    rows = ROWS.clone()
    AugmentedPairs(rows, lambda observations, *, generator: observations.mul_(2)).draw(9, generator=generator())
    assert torch.equal(rows, ROWS)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda observations, *, generator: observations.double(), DtypeError),
        (lambda observations, *, generator: observations.numpy(), DtypeError),
        (lambda observations, *, generator: observations[:-1], ShapeError),
        (lambda observations, *, generator: observations[:, 0], ShapeError),
        (lambda observations, *, generator: observations / 0, DomainError),
    ],
)
def test_an_augmentation_that_returns_no_observations_is_refused(change, error):
    with pytest.raises(error, match="augmentation"):
        AugmentedPairs(ROWS, change).draw(4, generator=generator())


@pytest.mark.parametrize("change", [None, 3])
def test_an_augmentation_that_cannot_be_called_is_refused(change):
    with pytest.raises(DtypeError, match="callable"):
        AugmentedPairs(ROWS, jitter if change is None else change, anchor_augmentation=change or 0.5)


@pytest.mark.parametrize(("size", "error"), [(41, DomainError), (1, DomainError), (2.0, DtypeError)])
def test_a_batch_that_cannot_be_drawn_is_refused(size, error):
    with pytest.raises(error):
        AugmentedPairs(ROWS, jitter).draw(size, generator=generator())
