"""Run recipes over several seeds and write what they score, one row per experiment, beside the optimum and the floors.

python benchmarks/recipes.py published-mlp --seeds 0 1 2 --jobs 2 --only Laplace

Rows are written as they come, and those measured before stay, each with its date, machine and command; finished
experiments are taken from the cache.
"""

import argparse
import json
import os
import shlex
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contrica.errors import NonFiniteError
from contrica.recipes import Recipe, RecordCache, default_cache_folder, recipe, run_all
from contrica.record import Record, environment
from contrica.report.chart_figure import chart_figure
from contrica.report.numbers_of import NUMBERS, Numbers
from contrica.report.outcome import Outcome
from contrica.report.published import middle, published_table
from contrica.report.shortfall import shortfall
from contrica.report.style import STYLE
from contrica.report.svg import as_file
from contrica.report.table import line

RESULTS = Path(__file__).parent / "results"

COLUMNS = {
    "r2": "R2",
    "mcc": "MCC",
    "smallest_matched": "smallest matched",
    "leakage": "leakage",
    "mcc_second_stage": "MCC, second stage",
    "gap": "gap",
    "excess": "excess, nats",
    "noise": "noise of a batch, nats",
    "above_log_batch": "information above log batch, nats",
    "calibration": "calibration",
    "seconds": "seconds",
    "processor_seconds": "processor s",
}
"""Columns of the table; one that no row has is left out."""


def main() -> None:
    """Read the arguments, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[""], help="names of experiments, or parts of their names")
    parser.add_argument("--image", help="the picture, for recipes that photograph one")
    parser.add_argument("--draw", action="store_true", help="run nothing, write tables and figures of what there is")
    arguments = parser.parse_args()
    failed = []
    for name in arguments.recipes:
        options = {} if arguments.image is None else {"image": arguments.image}
        failed.append(measure(recipe(name), arguments, options))
    sys.exit("\n".join(filter(None, failed)) or None)


def measure(found: Recipe, arguments: argparse.Namespace, options: dict[str, str]) -> str:
    """Run one recipe, write its table after each experiment, and return a sentence of those that did not finish."""
    order = [experiment.name for experiment in found.build(seed=0, options=options)]
    asked = {name for part in arguments.only for name in ([part] if part in order else order) if part in name}
    experiments = [
        experiment
        for seed in arguments.seeds
        for experiment in found.build(seed=seed, options=options)
        if experiment.name in asked
    ]
    stem = "-".join([found.name, *(Path(value).stem for value in options.values())])
    path = RESULTS / f"{stem}.json"
    if arguments.draw:
        write(found, stem, rows_in(path, order))
        return ""
    cache = RecordCache(default_cache_folder(), say=lambda sentence: sys.stderr.write(f"{sentence}\n"))
    command = f"python benchmarks/recipes.py {shlex.join(sys.argv[1:])}"

    def add(number: int, row: dict[str, Any]) -> None:
        rows = rows_in(path, order)  # anew each time, so that several of these may run beside each other
        same = [old for old in rows if (old["name"], old["seed"]) == (row["name"], row["seed"])]
        told = row.get("not_finished", row["numbers"])
        if same and told == same[0].get("not_finished", same[0]["numbers"]):
            return
        rows = [*(old for old in rows if old not in same), row]
        rows.sort(key=lambda one: (order.index(one["name"]), one["seed"]))
        write(found, stem, rows)
        sys.stderr.write(f"{number + 1} of {len(experiments)}: {row['name']}, seed {row['seed']}: {told}\n")

    def add_failure(number: int, error: NonFiniteError) -> None:
        named = {"name": experiments[number].name, "seed": experiments[number].seed}
        add(number, {**named, "numbers": {}, "not_finished": str(error), **origin(command, environment())})

    try:
        for number, record in run_all(experiments, jobs=arguments.jobs, on_failure=add_failure, cache=cache):
            add(number, summary(record, command))
    except NonFiniteError as error:
        return str(error)
    return ""


def rows_in(path: Path, order: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was measured so far, without rows of an older form: of other experiments, or without a command."""
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return [row for row in rows if row["name"] in order and "command" in row]


def write(found: Recipe, stem: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows, table and figures."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"recipe": found.name, "rows": rows}, indent=1, allow_nan=False) + "\n"
    (RESULTS / f"{stem}.json").write_text(text)
    numbers: dict[str, dict[str, list[float]]] = {}
    for row in (row for row in rows if "not_finished" not in row):
        mine = numbers.setdefault(row["name"], {})
        for name, value in row["numbers"].items():
            mine.setdefault(name, []).append(value)
    figures = []
    for number, chart in enumerate(found.charts()):
        drawing = chart_figure(chart, numbers)
        if drawing:
            name = f"{stem}-{number + 1}.svg"
            (RESULTS / name).write_text(as_file(drawing, STYLE))
            figures.append(f"## {chart.title}\n\n![{chart.title}]({name})\n\n{chart.caption}\n")
    (RESULTS / f"{stem}.md").write_text(page(found, rows, numbers, figures))


def summary(record: Record, command: str) -> dict[str, Any]:
    """Return what the table needs of a record, and what repeats it."""
    outcome = Outcome.of(record)
    numbers = {name: read(outcome) for name, (_, read) in NUMBERS.items()}
    stage = outcome.second_stage
    return {
        "name": outcome.name,
        "seed": record.experiment["seed"],
        "numbers": {name: round(value, 6) for name, value in numbers.items() if value is not None},
        "information": record.information["mutual_information"],
        "learned": {name: [round(value, 4) for value in values] for name, values in outcome.learned.items()},
        "why": shortfall(outcome),
        "second_stage": None if stage is None else stage.text,
        "selection": outcome.selection,
        "guarantee": record.guarantee["text"].partition("\n")[0],
        "mcc_floors": {
            name: round(floor.values["mcc_pearson"], 4) for name, floor in outcome.floors.items() if floor.values
        },
        **origin(command, record.environment),
    }


def origin(command: str, versions: dict[str, Any]) -> dict[str, Any]:
    """Return what repeats a row, and when and where it was measured."""
    today = datetime.now(UTC).date().isoformat()
    return {"command": command, "date": today, "environment": {**versions, "processor": processor()}}


def page(found: Recipe, rows: Sequence[dict[str, Any]], numbers: Numbers, figures: Sequence[str]) -> str:
    """Return the tables, one line per experiment with the least and the greatest over the seeds, and the figures."""
    floors: dict[str, list[float]] = {}
    broken = [f"- {row['name']}, seed {row['seed']}: {row['not_finished']}." for row in rows if "not_finished" in row]
    for row in rows:
        if "not_finished" in row:
            continue
        for name, value in row["mcc_floors"].items():
            floors.setdefault(name, []).append(value)
    known = {name for mine in numbers.values() for name in mine}
    columns = {name: title for name, title in COLUMNS.items() if name in known}
    last = {row["name"]: row.get("why", "") for row in rows}
    heads = [line(["experiment", "seeds", *columns.values(), "why below .99"]), line(["---"] * (len(columns) + 3))]
    body = [
        line(
            [
                name,
                str(len(mine["r2"])),
                *(middle(mine.get(column, ()), 3, seeds=len(mine["r2"])) for column in columns),
                last[name],
            ]
        )
        for name, mine in numbers.items()
    ]
    beside = published_table(found.published, numbers)
    selected = [f"- {row['name']}, seed {row['seed']}: {row['selection']}" for row in rows if row.get("selection")]
    lines = [
        f"# {found.title}",
        "",
        found.summary,
        "",
        *(["## Beside published values", "", beside] if beside else []),
        *(["## Selected from the pairs", "", *selected, ""] if selected else []),
        *(["## Held out", ""] if beside or selected else []),
        "The middle of the seeds, and the least and the greatest in brackets. The gap is in the unit of the loss. The"
        " excess is the loss less the best one on the same batch, in nats, and the noise its deviation from batch to"
        " batch; the reason is told by rule from these, for the last seed, of MCC where axes are promised, else of R2.",
        "",
        *heads,
        *body,
        "",
        "MCC floors, mean over rows: "
        + ", ".join(f"{floor} {statistics.mean(values):.3f}" for floor, values in floors.items())
        + ".",
        "",
        *(["## Not finished", "", *broken, ""] if broken else []),
        *figures,
        "## How and where",
        "",
        *said(rows),
    ]
    return "\n".join(lines) + "\n"


def said(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return commands, dates and machines, each once."""
    found = {}
    for row in rows:
        environment = ", ".join(f"{key} {value}" for key, value in row["environment"].items())
        found[f"- `{row['command']}`, {row['date']}; {environment}."] = None
    return list(found)


def processor() -> str:
    """Return the processor as the system names it."""
    information = Path("/proc/cpuinfo")
    named = (
        [text for text in information.read_text().splitlines() if text.startswith("model name")]
        if (information.exists())
        else []
    )
    return f"{os.cpu_count()} x {named[0].partition(':')[2].strip()}" if named else f"{os.cpu_count()} cores"


if __name__ == "__main__":
    main()
