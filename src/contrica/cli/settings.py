"""Options of ``contrica fit`` that are written as words: lags, widths, periods, and numbers of things."""

import re
from collections.abc import Sequence

from contrica.errors import DomainError
from contrica.pairs.temporal import Lags

WHOLE = re.compile(r"[0-9]{1,9}")

SPAN = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")

MOST_LAGS = 10_000


def lags_of(text: str) -> Lags:
    """Read lags in rows: ``1``, ``1,2,5`` or ``1-10``.

    Raises
    ------
    DomainError
        If it is none of these.

    >>> lags_of("3"), lags_of("1,5"), lags_of("1-4")
    (3, {1: 0.5, 5: 0.5}, range(1, 5))
    """
    lags: list[int] = []
    for word in text.split(","):
        found = SPAN.fullmatch(word.strip())
        if found is None:
            raise DomainError(f"--lags must be rows such as 1, 1,2,5 or 1-10, got {text[:40]!r}; write it so")
        first, last = int(found[1]), int(found[2] or found[1])
        lags += range(first, min(last, first + MOST_LAGS) + 1)
    if not 1 <= len(lags) <= MOST_LAGS or min(lags) < 1 or len(set(lags)) < len(lags):
        raise DomainError(f"--lags must be from 1 on, each once, at most {MOST_LAGS}, got {text[:40]!r}; write it so")
    if len(lags) == 1:
        return lags[0]
    if lags == list(range(lags[0], lags[-1] + 1)):
        return range(lags[0], lags[-1] + 1)
    return dict.fromkeys(lags, 1.0 / len(lags))


def widths_of(text: str) -> list[int]:
    """Read the units of hidden layers, ``128,128``.

    Raises
    ------
    DomainError
        If they are no whole numbers from 1 to 100000, or more than 50.
    """
    words = [word.strip() for word in text.split(",")]
    if len(words) > 50 or not all(WHOLE.fullmatch(word) and 1 <= int(word) <= 100_000 for word in words):
        raise DomainError(f"--widths must be units of each hidden layer such as 128,128, got {text!r}; write it so")
    return [int(word) for word in words]


def numbers_of(texts: Sequence[str], option: str, count: int) -> list[float | None]:
    """Read one positive number for each of ``count`` labels, or ``none``.

    Raises
    ------
    DomainError
        If they are others, or not as many; one stands for all.
    """
    words = [word.strip().lower() for text in texts for word in text.split(",")]
    try:
        numbers = [None if word == "none" else float(word) for word in words]
    except ValueError as error:
        raise DomainError(f"{option} must be numbers or none, got {','.join(texts)!r}; write it so") from error
    if any(number is not None and not 0 < number < float("inf") for number in numbers):
        raise DomainError(f"{option} must be greater than 0 and finite, got {','.join(texts)!r}; pass positive numbers")
    if len(numbers) not in (1, count):
        raise DomainError(f"{option} must be one number, or one per label, {count}, got {len(numbers)}; pass as many")
    return numbers * count if len(numbers) == 1 else numbers
