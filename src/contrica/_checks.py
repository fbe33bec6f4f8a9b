"""Checks at the boundary, all with one voice: what must hold, what arrived, what to do."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica.errors import DomainError, DtypeError, ShapeError

ROUNDING = 1e-12
"""Entries of a matrix that differ by less than this share of the largest one are equal but for float64 rounding."""


def positive(value: float, name: str) -> float:
    """Return ``value`` as a float if it is finite and greater than zero, else raise DomainError."""
    number = finite(value, name)
    if number <= 0:
        raise DomainError(f"{name} must be greater than 0, got {value!r}; pass a positive number")
    return number


def not_negative(value: float, name: str) -> float:
    """Return ``value`` as a float if it is finite and at least zero, else raise DomainError."""
    number = finite(value, name)
    if number < 0:
        raise DomainError(f"{name} must be at least 0, got {value!r}; pass 0 for none")
    return number


def finite(value: float, name: str) -> float:
    """Return ``value`` as a float if it is a finite real number, else raise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise DtypeError(f"{name} must be a real number, got {type(value).__name__}; pass an int or a float")
    number = float(value)
    if not math.isfinite(number):
        raise DomainError(f"{name} must be finite, got {value!r}; pass a finite number")
    return number


def count(value: int, name: str, *, least: int = 1) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``least``, else raise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise DtypeError(f"{name} must be a whole number, got {value!r}; pass an int")
    if value < least:
        raise DomainError(f"{name} must be at least {least}, got {value}; pass a larger number")
    return int(value)


def choice(value: str, name: str, allowed: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``allowed``, else raise DomainError."""
    if value not in allowed:
        raise DomainError(f"{name} must be one of {', '.join(allowed)}, got {value!r}; choose one of them")
    return value


def matrix(value: Tensor, name: str, *, columns: int | None = None, least_rows: int = 1) -> Tensor:
    """Return ``value`` if it is a finite floating tensor of shape (rows, columns), else raise."""
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}; pass torch.as_tensor(...)")
    if not value.is_floating_point():
        raise DtypeError(f"{name} must have a floating dtype, got {value.dtype}; pass {name}.float()")
    if value.ndim != 2 or value.shape[1] == 0:
        raise ShapeError(f"{name} must have shape (rows, columns), got {tuple(value.shape)}; pass a 2-D tensor")
    if columns is not None and value.shape[1] != columns:
        raise ShapeError(f"{name} must have {columns} columns, got {value.shape[1]}; pass one per dimension")
    if value.shape[0] < least_rows:
        raise ShapeError(f"{name} must have at least {least_rows} rows, got {value.shape[0]}; pass more samples")
    if not all_finite(value):
        raise DomainError(f"{name} must be finite, got NaN or infinity; drop or repair those rows")
    return value


def all_finite(value: Tensor) -> bool:
    """Return whether no entry is NaN or infinite: one pass over the memory, since the extremes carry a NaN on."""
    return value.numel() == 0 or all(math.isfinite(end) for end in value.detach().aminmax())


def same_rows(left: Tensor, right: Tensor, left_name: str, right_name: str) -> None:
    """Raise ShapeError unless row i of each argument can describe the same sample."""
    if left.shape[0] != right.shape[0]:
        raise ShapeError(
            f"row i of {left_name} and {right_name} must describe the same sample, but {left_name} has"
            f" {left.shape[0]} rows, {right_name} has {right.shape[0]}; pass arrays of equal length"
        )


def array(value: npt.ArrayLike, name: str, *, least_rows: int = 1) -> npt.NDArray[np.float64]:
    """Return ``value`` as a finite float64 array of shape (rows, columns), else raise; 1-D becomes one column."""
    if isinstance(value, Tensor):
        value = value.detach().to("cpu", torch.float64).numpy()
    try:
        raw = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{name} must be a rectangular array, got rows of unequal length; pad or drop them") from error
    if raw.dtype.kind not in "fiub":
        raise DtypeError(f"{name} must be numeric, got dtype {raw.dtype}; pass real numbers")
    table = raw.astype(np.float64)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or table.shape[1] == 0:
        raise ShapeError(f"{name} must have shape (rows, columns), got {raw.shape}; pass a 2-D array")
    if table.shape[0] < least_rows:
        raise ShapeError(f"{name} must have at least {least_rows} rows, got {table.shape[0]}; pass more samples")
    if not np.isfinite(table).all():
        raise DomainError(f"{name} must be finite, got NaN or infinity; drop or repair those rows")
    return table


def real_array(value: npt.ArrayLike | Tensor, name: str, *, least_rows: int = 1) -> npt.NDArray[np.float64]:
    """Return `array` of ``value`` unless it holds booleans or complex numbers, which are no measured values."""
    if isinstance(value, Tensor):
        unreal = value.dtype == torch.bool or value.is_complex()
    else:
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ShapeError(
                f"{name} must be a rectangular array, got rows of unequal length; pad or drop them"
            ) from error
        unreal = value.dtype.kind in "bc"
    if unreal:
        raise DtypeError(f"{name} must hold real numbers, got {value.dtype}; pass floats, a category as 0.0 and 1.0")
    with np.errstate(over="ignore"):  # a wider float beyond 1.8e308 becomes infinity, which is refused by name
        return array(value, name, least_rows=least_rows)


def samples(value: Tensor, name: str, shape: Sequence[int], *, least_rows: int = 1) -> Tensor:
    """Return ``value`` if it is a floating tensor of shape (rows, *shape), else raise; its values are not read."""
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}; pass torch.as_tensor(...)")
    if not value.is_floating_point():
        raise DtypeError(f"{name} must have a floating dtype, got {value.dtype}; pass {name}.float()")
    if value.ndim == 0 or tuple(value.shape[1:]) != tuple(shape):
        wanted = ", ".join(["rows", *map(str, shape)])
        raise ShapeError(f"{name} must have shape ({wanted}), got {tuple(value.shape)}; pass one entry per sample")
    if value.shape[0] < least_rows:
        raise ShapeError(f"{name} must have at least {least_rows} rows, got {value.shape[0]}; pass more samples")
    return value


def points(value: Tensor, name: str, *, dim: int) -> Tensor:
    """Return ``value`` if it is a finite floating tensor of shape (..., dim), else raise."""
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}; pass torch.as_tensor(...)")
    if not value.is_floating_point():
        raise DtypeError(f"{name} must have a floating dtype, got {value.dtype}; pass {name}.float()")
    if value.ndim == 0 or value.shape[-1] != dim:
        raise ShapeError(
            f"{name} must have shape (..., {dim}), got {tuple(value.shape)}; pass one column per dimension"
        )
    if not all_finite(value):
        raise DomainError(f"{name} must be finite, got NaN or infinity; drop or repair those rows")
    return value


def floating_dtype(value: torch.dtype) -> torch.dtype:
    """Return ``value`` if it is torch.float32 or torch.float64, else raise DtypeError."""
    if value not in (torch.float32, torch.float64):
        raise DtypeError(f"dtype must be torch.float32 or torch.float64, got {value}; pass one of them")
    return value


def codes(value: Tensor, name: str) -> Tensor:
    """Return ``value`` if it is a floating tensor of shape (rows, dim), else raise; its values are not read."""
    return samples(value, name, value.shape[-1:] if isinstance(value, Tensor) else ())


def generator(value: torch.Generator) -> torch.Generator:
    """Return ``value`` if it is a torch.Generator, else raise DtypeError."""
    if not isinstance(value, torch.Generator):
        raise DtypeError(
            f"generator must be a torch.Generator, got {type(value).__name__}; pass torch.Generator().manual_seed(0)"
        )
    return value


def varied(value: Tensor, name: str) -> Tensor:
    """Return ``value`` if it is finite and its rows are not all equal, else raise DomainError."""
    if not all_finite(value):
        raise DomainError(f"{name} must be finite, got NaN or infinity; drop or repair those rows")
    if bool((value == value[0]).all()):
        raise DomainError(f"{name} must differ from row to row, got equal rows only; pass a sample of the data")
    return value


def ids(value: Tensor | npt.NDArray[np.integer], name: str, *, rows: int) -> npt.NDArray[np.int64]:
    """Return ``value`` as an int64 array of shape (rows,) if it holds one whole number per row, else raise."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iub":
        got = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise DtypeError(f"{name} must be a tensor or an array of integers, got {got}; number them 0, 1, 2, ...")
    if value.shape != (rows,):
        raise ShapeError(f"{name} must have shape ({rows},), got {value.shape}; pass one id per row of observations")
    return value.astype(np.int64)


def first_derivative(name: str) -> None:
    """Raise DomainError in a backward pass that is itself to be differentiated; call it from there."""
    if torch.is_grad_enabled():
        raise DomainError(
            f"{name} have first derivatives only, got create_graph=True; compute the penalty that needs second ones on"
            " logits of critic.logits"
        )


def square(rows: Sequence[Sequence[float]] | Tensor, name: str, dim: int) -> Tensor:
    """Return a finite float64 matrix of shape (dim, dim), else raise."""
    try:
        values = torch.as_tensor(rows, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{name} must be {dim} rows of {dim} numbers, got {rows!r}; pass a matrix") from error
    if values.shape != (dim, dim):
        raise ShapeError(f"{name} must be {dim} x {dim}, got shape {tuple(values.shape)}; pass one row per factor")
    return matrix(values, name)


def positive_definite(rows: Sequence[Sequence[float]] | Tensor, name: str, dim: int) -> Tensor:
    """Return a float64 matrix that is symmetric and positive definite, else raise."""
    values = square(rows, name, dim)
    if bool(((values - values.T).abs() > ROUNDING * values.abs().max()).any()):
        raise DomainError(f"{name} must be symmetric, got {values.tolist()}; pass (C + C^T)/2")
    values = 0.5 * (values + values.T)
    if bool(torch.linalg.cholesky_ex(values).info != 0):
        raise DomainError(f"{name} must be positive definite, got {values.tolist()}; raise its diagonal")
    return values
