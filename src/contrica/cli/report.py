"""``contrica report``: what is known of a model or a run, again, in words, as JSON, or as a page."""

from pathlib import Path
from typing import Annotated, Any

import typer

from contrica.cli.fit import tell_fit, transform_command
from contrica.cli.model_folder import SUMMARY, opened, summary
from contrica.cli.outcomes import tell
from contrica.cli.output import AsJson, print_json, print_parts
from contrica.errors import RecordError
from contrica.estimator import ContrastiveICA
from contrica.files import ensure_writable, write_text
from contrica.report import FitRecord, fit_page, page, read_run, render_again
from contrica.saving import read_manifest
from contrica.saving.model import KIND as MODEL

EXAMPLES = (
    "contrica report model",
    "contrica report model --out model.html",
    "contrica report results/photo",
    "contrica report results/photo --json",
)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that contrica fit or contrica run left.")],
    *,
    out: Annotated[Path | None, typer.Option(help="A page to write, which opens in any browser: FILE.html.")] = None,
    overwrite: Annotated[bool, typer.Option("--force", "--overwrite", help="Replace the page if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say again what a fit found, or write it as a page; or make table and page of a run again from its record."""
    if out is not None:
        ensure_writable(out, overwrite=overwrite, endings=(".html",))
    if _is_model(folder):
        found = summary(folder) if (folder / SUMMARY).exists() else _known(opened(folder, "cpu"), folder)
        if out is not None:
            write_text(out, fit_page(_record(folder, found)), overwrite=overwrite)
        if as_json:
            print_json(found if out is None else {**found, "page": str(out)})
        else:
            tell_fit(found, folder)
    else:
        finished = read_run(folder)
        if out is not None:
            write_text(out, page(finished), overwrite=overwrite)
        tell(finished, folder, render_again(folder), as_json=as_json)
    if out is not None and not as_json:
        typer.echo("")
        print_parts(f"The page, which opens in any browser: {out}")


def _is_model(folder: Path) -> bool:
    try:
        return (folder / SUMMARY).exists() or read_manifest(folder).kind == MODEL
    except (RecordError, OSError, ValueError):
        return False


def _known(model: ContrastiveICA, folder: Path) -> dict[str, Any]:
    """Return what a model says of itself that was saved from Python."""
    diagnosis = model.diagnosis_
    return {
        "model": str(folder),
        "recording": None,
        "rows": None,
        "components": int(model.n_components),
        "pairs": model.pair_kind_,
        "bandwidth": model.bandwidth_,
        "steps": model.n_iter_,
        "best_step": model.best_iter_,
        "seconds": None,
        "to_do": [] if diagnosis is None else [f"{one.sentence}; {one.advice}" for one in diagnosis.actions],
        "diagnosis": None if diagnosis is None else diagnosis.to_dict(),
        "diagnosis_in_words": None if diagnosis is None else str(diagnosis),
    }


def _record(folder: Path, found: dict[str, Any]) -> FitRecord:
    """Return what the page tells: the model itself, and what is beside it.

    Raises
    ------
    RecordError
        If the model is damaged, or what is beside it.
    """
    model = opened(folder, "cpu")
    defaults = ContrastiveICA().get_params(deep=False)
    settings = {
        name: value for name, value in model.get_params(deep=False).items() if repr(value) != repr(defaults[name])
    }
    match found:
        case {
            "recording": (str() | None) as recording,
            "rows": (int() | None) as num_rows,
            "to_do": list(to_do),
        }:
            return FitRecord(
                name=f"{model.n_components} codes, {folder.resolve().name}",
                recording=recording,
                num_rows=num_rows,
                pairs=model.pair_kind_,
                losses=tuple(model.loss_curve_),
                held_out=tuple(model.validation_curve_),
                best_step=model.best_iter_,
                diagnosis=model.diagnosis_,
                drawn_pairs=model.drawn_pairs_,
                to_do=tuple(map(str, to_do)),
                settings=settings,
                next_command=transform_command(folder, recording),
            )
    raise RecordError(f"{folder / SUMMARY} is damaged, parts of it are missing; fit again")
