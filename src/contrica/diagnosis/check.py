"""One finding about a fitted model: what was measured, what is expected, and in plain words what it means.

A verdict speaks of size, not only of significance. With an effect e, its standard error and a tolerance t, beyond which
the effect matters,

    look          |e| - z se > t      it matters, and chance does not explain it
    fine          |e| + 1.64 se < t   were it to matter, these rows would have shown it in 19 of 20 cases
    cannot tell   otherwise           more rows are needed

so that a true model is called into question with a chance of `LEVEL` at most per check, however many rows there are.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

import numpy as np
from scipy import stats

LEVEL = 0.01
"""Chance, for all numbers of a check together, that sampling alone takes an effect of no size beyond its bound."""

ONE_SIDED = 1.645
"""Standard errors that cover 19 of 20 cases on one side."""


class Verdict(Enum):
    """What a check concludes."""

    FINE = "fine"
    LOOK = "look"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Quantity:
    """A measured number.

    Parameters
    ----------
    name : str
        What it is, with its unit.
    value : float or None
        None where these rows cannot give it.
    standard_error : float or None
        Over the choice of held-out rows; None where there is no honest one.
    """

    name: str
    value: float | None
    standard_error: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: not measurable from these rows"
        error = "" if self.standard_error is None else f" +- {self.standard_error:.2g}"
        shown = f"{self.value:.0f}" if self.value.is_integer() else f"{self.value:.3g}"
        return f"{self.name}: {shown}{error}"


@dataclass(frozen=True)
class Check:
    """A finding.

    Parameters
    ----------
    name : str
        What is looked at.
    measured : tuple of Quantity
        The numbers behind the verdict, the most telling first.
    expected : str
        What a right model would show.
    verdict : Verdict
    sentence : str
        The finding in plain words.
    advice : str
        What to do; empty where there is nothing to do.
    """

    name: str
    measured: tuple[Quantity, ...]
    expected: str
    verdict: Verdict
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        lines = [f"[{self.verdict.value}] {self.name}: {self.sentence}"]
        purpose = "to do" if self.verdict is Verdict.LOOK else "to tell"
        return "\n".join([*lines, f"    {purpose}: {self.advice}"] if self.advice else lines)

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts, lists, numbers, strings and None, which JSON can hold."""
        return {
            "name": self.name,
            "measured": [vars(quantity) for quantity in self.measured],
            "expected": self.expected,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "advice": self.advice,
        }

    @classmethod
    def from_dict(cls, said: Any) -> Self:
        """Return what `to_dict` described.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it described something else.
        """
        measured = [
            Quantity(str(one["name"]), number(one["value"]), number(one["standard_error"])) for one in said["measured"]
        ]
        texts = (str(said[name]) for name in ("sentence", "advice"))
        return cls(str(said["name"]), tuple(measured), str(said["expected"]), Verdict(said["verdict"]), *texts)


def number(value: Any) -> float | None:
    """Return a number from JSON, None where there is none; else raise TypeError or ValueError.

    >>> number(2), number(None)
    (2.0, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise TypeError(f"{value!r} is no number")
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    return None if value is None else float(value)


def judge(sizes: np.ndarray, errors: np.ndarray, tolerance: float | np.ndarray) -> Verdict:
    """Return the verdict on effects of these sizes and standard errors, of any one shape, taken together.

    Examples
    --------
    >>> judge(np.array([0.1, 0.5]), np.array([0.01, 0.01]), 0.2)
    <Verdict.LOOK: 'look'>
    >>> judge(np.array([0.1, 0.1]), np.array([0.01, 0.09]), 0.2)
    <Verdict.CANNOT_TELL: 'cannot tell'>
    """
    beyond = stats.norm.isf(LEVEL / (2 * max(1, sizes.size)))
    if (np.abs(sizes) - beyond * errors > tolerance).any():
        return Verdict.LOOK
    return Verdict.FINE if (np.abs(sizes) + ONE_SIDED * errors < tolerance).all() else Verdict.CANNOT_TELL
