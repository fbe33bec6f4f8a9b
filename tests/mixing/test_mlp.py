import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.mixing import InvertibleMLP


def mixing_of(dim=6, *, seed=0, **options):
    return InvertibleMLP(dim, **{"candidates": 200, **options}, generator=torch.Generator().manual_seed(seed))


def latents_of(dim=6, dtype=torch.float64):
    return torch.randn(300, dim, generator=torch.Generator().manual_seed(1), dtype=dtype)


@given(dim=st.integers(1, 12), num_layers=st.integers(1, 4), slope=st.floats(0.1, 1.0))
def test_the_inverse_undoes_the_mixing(dim, num_layers, slope):
    mixing = mixing_of(dim, num_layers=num_layers, negative_slope=slope)
    for dtype, tolerance in [(torch.float32, 1e-4), (torch.float64, 1e-10)]:
        latents = latents_of(dim, dtype)
        observations = mixing(latents)
        assert observations.dtype == dtype
        assert observations.shape == (300, *mixing.observation_shape)
        # Few candidates may leave a layer worse conditioned than 25 000 do; rounding grows with it.
        slack = max(1.0, mixing.condition_number / 1e3)
        assert_close(mixing.inverse(observations), latents, rtol=0.0, atol=tolerance * slack)


def test_the_mixing_is_the_formula():
    mixing = mixing_of()
    hidden = latents_of().numpy()
    for index, weight in enumerate(mixing.weights.numpy()):
        if index:
            hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
        hidden = np.einsum("ij,nj->ni", weight, hidden)
    assert_close(mixing(latents_of()), torch.from_numpy(hidden))


def test_columns_have_unit_length():
    lengths = torch.linalg.vector_norm(mixing_of().weights, dim=1)
    assert_close(lengths, torch.ones_like(lengths))


def test_condition_numbers_are_those_of_the_layers_and_bound_the_stretch_of_the_whole():
    mixing = mixing_of()
    assert_close(mixing.layer_condition_numbers, tuple(np.linalg.cond(weight.numpy()) for weight in mixing.weights))
    assert_close(mixing.condition_number, math.prod(mixing.layer_condition_numbers) * 25.0)
    jacobians = torch.func.vmap(torch.func.jacrev(lambda s: mixing.forward(s[None])[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("contrica._checks.matrix", lambda value, *_, **__: value)
        stretches = torch.linalg.svdvals(jacobians(latents_of()[:50]))
    assert stretches[:, 0].max() / stretches[:, -1].min() <= mixing.condition_number


def test_more_candidates_condition_better():
    few, many = mixing_of(candidates=1), mixing_of(candidates=2000)
    assert max(many.layer_condition_numbers) < min(few.layer_condition_numbers)


def test_the_kept_matrix_is_the_best_of_all_that_were_drawn():
    draws = 2.0 * torch.rand(200, 6, 6, generator=torch.Generator().manual_seed(0)) - 1.0
    draws = draws.double() / torch.linalg.vector_norm(draws.double(), dim=1, keepdim=True)
    assert_close(
        min(np.linalg.cond(draws.numpy())), mixing_of(num_layers=1).layer_condition_numbers[0], rtol=1e-5, atol=0
    )


def test_candidates_are_drawn_in_chunks_without_losing_any(monkeypatch):
    whole = mixing_of()
    monkeypatch.setattr("contrica.mixing.mlp.BYTES_AT_ONCE", 8 * 36 * 70)
    assert_close(mixing_of().weights, whole.weights)


def test_one_state_gives_one_mixing_the_next_another_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(0)
    first, second = (InvertibleMLP(3, candidates=10, generator=generator) for _ in range(2))
    assert torch.equal(first.weights, mixing_of(3, candidates=10).weights)
    assert not torch.equal(first.weights, second.weights)
    assert torch.equal(before, torch.get_rng_state())


def test_the_weights_travel_with_the_state_and_are_not_trained():
    mixing, other = mixing_of(), mixing_of(seed=1)
    other.load_state_dict(mixing.state_dict())
    assert list(mixing.parameters()) == []
    assert torch.equal(other(latents_of()), mixing(latents_of()))


@pytest.mark.parametrize(
    "options",
    [
        {"dim": 0},
        {"num_layers": 0},
        {"candidates": 0},
        {"negative_slope": 0.0},
        {"negative_slope": 1.5},
        {"negative_slope": math.nan},
    ],
    ids=str,
)
def test_a_mixing_that_makes_no_sense_is_refused(options):
    with pytest.raises(DomainError):
        mixing_of(**options)


def test_what_is_no_batch_of_latents_is_refused():
    mixing = mixing_of(3)
    for function in (mixing, mixing.inverse):
        with pytest.raises(ShapeError):
            function(torch.zeros(5, 4))
        with pytest.raises(ShapeError):
            function(torch.zeros(3))
        with pytest.raises(DomainError):
            function(torch.full((5, 3), math.nan))
        with pytest.raises(DtypeError):
            function(torch.zeros(5, 3, dtype=torch.int64))
    with pytest.raises(DtypeError):
        InvertibleMLP(3, generator=0)
