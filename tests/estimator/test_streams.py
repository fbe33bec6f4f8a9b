import numpy as np
import pytest
import torch

from contrica.errors import DomainError
from contrica.estimator.streams import Streams, lent_to_torch


def test_the_same_seed_gives_the_same_streams():
    assert Streams.of(3) == Streams.of(3)
    assert Streams.of(3) != Streams.of(4)


def test_no_seed_gives_another_one_each_time():
    assert Streams.of(None) != Streams.of(None)


def test_a_random_state_gives_a_seed_and_advances():
    source = np.random.RandomState(0)
    assert Streams.of(source) != Streams.of(source)


def test_what_is_no_random_state_is_refused():
    with pytest.raises(DomainError, match="random_state must be an int"):
        Streams.of("zero")


def test_the_global_generator_is_lent_and_given_back():
    before = torch.get_rng_state()
    with lent_to_torch(Streams(1).named("torch")):
        first = torch.rand(3)
    with lent_to_torch(Streams(1).named("torch")):
        second = torch.rand(3)
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generator_is_given_back_after_an_error():
    def failing():
        with lent_to_torch(Streams(1).named("torch")):
            torch.rand(3)
            raise RuntimeError

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError):
        failing()
    assert torch.equal(torch.get_rng_state(), before)
