"""``contrica transform``: the codes of a recording, into a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from contrica.cli.model_folder import Device, ModelFolder, ensure_as_in_fit, opened
from contrica.cli.output import AsJson, print_json, print_parts
from contrica.cli.progress import rows_progress
from contrica.cli.recording import File, Transpose, observations_of
from contrica.files import ReaderProcess, ensure_writable, write_rows

EXAMPLES = (
    "contrica transform model toy.npz:x --out codes.npy",
    "contrica transform model 'toy.csv:x_*' --out codes.csv --json",
)

AT_ONCE = 1 << 16
"""Rows that are encoded together."""


def transform(
    model: ModelFolder,
    file: File,
    *,
    out: Annotated[Path, typer.Option(help="The file to write: .npy, .npz, .csv, .tsv, .parquet or .h5.")],
    transpose: Transpose = False,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--force", "--overwrite", help="Replace the file if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the codes of each row of a recording; rows are read and written block by block."""
    ensure_writable(out, overwrite=overwrite)
    encoding = opened(model, device)
    with ReaderProcess() as process:
        rows = observations_of(file, process, transpose=transpose, least_rows=1).values
    rows = rows[:, None] if rows.ndim == 1 else rows
    ensure_as_in_fit(encoding, rows, file)
    first = encoding.transform(rows[:1])
    columns = [f"code_{number}" for number in range(first.shape[1])]
    with rows_progress(len(rows), quiet=as_json) as on_rows:

        def blocks() -> Iterator[npt.NDArray[np.floating[Any]]]:
            for start in range(0, len(rows), AT_ONCE):
                codes = encoding.transform(rows[start : start + AT_ONCE])
                on_rows(len(codes))
                yield codes

        write_rows(out, blocks(), num_rows=len(rows), columns=columns, overwrite=overwrite)
    if as_json:
        print_json({"file": str(out), "rows": len(rows), "columns": columns, "dtype": first.dtype.name})
        return
    print_parts(f"{out}: {len(rows)} rows of {len(columns)} codes, {first.dtype.name}.")
