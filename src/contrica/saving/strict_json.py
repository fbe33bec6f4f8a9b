"""JSON that means one thing only: no key twice, no NaN or infinity, no half of a character, nothing but UTF-8.

Python's reader takes the last of two equal keys, and words that are no JSON; what is written here comes back equal.
"""

import json
import math
from typing import Any, NoReturn

from contrica.errors import DomainError, RecordError

Json = Any
"""None, a bool, an int, a float, a str, a list of these, or a dict of these with text as keys."""


def to_json(value: object, name: str) -> bytes:
    """Return ``value`` as text with sorted keys; tuples become lists.

    Raises
    ------
    DomainError
        If ``value`` holds what JSON cannot: another type, a key that is no text, a number that is not finite, itself.

    Examples
    --------
    >>> to_json({"steps": 3, "betas": (0.9, 0.99)}, "options")
    b'{"betas":[0.9,0.99],"steps":3}'
    """
    try:
        _only_text_keys(value)
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DomainError(
            f"{name} must hold what JSON can: text, finite numbers, true, false, null, lists, and dictionaries with"
            f" text as keys; got something else ({error}); convert it"
        ) from error


def from_json(content: bytes) -> Json:
    """Read what `to_json` wrote, in any layout.

    Raises
    ------
    RecordError
        If it is no UTF-8, no JSON, ambiguous, or nested too deeply.

    Examples
    --------
    >>> from_json(b'{"steps": 3}')
    {'steps': 3}
    """
    try:
        value: Json = json.loads(
            content.decode(), object_pairs_hook=_unique_keys, parse_constant=_no_number, parse_float=_finite
        )
        to_json(value, "it")
    except (ValueError, RecursionError) as error:
        raise RecordError(f"it must be JSON, and it breaks off or means nothing ({error})") from error
    return value


def _only_text_keys(value: object) -> None:
    if isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r}")
            _only_text_keys(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            _only_text_keys(entry)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key stands twice")
    return entries


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
