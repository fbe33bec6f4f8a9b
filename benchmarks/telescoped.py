"""Telescoped ratios on the pairs of time_to_identification: seconds of a complete schedule and the scores at its end.

python benchmarks/telescoped.py normal-.05 --steps 2000 --seeds 1 2 3

An anchor's positives of four widths and a stranger form a ladder, and each rung is told from the next wider one, see
`starvation.telescoped`: it asks for pairs of several widths, which a simulator has, or a time series by its lags.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch
from starvation import SCALES, telescoped
from time_to_identification import RESULTS, ROWS, processor

from contrica.record import environment


def main() -> None:
    """Read the arguments, run, write after every run; what the results hold already is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / "telescoped.json"
    runs: list[dict[str, Any]] = json.loads(kept.read_text())["runs"] if kept.exists() else []
    row = replace(ROWS[arguments.row], steps=arguments.steps, batch_size=1024, neighbourhoods=None, turn_steps=())
    for seed in arguments.seeds:
        before = [round(load, 1) for load in os.getloadavg()]
        found = telescoped(row, seed)
        which = {"row": arguments.row, "step": arguments.steps, "seed": seed}
        runs = [old for old in runs if not which.items() <= old.items()]
        runs.append(
            {
                "row": arguments.row,
                "dim": row.dim,
                "measure": row.measure,
                "bar": row.bar,
                **found["last"],
                "seed": seed,
                "command": "python benchmarks/telescoped.py " + " ".join(sys.argv[1:]),
                "date": datetime.now(UTC).isoformat(timespec="minutes"),
                "processor_name": processor(),
                "load": [before, [round(load, 1) for load in os.getloadavg()]],
                "environment": environment(),
            }
        )
        sys.stderr.write(f"{runs[-1]}\n")
        kept.write_text(json.dumps({"runs": runs}, indent=1) + "\n")
        (RESULTS / "telescoped.md").write_text(table(runs))


def table(runs: list[dict[str, Any]]) -> str:
    """Return the markdown page."""
    lines = [
        "# Telescoped ratios",
        "",
        f"Pairs of scales {', '.join(map(str, SCALES))} and strangers, each told from the next wider: logistic loss;"
        " SOAP at 3e-2, batches of 1024, one thread; held-out scores at the end of a complete schedule. The bar is the"
        " one of `time_to_identification.md`, where the pairs of the narrowest scale are all that is used.",
        "",
        "| pairs | n | bar | seed | MCC | R2 | wall s | processor s | steps |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for run in sorted(runs, key=lambda run: (run["row"], run["step"], run["seed"])):
        bar = f"{run['measure']} {run['bar']}" if run["bar"] is not None else "none published"
        lines.append(
            f"| {run['row']} | {run['dim']} | {bar} | {run['seed']} | {run['mcc']:.4f} | {run['r2']:.4f} |"
            f" {run['wall']:.0f} | {run['processor']:.0f} | {run['step']} |"
        )
    lines += ["", "How and where:", ""]
    lines += [
        f"- seed {run['seed']}: `{run['command']}`, {run['date']}, {run['processor_name']}, load"
        f" {run['load'][0]} before and {run['load'][1]} after, torch {run['environment']['torch']}"
        for run in runs
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
