"""``contrica doctor``: what this environment can do, each part tried and not only looked up."""

import math
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from rich.table import Table

from contrica._fused import available
from contrica.cli.output import AsJson, print_json, print_parts
from contrica.contrast import contrast
from contrica.critics import Critic, Side
from contrica.dissimilarities import PowerSum
from contrica.errors import ContricaError, DomainError
from contrica.files import ReaderProcess, read, write_arrays
from contrica.files.held import room
from contrica.files.limits import size
from contrica.losses import InfoNCE
from contrica.recipes import default_cache_folder

EXAMPLES = ("contrica doctor", "contrica doctor --json")

EXTRAS = {
    "fast": ("numba",),
    "files": ("h5py", "pyarrow", "pillow"),
    "images": ("pillow",),
    "parallel": ("joblib",),
    "dask": ("distributed",),
    "ray": ("ray",),
}

AGREEMENT = 1e-5
"""Relative error of the fused pass in float32."""


@dataclass(frozen=True)
class Finding:
    """Something that was looked at; ``sound`` is None where it is optional and not there."""

    name: str
    says: str
    sound: bool | None


def doctor(*, as_json: AsJson = False) -> None:
    """Try the environment: versions, extras, threads, GPU, the fused kernel, files, and where may be written.

    Ends with exit code 2 if something that is installed does not work.
    """
    findings = [
        Finding("contrica", f"{metadata.version('contrica')} in {Path(__file__).parent.parent}", True),
        Finding("python", f"{platform.python_version()} on {platform.platform()}", True),
        *(Finding(name, metadata.version(name), True) for name in ("torch", "numpy", "scipy", "scikit-learn")),
        *(_extra(name, packages) for name, packages in EXTRAS.items()),
        Finding("threads", f"torch uses {torch.get_num_threads()} of {os.cpu_count()} cores", True),
        _gpu(),
        _tried("fused kernel", _fused),
        _tried("reading files", _files),
        _tried("this folder", lambda: _may_write(Path.cwd())),
        _tried("large files", lambda: _may_write(room())),
        _tried("cache", lambda: _may_write(_nearest(default_cache_folder()))),
    ]
    broken = [one for one in findings if one.sound is False]
    if as_json:
        listed = [{"name": one.name, "says": one.says, "sound": one.sound} for one in findings]
        if not broken:
            print_json({"sound": True, "findings": listed})
            return
        raise DomainError("; ".join(f"{one.name}: {one.says}" for one in broken))
    rows = Table("", "", "", box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for one in findings:
        rows.add_row({True: "ok", None: "-", False: "BROKEN"}[one.sound], one.name, one.says)
    print_parts(rows)
    if broken:
        raise DomainError(f"{broken[0].name} must work, and it does not; see above")


def _extra(name: str, packages: tuple[str, ...]) -> Finding:
    versions, missing = [], []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        said = f"{', '.join(missing)} not installed; pip install 'contrica[{name}]'"
        return Finding(f"contrica[{name}]", said, None)
    return Finding(f"contrica[{name}]", ", ".join(versions), True)


def _gpu() -> Finding:
    if not torch.cuda.is_available():
        return Finding("GPU", "none that torch can use", None)
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return Finding("GPU", ", ".join(names), True)


def _tried(name: str, attempt: Callable[[], tuple[str, bool | None]]) -> Finding:
    try:
        said, sound = attempt()
    except (ContricaError, OSError, RuntimeError, ImportError) as error:
        return Finding(name, " ".join(str(error).split()), False)
    return Finding(name, said, sound)


def _fused() -> tuple[str, bool | None]:
    """Compare the all-pairs loss with its formula on codes large enough for the fused pass."""
    if not available():
        return "not installed; pip install 'contrica[fast]' for faster training", None
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(2, 600, 4, generator=generator)
    critic = Critic(PowerSum(4, exponent=1.0), bias=False)
    sides = [Side(part, torch.zeros(len(part))) for part in codes]
    found = float(contrast(InfoNCE(), critic, *sides))
    logits = -torch.cdist(codes[0].double(), codes[1].double(), p=1.0)
    wanted = float((logits.logsumexp(1) - logits.diagonal()).mean())
    if not math.isclose(found, wanted, rel_tol=AGREEMENT):
        return f"gives {found}, and must give {wanted}; set NUMBA_DISABLE_JIT=1 and report it", False
    return "works", True


def _files() -> tuple[str, bool | None]:
    """Write and read a small HDF5 file, through the process apart."""
    try:
        metadata.version("h5py")
    except metadata.PackageNotFoundError:
        return "npy, npz and csv; pip install 'contrica[files]' for HDF5, MATLAB 7.3, parquet and images", None
    with tempfile.TemporaryDirectory() as folder, ReaderProcess() as process:
        path = Path(folder) / "tried.h5"
        wanted = np.arange(6.0).reshape(3, 2)
        write_arrays(path, {"x": wanted})
        if not np.array_equal(read(f"{path}:x", process=process).values, wanted):
            return "an HDF5 file came back changed", False
    return "work, in a process apart", True


def _may_write(folder: Path) -> tuple[str, bool | None]:
    with tempfile.TemporaryFile(dir=folder):
        pass
    return f"{folder} may be written, {size(shutil.disk_usage(folder).free)} free", True


def _nearest(folder: Path) -> Path:
    """Return the folder, or the one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder
