"""``exp``, ``log`` and ``log1p`` in a form that the compiler turns into vector instructions.

    exp(x)   = 2^n (1 + r + r^2 q(r)),      n = round(x / log 2), r = x - n log 2, |r| <= log(2)/2
    log(x)   = e log 2 + z q(z^2),          x = 2^e m, sqrt(1/2) <= m < sqrt(2), z = (m - 1)/(m + 1)
    log1p(x) = x q(x),                      0 <= x <= 1

with q the interpolant at the Chebyshev nodes of its interval, of relative error below half a unit of the last place;
n log 2 is subtracted in two parts, the first with enough trailing zeros that its product with n is exact (Cody and
Waite 1980). Each function has one form for float32 and one for float64, chosen by the type of its argument when it is
compiled. ``exp`` returns 0 where the result would be subnormal and is not defined for overflow or NaN; ``log`` wants
normal positive numbers, ``log1p`` what ``exp`` of a non-positive number returns.

What is compiled is kept on disk with the file of the calling kernel, ``kernels.py``: after a change here, remove
``__pycache__`` (``make clean``), or the old machine code stays in use.
"""

import inspect

import numpy as np
from numba import njit, types
from numba.extending import overload

# Inlined without exception: with functions left apart, a process that compiled a kernel got other last bits from it
# than one that loaded it from disk.
INLINED = {"forceinline": True, "error_model": "numpy"}

# "contract" allows fused multiply-adds and nothing else: the rounding by SHIFT must not be simplified away.
CONTRACTED = {"fastmath": {"contract"}, **INLINED}

LOG2E = 1.442695040888963407
LOG2 = 0.6931471805599453094

EXP_64 = (
    0.5000000000000001021,
    0.1666666666666666745,
    0.0416666666666241619,
    0.008333333333330064449,
    0.001388888891719671908,
    0.0001984126986304054527,
    0.00002480152132236869327,
    2.755726848031002553e-6,
    2.762007587998336659e-7,
    2.510037583256123366e-8,
)
LOG_64 = (
    2.0,
    0.6666666666666665839,
    0.4000000000000749393,
    0.2857142856881912694,
    0.2222222267692954027,
    0.1818177373801630581,
    0.153871609261340799,
    0.1324876308346011589,
    0.132621036740218091,
)
LOG1P_64 = (
    0.9999999999999999896,
    -0.4999999999999907897,
    0.3333333333319752522,
    -0.2499999999200952343,
    0.1999999974985652281,
    -0.1666666184824853863,
    0.1428565197527592618,
    -0.1249942706351438113,
    0.1110721158529953785,
    -0.09979768096586568333,
    0.09009095815198632451,
    -0.08070954578430205831,
    0.0701529623652647141,
    -0.05718978534193905859,
    0.0419257098539041573,
    -0.02639877948074321718,
    0.01359877809061725369,
    -0.005421733991001609659,
    0.001553524403433433362,
    -0.0002827421139374107165,
    0.00002443797394858094711,
)
LOG1P_EVEN_64, LOG1P_ODD_64 = LOG1P_64[::2], LOG1P_64[1::2]
SHIFT_64 = 1.5 * 2.0**52  # x + SHIFT - SHIFT rounds x to a whole number, which stands in the last bits of x + SHIFT
LOG2_HIGH_64, LOG2_LOW_64 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LEAST_EXPONENT_64 = -708.0  # log of the least normal number is -708.39...
SQRT_HALF_BITS_64 = 0x3FE6A09E667F3BCD

EXP_32 = (
    np.float32(0.5),
    np.float32(0.1666657702559798819),
    np.float32(0.04166655466205053398),
    np.float32(0.008363173074513710903),
    np.float32(0.001392617611993557888),
)
LOG_32 = (
    np.float32(2.000000000008359517),
    np.float32(0.6666666524748752279),
    np.float32(0.4000038467237518739),
    np.float32(0.285350510378163101),
    np.float32(0.2361635909914598498),
)
LOG1P_32 = (
    np.float32(0.9999999946562919754),
    np.float32(-0.4999989264206327867),
    np.float32(0.3332971049891774865),
    np.float32(-0.2495161626287207433),
    np.float32(0.1966327425720480527),
    np.float32(-0.1526966707436328777),
    np.float32(0.1054362379541952614),
    np.float32(-0.05637361283010732815),
    np.float32(0.0195425272610141015),
    np.float32(-0.003176057018431959695),
)
SHIFT_32 = np.float32(1.5 * 2**23)
LOG2E_32, LOG2_32 = np.float32(LOG2E), np.float32(LOG2)
LOG2_HIGH_32, LOG2_LOW_32 = np.float32(0.693359375), np.float32(-2.12194440054690583e-4)
LEAST_EXPONENT_32 = np.float32(-87.0)  # log of the least normal number is -87.33...
SQRT_HALF_BITS_32 = 0x3F3504F3
ZERO_32, ONE_32 = np.float32(0.0), np.float32(1.0)
LEAST_NORMAL_32, LEAST_NORMAL_64 = np.finfo(np.float32).tiny, float(np.finfo(np.float64).tiny)
LEAST_FACTOR_32, LEAST_FACTOR_64 = np.float32(LEAST_NORMAL_32 * 1e13), LEAST_NORMAL_64 * 1e13


def inlined(function):
    """Compile a function that only kernels call; a wrapper around it, such as a shape check, is left out."""
    return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **CONTRACTED)(inspect.unwrap(function))


def exp(x):
    """Return ``e^x`` of a float32 or float64 that is no NaN and has no overflowing result, 0 for a subnormal one."""


def log(x):
    """Return the natural logarithm of a positive normal float32 or float64."""


def log1p(x):
    """Return ``log(1 + x)`` of a float32 or float64 in [0, 1]."""


def zero(x):
    """Return 0 in the precision of x."""


def least_normal(x):
    """Return the smallest positive normal number in the precision of x."""


def least_factor(x):
    """Return 1e-25, or 2e-295 in float64.

    Products of what is smaller may be subnormal, and some processors take twenty times as long for these.
    """


@inlined
def horner(x, coefficients):
    """Return ``sum_i coefficients_i x^i``."""
    total = coefficients[-1]
    for index in range(len(coefficients) - 2, -1, -1):
        total = total * x + coefficients[index]
    return total


def exp_32(x):
    """Return e^x."""
    shifted = x * LOG2E_32 + SHIFT_32
    n = shifted - SHIFT_32
    r = (x - n * LOG2_HIGH_32) - n * LOG2_LOW_32
    y = np.float32((horner(r, EXP_32) * r + ONE_32) * r + ONE_32)
    y = np.int32(y.view(np.int32) + (np.float32(shifted).view(np.int32) << 23)).view(np.float32)
    return y if x >= LEAST_EXPONENT_32 else ZERO_32


def exp_64(x):
    """Return e^x."""
    shifted = x * LOG2E + SHIFT_64
    n = shifted - SHIFT_64
    r = (x - n * LOG2_HIGH_64) - n * LOG2_LOW_64
    y = np.float64((horner(r, EXP_64) * r + 1.0) * r + 1.0)
    y = np.int64(y.view(np.int64) + (np.float64(shifted).view(np.int64) << 52)).view(np.float64)
    return y if x >= LEAST_EXPONENT_64 else 0.0


def log_32(x):
    """Return log x."""
    bits = np.int32(np.float32(x).view(np.int32) - SQRT_HALF_BITS_32)
    e = np.int32(bits >> 23)
    m = np.int32((bits & 0x7FFFFF) + SQRT_HALF_BITS_32).view(np.float32)
    z = (m - ONE_32) / (m + ONE_32)
    return np.float32(e) * LOG2_32 + z * horner(z * z, LOG_32)


def log_64(x):
    """Return log x."""
    bits = np.float64(x).view(np.int64) - SQRT_HALF_BITS_64
    e = bits >> 52
    m = np.int64((bits & 0xFFFFFFFFFFFFF) + SQRT_HALF_BITS_64).view(np.float64)
    z = (m - 1.0) / (m + 1.0)
    return np.float64(e) * LOG2 + z * horner(z * z, LOG_64)


def log1p_32(x):
    """Return log(1 + x)."""
    return x * horner(x, LOG1P_32)


def log1p_64(x):
    """Return log(1 + x); even and odd powers apart, since a long Horner chain is not unrolled."""
    square = x * x
    return x * (horner(square, LOG1P_EVEN_64) + x * horner(square, LOG1P_ODD_64))


def zero_32(x):
    """Return 0."""
    return ZERO_32


def zero_64(x):
    """Return 0."""
    return 0.0


def least_normal_32(x):
    """Return 2^-126."""
    return LEAST_NORMAL_32


def least_normal_64(x):
    """Return 2^-1022."""
    return LEAST_NORMAL_64


def least_factor_32(x):
    """Return 1e-25."""
    return LEAST_FACTOR_32


def least_factor_64(x):
    """Return 2e-295."""
    return LEAST_FACTOR_64


def by_precision(function, single, double):
    """Let ``function`` stand for ``single`` in float32 and for ``double`` in float64."""

    def choose(x):
        return inspect.unwrap(single if x == types.float32 else double)

    overload(inspect.unwrap(function), jit_options=CONTRACTED)(inspect.unwrap(choose))


by_precision(exp, exp_32, exp_64)
by_precision(log, log_32, log_64)
by_precision(log1p, log1p_32, log1p_64)
by_precision(zero, zero_32, zero_64)
by_precision(least_normal, least_normal_32, least_normal_64)
by_precision(least_factor, least_factor_32, least_factor_64)
