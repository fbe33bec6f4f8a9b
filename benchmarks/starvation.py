"""Ways out of gradient starvation, side by side: the same steps, pairs and encoder, one thing changed at a time.

python benchmarks/starvation.py --steps 1000 --seeds 0

Laplace .05 pairs of ten latents share 14.2 nats, a plain batch of 1024 asks for 6.9.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import torch
from time_to_identification import RESULTS, ROWS, TURNS, Row, ours, processor

from contrica.record import environment

ADAM = {"optimizer": "adamw", "betas": (0.9, 0.99)}


def variants(steps: int) -> dict[str, Row]:
    """Return the rows to compare, the plainest first."""
    best = replace(ROWS["laplace-.05"], steps=steps, turn_steps=tuple(turn for turn in TURNS if turn < 0.9 * steps))
    unturned = replace(best, turn_steps=())
    cells = best.neighbourhoods
    return {
        "AdamW, plain batches": replace(unturned, neighbourhoods=None, **ADAM),
        "AdamW, plain, the anchor among its negatives": replace(
            unturned, neighbourhoods=None, negatives="anchors_including_self", **ADAM
        ),
        "AdamW, neighbourhoods": replace(unturned, **ADAM),
        "AdamW, neighbourhoods, codes turned": replace(best, **ADAM),
        "SOAP, plain batches": replace(unturned, neighbourhoods=None),
        "SOAP, plain, codes turned": replace(best, neighbourhoods=None),
        "SOAP, neighbourhoods": unturned,
        "SOAP, neighbourhoods, codes turned": best,
        "the same at 1e-2": replace(best, learning_rate=1e-2),
        "the same, cells cut in whitened observations": replace(
            best, neighbourhoods=replace(cells, coordinates="observations")
        ),
        "the same, cells of 64": replace(best, neighbourhoods=replace(cells, cell_size=64)),
        "the same, no curriculum": replace(best, neighbourhoods=replace(cells, first_pool_size=cells.pool_size)),
        "the same, pools of 131 072": replace(best, neighbourhoods=replace(cells, pool_size=131_072)),
    }


def main() -> None:
    """Read the arguments, run, write after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600.0, help="wall seconds of training per run")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    head = {
        "command": "python benchmarks/starvation.py " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "threads": arguments.threads,
        "load": [round(load, 1) for load in os.getloadavg()],
        "environment": environment(),
    }
    results: dict[str, Any] = {}
    for name, row in variants(arguments.steps).items():
        runs = [ours(row, seed, arguments.limit, checks=4) for seed in arguments.seeds]
        results[name] = {"row": asdict(row), "runs": runs}
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "starvation.json").write_text(json.dumps({**head, "variants": results}, indent=1) + "\n")
        (RESULTS / "starvation.md").write_text(table(results, head))


def table(results: dict[str, Any], head: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# Ways out of gradient starvation",
        "",
        f"`{head['command']}` on {head['date']}; {head['processor']}, {head['threads']} threads, load {head['load']};"
        f" torch {head['environment']['torch']}. Ten latents, Laplace .05 pairs, encoder 3 x 64, batches of"
        " 1024, rate 3e-2 unless stated, last check of a complete schedule; processor seconds, because the machine is"
        " shared.",
        "",
        "| variant | seed | steps | processor s | MCC | R2 |",
        "|---|---|---|---|---|---|",
    ]
    for name, entry in results.items():
        for run in entry["runs"]:
            last = run["last"]
            if last is not None:
                lines.append(
                    f"| {name} | {run['seed']} | {last['step']} | {last['processor']:.0f} | {last['mcc']:.4f} |"
                    f" {last['r2']:.4f} |"
                )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
