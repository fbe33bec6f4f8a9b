import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import oracles
from contrica.dissimilarities import (
    GRADIENT_FLOOR,
    BlockSum,
    Mahalanobis,
    NormPower,
    PowerSum,
    SphereDot,
    SquaredEuclidean,
)
from contrica.errors import ContricaError, DomainError, DtypeError, ShapeError
from contrica.spaces import Sphere
from contrica.testing import check_dissimilarity

EXPONENTS = (0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0)
NORMS = [(p, k) for p in EXPONENTS for k in (0.5, 1.0, 2.0, 3.0)]


def codes(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def mixed_mahalanobis(dim):
    delta = Mahalanobis(dim).double()
    with torch.no_grad():
        delta.lower.copy_(codes(dim, dim, seed=5))
        delta.log_diagonal.copy_(0.3 * codes(dim, seed=6))
    return delta


def every_dissimilarity():
    for p in EXPONENTS:
        yield f"PowerSum {p}", PowerSum(3, exponent=p, weights=0.7)
        yield f"learnable PowerSum {p}", PowerSum(3, exponent=p, learnable_exponent=True, learnable_weights=True)
    yield "mixed PowerSum", PowerSum(3, exponent=[0.5, 1.0, 3.0], weights=[1.0, 2.0, 0.5])
    for p, k in NORMS:
        yield f"NormPower {p} {k}", NormPower(norm_exponent=p, power=k, weight=2.0)
    yield "SquaredEuclidean", SquaredEuclidean(weight=3.0)
    yield "Mahalanobis", mixed_mahalanobis(3)
    yield "BlockSum", BlockSum([SquaredEuclidean(), PowerSum(1, exponent=1.0)], sizes=[2, 1])
    yield "fixed Mahalanobis", Mahalanobis(3, matrix=[[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])


EVERY = dict(every_dissimilarity())


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_a_dissimilarity_keeps_its_contract(name):
    check_dissimilarity(EVERY[name], 3)


@pytest.mark.parametrize("learnable", [False, True])
def test_the_dissimilarity_on_the_sphere_keeps_its_contract_there(learnable):
    check_dissimilarity(SphereDot(concentration=3.0, learnable_concentration=learnable), 3, space=Sphere(3))


@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("exponent", [*EXPONENTS, (0.5, 2.0, 1.0)])
def test_power_sum_is_its_formula(exponent, learnable):
    exponents = list(exponent) if isinstance(exponent, tuple) else exponent
    weights = [0.5, 1.0, 3.0]
    delta = PowerSum(
        3, exponent=exponents, weights=weights, learnable_exponent=learnable, learnable_weights=learnable
    ).double()
    left, right = codes(7, 3), codes(7, 3, seed=1)
    expected = torch.from_numpy(oracles.power_sum(left.numpy(), right.numpy(), exponents, weights))
    # learnable entries are held as float32 logarithms
    torch.testing.assert_close(delta(left, right).detach(), expected, rtol=1e-5 if learnable else 1e-12, atol=0.0)
    pairwise = delta(left[:, None], right[None]).detach()
    torch.testing.assert_close(pairwise.diagonal(), expected, rtol=1e-5 if learnable else 1e-12, atol=0.0)


@pytest.mark.parametrize(("norm_exponent", "power"), NORMS)
def test_norm_power_is_its_formula(norm_exponent, power):
    left, right = codes(7, 3), codes(7, 3, seed=1)
    right[0, 1] = left[0, 1]
    delta = NormPower(norm_exponent=norm_exponent, power=power, weight=0.7)
    expected = oracles.norm_power(left.numpy(), right.numpy(), norm_exponent, power, 0.7)
    torch.testing.assert_close(delta(left, right), torch.from_numpy(expected), rtol=1e-12, atol=0.0)


def test_norm_power_equals_power_sum_where_power_and_exponent_agree():
    left, right = codes(7, 3), codes(7, 3, seed=1)
    for p in EXPONENTS:
        one, other = NormPower(norm_exponent=p, power=p), PowerSum(3, exponent=p)
        torch.testing.assert_close(one(left, right), other(left, right), rtol=1e-12, atol=0.0)


def test_squared_euclidean_is_its_formula():
    left, right = codes(7, 3), codes(7, 3, seed=1)
    expected = torch.from_numpy(oracles.power_sum(left.numpy(), right.numpy(), 2.0, 3.0))
    torch.testing.assert_close(SquaredEuclidean(weight=3.0)(left, right), expected)


def test_mahalanobis_is_the_quadratic_form_of_its_factor():
    delta = mixed_mahalanobis(3)
    factor = delta.factor.detach().numpy()
    assert np.allclose(factor, np.tril(factor))
    assert (np.diag(factor) > 0).all()
    left, right = codes(7, 3), codes(7, 3, seed=1)
    expected = oracles.mahalanobis(left.numpy(), right.numpy(), factor @ factor.T)
    torch.testing.assert_close(delta(left, right).detach(), torch.from_numpy(expected))


def test_the_dissimilarity_on_the_sphere_is_half_the_squared_chord():
    left, right = (torch.nn.functional.normalize(codes(7, 3, seed=seed), dim=-1) for seed in (0, 1))
    expected = 5.0 * 0.5 * (left - right).square().sum(-1)
    torch.testing.assert_close(SphereDot(concentration=5.0)(left, right), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", EVERY)
def test_all_gradients_are_zero_at_equal_codes(name, dtype):
    """Those of learnable exponents and weights too, and with each other pair of the batch far apart."""
    delta = EVERY[name]
    left = codes(4, 3, dtype=dtype).requires_grad_()
    right = left.detach().clone().requires_grad_()
    inputs = [left, right, *delta.parameters()]
    for gradient in torch.autograd.grad(delta(left, right).sum(), inputs, allow_unused=True):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0.0, atol=0.0)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_stay_finite_where_only_some_coordinates_agree(name):
    delta = EVERY[name]
    left, right = codes(4, 3, dtype=torch.float32), codes(4, 3, seed=1, dtype=torch.float32)
    right[:2, 0] = left[:2, 0]
    right[2] = left[2] + 1e-20
    left.requires_grad_()
    inputs = [left, *delta.parameters()]
    for gradient in torch.autograd.grad(delta(left[:, None], right[None]).sum(), inputs):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", EVERY)
def test_gradients_agree_with_finite_differences(name):
    delta = EVERY[name].double()
    left = codes(4, 3).requires_grad_()
    right = codes(4, 3, seed=1).requires_grad_()
    parameters = list(delta.parameters())
    assert torch.autograd.gradcheck(lambda a, b, *_: delta(a, b), (left, right, *parameters))


@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("exponent", [0.3, 0.5])
def test_the_slope_below_one_is_cut_under_the_floor_and_exact_above(exponent, learnable):
    delta = PowerSum(1, exponent=exponent, learnable_exponent=learnable).double()
    gap = torch.tensor([[0.5 * GRADIENT_FLOOR], [2.0 * GRADIENT_FLOOR]], dtype=torch.float64, requires_grad=True)
    values = delta(gap, torch.zeros_like(gap))
    p = float(delta.exponent.detach()[0])
    expected = torch.tensor([(0.5 * GRADIENT_FLOOR) ** p, (2.0 * GRADIENT_FLOOR) ** p], dtype=torch.float64)
    torch.testing.assert_close(values.detach(), expected)
    (slope,) = torch.autograd.grad(values.sum(), gap, retain_graph=True)
    wanted = torch.tensor([[0.0], [p * (2.0 * GRADIENT_FLOOR) ** (p - 1.0)]], dtype=torch.float64)
    torch.testing.assert_close(slope, wanted)
    if learnable:
        (by_exponent,) = torch.autograd.grad(values.sum(), delta.log_exponent)
        exact = sum(
            p * value * math.log(m * GRADIENT_FLOOR) for value, m in zip(expected.tolist(), (0.5, 2.0), strict=True)
        )
        torch.testing.assert_close(by_exponent, torch.tensor([exact], dtype=torch.float64))


@pytest.mark.parametrize("norm_exponent", [1.0, 1.5, 2.0, 3.0, 8.0])
@pytest.mark.parametrize("gap", [1e-10, 1e-3, 1e10])
def test_a_norm_has_a_slope_of_one_at_every_distance(norm_exponent, gap):
    """A root of a sum of powers would lose it: 1e-3 to the eighth underflows against any guard."""
    left = torch.tensor([[gap, 0.0, 0.0]], requires_grad=True)
    delta = NormPower(norm_exponent=norm_exponent, power=1.0)
    (slope,) = torch.autograd.grad(delta(left, torch.zeros(1, 3)).sum(), left)
    torch.testing.assert_close(slope, torch.tensor([[1.0, 0.0, 0.0]]))


def test_a_norm_of_codes_that_are_not_numbers_is_not_a_number():
    left = torch.tensor([[float("nan"), 0.0]])
    assert NormPower(norm_exponent=2.0, power=1.0)(left, torch.zeros(1, 2)).isnan().all()


def test_only_learnable_entries_are_parameters():
    assert list(PowerSum(2).parameters()) == []
    assert {name for name, _ in PowerSum(2, learnable_exponent=True).named_parameters()} == {"log_exponent"}
    assert {name for name, _ in PowerSum(2, learnable_weights=True).named_parameters()} == {"log_weights"}
    assert list(SphereDot().parameters()) == []
    assert len(list(SphereDot(learnable_concentration=True).parameters())) == 1


def test_what_is_fixed_is_no_state_that_could_be_loaded_past_it():
    assert PowerSum(2, exponent=3.0).state_dict() == {}
    assert set(PowerSum(2, learnable_exponent=True).state_dict()) == {"log_exponent"}
    assert SphereDot(concentration=3.0).state_dict() == {}


def test_learnable_entries_start_where_they_were_put():
    delta = PowerSum(2, exponent=[1.5, 3.0], weights=[0.2, 4.0], learnable_exponent=True, learnable_weights=True)
    torch.testing.assert_close(delta.exponent.detach(), torch.tensor([1.5, 3.0]))
    torch.testing.assert_close(delta.weights.detach(), torch.tensor([0.2, 4.0]))
    torch.testing.assert_close(SphereDot(concentration=7.0).concentration.item(), 7.0)


@given(shift=st.floats(-3, 3), scale=st.floats(0.1, 5), seed=st.integers(0, 99))
def test_a_power_sum_ignores_shifts_and_scales_by_its_power(shift, scale, seed):
    left, right = codes(5, 2, seed=seed), codes(5, 2, seed=seed + 100)
    for p in (0.5, 1.0, 3.0):
        delta = PowerSum(2, exponent=p)
        torch.testing.assert_close(delta(left + shift, right + shift), delta(left, right))
        torch.testing.assert_close(delta(scale * left, scale * right), scale**p * delta(left, right))


@given(angle=st.floats(0.1, 1.4), seed=st.integers(0, 99))
def test_only_the_squared_euclidean_ignores_rotations(angle, seed):
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    left, right = codes(5, 2, seed=seed), codes(5, 2, seed=seed + 100)
    squared = SquaredEuclidean()
    torch.testing.assert_close(squared(left @ turn, right @ turn), squared(left, right))
    absolute = PowerSum(2, exponent=1.0)
    assert not torch.allclose(absolute(left @ turn, right @ turn), absolute(left, right), rtol=1e-3)


bad_numbers = st.sampled_from([0.0, -1.0, float("nan"), float("inf"), "1", None, True, 1j, [], [1.0], [1.0, -1.0]])


@given(bad=bad_numbers)
def test_constructors_refuse_what_is_no_positive_number(bad):
    for build in (
        lambda: PowerSum(2, exponent=bad),
        lambda: PowerSum(2, weights=bad),
        lambda: SquaredEuclidean(weight=bad),
        lambda: NormPower(norm_exponent=bad, power=1.0),
        lambda: NormPower(norm_exponent=1.0, power=bad),
        lambda: NormPower(norm_exponent=1.0, power=1.0, weight=bad),
        lambda: SphereDot(concentration=bad),
    ):
        with pytest.raises(ContricaError):
            build()


@given(bad=st.sampled_from([0, -1, 1.5, "2", None, True]))
def test_constructors_refuse_what_is_no_dimension(bad):
    for build in (PowerSum, Mahalanobis):
        with pytest.raises(ContricaError):
            build(bad)


def test_an_exponent_per_dimension_must_match_the_dimensions():
    with pytest.raises(ShapeError, match="one entry per dimension, 3, got 2"):
        PowerSum(3, exponent=[1.0, 2.0])
    with pytest.raises(DomainError, match="greater than 0"):
        PowerSum(2, exponent=[1.0, 0.0])


@pytest.mark.parametrize(
    "delta",
    [PowerSum(3), SquaredEuclidean(), NormPower(norm_exponent=1.0, power=2.0), Mahalanobis(3), SphereDot()],
    ids=lambda delta: type(delta).__name__,
)
def test_codes_of_another_shape_or_type_are_refused(delta):
    good = torch.zeros(2, 3)
    for bad in (torch.zeros(2, 4), torch.zeros(2, 1), torch.zeros(()), torch.zeros(2, 0)):
        with pytest.raises(ShapeError, match="dimensions"):
            delta(good, bad)
        with pytest.raises(ShapeError, match="dimensions"):
            delta(bad, good)
    with pytest.raises(ShapeError):
        delta(torch.zeros(()), torch.zeros(()))
    for bad in (torch.zeros(2, 3, dtype=torch.int64), [[0.0] * 3] * 2, np.zeros((2, 3))):
        with pytest.raises(DtypeError):
            delta(good, bad)


def test_a_fixed_mahalanobis_is_its_quadratic_form_and_has_nothing_to_learn():
    matrix = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    delta = Mahalanobis(2, matrix=matrix.tolist())
    left, right = codes(10, 2), codes(10, 2, seed=1)
    expected = torch.einsum("ni,ij,nj->n", left - right, matrix, left - right)
    torch.testing.assert_close(delta(left, right), expected)
    assert not list(delta.parameters())
    assert delta.state_dict() == {}
    assert "matrix=[[2.0" in repr(delta)


@pytest.mark.parametrize("matrix", [[[1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.3], [0.1, 1.0]], "ab"])
def test_a_matrix_that_is_no_metric_is_refused(matrix):
    with pytest.raises((DomainError, ShapeError)):
        Mahalanobis(2, matrix=matrix)


def test_a_block_sum_adds_its_parts_over_their_own_columns():
    delta = BlockSum([PowerSum(1, exponent=3.0), Mahalanobis(2)], sizes=[1, 2])
    left, right = codes(8, 3), codes(8, 3, seed=1)
    expected = delta.parts[0](left[:, :1], right[:, :1]) + delta.parts[1](left[:, 1:], right[:, 1:])
    torch.testing.assert_close(delta(left, right), expected)
    assert len(list(delta.parameters())) == 2
    assert "Mahalanobis(2)" in repr(delta)


@pytest.mark.parametrize(
    ("parts", "sizes", "error"),
    [
        ([PowerSum(1)], [1, 2], ShapeError),
        ([], [], ShapeError),
        ([PowerSum(1), abs], [1, 1], DtypeError),
        ([PowerSum(1)], [0], DomainError),
    ],
)
def test_parts_that_make_no_block_sum_are_refused(parts, sizes, error):
    with pytest.raises(error):
        BlockSum(parts, sizes=sizes)
