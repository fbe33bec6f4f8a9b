"""What to do with a file: which array is the recording, which one says what a pair is, and the command that follows.

Names and numbers of rows decide. What is suggested is a start; every part of it is on the command line.
"""

import re
import shlex
from dataclasses import dataclass
from math import prod
from pathlib import Path

from contrica.cli.families import Family, families
from contrica.files import Contents

ROLES = {
    "times": {"t", "time", "times", "timestamp", "timestamps", "seconds", "when", "date"},
    "groups": {"trial", "trials", "session", "sessions", "group", "groups", "animal", "subject", "block", "run"},
    "truth": {"factor", "factors", "latent", "latents", "sources", "z"},
    "rows": {"id", "ids", "index", "row", "rownumber", "filename"},
    "positives": {"positive", "positives", "partner", "partners"},
    "labels": {"label", "labels", "y", "target", "class", "action", "state"},
}

WIDEST_LABELS = 3
"""Columns up to which an array beside the recording is taken for labels."""

COMPONENTS = 3


@dataclass(frozen=True)
class Suggestion:
    """A command, and in what sense it makes pairs."""

    command: str
    because: str


def suggestions(found: Contents) -> list[Suggestion]:
    """Return commands that fit the contents of a file, the best first; none if nothing in it is a recording."""
    return _for_table(found) if found.is_table else _for_arrays(found)


def _for_arrays(found: Contents) -> list[Suggestion]:
    listed = families(found.arrays)
    wide = [one for one in listed if _is_recording(one)]
    if not wide:
        return []
    recording = max(wide, key=lambda one: one.size)
    beside = [one for one in listed if one is not recording]
    sideways = _lies_on_its_side(recording, beside)
    shape = recording.shape(sideways=sideways)
    assert shape is not None
    options: dict[str, str] = {}
    for one in beside:
        other = one.shape() or one.shape(sideways=sideways)
        if other is None or other[0] != shape[0] or one.is_joined != recording.is_joined:
            continue
        role = _role(one.name)
        if not role and (len(other) == 1 or (len(other) == 2 and other[1] <= WIDEST_LABELS)):
            role = "labels"
        if role != "positives" or other == shape:
            options.setdefault(role, _address(found.path, one.name))
    flags = ["--transpose"] if sideways else []
    return _commands([_address(found.path, recording.name), *flags], options, fewest=prod(shape[1:]))


def _for_table(found: Contents) -> list[Suggestion]:
    roles = {one.name: _role(one.name) or ("labels" if one.holds == "text" else "") for one in found.arrays}
    data = [name for name, role in roles.items() if not role]
    if not data:
        return []
    options = {}
    for role in set(roles.values()):
        names = [name for name, other in roles.items() if other == role]
        chosen = _columns(names, list(roles)) if role == "positives" else names[0]
        options[role] = _address(found.path, chosen)
    address = str(found.path) if len(data) == len(roles) else _address(found.path, _columns(data, list(roles)))
    return _commands([address], options, fewest=len(data))


def _commands(recording: list[str], options: dict[str, str], *, fewest: int) -> list[Suggestion]:
    def line(*roles: str) -> str:
        chosen = [part for role in (*roles, "groups") if role in options for part in (f"--{role}", options[role])]
        end = ["--components", str(min(COMPONENTS, fewest)), "--out", "model"]
        return shlex.join(["contrica", "fit", *recording, *chosen, *end])

    by_time = Suggestion(line("times"), "rows that follow each other in time are pairs")
    by_labels = Suggestion(line("labels"), "rows with near or equal labels are pairs")
    given = Suggestion(line("positives"), "row i of both arrays is a pair")
    made = [given] if "positives" in options else []
    made += [by_time, by_labels] if "times" in options or "labels" not in options else [by_labels, by_time]
    return [one for one in made if one is not by_labels or "labels" in options]


def _is_recording(one: Family) -> bool:
    shape = one.shape() or one.shape(sideways=True)
    return shape is not None and shape[0] > 1 and prod(shape[1:]) > 1 and _role(one.name) in ("", "labels")


def _lies_on_its_side(recording: Family, beside: list[Family]) -> bool:
    """Tell whether samples run along the second axis: what lies beside says so, or it is longer."""
    upright, turned = recording.shape(), recording.shape(sideways=True)
    if upright is None or turned is None:
        return upright is None
    lengths = {shape[0] for shape in (one.shape() for one in beside) if shape is not None and len(shape) == 1}
    if (upright[0] in lengths) != (turned[0] in lengths):
        return turned[0] in lengths
    first = recording.members[0].shape
    return (first[0] or 0) < (first[1] or 0)


def _role(name: str) -> str:
    """Return what an array is by its name, empty if the name says nothing."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name.rsplit("/", maxsplit=1)[-1])
    words = set(re.split(r"[^a-z]+", parted.lower()))
    return next((role for role, names in ROLES.items() if words & names), "")


def _columns(names: list[str], every: list[str]) -> str:
    """Return the shortest way to name columns: by a pattern where they share a beginning that no other has."""
    start = re.split(r"\d", names[0])[0]
    fitting = [name for name in every if name.startswith(start)]
    return f"{start}*" if start and fitting == names and len(names) > 1 else ",".join(names)


def _address(path: Path, name: str) -> str:
    return f"{path}:{name}" if name else str(path)
