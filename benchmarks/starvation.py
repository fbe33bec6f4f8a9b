"""Ways out of gradient starvation, side by side: the same steps, pairs and encoder, one thing changed at a time.

python benchmarks/starvation.py --steps 1000 --seeds 0

Laplace .05 pairs of ten latents share 14.2 nats, a plain batch of 1024 asks for 6.9.
"""

import argparse
import json
import os
import shlex
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import torch
from time_to_identification import LADDER, RESULTS, ROWS, TURNS, Row, ours, processor

from contrica.record import environment

ADAM = {"optimizer": "adamw", "betas": (0.9, 0.99), "learning_rate": 4e-3}


def variants(steps: int) -> dict[str, Row]:
    """Return the rows to compare, the plainest first."""
    best = replace(ROWS["laplace-.05"], steps=steps, turn_steps=tuple(turn for turn in TURNS if turn < 0.9 * steps))
    unturned = replace(best, turn_steps=())
    adam, plain = replace(unturned, neighbourhoods=None, **ADAM), replace(unturned, neighbourhoods=None)
    cells = best.neighbourhoods
    return {
        "AdamW, plain batches": adam,
        "AdamW, plain, the rate hardly falls": replace(adam, schedule_steps=20 * steps),
        "AdamW, plain, rate 3e-2": replace(adam, learning_rate=3e-2),
        "AdamW, plain, codes do not start spread": replace(adam, starts_spread=False),
        "AdamW, plain, the anchor among its negatives": replace(adam, negatives="anchors_including_self"),
        "AdamW, neighbourhoods": replace(unturned, **ADAM),
        "AdamW, neighbourhoods, codes turned": replace(best, **ADAM),
        "SOAP, plain batches": plain,
        "SOAP, plain, the anchor among its negatives": replace(plain, negatives="anchors_including_self"),
        "SOAP, plain, from wide to narrow pairs": replace(plain, wide_first=LADDER[:0:-1]),
        "SOAP, telescoped ratios": best.telescoped(steps),
        "SOAP, plain, queue of 4096": replace(plain, queue_size=4096),
        "SOAP, plain, weights averaged": replace(plain, averaging=0.98),
        "SOAP, plain, codes turned": replace(best, neighbourhoods=None),
        "SOAP, neighbourhoods": unturned,
        "SOAP, neighbourhoods, codes turned": best,
        "the same, weights averaged": replace(best, averaging=0.98),
        "the same, codes do not start spread": replace(best, starts_spread=False),
        "the same at 1e-2": replace(best, learning_rate=1e-2),
        "the same, cells cut in whitened observations": replace(
            best, neighbourhoods=replace(cells, coordinates="observations")
        ),
        "the same, cells of 64": replace(best, neighbourhoods=replace(cells, cell_size=64)),
        "the same, pools do not grow": replace(best, neighbourhoods=replace(cells, first_pool_size=cells.pool_size)),
    }


def main() -> None:
    """Read the arguments, run, write after every run; other seeds of the same settings are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", help="variants by name; all if not given")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600.0, help="wall seconds of training per run")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    head = {
        "command": "python benchmarks/starvation.py " + shlex.join(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor(),
        "threads": arguments.threads,
        "load": [round(load, 1) for load in os.getloadavg()],
        "environment": environment(),
    }
    rows = variants(arguments.steps)
    runners = {name: partial(ours, row, limit=arguments.limit, checks=4) for name, row in rows.items()}
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / "starvation.json"
    result: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    result = {"measured": [*result.get("measured", []), head], "variants": result.get("variants", {})}
    settings = {name: json.loads(json.dumps(asdict(row))) for name, row in rows.items()}
    old = result["variants"]
    result["variants"] = {
        name: old[name] if name in old and row | old[name]["row"] == row else {"row": row, "runs": []}
        for name, row in settings.items()
    }
    for name, runner in runners.items():
        if arguments.only is not None and name not in arguments.only:
            continue
        for seed in arguments.seeds:
            others = [run for run in result["variants"][name]["runs"] if run["seed"] != seed]
            result["variants"][name]["runs"] = [*others, runner(seed=seed)]
            head["load_after"] = [round(load, 1) for load in os.getloadavg()]
            kept.write_text(json.dumps(result, indent=1) + "\n")
            (RESULTS / "starvation.md").write_text(table(result))


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# Ways out of gradient starvation",
        "",
        "Ten latents, Laplace .05 pairs, encoder 3 x 64, batches of 1024, rate 3e-2 for SOAP and 4e-3 for AdamW unless"
        " stated, last check of a complete schedule; processor seconds, because the machine is shared. One column of"
        " scores for each seed.",
        "",
    ]
    seeds = sorted({run["seed"] for entry in result["variants"].values() for run in entry["runs"]})
    lines += [
        "| variant | steps | processor s |" + "".join(f" MCC, {seed} |" for seed in seeds) + " R2 |",
        "|---|---:|---:|" + "---:|" * len(seeds) + "---|",
    ]
    for name, entry in result["variants"].items():
        last = {run["seed"]: run["last"] for run in entry["runs"] if run["last"] is not None}
        if last:
            seconds = sum(run["processor"] for run in last.values()) / len(last)
            scores = "".join(f" {last[seed]['mcc']:.4f} |" if seed in last else " |" for seed in seeds)
            linear = ", ".join(f"{last[seed]['r2']:.4f}" for seed in seeds if seed in last)
            steps = next(iter(last.values()))["step"]
            lines.append(f"| {name} | {steps} | {seconds:.0f} |{scores} {linear} |")
    lines += ["", "How and where:", ""]
    lines += [
        f"- `{head['command']}`, {head['date']}, {head['processor']}, {head['threads']} threads, load {head['load']}"
        f" before and {head.get('load_after')} after, torch {head['environment']['torch']}"
        for head in result["measured"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
