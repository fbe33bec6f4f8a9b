"""Arrays that belong together: those whose names differ in a number only, as trials do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from contrica.files import ArrayInfo
from contrica.files.names import fits


@dataclass(frozen=True)
class Family:
    """One array, or several under a pattern such as ``trials/*/spikes``.

    Parameters
    ----------
    name : str
        Of the array, or the pattern.
    members : tuple of ArrayInfo
    """

    name: str
    members: tuple[ArrayInfo, ...]

    @property
    def holds(self) -> str:
        """What the first of them holds."""
        return self.members[0].holds

    @property
    def refusals(self) -> list[str]:
        """Why they cannot be read, those that cannot."""
        return [one.refusal for one in self.members if one.refusal]

    @property
    def is_joined(self) -> bool:
        """Whether there are several."""
        return len(self.members) > 1

    def shape(self, *, sideways: bool = False) -> tuple[int, ...] | None:
        """Return the shape of all, joined end to end along their samples; None if they do not fit or cannot be read.

        Parameters
        ----------
        sideways : bool
            Whether samples run along the second of two axes.
        """
        if self.refusals or (self.holds == "text" and self.is_joined):
            return None
        shapes = []
        for one in self.members:
            known = tuple(length for length in one.shape if length is not None)
            if len(known) != len(one.shape) or not known or (sideways and len(known) != 2):
                return None
            shapes.append(known[::-1] if sideways else known)
        if any(shape[1:] != shapes[0][1:] for shape in shapes):
            return None
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    @property
    def size(self) -> int:
        """How many values there are."""
        return sum(prod(length or 0 for length in one.shape) for one in self.members)


def families(arrays: Iterable[ArrayInfo]) -> list[Family]:
    """Return the arrays, those whose names differ in a number only as one, in the order in which they stand.

    >>> one, two = ArrayInfo("trial1", (5, 2), "float64"), ArrayInfo("trial2", (7, 2), "float64")
    >>> [family.name for family in families([one, two, ArrayInfo("x", (3, 3), "float64")])]
    ['trial*', 'x']
    """
    found: dict[tuple[str, str], list[ArrayInfo]] = {}
    for one in arrays:
        found.setdefault((re.sub(r"\d+", "*", one.name), one.holds), []).append(one)
    made = []
    for (pattern, _), members in found.items():
        if len(members) > 1 and all(fits(one.name, pattern) for one in members):
            made.append(Family(pattern, tuple(members)))
        else:
            made += [Family(one.name, (one,)) for one in members]
    return made
