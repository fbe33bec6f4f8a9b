"""What a run found, told to people or as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from contrica.cli.output import print_json, print_parts
from contrica.record import Record
from contrica.recordings import RecordingRecord
from contrica.report import RunRecord, over_seeds, verdict
from contrica.report.numbers import below_one, fixed
from contrica.report.outcome import Outcome
from contrica.report.recording_outcome import OURS, RecordingOutcome, gathered, judged


def tell(finished: RunRecord, folder: Path, paths: Sequence[Path], *, as_json: bool) -> None:
    """Print the table of a finished run and where its page is, or all of it as JSON."""
    if as_json:
        print_json(_summary(finished, folder, paths))
        return
    place = f"The page, which opens in any browser: {folder / 'index.html'}"
    if finished.recordings:
        print_parts(_of_recordings(finished), place)
        return
    outcomes = over_seeds(map(Outcome.of, finished.simulated))
    rows = Table("experiment", "outcome", "linear R²", "MCC", "gap, nats", "seconds", box=box.MARKDOWN)
    for outcome in outcomes:
        scores = [below_one(outcome.scores[metric].value) for metric in ("r2", "mcc_pearson")]
        kind = verdict(outcome).kind.value
        rows.add_row(outcome.name, kind, *scores, fixed(outcome.gap), fixed(outcome.seconds, 1))
    judged = [verdict(outcome) for outcome in outcomes] if len(outcomes) == 1 else []
    said = [one.sentence + (f" {one.reason}" if one.reason else "") for one in judged]
    print_parts(rows, *said, place)


def _of_recordings(finished: RunRecord) -> Table:
    rows = Table("experiment", "codes", "score", "value", "p at most", box=box.MARKDOWN)
    for found in gathered(map(RecordingOutcome.of, finished.recordings)):
        decisive, tests = found.outcomes[0].decisive, [p for values in found.nulls.values() for p in values]
        for codes, scores in found.scores.items():
            p_value = f"{max(tests):.3g}" if codes == OURS and tests else ""
            if decisive in scores:
                rows.add_row(found.name, codes, decisive, fixed(scores[decisive].value), p_value)
    return rows


def _summary(finished: RunRecord, folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    whole = finished.to_dict()
    head = {name: whole[name] for name in ("recipe", "options", "seeds", "steps", "command", "date")}
    runs = [
        _recording_run(record, whole_record) if isinstance(record, RecordingRecord) else _run(record, whole_record)
        for record, whole_record in zip(finished.records, whole["runs"], strict=True)
    ]
    return {**head, "folder": str(folder), "files": [path.name for path in paths], "runs": runs}


def _recording_run(record: RecordingRecord, whole: dict[str, Any]) -> dict[str, Any]:
    outcome = RecordingOutcome.of(record)
    said = judged(gathered([outcome])[0])
    parts = {name: whole[name] for name in ("scores", "nulls", "agreement", "diagnosis", "rows", "seconds")}
    return {"name": outcome.name, "outcome": said.head, "sentence": said.sentence, **parts}


def _run(record: Record, whole: dict[str, Any]) -> dict[str, Any]:
    outcome = Outcome.of(record)
    said = verdict(outcome)
    parts = {name: whole[name] for name in ("scores", "guarantee", "information", "optimum", "calibration", "seconds")}
    return {
        "name": outcome.name,
        "outcome": said.kind.value,
        "sentence": said.sentence,
        "reason": said.reason,
        **parts,
    }
