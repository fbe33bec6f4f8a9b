"""Seeds as people write them: ``0,1,2``, or ``0-2`` for a row of them."""

import re
from collections.abc import Sequence

from contrica.errors import DomainError

MOST_SEEDS = 10_000
"""More in one run are a slip of the hand."""


def seeds_of(text: str) -> tuple[int, ...]:
    """Return the seeds that are meant, each once, in the order in which they are named.

    >>> seeds_of("3"), seeds_of("4, 0-2")
    ((3,), (4, 0, 1, 2))

    Raises
    ------
    DomainError
        If the text names no seeds.
    """
    found: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part)
        if ends is None:
            raise DomainError(f"seeds must be whole numbers from 0 up, such as 0,1,2 or 0-2, got {text!r}; write so")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if not 0 <= last - first < MOST_SEEDS:
            raise DomainError(f"seeds must go up, {MOST_SEEDS} at most, got {part.strip()}; write the smaller first")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Return the shortest text that `seeds_of` reads as these.

    >>> seeds_in_words([0, 1, 2, 7])
    '0-2,7'
    """
    parts: list[str] = []
    start = 0
    for index in range(1, len(seeds) + 1):
        if index == len(seeds) or seeds[index] != seeds[index - 1] + 1:
            first, last = seeds[start], seeds[index - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = index
    return ",".join(parts)
