"""One finding behind axes, or behind the refusal of axes: a number, the bound it is held against, and plain words."""

from collections.abc import Iterable
from dataclasses import dataclass

from contrica.errors import NotIdentifiableError

LEVEL = 0.01
"""Level of each test. Three methods are tried, each claims axes of normal data with at most this probability, so that
all three together stay below 5 % with room for p-values that hold in large samples only."""


@dataclass(frozen=True)
class Evidence:
    """What was looked at, what was found, and whether it speaks for the method.

    Parameters
    ----------
    name : str
        The quantity.
    value : float
        What was found; its unit is in ``words``.
    bound : float
        What ``value`` is compared with.
    holds : bool
        Whether the assumption stands as far as this quantity can tell.
    words : str
        The finding as a sentence.
    """

    name: str
    value: float
    bound: float
    holds: bool
    words: str

    def __str__(self) -> str:
        return self.words


def refuse_unless_all_hold(assumption: str, evidence: Iterable[Evidence], advice: str) -> None:
    """Raise NotIdentifiableError that quotes every finding that speaks against the assumption."""
    against = [each.words for each in evidence if not each.holds]
    if against:
        raise NotIdentifiableError(f"assumption '{assumption}' fails: {'; '.join(against)}; {advice}")
