"""Where the time of a training step goes, in the recipes with MLP encoders.

python benchmarks/profile_step.py [--steps 200]

Stopwatches stand around the parts of a step; what none of them sees is the loop's own bookkeeping. Arithmetic is the
encoder and the critic's offsets forwards, the all-pairs sums, paired logits and what the loss makes of them, and the
backward pass through these. The optimizer's part is all of its ``step``: for SOAP rotations, factors and
decompositions. Drawing is the source's, with the pools of neighbourhoods, their codes and cells. One thread, processor
seconds. Each row is a process of its own that keeps freed memory, as the command line does; before it, one that leaves
the C library as it is, of which only the time of a step is told.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import torch
from time_to_identification import RESULTS, processor

from contrica.critics import Critic
from contrica.encoders import MLP, ScalarNet
from contrica.experiment import MLPMixing, build_model
from contrica.losses import NCE, SCL, InfoNCE
from contrica.pairs import NeighbourhoodPairs, SimulatedPairs
from contrica.recipes import recipe
from contrica.record import environment
from contrica.training import keep_freed_memory, train
from contrica.training.soap import SOAP

WARM_STEPS = 30
"""Steps that are not counted: compiled code is loaded, and neighbourhoods begin after 20."""

AIM = 0.85
"""Share of a step that is wanted in arithmetic."""

ARITHMETIC = ("encoder", "all pairs", "backward")
PARTS = (*ARITHMETIC, "optimizer", "drawing", "bookkeeping")

EXPERIMENTS = {
    "first-look": (0, 1, 3),
    "neighbourhoods": (0, 1),
    "four-losses": (0, 256),
    "published-mlp": (0, 4, 12, 14, 15),
}
"""Recipes, and which of their experiments, by place."""


class Watch:
    """Adds up processor seconds by part; a part called inside another one counts for the outer one alone."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.inside = False

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function`` with a stopwatch around it."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            if self.inside:
                return function(*arguments, **named)
            self.inside, start = True, time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds[part] += time.process_time() - start
                self.inside = False

        return wrapped


@contextmanager
def watched() -> Iterator[Watch]:
    """Put stopwatches around the parts of a step."""
    watch = Watch()
    places: tuple[tuple[Any, str, str], ...] = (
        (MLP, "forward", "encoder"),
        (ScalarNet, "forward", "encoder"),
        (Critic, "paired_logits", "all pairs"),
        (importlib.import_module("contrica.contrast"), "reduce_pairs", "all pairs"),
        (NCE, "combine", "all pairs"),
        (InfoNCE, "combine", "all pairs"),
        (SCL, "combine", "all pairs"),
        (torch.Tensor, "backward", "backward"),
        (SOAP, "step", "optimizer"),
        (torch.optim.AdamW, "step", "optimizer"),
        (SimulatedPairs, "draw", "drawing"),
        (NeighbourhoodPairs, "draw", "drawing"),
        (NeighbourhoodPairs, "refresh", "drawing"),
    )
    with ExitStack() as stack:
        for owner, name, part in places:
            stack.enter_context(mock.patch.object(owner, name, watch.timed(part, getattr(owner, name))))
        yield watch


def profile(name: str, number: int, steps: int) -> dict[str, Any]:
    """Return the milliseconds of a step by part."""
    experiment = recipe(name).build(seed=0)[number]
    options = experiment.training
    mixing = MLPMixing(num_layers=3, candidates=100).build(experiment.latents.dim, experiment.stream("mixing"))
    source: Any = SimulatedPairs(experiment.latents, mixing)
    stream, cells = experiment.stream("pairs"), experiment.neighbourhoods
    with watched() as watch:
        encoder, critic = build_model(experiment, source)
        sizes: dict[int, int] = {}
        if cells is not None:
            source = cells.over(source, encoder, source.draw(4096, generator=stream).anchors)
            sizes = cells.pool_sizes(WARM_STEPS + steps, options.batch_size)
        options = replace(options, steps=WARM_STEPS + steps)
        start = 0.0
        for record in train(encoder, critic, experiment.loss, source, options=options, generator=stream):
            if record.step in sizes:
                source.refresh(generator=stream, pool_size=sizes[record.step])
            if record.step == WARM_STEPS:
                watch.seconds.update(dict.fromkeys(PARTS, 0.0))
                start = time.process_time()
        total = time.process_time() - start
    watch.seconds["bookkeeping"] = total - sum(watch.seconds.values())
    arithmetic = sum(watch.seconds[part] for part in ARITHMETIC)
    return {
        "recipe": name,
        "experiment": experiment.name,
        "optimizer": options.optimizer,
        "batch_size": options.batch_size,
        "widths": experiment.widths,
        "step_ms": 1e3 * total / steps,
        "parts_ms": {part: 1e3 * seconds / steps for part, seconds in watch.seconds.items()},
        "arithmetic_share": arithmetic / total,
        "share_with_optimizer": (arithmetic + watch.seconds["optimizer"]) / total,
    }


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# Where the time of a step goes",
        "",
        f"`{result['command']}`, {result['date']}; {result['processor']}, one thread, load {result['load_before']:.1f}"
        f" before and {result['load_after']:.1f} after; torch {result['environment']['torch']}. Milliseconds of the"
        f" processor, means of {result['steps']} steps after {WARM_STEPS}.",
        "",
        "| recipe | experiment | batch | encoder | optimizer | ms a step, freed memory given back | kept | "
        + " | ".join(PARTS)
        + " |"
        " arithmetic | with optimizer |",
        "|---|---|---:|---|---|---:|---:|" + "---:|" * (len(PARTS) + 2),
    ]
    for row in result["rows"]:
        parts = " | ".join(f"{row['parts_ms'][part]:.2f}" for part in PARTS)
        name = row["experiment"].replace("|", r"\|")
        lines.append(
            f"| {row['recipe']} | {name} | {row['batch_size']} | {'-'.join(map(str, row['widths']))} |"
            f" {row['optimizer']} | {row['given_back_ms']:.1f} | {row['step_ms']:.1f} | {parts} |"
            f" {row['arithmetic_share']:.0%} | {row['share_with_optimizer']:.0%} |"
        )
    rows, shares = result["rows"], ("arithmetic_share", "share_with_optimizer")
    reached = [sum(row[share] >= AIM for row in rows) for share in shares]
    lines += [
        "",
        f"{reached[0]} of {len(rows)} rows have {AIM:.0%} of a step or more in arithmetic, {reached[1]} with the"
        " optimizer counted.",
        "",
        "Arithmetic: encoder and offsets forwards, all-pairs sums and the loss of them, the backward pass; optimizer:"
        " rotations and decompositions of SOAP, or AdamW's update; bookkeeping: checks, clipping and what else the loop"
        " does. Shares are of steps with freed memory kept.",
    ]
    return "\n".join(lines) + "\n"


def in_a_process(name: str, number: int, steps: int, way: str) -> dict[str, Any]:
    """Return the row as a fresh process measures it: what was freed before decides what the C library keeps."""
    command = [sys.executable, __file__, "--child", name, str(number), str(steps), way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}, experiment {number}, failed: {done.stderr.strip().splitlines()[-1]}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def child(name: str, number: int, steps: int, way: str) -> None:
    """Measure one row in this process and write it."""
    torch.set_num_threads(1)
    if way == "kept" and not keep_freed_memory():
        raise SystemExit("freed memory cannot be kept here: no glibc, or the environment says otherwise")
    sys.stdout.write("\n" + json.dumps(profile(name, number, steps)))


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps that are counted, per experiment")
    parser.add_argument("--quick", action="store_true", help="write nothing")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        name, number, steps, way = arguments.child
        child(name, int(number), int(steps), way)
        return
    load_before = os.getloadavg()[0]
    rows = []
    for name, places in EXPERIMENTS.items():
        for number in places:
            given_back, kept = (in_a_process(name, number, arguments.steps, way) for way in ("given back", "kept"))
            rows.append(kept | {"given_back_ms": given_back["step_ms"]})
    result: dict[str, Any] = {
        "command": "python benchmarks/profile_step.py " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor(),
        "environment": environment(),
        "steps": arguments.steps,
        "load_before": load_before,
        "rows": rows,
        "load_after": os.getloadavg()[0],
    }
    page = table(result)
    sys.stdout.write(page)
    if not arguments.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "profile_step.json").write_text(json.dumps(result, indent=1) + "\n")
        (RESULTS / "profile_step.md").write_text(page)


if __name__ == "__main__":
    main()
