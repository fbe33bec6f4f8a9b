import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs import GivenPairs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(num_pairs, groups=None):
    """Pairs whose anchors say which row they are, and whose positives say it with a half added."""
    rows = torch.arange(float(num_pairs))[:, None]
    return GivenPairs(rows, rows + 0.5, groups)


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(2, n))), st.integers(0, 1000))
def test_no_row_occurs_twice_in_a_batch_and_pairs_stay_together(sizes, seed):
    num_pairs, batch_size = sizes
    batch = numbered(num_pairs).draw(batch_size, generator=generator(seed))
    assert batch.num_pairs == batch_size
    assert len(batch.anchors.unique()) == batch_size
    assert torch.equal(batch.positives, batch.anchors + 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("num_pairs", "batch_size"), [(10, 3), (10, 8)])
def test_every_row_and_every_two_rows_are_drawn_equally_often(num_pairs, batch_size):
    source, stream, draws = numbered(num_pairs), generator(), 1000
    together = torch.zeros(num_pairs, num_pairs, dtype=torch.float64)
    for _ in range(draws):
        drawn = torch.zeros(num_pairs, dtype=torch.float64)
        drawn[source.draw(batch_size, generator=stream).anchors.long().flatten()] = 1
        together += torch.outer(drawn, drawn)
    single = batch_size / num_pairs
    double = single * (batch_size - 1) / (num_pairs - 1)
    expected = torch.full_like(together, double).fill_diagonal_(single)
    noise = (expected * (1 - expected) / draws).sqrt()
    assert ((together / draws - expected).abs() < 4.5 * noise).all()


def test_equal_generators_draw_equal_batches_and_advanced_ones_others():
    stream, source = generator(), numbered(1000)
    first, second = source.draw(5, generator=stream), source.draw(5, generator=stream)
    again = source.draw(5, generator=generator())
    assert torch.equal(first.anchors, again.anchors)
    assert not torch.equal(first.anchors, second.anchors)


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    numbered(10).draw(3, generator=generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_groups_travel_with_their_rows():
    batch = numbered(20, groups=torch.arange(20) // 2).draw(7, generator=generator())
    assert torch.equal(batch.groups, batch.anchors.long().flatten() // 2)


def test_a_batch_records_no_gradient():
    rows = torch.ones(4, 2, requires_grad=True)
    assert not GivenPairs(rows, rows).draw(2, generator=generator()).anchors.requires_grad


def test_the_source_knows_its_size():
    assert numbered(12).num_pairs == 12


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: GivenPairs(torch.ones(4, 2), torch.ones(3, 2)), ShapeError),
        (lambda: GivenPairs(torch.ones(1, 2), torch.ones(1, 2)), ShapeError),
        (lambda: GivenPairs(torch.ones(4, 2), torch.ones(4, 2).long()), DtypeError),
        (lambda: GivenPairs(torch.ones(4, 2), torch.full((4, 2), torch.nan)), DomainError),
        (lambda: GivenPairs(torch.full((4, 2), torch.inf), torch.ones(4, 2)), DomainError),
        (lambda: GivenPairs([[1.0]], [[1.0]]), DtypeError),
    ],
)
def test_arrays_that_are_no_pairs_are_refused(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("batch_size", "stream", "error"),
    [(5, generator(), DomainError), (1, generator(), DomainError), (2.0, generator(), DtypeError), (2, 0, DtypeError)],
)
def test_a_draw_that_cannot_be_made_is_refused(batch_size, stream, error):
    with pytest.raises(error):
        numbered(4).draw(batch_size, generator=stream)


def test_rows_of_one_group_only_are_refused():
    with pytest.raises(DomainError, match="all rows share group 3"):
        numbered(4, groups=torch.full((4,), 3))
