import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError
from contrica.report import seeds_in_words, seeds_of


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, unique=True))
def test_seeds_survive_being_put_in_words(seeds):
    assert seeds_of(seeds_in_words(seeds)) == tuple(seeds)


def test_a_seed_named_twice_counts_once():
    assert seeds_of("1,0-2,1") == (1, 0, 2)


@pytest.mark.parametrize("text", ["", "x", "-1", "1,", "0-", "3-1", "0-99999", "1.5", "9" * 40])
def test_what_names_no_seeds_is_refused(text):
    with pytest.raises(DomainError, match=r"seeds must"):
        seeds_of(text)
