"""``contrica score``: what a model finds in rows that it was not fitted on, with the factors themselves if known."""

from typing import Annotated

import numpy as np
import typer

from contrica.cli.model_folder import Device, ModelFolder, ensure_as_in_fit, opened
from contrica.cli.output import AsJson, print_json, print_parts
from contrica.cli.recording import (
    File,
    GroupsFile,
    LabelFiles,
    PositivesFile,
    TimesFile,
    Transpose,
    recording,
)
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.evaluation import score as scores_of
from contrica.files import read

EXAMPLES = (
    "contrica score model toy.npz:x --positives toy.npz:positives --groups toy.npz:trial",
    "contrica score model toy.npz:x --positives toy.npz:positives --factors toy.npz:factors --json",
)

LARGEST = 50_000
"""Rows of known factors that are compared with the codes; more change no digit that is shown."""


def score(
    model: ModelFolder,
    file: File,
    *,
    labels: LabelFiles = None,
    positives: PositivesFile = None,
    groups: GroupsFile = None,
    times: TimesFile = None,
    factors: Annotated[
        str | None, typer.Option(help="The true factors of each row, where they are known: MCC and R2 are added.")
    ] = None,
    transpose: Transpose = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Say how many nats of a pair's information the model finds, in rows that it was not fitted on.

    Pairs are made as they were in the fit. 0 is chance; the largest possible is the logarithm of 1024 candidates.
    """
    fitted = opened(model, device)
    rows = recording(
        file, labels=labels, positives=positives, groups=groups, times=times, transpose=transpose, label_kinds=None
    )
    ensure_as_in_fit(fitted, rows.observations, file)
    for kind, option, given in (("given", "--positives", rows.positives), ("labels", "--labels", rows.labels)):
        if kind in fitted.pair_kind_ and given is None:
            raise DomainError(f"{option} must be given, because pairs were made of them in the fit; pass them")
    nats = float(fitted.score(rows.observations, **rows.pairing))
    found = None
    if factors is not None:
        known = read(factors)
        if known.categories:
            raise DtypeError(f"{factors} must hold numbers, and it holds text; choose other factors")
        truth = known.values
        if len(truth) != len(rows.observations):
            raise ShapeError(
                f"{factors} must have one row per row of {file}, {len(rows.observations)}, and it has {len(truth)};"
                " pass factors of the same samples"
            )
        chosen = np.linspace(0, len(truth) - 1, min(len(truth), LARGEST)).astype(np.int64)
        observed = np.asarray(rows.observations[chosen])
        found = scores_of(
            fitted.transform(observed),
            np.asarray(truth[chosen]),
            observations=observed,
            groups=None if rows.groups is None else rows.groups[chosen],
        )
    if as_json:
        said = {"model": str(model), "recording": file, "rows": len(rows.observations), "nats": nats}
        print_json(said if found is None else {**said, "scores": found.to_dict()})
        return
    print_parts(
        f"{nats:.3f} nats of what the two of a pair share are found in {file} (0 is chance, 6.93 the most that can be"
        " seen)",
        *([] if found is None else [str(found)]),
    )
