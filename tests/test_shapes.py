import random
from dataclasses import dataclass

import jaxtyping
import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import shapes
from contrica import _checks
from contrica.errors import ShapeError
from contrica.spaces import Box

checked = shapes.jaxtyped(typechecker=shapes.compared)


@checked
def row_sums(codes: Float[Tensor, "batch code_dim"]) -> Float[Tensor, " batch"]:
    return codes.sum(-1)


@checked
def careful_row_sums(codes: Float[Tensor, "batch code_dim"]) -> Float[Tensor, " batch"]:
    return _checks.matrix(codes, "codes").sum(-1)


@checked
def transposed(codes: Float[Tensor, "batch code_dim"]) -> Float[Tensor, "batch code_dim"]:
    return codes.T


@checked
def crashing(codes: Float[Tensor, "batch code_dim"]) -> Float[Tensor, " batch"]:
    raise RuntimeError(f"{codes.ndim} axes")


def test_arguments_that_fit_their_annotations_pass():
    torch.testing.assert_close(row_sums(torch.ones(2, 3)), torch.tensor([3.0, 3.0]))


def test_a_wrong_shape_that_the_function_accepts_is_a_violation():
    with pytest.raises(jaxtyping.TypeCheckError, match="codes"):
        row_sums(torch.ones(3))


def test_a_wrong_shape_that_the_function_refuses_is_the_refusal():
    with pytest.raises(ShapeError, match="codes must have shape"):
        careful_row_sums(torch.ones(3))


def test_a_wrong_shape_that_crashes_the_function_is_a_violation():
    with pytest.raises(jaxtyping.TypeCheckError, match="codes"):
        crashing(torch.ones(3))


def test_a_wrong_shape_that_is_returned_is_a_violation():
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        transposed(torch.ones(2, 3))


def test_the_check_is_on_again_after_a_refusal():
    with pytest.raises(ShapeError):
        careful_row_sums(torch.ones(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        row_sums(torch.ones(3))


def test_the_package_under_test_is_checked():
    with pytest.raises(jaxtyping.TypeCheckError, match="points"):
        Box(2).contains("no tensor")


@checked
def repeated(codes: Float[Tensor, " batch"], counts: list[int], factor: float) -> Tensor:
    return factor * codes.repeat_interleave(torch.tensor(counts))


def test_numbers_of_numpy_serve_where_numbers_of_python_do():
    torch.testing.assert_close(repeated(torch.ones(2), [np.int64(1), 2], np.float32(0.5)), torch.full((3,), 0.5))
    torch.testing.assert_close(repeated(torch.ones(2), [1, 1], 2), torch.full((2,), 2.0))


def test_a_fraction_does_not_serve_as_a_count():
    with pytest.raises(jaxtyping.TypeCheckError, match="counts"):
        repeated(torch.ones(1), [0.5], 1.0)


def test_the_comparison_leaves_the_global_generator_alone():
    before = random.getstate()
    repeated(torch.ones(3), [1, 2, 3], 1.0)
    assert random.getstate() == before


@checked
@dataclass(frozen=True)
class Pair:
    anchors: Float[Tensor, "batch dim"]
    positives: Float[Tensor, "batch dim"]


def test_the_fields_of_a_dataclass_agree_on_their_axes():
    Pair(torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(jaxtyping.TypeCheckError, match="positives"):
        Pair(torch.ones(2, 3), torch.ones(2, 4))


def test_a_function_that_takes_no_array_stays_as_it_is():
    def plain(steps: int) -> int:
        return steps

    assert checked(plain) is plain
