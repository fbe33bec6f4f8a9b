"""Names of what is in a file: their order, whether they fit a pattern, and what to say when one is not there."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from contrica.errors import UnknownNameError
from contrica.files.limits import brief

PATTERN = frozenset("*?[")
"""Signs that make a name a pattern."""


def in_order(name: str) -> list[tuple[int, int | str]]:
    """Return a key by which names are sorted as people count.

    >>> sorted(["trial10", "trial9"], key=in_order)
    ['trial9', 'trial10']
    """
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d{1,18})", name)]


def fits(name: str, pattern: str) -> bool:
    """Tell whether a path fits a pattern step by step.

    >>> fits("trials/3/spikes", "trials/*/spikes"), fits("trials/3/spikes", "trials/*")
    (True, False)
    """
    steps, wanted = name.split("/"), pattern.strip("/").split("/")
    return len(steps) == len(wanted) and all(map(fnmatchcase, steps, wanted))


def unknown(path: Path, member: str, names: Iterable[str]) -> UnknownNameError:
    """Return the error for an array that a file does not hold, or that has to be chosen among several."""
    known = brief(", ".join(names), 200) or "none"
    if not member:
        return UnknownNameError(f"{path} holds the arrays {known}: choose one, as in {path.name}:NAME")
    return UnknownNameError(f"{path} holds no array {brief(member)!r}; it holds {known}: choose one of them")
