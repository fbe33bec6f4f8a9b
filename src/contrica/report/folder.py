"""The folder that a run leaves: record.json, table.md and index.html, each of them whole or not there.

A folder that did not exist is filled under a hidden name beside its place and then renamed, so it appears complete.
Into a folder that exists each file is written under a hidden name and renamed over its own, the record first, since
the others can be made again from it.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from contrica._atomic import HIDDEN, make_renames_last, reason, replace_files
from contrica.errors import OutputError, RecordError
from contrica.report.numbers_of import numbers_of
from contrica.report.outcome import Outcome
from contrica.report.over_seeds import over_seeds
from contrica.report.page import page
from contrica.report.published import published_table
from contrica.report.recording_outcome import RecordingOutcome
from contrica.report.recordings_section import recordings_table
from contrica.report.run_record import RunRecord
from contrica.report.seeds import seeds_in_words
from contrica.report.table import table

RECORD = "record.json"
TABLE = "table.md"
PAGE = "index.html"


def default_folder(recipe: str, seeds: Sequence[int], options: Iterable[str] = ()) -> Path:
    """Return where a run goes when nobody says where.

    >>> default_folder("photo", [0], ["china.jpg"]).as_posix()
    'runs/photo-china-seed0'
    """
    words = [re.sub(r"[^\w.-]+", "-", Path(value).stem) for value in options]
    return Path("runs") / "-".join([recipe, *words, f"seed{seeds_in_words(seeds)}"])


def ensure_writable(folder: Path, *, overwrite: bool = False) -> None:
    """Raise OutputError unless a run could be written to ``folder`` now; leaves nothing behind.

    Parameters
    ----------
    folder : Path
        Need not exist.
    overwrite : bool
        Whether it may hold files already; only the three of a run are replaced.
    """
    try:
        if "\0" in str(folder):
            raise ValueError("no name may hold a null character")
        if folder.exists() or folder.is_symlink():
            if not folder.is_dir():
                raise OutputError(f"{folder} must be a folder, and it is a file; pass another --out")
            if not overwrite and any(not entry.name.startswith(HIDDEN) for entry in folder.iterdir()):
                raise OutputError(
                    f"{folder} must be empty or new, and it holds files already; pass another --out, or --overwrite to"
                    " replace the run in it"
                )
        place = folder
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            pass
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder} must be writable, and it is not ({reason(error)}); pass another --out") from error


def write_run(run: RunRecord, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write record, table and page; return their paths.

    Raises
    ------
    OutputError
        If the folder holds files and ``overwrite`` is False, or if it cannot be written.
    """
    ensure_writable(folder, overwrite=overwrite)
    text = run.to_json()
    # Rendered from what was written, so that rendering again gives the same.
    return _write(folder, {RECORD: text, **_rendered(RunRecord.from_json(text))})


def render_again(folder: Path) -> list[Path]:
    """Make table and page again from the record in ``folder``; return their paths."""
    return _write(folder, _rendered(read_run(folder)))


def read_run(folder: Path) -> RunRecord:
    """Read the record in ``folder``.

    Raises
    ------
    RecordError
        If there is none, or none that can be read.
    """
    path = folder / RECORD
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: the record is damaged, it is no UTF-8 text; run again") from error
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{path} must be a record, and it cannot be read ({reason(error)}); pass the folder of a run"
        ) from error
    try:
        run = RunRecord.from_json(text)
        for record in run.simulated:
            Outcome.of(record)
        for recording in run.recordings:
            RecordingOutcome.of(recording)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error
    return run


def _rendered(run: RunRecord) -> dict[str, str]:
    outcomes = [Outcome.of(record) for record in run.simulated]
    tables = [published_table(run.published, numbers_of(outcomes))]
    if outcomes or not run.recordings:
        tables.append(table(over_seeds(outcomes)))
    if run.recordings:
        tables.append(recordings_table([RecordingOutcome.of(record) for record in run.recordings]))
    text = "\n".join([f"# {run.title}\n\n`{run.command}`\n", *filter(None, tables)])
    return {TABLE: text, PAGE: page(run)}


def _write(folder: Path, texts: dict[str, str]) -> list[Path]:
    contents = {name: text.encode() for name, text in texts.items()}
    try:
        if folder.exists():
            replace_files(folder, contents)
        else:
            _appear(folder, contents)
    except OSError as error:
        raise OutputError(f"{folder} must be writable, and it is not ({reason(error)}); pass another --out") from error
    return [folder / name for name in texts]


def _appear(folder: Path, contents: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=HIDDEN, dir=folder.parent))
    try:
        replace_files(hidden, contents)
        hidden.chmod(0o777 & ~_umask())
        hidden.rename(folder)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    make_renames_last(folder.parent)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
