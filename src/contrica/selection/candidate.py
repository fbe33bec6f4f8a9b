"""A sum of powers that was fitted to the pairs: its exponents, and what it costs on held-out pairs."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Side: TypeAlias = Literal["below 2", "near 2", "above 2", "either side of 2"]

NEAR_TWO = 0.2
"""Exponents so near to 2 leave two axes free in practice: turning them costs less than a short fit misses."""


@dataclass(frozen=True)
class Candidate:
    """One family of pair noise, ``exp(-sum_i |t_i|^p_i)``, as fitted.

    Parameters
    ----------
    start : float
        The exponent, or that from which the exponents were learned.
    learned : bool
        Whether they were.
    exponents : tuple of float
        p_i, one per code.
    loss, standard_error : float
        Held out, in nats.
    excess, excess_error : float
        Loss above that of the best candidate on the same pairs, in nats, and its standard error, which is far smaller
        than that of the loss because the luck of the draw cancels.
    gap, gap_error : float or None
        Loss above that of a critic without structure, in nats; None where too few pairs are held out to fit one.
    """

    start: float
    learned: bool
    exponents: tuple[float, ...]
    loss: float
    standard_error: float
    excess: float
    excess_error: float
    gap: float | None = None
    gap_error: float | None = None

    @property
    def name(self) -> str:
        """How it is called in tables."""
        return f"learned from {self.start:g}" if self.learned else f"exponent {self.start:g}"

    @property
    def free_axes(self) -> int:
        """How many exponents are too near to 2 to hold an axis against another such one."""
        return sum(abs(exponent - 2.0) < NEAR_TWO for exponent in self.exponents)

    @property
    def side(self) -> Side:
        """On which side of 2 the exponents lie; near 2 if that holds for two of them, or for all."""
        if self.free_axes >= min(2, len(self.exponents)):
            return "near 2"
        below = {exponent < 2.0 for exponent in self.exponents if abs(exponent - 2.0) >= NEAR_TWO}
        if len(below) > 1:
            return "either side of 2"
        return "below 2" if True in below else "above 2"

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings, lists and None, which JSON can hold."""
        return {"name": self.name, **vars(self), "exponents": list(self.exponents), "side": self.side}
