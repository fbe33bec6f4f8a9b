"""``contrica fit``: a model from a recording, in a folder that every other command takes."""

import contextlib
import shlex
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from contrica.cli.model_folder import SUMMARY, Device, ensure_device, ensure_free, keep
from contrica.cli.output import AsJson, Stopped, print_json, print_parts
from contrica.cli.progress import steps_progress
from contrica.cli.recording import (
    CONTINUOUS,
    File,
    GroupsFile,
    LabelFiles,
    PositivesFile,
    Recording,
    TimesFile,
    Transpose,
    recording,
)
from contrica.cli.settings import lags_of, numbers_of, widths_of
from contrica.errors import ContricaWarning, DomainError, RecordError
from contrica.estimator import ContrastiveICA
from contrica.report import PAIRS_MADE
from contrica.saving import Checkpoints

EXAMPLES = (
    "contrica fit toy.npz:x --positives toy.npz:positives --groups toy.npz:trial --components 3 --out model",
    "contrica fit toy.npz:x --times toy.npz:time --groups toy.npz:trial --lags 1-3 --components 3 --out by-time",
    "contrica fit 'toy.csv:x_*' --labels toy.csv:factors_0 --components 3 --checkpoint state --out by-label --json",
)

MOST_COMPONENTS = 4096
"""Codes beyond which the memory of a fit is a mistake rather than a wish."""


def fit(
    file: File,
    *,
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    components: Annotated[int, typer.Option("--components", "-n", help="How many factors to look for.")] = 2,
    labels: LabelFiles = None,
    positives: PositivesFile = None,
    groups: GroupsFile = None,
    times: TimesFile = None,
    transpose: Transpose = False,
    pairs: Annotated[
        str, typer.Option(help="auto, given, labels, time, or of two: time-and-labels at once, time-or-labels.")
    ] = "auto",
    time_share: Annotated[float, typer.Option(help="Of time-or-labels, the share of pairs by time.")] = 0.5,
    lags: Annotated[str, typer.Option(help="Rows between the two of a pair by time: 1, 1,2,5 or 1-10.")] = "1",
    max_gap: Annotated[float | None, typer.Option(help="The longest step of --times that is no gap.")] = None,
    label_kinds: Annotated[
        str | None, typer.Option(help="continuous or discrete, one for all labels or one for each, parted by commas.")
    ] = None,
    bandwidth: Annotated[
        list[str] | None, typer.Option(help="How far continuous labels of a pair may differ, in their units.")
    ] = None,
    neighbours: Annotated[int | None, typer.Option(help="Pairs by labels are so many nearest rows instead.")] = None,
    period: Annotated[list[str] | None, typer.Option(help="Of a periodic label, 360 for degrees; or none.")] = None,
    loss: Annotated[str, typer.Option(help="infonce, nce, scl or nwj.")] = "infonce",
    dissimilarity: Annotated[
        str, typer.Option(help="auto, laplace, normal, generalised_normal, flat, correlated_normal, sphere, or select.")
    ] = "auto",
    encoder: Annotated[str, typer.Option(help="auto, mlp for rows of numbers, conv for images.")] = "auto",
    widths: Annotated[str | None, typer.Option(help="Units of the hidden layers, such as 128,128.")] = None,
    steps: Annotated[int, typer.Option(help="Updates, unless training ends earlier.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="Pairs per update.")] = 512,
    optimizer: Annotated[str, typer.Option(help="soap or adamw.")] = "soap",
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the rate; 0.01 if not given.")] = None,
    validation_fraction: Annotated[float, typer.Option(help="Share of the rows that training does not see.")] = 0.1,
    patience: Annotated[int, typer.Option(help="Held-out losses without a better one that end training; 0 none.")] = 10,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder for the state of the fit; the same command goes on from it."),
    ] = None,
    checkpoint_every: Annotated[float, typer.Option(help="Seconds from one such state to the next.")] = 60.0,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Decides every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option("--force", "--overwrite", help="Replace the model in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn factors from pairs of rows, and leave a model in a folder.

    Pairs are given (--positives), or rows with near labels (--labels), or else rows that follow each other in time;
    --pairs says otherwise.
    Ctrl-C ends training and keeps the best model so far.

    Rows with NaN or infinity are refused, and named. Constant columns contribute nothing. Duplicated rows are kept. One
    trial is enough. A lag as long as the longest trial is refused, and so are labels with one value.
    """
    ensure_free(out, overwrite=overwrite)
    ensure_device(device)
    if components > MOST_COMPONENTS:
        raise DomainError(f"--components must be at most {MOST_COMPONENTS}, got {components}; pass fewer")
    kinds = None if label_kinds is None else [word.strip() for word in label_kinds.split(",")]
    rows = recording(
        file, labels=labels, positives=positives, groups=groups, times=times, transpose=transpose, label_kinds=kinds
    )
    with steps_progress(steps, quiet=as_json) as on_step:
        model = ContrastiveICA(
            components,
            loss=loss,
            dissimilarity=dissimilarity,
            encoder=encoder,
            widths=None if widths is None else widths_of(widths),
            pairs=cast(Any, pairs),
            time_share=time_share,
            lags=lags_of(lags),
            max_gap=max_gap,
            steps=steps,
            batch_size=batch_size,
            optimizer=cast(Any, optimizer),
            learning_rate=learning_rate,
            validation_fraction=validation_fraction,
            patience=patience or None,
            checkpoint=None if checkpoint is None else Checkpoints(checkpoint, every_seconds=checkpoint_every),
            device=device,
            on_step=on_step,
            random_state=seed,
            **_of_labels(rows, bandwidth, neighbours, period),
        )
        began = time.monotonic()
        with _notes() as notes:
            interrupted = _fitted(model, rows)
    said = {**_summary(model, rows, out, time.monotonic() - began, notes), "interrupted": interrupted}
    keep(model, out, said)
    if as_json:
        print_json(said)
    else:
        tell_fit(said, out)
    if interrupted:
        further = "" if checkpoint is None else "; with --force, the same command goes on from here"
        raise Stopped(
            f"interrupted after step {model.n_iter_} of {steps}, the best model so far is in {out}{further}",
            told=as_json,
        )


def _of_labels(
    rows: Recording, bandwidth: list[str] | None, neighbours: int | None, period: list[str] | None
) -> dict[str, Any]:
    """Return the settings that are those of labels, for labels as they are."""
    count = 0 if rows.labels is None else rows.labels.shape[1]
    kinds = rows.label_kinds * count if len(rows.label_kinds) == 1 else rows.label_kinds
    continuous = sum(kind == CONTINUOUS for kind in kinds)
    given = {"--bandwidth": bandwidth, "--neighbours": neighbours, "--period": period}
    for option, value in given.items():
        if value is not None and not continuous:
            raise DomainError(f"{option} speaks of continuous labels, and there are none; leave it out")
    if not count:
        return {}
    found: dict[str, Any] = {"label_kinds": list(kinds), "num_neighbours": neighbours}
    if bandwidth:
        found["bandwidth"] = numbers_of(bandwidth, "--bandwidth", continuous)
    if period:
        found["periods"] = numbers_of(period, "--period", continuous)
    return found


def _fitted(model: ContrastiveICA, rows: Recording) -> bool:
    """Fit, and return whether the user ended it early; if there is no model yet, the interrupt goes on."""
    try:
        model.fit(rows.observations, **rows.pairing)
    except KeyboardInterrupt:
        if not hasattr(model, "encoder_"):
            raise
        return True
    return False


@contextlib.contextmanager
def _notes() -> Iterator[list[str]]:
    """Gather what there is to do after a fit, and pass on other warnings."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ContricaWarning)
        yield notes
    for one in caught:
        if issubclass(one.category, ContricaWarning):
            notes.append(str(one.message))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _summary(model: ContrastiveICA, rows: Recording, out: Path, seconds: float, notes: list[str]) -> dict[str, Any]:
    held_out = dict(model.validation_curve_).get(model.best_iter_)
    diagnosis = model.diagnosis_
    return {
        "model": str(out),
        "recording": rows.source,
        "rows": len(rows.observations),
        "observation_shape": list(rows.observations.shape[1:]),
        "components": int(model.n_components),
        "pairs": model.pair_kind_,
        "bandwidth": model.bandwidth_,
        "steps": model.n_iter_,
        "best_step": model.best_iter_,
        "loss": model.loss_curve_[model.best_iter_ - 1] if model.best_iter_ else None,
        "held_out_loss": held_out,
        "seconds": round(seconds, 3),
        "to_do": notes,
        "diagnosis": None if diagnosis is None else diagnosis.to_dict(),
        "diagnosis_in_words": None if diagnosis is None else str(diagnosis),
    }


def tell_fit(found: dict[str, Any], folder: Path) -> None:
    """Print what a fit found, as it stands beside the model in ``folder``.

    Raises
    ------
    RecordError
        If parts of it are missing.
    """
    try:
        of = "" if found["recording"] is None else f" of {found['recording']}, {found['rows']} rows"
        took = "" if found["seconds"] is None else f" in {found['seconds']:.0f} s"
        head = (
            f"{folder}: {found['components']} codes{of}, pairs {PAIRS_MADE[found['pairs']]};"
            f" {found['steps']} steps{took}, the best is {found['best_step']}"
        )
        diagnosis = found["diagnosis_in_words"] or "Too few rows were held out to check the model; pass more rows."
        told = str(diagnosis)
        to_do = [f"To do: {note}" for note in found["to_do"] if note.partition("; to do: ")[2] not in told]
        command = transform_command(folder, found["recording"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{folder / SUMMARY} is damaged, parts of it are missing; fit again") from error
    print_parts(
        head,
        str(diagnosis),
        *to_do,
        f"The codes:\n    {command}",
    )


def transform_command(folder: Path, recording: str | None) -> str:
    """Return the command that writes the codes of the recording, or of any."""
    return shlex.join(["contrica", "transform", str(folder), recording or "FILE", "--out", "codes.npy"])
