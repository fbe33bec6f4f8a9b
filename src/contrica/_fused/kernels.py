"""The compiled loops: a block of logits in registers and first-level cache, reduced or turned into slopes at once.

    s_ij = -( sum_k w_k |u_ik - v_jk|^p + c_j )      or      s_ij = sum_k w_k u_ik v_jk - c_j
    s_ij = -( w (sum_k |u_ik - v_jk|^p)^q + c_j )

for ``BLOCK_ROWS`` rows i and ``TILE`` columns j at a time; the row offset r_i enters outside. Each entry point works on
one chunk of rows and writes what that chunk alone owns, so chunks may run in any order on any threads.

Operands are packed: rows ``(rows, dim)``, rows a multiple of ``BLOCK_ROWS``; columns ``(tiles, dim, TILE)``; dim is
made even with a dimension of weight 0; offsets are plus infinity in the padding, whose logits are then minus infinity
and whose exponentials are zero. Numerics: sums over a tile are taken in the precision of the codes, sums over tiles in
float64 for rows and in the codes' precision for the columns of a chunk; what is exponentiated is a difference to the
largest logit of the row so far, never positive.
"""

import inspect
import math

import numpy as np
from numba import njit
from numba.extending import overload

from contrica._fused.elementary import CONTRACTED, INLINED, exp, inlined, least_factor, least_normal, log, log1p, zero

BLOCK_ROWS = 4
"""Rows per block; the loops below are written out for four."""

TILE = 256
"""Columns per tile: a block of logits is 4 KiB in float32."""

SCRATCH_ROWS = 2 * BLOCK_ROWS + 1
"""Rows of a block of logits, one in which maxima are folded, and those of the factors of a raised sum's slopes."""

ABSOLUTE, SQUARE, CUBE, POWER, DOT = ((0,) * length for length in range(1, 6))
"""The forms of delta. They are told apart when a kernel is compiled, by their length: that is part of the type."""

# Unsigned indices spare the wrap-around of negative ones, which keeps a loop from being vectorised.
WIDTH = np.uint64(TILE)
EIGHTH = np.uint64(TILE // 8)
BLOCK = np.uint64(BLOCK_ROWS)
FACTORS = np.uint64(BLOCK_ROWS + 1)

SUMMED = {"fastmath": {"contract", "reassoc", "nsz"}, **INLINED}


def summed(function):
    """Compile a function that only kernels call and whose sums may be taken in any fixed order."""
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **SUMMED)(inspect.unwrap(function))


def entry_point(function):
    """Compile at the first call with the types it gets, without the interpreter lock, and keep the code on disk.

    Where no folder can be written, the code is compiled again in every process.
    """
    options = {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy"}
    function = inspect.unwrap(function)
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)


def term(weight, u, v, exponent, form):
    """Return one dimension's part of delta."""


def slope(g, u, v, exponent, floor, form):
    """Return ``g`` times the derivative of the term by u, without its constant factor: ``weight p``, or ``-weight``."""


def mirrored(part, g, u, form):
    """Return what goes to the column, up to the sign, where ``part = slope(g, u, v)`` goes to the row."""


def absolute_term(weight, u, v, exponent, form):
    """Return w |u - v|."""
    return weight * abs(u - v)


def square_term(weight, u, v, exponent, form):
    """Return w (u - v)^2."""
    return (weight * (u - v)) * (u - v)


def cube_term(weight, u, v, exponent, form):
    """Return w |u - v|^3."""
    t = u - v
    return (weight * abs(t)) * (t * t)


def power_term(weight, u, v, exponent, form):
    """Return w |u - v|^p."""
    return weight * power(abs(u - v), exponent)


def dot_term(weight, u, v, exponent, form):
    """Return -w u v."""
    return (-weight * u) * v


def absolute_slope(g, u, v, exponent, floor, form):
    """Return g sign(u - v), zero at equality."""
    return (g if u > v else zero(g)) - (g if u < v else zero(g))


def square_slope(g, u, v, exponent, floor, form):
    """Return g (u - v)."""
    return g * (u - v)


def cube_slope(g, u, v, exponent, floor, form):
    """Return g (u - v) |u - v|."""
    t = u - v
    return (g * t) * abs(t)


def power_slope(g, u, v, exponent, floor, form):
    """Return g sign(u - v) |u - v|^(p-1), zero where |u - v| is below ``floor``."""
    t = abs(u - v)
    y = g * power(t, exponent) if t >= floor else zero(g)
    return (y if u > v else zero(g)) - (y if u < v else zero(g))


def dot_slope(g, u, v, exponent, floor, form):
    """Return -g v."""
    return -g * v


@inlined
def power(t, exponent):
    """Return t^exponent for t >= 0, and 0 for t = 0 and subnormal t."""
    y = exp(exponent * log(t))
    return y if t >= least_normal(t) else zero(t)


def difference_mirrored(part, g, u, form):
    """Return the row's own part: a difference has opposite derivatives by its two sides."""
    return part


def dot_mirrored(part, g, u, form):
    """Return g u."""
    return g * u


TERMS = (absolute_term, square_term, cube_term, power_term, dot_term)
SLOPES = (absolute_slope, square_slope, cube_slope, power_slope, dot_slope)


def choose_term(weight, u, v, exponent, form):
    """Return the term of this form."""
    return inspect.unwrap(TERMS[len(form) - 1])


def choose_slope(g, u, v, exponent, floor, form):
    """Return the slope of this form."""
    return inspect.unwrap(SLOPES[len(form) - 1])


def choose_mirrored(part, g, u, form):
    """Return the mirrored part of this form."""
    return inspect.unwrap(dot_mirrored if len(form) == len(DOT) else difference_mirrored)


def raise_sums(logits, offsets, t, outer):
    """Put ``-w T^q - c`` in the place of ``-T`` and keep ``q T^(q-1)``, if ``outer`` is ``(w, q, least T)``."""


def multiply_slopes(slopes, outer):
    """Multiply the slopes by what `raise_sums` kept, if ``outer`` is ``(w, q, least T)``."""


def raise_no_sums(logits, offsets, t, outer):
    """Leave the logits as they are."""


def multiply_no_slopes(slopes, outer):
    """Leave the slopes as they are."""


def raise_all_sums(logits, offsets, t, outer):
    """Raise; at sums below the least there is no slope."""
    weight, exponent, least = outer
    for row in range(BLOCK):
        for j in range(WIDTH):
            total = -logits[row, j]
            raised = power(total, exponent)
            logits[FACTORS + row, j] = exponent * raised / total if total >= least else zero(total)
            logits[row, j] = -weight * raised - offsets[t, j]


def multiply_all_slopes(slopes, outer):
    """Multiply."""
    for row in range(BLOCK):
        for j in range(WIDTH):
            slopes[row, j] *= slopes[FACTORS + row, j]


def choose_raise(logits, offsets, t, outer):
    """Return what raises."""
    return inspect.unwrap(raise_all_sums if len(outer) else raise_no_sums)


def choose_multiply(slopes, outer):
    """Return what multiplies."""
    return inspect.unwrap(multiply_all_slopes if len(outer) else multiply_no_slopes)


overload(inspect.unwrap(raise_sums), jit_options=CONTRACTED)(inspect.unwrap(choose_raise))
overload(inspect.unwrap(multiply_slopes), jit_options=CONTRACTED)(inspect.unwrap(choose_multiply))
overload(inspect.unwrap(term), jit_options=CONTRACTED)(inspect.unwrap(choose_term))
overload(inspect.unwrap(slope), jit_options=CONTRACTED)(inspect.unwrap(choose_slope))
overload(inspect.unwrap(mirrored), jit_options=CONTRACTED)(inspect.unwrap(choose_mirrored))


@inlined
def subtract_terms(logits, rows, i, columns, t, k, weights, exponent, form):
    """Subtract the terms of dimensions k and k + 1, two at a time to load and store the logits half as often."""
    w = weights[k]
    x = weights[k + 1]
    for j in range(WIDTH):
        u = columns[t, k, j]
        v = columns[t, k + 1, j]
        logits[0, j] -= term(w, rows[i, k], u, exponent, form) + term(x, rows[i, k + 1], v, exponent, form)
        logits[1, j] -= term(w, rows[i + 1, k], u, exponent, form) + term(x, rows[i + 1, k + 1], v, exponent, form)
        logits[2, j] -= term(w, rows[i + 2, k], u, exponent, form) + term(x, rows[i + 2, k + 1], v, exponent, form)
        logits[3, j] -= term(w, rows[i + 3, k], u, exponent, form) + term(x, rows[i + 3, k + 1], v, exponent, form)


@inlined
def drop(logits, row, ids, t, own, equal):
    """Set the logits of candidates whose id equals, or differs from, the row's own to minus infinity."""
    for j in range(WIDTH):
        if (ids[t, j] == own) == equal:
            logits[row, j] = -np.inf


@inlined
def is_apart(t, i, operands):
    """Return whether no row i..i+3 has an id that the candidates of tile t could share: whole cells are passed over."""
    within, within_range = operands[8], operands[9]
    apart = within[0].size > 0
    for row in range(BLOCK):
        apart = apart and not within_range[t, 0] <= within[0][i + row] <= within_range[t, 1]
    return apart


@inlined
def fill(logits, t, i, operands):
    """Set ``logits`` to s of rows i..i+3 and tile t, minus infinity where a pair is not admissible."""
    rows, columns, offsets, weights, exponent, form, excluded, excluded_range, within, within_range, outer = operands
    for j in range(WIDTH):
        s = zero(offsets[t, j]) if len(outer) else -offsets[t, j]
        logits[0, j] = s
        logits[1, j] = s
        logits[2, j] = s
        logits[3, j] = s
    for k in range(0, weights.size, 2):
        subtract_terms(logits, rows, i, columns, t, k, weights, exponent, form)
    raise_sums(logits, offsets, t, outer)
    for row in range(BLOCK):
        if excluded[0].size:
            own = excluded[0][i + row]
            if excluded_range[t, 0] <= own <= excluded_range[t, 1]:
                drop(logits, row, excluded[1], t, own, True)
        if within[0].size:
            own = within[0][i + row]
            if not within_range[t, 0] == own == within_range[t, 1]:
                drop(logits, row, within[1], t, own, False)


@inlined
def maximum(logits, row):
    """Return the largest logit of a row: folded eightfold first, since a loop over one maximum is not vectorised."""
    for j in range(EIGHTH):
        largest = logits[row, j]
        for part in range(1, 8):
            s = logits[row, np.uint64(part) * EIGHTH + j]
            largest = s if s > largest else largest
        logits[BLOCK, j] = largest
    largest = logits[BLOCK, 0]
    for j in range(EIGHTH):
        s = logits[BLOCK, j]
        largest = s if s > largest else largest
    return largest


@summed
def sum_exp(logits, row, shift):
    """Return ``sum_j exp(s_j - shift)``."""
    total = zero(shift)
    for j in range(WIDTH):
        total += exp(logits[row, j] - shift)
    return total


@summed
def sum_softplus(logits, row, shift):
    """Return ``sum_j log(1 + exp(s_j - shift))``."""
    total = zero(shift)
    for j in range(WIDTH):
        s = logits[row, j] - shift
        total += (s if s > zero(s) else zero(s)) + log1p(exp(-abs(s)))
    return total


@summed
def sum_logits(logits, row, shift):
    """Return ``sum_j s_j - shift`` over the admissible pairs."""
    total = zero(shift)
    for j in range(WIDTH):
        s = logits[row, j]
        total += s - shift if s > -np.inf else zero(s)
    return total


@inlined
def least_exponent(gradient):
    """Return the x from which on ``gradient e^x`` is large enough to be multiplied further; any for 0, inf and NaN."""
    return log(least_factor(gradient) / abs(gradient))


@summed
def to_equal_slopes(logits, row, gradient):
    """Turn s_j into ``gradient`` in place, 0 where a pair is not admissible, and return the sum."""
    total = zero(gradient)
    for j in range(WIDTH):
        g = gradient if logits[row, j] > -np.inf else zero(gradient)
        logits[row, j] = g
        total += g
    return total


@summed
def to_softmax_slopes(logits, row, gradient, shift):
    """Turn s_j into ``gradient exp(s_j - shift)`` in place and return the sum."""
    total = zero(shift)
    least = least_exponent(gradient)
    for j in range(WIDTH):
        s = logits[row, j] - shift
        g = gradient * (exp(s) if s >= least else zero(s))
        logits[row, j] = g
        total += g
    return total


@summed
def to_sigmoid_slopes(logits, row, gradient, shift):
    """Turn s_j into ``gradient sigmoid(s_j - shift)`` in place and return the sum."""
    total = zero(shift)
    one = exp(total)
    least = least_exponent(gradient)
    gradient = zero(gradient) if abs(gradient) < least_factor(gradient) else gradient
    for j in range(WIDTH):
        s = logits[row, j] - shift
        e = exp(-abs(s)) if -abs(s) >= least else zero(s)
        g = gradient * (one if s >= zero(s) else e) / (one + e)
        logits[row, j] = g
        total += g
    return total


@summed
def scatter(slopes, i, t, operands, row_gradients, column_gradients, column_sums, exponent, floor):
    """Add the slopes of a block to the sums of its columns, and times the terms' slopes to both sides' gradients."""
    rows, columns, _, _, _, form, _, _, _, _, outer = operands
    for j in range(WIDTH):
        column_sums[t, j] += (slopes[0, j] + slopes[1, j]) + (slopes[2, j] + slopes[3, j])
    multiply_slopes(slopes, outer)
    for k in range(np.uint64(row_gradients.shape[1])):
        u0 = rows[i, k]
        u1 = rows[i + 1, k]
        u2 = rows[i + 2, k]
        u3 = rows[i + 3, k]
        a0 = zero(u0)
        a1 = zero(u0)
        a2 = zero(u0)
        a3 = zero(u0)
        for j in range(WIDTH):
            v = columns[t, k, j]
            g0 = slope(slopes[0, j], u0, v, exponent, floor, form)
            g1 = slope(slopes[1, j], u1, v, exponent, floor, form)
            g2 = slope(slopes[2, j], u2, v, exponent, floor, form)
            g3 = slope(slopes[3, j], u3, v, exponent, floor, form)
            a0 += g0
            a1 += g1
            a2 += g2
            a3 += g3
            column_gradients[t, k, j] += (
                mirrored(g0, slopes[0, j], u0, form) + mirrored(g1, slopes[1, j], u1, form)
            ) + (mirrored(g2, slopes[2, j], u2, form) + mirrored(g3, slopes[3, j], u3, form))
        row_gradients[i, k] += a0
        row_gradients[i + 1, k] += a1
        row_gradients[i + 2, k] += a2
        row_gradients[i + 3, k] += a3


@entry_point
def reduce_exp(chunk, height, operands, scratch, peaks, totals):
    """Set each row's largest logit m_i and ``sum_j exp(s_ij - m_i)``, for the rows of one chunk."""
    logits = scratch[chunk]
    for t in range(operands[1].shape[0]):
        for i in range(chunk * height, min((chunk + 1) * height, peaks.size), BLOCK_ROWS):
            if is_apart(t, i, operands):
                continue
            fill(logits, t, i, operands)
            for row in range(BLOCK):
                largest = maximum(logits, row)
                if largest > peaks[i + row]:
                    totals[i + row] *= math.exp(peaks[i + row] - largest)
                    peaks[i + row] = largest
                if largest > -np.inf:
                    totals[i + row] += sum_exp(logits, row, logits.dtype.type(peaks[i + row]))


@entry_point
def reduce_softplus(chunk, height, operands, scratch, shifts, totals):
    """Set each row's ``sum_j log(1 + exp(s_ij - shift_i))``, for the rows of one chunk."""
    logits = scratch[chunk]
    for t in range(operands[1].shape[0]):
        for i in range(chunk * height, min((chunk + 1) * height, shifts.size), BLOCK_ROWS):
            if is_apart(t, i, operands):
                continue
            fill(logits, t, i, operands)
            for row in range(BLOCK):
                totals[i + row] += sum_softplus(logits, row, shifts[i + row])


@entry_point
def reduce_logits(chunk, height, operands, scratch, shifts, totals):
    """Set each row's ``sum_j s_ij - shift_i``, for the rows of one chunk."""
    logits = scratch[chunk]
    for t in range(operands[1].shape[0]):
        for i in range(chunk * height, min((chunk + 1) * height, shifts.size), BLOCK_ROWS):
            fill(logits, t, i, operands)
            for row in range(BLOCK):
                totals[i + row] += sum_logits(logits, row, shifts[i + row])


@entry_point
def differentiate_exp(
    chunk, height, operands, scratch, shifts, gradients, exponent, floor, row_sums, column_sums, row_parts, column_parts
):
    """Add up the slopes ``gradient_i exp(s_ij - shift_i)`` of one chunk by row, column, row and column code.

    Gradients are in units of about the largest of them: slopes that are far below it are cut.
    """
    slopes = scratch[chunk]
    for t in range(operands[1].shape[0]):
        for i in range(chunk * height, min((chunk + 1) * height, shifts.size), BLOCK_ROWS):
            if is_apart(t, i, operands):
                continue
            fill(slopes, t, i, operands)
            for row in range(BLOCK):
                row_sums[i + row] += to_softmax_slopes(slopes, row, gradients[i + row], shifts[i + row])
            scatter(slopes, i, t, operands, row_parts, column_parts[chunk], column_sums[chunk], exponent, floor)


@entry_point
def differentiate_softplus(
    chunk, height, operands, scratch, shifts, gradients, exponent, floor, row_sums, column_sums, row_parts, column_parts
):
    """Add up the slopes ``gradient_i sigmoid(s_ij - shift_i)`` of one chunk in the same way."""
    slopes = scratch[chunk]
    for t in range(operands[1].shape[0]):
        for i in range(chunk * height, min((chunk + 1) * height, shifts.size), BLOCK_ROWS):
            if is_apart(t, i, operands):
                continue
            fill(slopes, t, i, operands)
            for row in range(BLOCK):
                row_sums[i + row] += to_sigmoid_slopes(slopes, row, gradients[i + row], shifts[i + row])
            scatter(slopes, i, t, operands, row_parts, column_parts[chunk], column_sums[chunk], exponent, floor)


@entry_point
def differentiate_logits(
    chunk, height, operands, scratch, shifts, gradients, exponent, floor, row_sums, column_sums, row_parts, column_parts
):
    """Add up the slopes ``gradient_i`` of one chunk in the same way."""
    slopes = scratch[chunk]
    for t in range(operands[1].shape[0]):
        for i in range(chunk * height, min((chunk + 1) * height, shifts.size), BLOCK_ROWS):
            fill(slopes, t, i, operands)
            for row in range(BLOCK):
                row_sums[i + row] += to_equal_slopes(slopes, row, gradients[i + row])
            scatter(slopes, i, t, operands, row_parts, column_parts[chunk], column_sums[chunk], exponent, floor)
