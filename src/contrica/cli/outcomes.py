"""What a run found, told to people or as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from contrica.cli.output import print_json, print_parts
from contrica.report import RunRecord, over_seeds, verdict
from contrica.report.numbers import below_one, fixed
from contrica.report.outcome import Outcome


def tell(finished: RunRecord, folder: Path, paths: Sequence[Path], *, as_json: bool) -> None:
    """Print the table of a finished run and where its page is, or all of it as JSON."""
    if as_json:
        print_json(_summary(finished, [Outcome.of(record) for record in finished.records], folder, paths))
        return
    outcomes = over_seeds(map(Outcome.of, finished.records))
    rows = Table("experiment", "outcome", "linear R²", "MCC", "gap, nats", "seconds", box=box.MARKDOWN)
    for outcome in outcomes:
        scores = [below_one(outcome.scores[metric].value) for metric in ("r2", "mcc_pearson")]
        kind = verdict(outcome).kind.value
        rows.add_row(outcome.name, kind, *scores, fixed(outcome.gap), fixed(outcome.seconds, 1))
    judged = [verdict(outcome) for outcome in outcomes] if len(outcomes) == 1 else []
    said = [one.sentence + (f" {one.reason}" if one.reason else "") for one in judged]
    print_parts(rows, *said, f"The page, which opens in any browser: {folder / 'index.html'}")


def _summary(finished: RunRecord, outcomes: Sequence[Outcome], folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    whole = finished.to_dict()
    runs = []
    for outcome, record in zip(outcomes, whole["runs"], strict=True):
        judged = verdict(outcome)
        parts = {
            name: record[name] for name in ("scores", "guarantee", "information", "optimum", "calibration", "seconds")
        }
        runs.append(
            {
                "name": outcome.name,
                "outcome": judged.kind.value,
                "sentence": judged.sentence,
                "reason": judged.reason,
                **parts,
            }
        )
    head = {name: whole[name] for name in ("recipe", "options", "seeds", "steps", "command", "date")}
    return {**head, "folder": str(folder), "files": [path.name for path in paths], "runs": runs}
