"""Checkpoints: the state of a fit in a folder, from which it goes on after a kill to the same end.

    checkpoints = Checkpoints(folder)
    training = train(..., resume_from=checkpoints.latest())
    for record in training:
        if checkpoints.is_due(record.step):
            checkpoints.write(training.state())

The caller's loop says what else happens between two steps, and what of that has to be kept (``notes``).
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, RecordError
from contrica.saving.folder import is_unwritten, read_folder, write_folder
from contrica.saving.strict_json import Json
from contrica.training.checkpoint import TrainingState

KIND = "checkpoint"

PLACE_OF_TENSOR = "$tensor"
"""A dictionary with this one key says which tensor stands there."""


class Checkpoints:
    """A folder that holds the latest state of one fit.

    Parameters
    ----------
    folder : path
        New, empty, or of the fit that is to go on.
    every_steps : int, optional
        A state is due after every so many steps.
    every_seconds : float, optional
        And after so many seconds since the last one. Sixty if neither is given.

    Notes
    -----
    A state takes the place of the one before in one step, see `contrica.saving.folder`: at every moment the folder
    holds a whole one.

    Examples
    --------
    >>> import tempfile
    >>> checkpoints = Checkpoints(tempfile.mkdtemp(), every_steps=100)
    >>> print(checkpoints.latest())
    None
    >>> checkpoints.is_due(100), checkpoints.is_due(101)
    (True, False)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every_steps: int | None = None,
        every_seconds: float | None = None,
    ) -> None:
        """Remember the folder; nothing is read or written yet."""
        self.folder = Path(folder)
        self.every_steps = None if every_steps is None else _checks.count(every_steps, "every_steps")
        if every_steps is None and every_seconds is None:
            every_seconds = 60.0
        self.every_seconds = None if every_seconds is None else _checks.positive(every_seconds, "every_seconds")
        self._last_time = time.monotonic()

    def latest(self) -> TrainingState | None:
        """Return the state in the folder, on the CPU; None if there is none yet.

        Raises
        ------
        RecordError
            If the folder holds something else, or a state that is damaged or of a newer version.
        """
        if is_unwritten(self.folder):
            return None
        saved = read_folder(self.folder, kind=KIND)
        match _joined(saved.description, saved.tensors):
            case {
                "step": int(step),
                "settings": dict(settings),
                "encoder": dict(encoder),
                "critic": dict(critic),
                "optimizer": dict(optimizer),
                "generator": Tensor() as generator,
                "source": dict(source),
                "queue": dict(queue),
                "notes": dict(notes),
            } if all(isinstance(entry, Tensor) for part in (encoder, critic, source, queue) for entry in part.values()):
                return TrainingState(step, settings, encoder, critic, optimizer, generator, source, queue, notes)
        raise RecordError(f"{self.folder} is damaged: parts of its state are missing; start anew elsewhere")

    def is_due(self, step: int) -> bool:
        """Return whether a state should be written after ``step``."""
        by_steps = self.every_steps is not None and step % self.every_steps == 0
        waited = time.monotonic() - self._last_time
        return by_steps or (self.every_seconds is not None and waited >= self.every_seconds)

    def write(self, state: TrainingState) -> None:
        """Write ``state`` in place of the one before.

        Raises
        ------
        OutputError
            If the folder cannot be written or holds something else; the state before is intact.
        DomainError, DtypeError
            If the notes hold what cannot be saved.
        """
        tensors: dict[str, Tensor] = {}
        write_folder(self.folder, kind=KIND, description=_split(vars(state), "", tensors), tensors=tensors)
        self._last_time = time.monotonic()


def _split(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return ``value`` with each tensor in it moved to ``tensors``, under its path."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {PLACE_OF_TENSOR: name}
    if isinstance(value, Mapping):
        if PLACE_OF_TENSOR in value:
            raise DomainError(f"notes must have other keys than {PLACE_OF_TENSOR!r}, got it; rename the entry")
        return {key: _split(entry, f"{name}.{key}" if name else str(key), tensors) for key, entry in value.items()}
    if isinstance(value, list):
        return [_split(entry, f"{name}.{index}", tensors) for index, entry in enumerate(value)]
    return value


def _joined(value: Json, tensors: Mapping[str, Tensor]) -> Any:
    """Return what `_split` has split."""
    match value:
        case {"$tensor": str(name), **rest} if not rest and name in tensors:
            return tensors[name]
        case dict():
            return {key: _joined(entry, tensors) for key, entry in value.items()}
        case list():
            return [_joined(entry, tensors) for entry in value]
    return value
