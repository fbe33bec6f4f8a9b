"""The manifest of a saved folder: what it holds, in which version of the form, and the sums by which damage shows.

    {"format": "contrica-folder", "format_version": 1, "kind": "model", "contrica": "0.1.0",
     "description": {...},
     "data": {"file": "tensors-0123456789abcdef.safetensors", "bytes": 1234, "sha256": "..."},
     "tensors": {"encoder.last.bias": {"dtype": "float32", "shape": [10]}, ...},
     "sha256": of the JSON of all the above with sorted keys and no blanks}

Whoever wrote it, what it says is checked for type and size before it is used. The sums guard against accidents, not
against an author.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from contrica.errors import DomainError, DtypeError, RecordError
from contrica.saving.strict_json import Json, from_json, to_json

FORMAT = "contrica-folder"
FORMAT_VERSION = 1

DATA_FILE = re.compile(r"tensors-[0-9a-f]{16}\.safetensors")
"""Named after the first digits of its SHA-256, so that an old and a new one stand side by side."""

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
"""What a tensor may consist of, by the name it has in the manifest."""

LARGEST_MANIFEST = 8 << 20
"""Bytes of a manifest, which are read before anything of it can be believed."""

MOST_AXES = 64
"""Axes that torch gives a tensor at most."""


@dataclass(frozen=True)
class Layout:
    """Type and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor, name: str) -> "Layout":
        """Return the layout of ``tensor``, or raise DtypeError if it cannot be saved."""
        dtype = str(tensor.dtype).removeprefix("torch.") if isinstance(tensor, Tensor) else type(tensor).__name__
        if not isinstance(tensor, Tensor) or dtype not in DTYPES:
            raise DtypeError(f"{name} must be a tensor of one of {', '.join(DTYPES)}, got {dtype}; convert it")
        if tensor.layout != torch.strided or tensor.is_meta:
            raise DtypeError(f"{name} must be a dense tensor with values, got {tensor.layout} on {tensor.device}")
        return cls(dtype, tuple(tensor.shape))

    @property
    def num_bytes(self) -> int:
        """Size of the values."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Manifest:
    """What a folder holds.

    Attributes
    ----------
    kind : str
        "model", "checkpoint", or what else somebody chose.
    contrica : str
        The version that wrote it.
    description : dict
        Whatever goes beside the tensors, as JSON values.
    tensors : dict of str to Layout
    data_file : str
        Name of the file of tensors.
    data_bytes : int
        Its size.
    data_sha256 : str
        Its SHA-256, in hexadecimal digits.
    """

    kind: str
    contrica: str
    description: dict[str, Json]
    tensors: dict[str, Layout]
    data_file: str
    data_bytes: int
    data_sha256: str

    @classmethod
    def over(
        cls, data: bytes, *, kind: str, description: Mapping[str, object], tensors: Mapping[str, Tensor]
    ) -> "Manifest":
        """Return the manifest of a folder whose file of tensors is ``data``."""
        digest = hashlib.sha256(data).hexdigest()
        plain = json.loads(to_json(dict(description), "description"))
        layouts = {name: Layout.of(tensor, name) for name, tensor in tensors.items()}
        file = f"tensors-{digest[:16]}.safetensors"
        return cls(kind, version("contrica"), plain, layouts, file, len(data), digest)

    def to_bytes(self) -> bytes:
        """Return the text of ``manifest.json``."""
        entries: dict[str, Json] = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "contrica": self.contrica,
            "description": self.description,
            "data": {"file": self.data_file, "bytes": self.data_bytes, "sha256": self.data_sha256},
            "tensors": {
                name: {"dtype": layout.dtype, "shape": list(layout.shape)} for name, layout in self.tensors.items()
            },
        }
        entries["sha256"] = _digest(entries)
        content = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        if len(content) > LARGEST_MANIFEST:
            raise DomainError(
                f"description must fit into {LARGEST_MANIFEST >> 20} MiB of JSON, got {len(content) >> 20} MiB; keep"
                " long lists of numbers as tensors"
            )
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> "Manifest":
        """Read the text of a ``manifest.json``.

        Raises
        ------
        RecordError
            If it is foreign, newer or damaged; the message goes on from the name of the file.
        """
        found = from_json(content)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise RecordError(f'it must say "format": "{FORMAT}", and it is of another program')
        number = found.get("format_version")
        if isinstance(number, int) and not isinstance(number, bool) and number > FORMAT_VERSION:
            raise RecordError(f"this contrica reads up to version {FORMAT_VERSION}, it has {number}; update contrica")
        digest = found.pop("sha256", None)
        if digest != _digest(found):
            raise RecordError("it is damaged, its SHA-256 is not what it says")
        match found:
            case {
                "format_version": 1,
                "kind": str(kind),
                "contrica": str(contrica),
                "description": dict(description),
                "data": {"file": str(file), "bytes": int(size), "sha256": str(data_sha256)},
                "tensors": dict(tensors),
            } if DATA_FILE.fullmatch(file):
                layouts = {name: _layout(entry) for name, entry in tensors.items()}
                if size < sum(layout.num_bytes for layout in layouts.values()):
                    raise RecordError("it is damaged, its tensors are larger than their file")
                return cls(kind, contrica, description, layouts, file, size, data_sha256)
        raise RecordError("it is damaged, parts are missing or of a wrong type")


def _layout(entry: Json) -> Layout:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape)} if dtype in DTYPES and len(shape) <= MOST_AXES:
            lengths = tuple(length for length in shape if type(length) is int and 0 <= length < 1 << 63)
            if len(lengths) == len(shape):
                return Layout(dtype, lengths)
    raise RecordError("it is damaged, a tensor has no dtype or no shape")


def _digest(entries: Mapping[str, Any]) -> str:
    return hashlib.sha256(to_json(entries, "description")).hexdigest()
