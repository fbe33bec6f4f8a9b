"""A saved folder: tensors in safetensors, all else in JSON, replaced in one step and checked when read.

    manifest.json                          says what belongs to it, see `contrica.saving.manifest`
    tensors-<first digits of SHA-256>.safetensors

A new version puts its tensors beside the old ones, then renames its manifest over the old manifest, and only then
removes the old tensors: at every moment the manifest names a whole file, be the writer killed or the disk full. Nothing
in a folder is ever run, no file but these two is opened, and no link is followed out of it.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from contrica._atomic import HIDDEN, make_renames_last, reason, replace_files
from contrica.errors import DomainError, OutputError, RecordError
from contrica.saving.manifest import DATA_FILE, LARGEST_MANIFEST, Layout, Manifest
from contrica.saving.strict_json import Json

MANIFEST = "manifest.json"

LARGEST_HEADER = 100 << 20
"""Bytes that safetensors lets names and shapes take up in a file of tensors."""


@dataclass(frozen=True, eq=False)
class Saved:
    """What was read from a folder.

    Attributes
    ----------
    description : dict
        JSON values.
    tensors : dict of str to Tensor
    """

    description: dict[str, Json]
    tensors: dict[str, Tensor]


def write_folder(
    folder: str | os.PathLike[str],
    *,
    kind: str,
    description: Mapping[str, object],
    tensors: Mapping[str, Tensor],
) -> None:
    """Write ``folder``, or replace what `write_folder` has left in it, in one step.

    Parameters
    ----------
    folder : path
        New, empty, or left by `write_folder` with the same ``kind``. Other files in it stay.
    kind : str
        One word for what this is, which `read_folder` asks for.
    description : mapping
        Values that JSON can hold; tuples come back as lists.
    tensors : mapping of str to Tensor
        Dense, on any device, of the types in `contrica.saving.manifest.DTYPES`.

    Raises
    ------
    OutputError
        If the folder holds something else, another program is writing to it, or the disk is full; what was saved there
        before is intact.
    DomainError, DtypeError
        If something cannot be saved; nothing is written.

    Notes
    -----
    Data and names are forced to the disk before the old version goes (fsync of files and folder).

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "out"
    >>> write_folder(folder, kind="numbers", description={"title": "three"}, tensors={"values": torch.ones(3)})
    >>> read_folder(folder, kind="numbers").tensors
    {'values': tensor([1., 1., 1.])}
    """
    folder = Path(folder)
    layouts = {name: Layout.of(tensor, name) for name, tensor in tensors.items()}
    dense = {name: tensors[name].detach().to("cpu", copy=True).contiguous() for name in layouts}
    data = safetensors.torch.save(dense)
    manifest = Manifest.over(data, kind=kind, description=description, tensors=dense)
    contents = {manifest.data_file: data, MANIFEST: manifest.to_bytes()}
    try:
        with _made(folder), _claimed(folder):
            _ensure_replaceable(folder, kind)
            try:
                replace_files(folder, contents)
            finally:
                _remove_unnamed(folder)
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{folder} must be writable, and it is not ({reason(error)}); what was saved there before is intact: make"
            " room or choose another folder"
        ) from error


def read_folder(folder: str | os.PathLike[str], *, kind: str, device: str | torch.device = "cpu") -> Saved:
    """Read what `write_folder` has written, all of it checked.

    Parameters
    ----------
    folder : path
    kind : str
        What it has to be.
    device : str or torch.device
        Where the tensors go, wherever they were.

    Raises
    ------
    RecordError
        If there is no such folder, or it is of another kind, of another program, of a newer version, damaged, or larger
        than this machine's memory.
    DomainError
        If this machine has no such device.
    """
    folder = Path(folder)
    _ensure_there(device)
    manifest = read_manifest(folder)
    while True:
        if manifest.kind != kind:
            raise RecordError(f"{folder} must hold a {kind}, and it holds a {manifest.kind}; pass another folder")
        try:
            tensors = _tensors(folder, manifest)
        except FileNotFoundError as error:
            # Another program may have replaced the folder between the two files; then there is a newer manifest.
            newer = read_manifest(folder)
            if newer == manifest:
                raise RecordError(f"{folder} is damaged: {manifest.data_file} is missing; use a copy of it") from error
            manifest = newer
        else:
            placed = {name: tensors[name].to(device) for name in manifest.tensors}
            return Saved(manifest.description, placed)


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Return what a folder says of itself, without reading its tensors.

    Raises
    ------
    RecordError
        If there is no folder, or its manifest is foreign, newer or damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        content = _regular_file(path, most=LARGEST_MANIFEST)
    except FileNotFoundError as error:
        raise RecordError(
            f"{folder} must be a folder that contrica has saved, and it has no {MANIFEST}; pass the folder itself"
        ) from error
    except NotADirectoryError as error:
        raise RecordError(
            f"{folder} must be a folder that contrica has saved, and it is a file; pass a folder"
        ) from error
    try:
        return Manifest.from_bytes(content)
    except RecordError as error:
        raise RecordError(f"{path} cannot be used: {error}; pass another folder, or a copy of this one") from error


def is_unwritten(folder: Path) -> bool:
    """Return whether nothing stands in the way of a first version: no folder, or nothing in it but unfinished files."""
    try:
        return all(_is_left_over(entry.name) for entry in folder.iterdir())
    except FileNotFoundError:
        return True
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{folder} must be a folder, and it cannot be read ({reason(error)}); pass another"
        ) from error


def _tensors(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    if manifest.data_bytes > _memory():
        raise RecordError(
            f"{folder} must fit into memory, and it has {manifest.data_bytes >> 30} GiB; use a larger machine"
        )
    data = _regular_file(folder / manifest.data_file, most=manifest.data_bytes)
    if len(data) != manifest.data_bytes or hashlib.sha256(data).hexdigest() != manifest.data_sha256:
        raise RecordError(f"{folder} is damaged: {manifest.data_file} is not what was saved; use a copy of it")
    # The sums hold, so this is what the author of the manifest wrote, who may still have meant harm.
    try:
        tensors = safetensors.torch.load(data)
        layouts = {name: Layout.of(tensor, name) for name, tensor in tensors.items()}
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise RecordError(f"{folder} is damaged: {manifest.data_file} is no safetensors; use a copy of it") from error
    if layouts != manifest.tensors:
        raise RecordError(f"{folder} is damaged: its tensors are not those of its manifest; use a copy of it")
    return tensors


def _regular_file(path: Path, *, most: int) -> bytes:
    """Return the content of a file that is no link, pipe or device and has at most so many bytes."""
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")]
    try:
        descriptor = os.open(path, os.O_RDONLY | sum(flags))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise RecordError(f"{path} must be a file, and it is something else; use a copy of the folder")
            if found.st_size > most:
                raise RecordError(f"{path} is damaged: it has {found.st_size} bytes, more than {most}; use a copy")
            return file.read(most)
    except (FileNotFoundError, NotADirectoryError, RecordError):
        raise
    except (OSError, ValueError) as error:
        why = "it is a link" if getattr(error, "errno", None) == errno.ELOOP else reason(error)
        raise RecordError(f"{path} cannot be read ({why}); pass another folder") from error


def _ensure_there(device: str | torch.device) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DomainError(f"device must be one that this machine has, got {device!r}; pass 'cpu'") from error


def _memory() -> int:
    """Return the bytes of memory that the machine has, a petabyte where it does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1 << 50


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make the folder; one that is new goes again if nothing was written."""
    new = not folder.exists()
    if folder.is_file():
        raise OutputError(f"{folder} must be a folder, and it is a file; choose another folder")
    if new:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    if new:
        make_renames_last(folder.parent)


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Keep other writers out, where the system can; the claim of a program that is killed ends with it."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{folder} must be free, and another program writes to it; choose another") from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(descriptor)


def _ensure_replaceable(folder: Path, kind: str) -> None:
    """Raise OutputError if the folder holds anything but an earlier version of the same kind."""
    if is_unwritten(folder):
        return
    if not (folder / MANIFEST).exists():
        raise OutputError(f"{folder} must be new or empty, and it holds other files; choose another folder")
    try:
        found = read_manifest(folder).kind
    except RecordError as error:
        raise OutputError(f"{folder} must be new, empty or a sound {kind}, and {error}") from error
    if found != kind:
        raise OutputError(f"{folder} must be new, empty or a {kind}, and it holds a {found}; choose another folder")


def _remove_unnamed(folder: Path) -> None:
    """Remove files of tensors that the manifest does not name, and what killed writers have left."""
    with contextlib.suppress(OSError, RecordError):
        named = read_manifest(folder).data_file if (folder / MANIFEST).exists() else None
        for entry in folder.iterdir():
            if entry.name.startswith(HIDDEN):
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != named and _is_left_over(entry.name):
                entry.unlink()


def _is_left_over(name: str) -> bool:
    return name.startswith(HIDDEN) or DATA_FILE.fullmatch(name) is not None
