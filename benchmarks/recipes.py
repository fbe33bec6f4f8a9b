"""Run recipes over several seeds and write what they score, one row per experiment, beside the optimum and the floors.

python benchmarks/recipes.py first-look photo --seeds 0 1 2 --jobs 2
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contrica.recipes import recipe, run_all
from contrica.record import Record

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Read the arguments, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--image", help="the picture, for recipes that photograph one")
    arguments = parser.parse_args()
    for name in arguments.recipes:
        measure(name, arguments.seeds, arguments.jobs, {} if arguments.image is None else {"image": arguments.image})


def measure(name: str, seeds: Sequence[int], jobs: int, options: dict[str, str]) -> None:
    """Run one recipe and write its table."""
    experiments = [experiment for seed in seeds for experiment in recipe(name).build(seed=seed, options=options)]
    records = {}
    for number, record in run_all(experiments, jobs=jobs):
        records[number] = record
        sys.stderr.write(f"{number + 1} of {len(experiments)}: {record.experiment['name']}\n")
    rows = [summary(records[number]) for number in range(len(experiments))]
    stem = "-".join([name, *(Path(value).stem for value in options.values())])
    command = f"python benchmarks/recipes.py {name} --seeds {' '.join(map(str, seeds))} --jobs {jobs}"
    command += "".join(f" --{option} {value}" for option, value in options.items())
    head = {"command": command, "date": datetime.now(UTC).date().isoformat(), "environment": records[0].environment}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{stem}.json").write_text(json.dumps({**head, "rows": rows}, indent=1) + "\n")
    (RESULTS / f"{stem}.md").write_text(table(stem, head, rows))


def summary(record: Record) -> dict[str, Any]:
    """Return the numbers of a record that the table needs."""
    scores = record.scores
    floors = {
        name: floor["scores"]["mcc_pearson"]["value"] for name, floor in scores["floors"].items() if floor["scores"]
    }
    return {
        "name": record.experiment["name"],
        "seed": record.experiment["seed"],
        "r2": scores["r2"]["value"],
        "mcc": scores["mcc_pearson"]["value"],
        "smallest_matched": scores["smallest_matched"]["value"],
        "leakage": scores["leakage"]["value"],
        "gap": record.optimum["gap"],
        "calibration": record.calibration,
        "seconds": record.seconds,
        "mcc_floors": floors,
    }


def table(title: str, head: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows, one line per experiment with the least and the greatest over the seeds."""
    columns = ("r2", "mcc", "smallest_matched", "leakage", "gap", "calibration", "seconds")
    titles = ("R2", "MCC", "smallest matched", "leakage", "gap, nats", "calibration", "seconds")
    names = list(dict.fromkeys(row["name"] for row in rows))
    seeds = sorted({row["seed"] for row in rows})
    environment = ", ".join(f"{key} {value}" for key, value in head["environment"].items())
    floors = rows[0]["mcc_floors"]
    means = {floor: statistics.mean(row["mcc_floors"].get(floor, 0.0) for row in rows) for floor in floors}
    lines = [
        f"# {title}",
        "",
        f"Seeds {', '.join(map(str, seeds))}; the middle of the seeds, and from the least to the greatest in brackets.",
        "",
        f"| experiment | {' | '.join(titles)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name in names:
        mine = [row for row in rows if row["name"] == name]
        lines.append(f"| {name} | {' | '.join(spread([row[column] for row in mine]) for column in columns)} |")
    lines += [
        "",
        "MCC floors, mean over rows: " + ", ".join(f"{floor} {value:.3f}" for floor, value in means.items()) + ".",
        "",
        f"`{head['command']}`, {head['date']}; {environment}.",
    ]
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float | None]) -> str:
    """Return the median and, where there are several values, the range."""
    known = [value for value in values if value is not None]
    if not known:
        return "none"
    middle = f"{statistics.median(known):.3f}"
    return middle if len(known) == 1 else f"{middle} [{min(known):.3f}, {max(known):.3f}]"


if __name__ == "__main__":
    main()
