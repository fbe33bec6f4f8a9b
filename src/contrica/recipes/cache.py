"""Finished experiments, kept on disk by their content, so that a table that breaks resumes where it stopped.

    key = SHA-256 of (form, NUMBERS, versions of contrica and torch, every public setting of the experiment, exactly,
                      and the recorded data where it is of a recording)

An entry is one JSON file with its key and a checksum of its record, and is whole or not there. One that is damaged all
the same is passed over, with a sentence, and computed anew.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from contrica._atomic import reason, replace_files
from contrica.errors import RecordError
from contrica.recipes.recipe import AnyExperiment, AnyRecord
from contrica.record import NUMBERS
from contrica.recordings import RecordingExperiment
from contrica.report import record_of

FORM = "contrica-cached-record-1"

VARIABLE = "CONTRICA_CACHE"
"""The environment variable that names the folder where no flag does."""


def default_cache_folder() -> Path:
    """Return ``$CONTRICA_CACHE``, else ``contrica`` in the user's cache folder."""
    asked = os.environ.get(VARIABLE)
    if asked:
        return Path(asked)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "contrica" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "contrica"


class RecordCache:
    """Records of finished experiments in a folder.

    Parameters
    ----------
    folder : Path
        Need not exist; it is made with the first record.
    say : callable, optional
        Is told, one sentence each, of entries that are passed over and records that could not be kept.

    Attributes
    ----------
    num_found : int
        How many records have been found so far.

    Examples
    --------
    >>> from contrica.recipes import recipe
    >>> (experiment,) = recipe("photo").build(seed=0)
    >>> print(RecordCache(default_cache_folder()).find(experiment))
    None
    """

    def __init__(self, folder: Path, *, say: Callable[[str], None] | None = None) -> None:
        self.folder = folder
        self.num_found = 0
        self._say = say or (lambda sentence: None)

    def find(self, experiment: AnyExperiment) -> AnyRecord | None:
        """Return the record of the same experiment, None if there is none that can be read."""
        key = content_key(experiment)
        if key is None:
            return None
        path = self._path(key)
        try:
            record = _opened(path.read_text(encoding="utf-8"), key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._say(f"{path} is damaged ({error}), so {experiment.name} is computed anew")
            return None
        self.num_found += 1
        return record

    def keep(self, experiment: AnyExperiment, record: AnyRecord) -> None:
        """Keep a record; a folder that cannot be written costs the record nothing but its place here."""
        key = content_key(experiment)
        if key is None:
            return
        kept = json.dumps(record.to_dict(), allow_nan=True)
        text = json.dumps({"form": FORM, "key": key, "checksum": _digest(kept), "record": kept})
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_files(path.parent, {path.name: text.encode()})
        except OSError as error:
            self._say(f"{experiment.name} could not be kept in {self.folder} ({reason(error)})")

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def content_key(experiment: AnyExperiment) -> str | None:
    """Return the name under which an experiment is kept, None if a part of it is not contrica's own.

    Nothing says what a function or a class from elsewhere computes, so such experiments are always run.

    Raises
    ------
    UnreadableFileError
        If the experiment is of a recording that is not there.
    """
    versions = [version("contrica"), version("torch")]
    try:
        content = _content(experiment)
    except _NotOurs:
        return None
    data = [experiment.digest()] if isinstance(experiment, RecordingExperiment) else []
    return _digest(json.dumps([FORM, NUMBERS, versions, content, *data], sort_keys=True))


class _NotOurs(Exception):
    """A value whose content cannot be told."""


def _content(value: object) -> Any:
    """Return a value as JSON that is equal for equal content only: floats to the last bit, tensors by their bytes."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, (tuple, list)):
        return [_content(entry) for entry in value]
    if isinstance(value, dict):
        return {str(name): _content(entry) for name, entry in value.items()}
    if isinstance(value, Tensor):
        digest = hashlib.sha256(value.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), value.requires_grad, digest]
    kind = type(value)
    if kind.__module__.partition(".")[0] != "contrica":
        raise _NotOurs
    settings: dict[str, Any] = {name: entry for name, entry in vars(value).items() if not name.startswith("_")}
    if dataclasses.is_dataclass(value):
        # What stands at its default is left out, so that a setting that is new does not put an end to older records.
        settings = {
            field.name: entry
            for field in dataclasses.fields(value)
            if (entry := getattr(value, field.name)) is not field.default and entry != field.default
        }
    elif isinstance(value, nn.Module):
        settings |= {**dict(value.named_parameters(recurse=False)), **dict(value.named_buffers(recurse=False))}
        settings |= dict(value.named_children())
    return {"type": f"{kind.__module__}.{kind.__qualname__}", **{name: _content(settings[name]) for name in settings}}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _opened(text: str, key: str) -> AnyRecord:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError("it breaks off or is no JSON") from error
    if not isinstance(found, dict) or (found.get("form"), found.get("key")) != (FORM, key):
        raise RecordError("it is not what its name says")
    kept = found.get("record")
    if not isinstance(kept, str) or _digest(kept) != found.get("checksum"):
        raise RecordError("its checksum does not match")
    return record_of(json.loads(kept))
