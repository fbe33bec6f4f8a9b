"""Whether the number of latents is read right off codes with dimensions to spare.

python benchmarks/number_of_latents.py --seeds 0 1 2 3 4 5 6 7 8 9

Three, five or eight latents, uniform on the unit box, normal pairs, behind a three-layer MLP; up to four codes more
than latents, squared distances, where surplus codes leave the rank as it is. The offset alpha~ takes up what the walls
do to the pairs; without it codes bend into the spare dimensions. `estimate_num_latents` sees codes of held-out pairs
and the exponent, nothing else. Settings were chosen on seed 100. Runs of other seeds stay in the files.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from time_to_identification import processor

import contrica as ct
from contrica.record import environment

RESULTS = Path(__file__).parent / "results"
LATENTS, SURPLUS = (3, 5, 8), (0, 1, 2, 3, 4)
SCALE = 0.19
HELD_OUT_PAIRS = 4096


def counted(num_latents: int, surplus: int, seed: int, steps: int) -> dict[str, Any]:
    """Fit, count, and keep what the count was read from."""
    generator = torch.Generator().manual_seed(seed)
    box = ct.Box(num_latents)
    law = ct.LatentModel(ct.UniformMarginal(box), ct.NormalConditional(box, SCALE))
    pairs = ct.SimulatedPairs(law, ct.InvertibleMLP(num_latents, generator=generator))
    encoder = ct.MLP(num_latents, num_latents + surplus, widths=(64, 64, 64), generator=generator)
    offset = ct.ScalarNet(num_latents, widths=(64, 64), generator=generator)
    start = pairs.draw(4096, generator=generator).anchors
    for module in (encoder, offset):
        module.start_from(start)
    critic = ct.Critic(ct.SquaredEuclidean(), candidate_offset=offset)
    options = ct.TrainingOptions(steps=steps, batch_size=512, optimizer="soap", learning_rate=3e-2, betas=(0.9, 0.95))
    before = time.process_time()
    for _ in ct.train(encoder, critic, ct.InfoNCE(), pairs, options=options, generator=generator):
        pass
    seconds = time.process_time() - before
    held_out, latents, _ = pairs.draw_with_latents(HELD_OUT_PAIRS, generator=generator)
    with torch.no_grad():
        codes, positives = encoder(held_out.anchors), encoder(held_out.positives)
    found = ct.estimate_num_latents(codes, positives, 2.0)
    return {
        "latents": num_latents,
        "surplus": surplus,
        "seed": seed,
        "found": found.value,
        "words": found.words,
        "noise_variances": list(found.noise_variances),
        "r2": float(ct.linear_r2(codes.double(), latents.double()).value),
        "processor_seconds": seconds,
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Return the markdown page."""
    lines = [
        "# The number of latents, from data",
        "",
        f"Right of so many seeds, by the rank of the pair noise; normal pairs of scale {SCALE}, {HELD_OUT_PAIRS}"
        " held-out pairs, 1 thread.",
        "",
        "| latents | "
        + " | ".join(f"{surplus} codes to spare" for surplus in SURPLUS)
        + " | least R2 | processor s a fit |",
        "|---" * (len(SURPLUS) + 3) + "|",
    ]
    for number in LATENTS:
        rows = [run for run in runs if run["latents"] == number]
        if not rows:
            continue
        cells = []
        for surplus in SURPLUS:
            here = [run for run in rows if run["surplus"] == surplus]
            wrong = [f"seed {run['seed']}: {run['found']}" for run in here if run["found"] != number]
            right = f"{len(here) - len(wrong)} of {len(here)}"
            cells.append(right + (f" ({', '.join(wrong)})" if wrong else ""))
        seconds = sum(run["processor_seconds"] for run in rows) / len(rows)
        lines.append(
            f"| {number} | " + " | ".join(cells) + f" | {min(run['r2'] for run in rows):.3f} | {seconds:.1f} |"
        )
    lines += ["", "How and where:", ""]
    wheres = {
        (where["command"], where["date"], where["processor"], where["environment"]["torch"])
        for where in (run["measured"] for run in runs)
    }
    lines += [f"- `{command}`, {date}, {machine}, torch {torch_}" for command, date, machine, torch_ in sorted(wheres)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, run, write after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--latents", type=int, nargs="+", choices=LATENTS, default=list(LATENTS))
    parser.add_argument("--surplus", type=int, nargs="+", choices=SURPLUS, default=list(SURPLUS))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--stem", default="number_of_latents")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / f"{arguments.stem}.json"
    for seed in arguments.seeds:
        for number in arguments.latents:
            for surplus in arguments.surplus:
                measured = {
                    "command": "python benchmarks/number_of_latents.py " + " ".join(sys.argv[1:]),
                    "date": datetime.now(UTC).date().isoformat(),
                    "processor": processor(),
                    "load": [round(load, 1) for load in os.getloadavg()],
                    "environment": environment(),
                }
                key = (number, surplus, seed)
                run = {**counted(*key, arguments.steps), "measured": measured}
                runs: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
                runs = [other for other in runs if (other["latents"], other["surplus"], other["seed"]) != key]
                runs.append(run)
                runs.sort(key=lambda each: (each["latents"], each["surplus"], each["seed"]))
                RESULTS.mkdir(exist_ok=True)
                kept.write_text(json.dumps(runs, indent=1) + "\n")
                (RESULTS / f"{arguments.stem}.md").write_text(table(runs))


if __name__ == "__main__":
    main()
