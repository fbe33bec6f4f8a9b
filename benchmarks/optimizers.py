"""AdamW beside SOAP at equal processor time, on seeds that no setting of either was chosen on.

python benchmarks/optimizers.py --seeds 20 21

AdamW makes the steps that a task names. SOAP makes as many fewer as its steps are dearer: both are timed on the task
first, in the same process. The schedule is stretched to the steps, everything else is the task's. One thread; the
machine is shared, so seconds are the processor's. Seeds are added to those that the results hold already.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch
from time_to_identification import RESULTS, ROWS, TURNS, ours, processor

from contrica.experiment import Experiment, run
from contrica.recipes import recipe
from contrica.record import environment
from contrica.recordings.fitting import fit
from contrica.training import TrainingOptions
from contrica.training.options import OptimizerName

OPTIMIZERS: dict[str, tuple[OptimizerName, float, tuple[float, float]]] = {
    "AdamW 4e-3": ("adamw", 4e-3, (0.9, 0.99)),
    "AdamW 1e-2": ("adamw", 1e-2, (0.9, 0.99)),
    "SOAP 1e-2": ("soap", 1e-2, (0.9, 0.99)),
    "SOAP 3e-2": ("soap", 3e-2, (0.9, 0.95)),
}
"""Name, peak of the rate, betas: the defaults of both, and another rate each."""


@dataclass(frozen=True)
class Outcome:
    """A held-out score in [0, 1], where known the nats above the best loss, and processor seconds of training."""

    score: float
    excess: float | None
    processor_s: float


def first_look(number: int) -> Callable[[TrainingOptions, int], Outcome]:
    """Return a task: four skewed factors, the loss with all its terms."""

    def made(chosen: TrainingOptions, seed: int) -> Outcome:
        experiment = recipe("first-look").build(seed=seed)[number]
        assert isinstance(experiment, Experiment)
        size = experiment.training.batch_size
        steps = chosen.steps
        turns = tuple(turn * steps // experiment.training.steps for turn in experiment.turn_steps)
        record = run(replace(experiment, training=replace(chosen, batch_size=size), turn_steps=turns))
        seconds = record.processor_seconds or 0.0
        return Outcome(record.scores["mcc_pearson"]["value"], record.optimum["excess"], seconds)

    return made


def ten_factors(chosen: TrainingOptions, seed: int) -> Outcome:
    """Return what ten factors end at, Laplace .05, neighbourhood batches, codes turned early in the schedule."""
    settings = {"optimizer": chosen.optimizer, "learning_rate": chosen.learning_rate, "betas": chosen.betas}
    turns = tuple(turn for turn in TURNS if turn < chosen.steps)
    row = replace(ROWS["laplace-.05"], steps=chosen.steps, turn_steps=turns, **settings)
    last = ours(row, seed, limit=600.0, checks=1)["last"]
    return Outcome(last["mcc"], None, last["processor"])


def rat(chosen: TrainingOptions, seed: int) -> Outcome:
    """Return how well a decoder reads a rat's place from three codes of spike counts, in blocks held out."""
    experiment = recipe("rat").build(seed=seed)[1]
    task = experiment.recording.task(seed)
    fitted = fit(task, experiment.model, experiment.loss, replace(chosen, batch_size=512), seed=seed)
    decoded = task.decode(fitted.codes, task.rows("train"), task.rows("test"))
    return Outcome(next(iter(decoded.values())), None, fitted.processor_seconds)


TASKS: dict[str, tuple[int, str, Callable[[TrainingOptions, int], Outcome]]] = {
    "four skewed factors, InfoNCE": (600, "MCC", first_look(0)),
    "a rat's place from spikes": (600, "decoder's R2", rat),
    "ten factors, Laplace .05, neighbourhoods": (600, "MCC", ten_factors),
    "four skewed factors, NCE": (600, "MCC", first_look(1)),
    "four skewed factors, SCL": (250, "MCC", first_look(3)),
}
"""AdamW's steps, what is scored, and the task."""


def options_of(name: str, steps: int) -> TrainingOptions:
    """Return the options of an optimizer."""
    optimizer, rate, betas = OPTIMIZERS[name]
    return TrainingOptions(steps=steps, optimizer=optimizer, learning_rate=rate, betas=betas)


def soap_steps(made: Callable[[TrainingOptions, int], Outcome], steps: int) -> int:
    """Return the steps of SOAP that take as long as ``steps`` of AdamW; a short run first loads what is compiled."""
    made(options_of("AdamW 4e-3", 20), 0)
    short = steps // 5
    adamw, soap = (made(options_of(name, short), 0).processor_s for name in ("AdamW 4e-3", "SOAP 1e-2"))
    return round(steps * min(1.0, adamw / soap))


def main() -> None:
    """Read the arguments, run, write after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21])
    parser.add_argument("--tasks", type=int, nargs="+", default=list(range(len(TASKS))), help="by place")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / "optimizers.json"
    result: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"steps": {}, "runs": [], "where": []}
    where = {
        "command": "python benchmarks/optimizers.py " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "environment": environment(),
    }
    result["where"].append(where)
    for number in arguments.tasks:
        task, (steps, _, made) = list(TASKS.items())[number]
        if task not in result["steps"]:
            result["steps"][task] = {"adamw": steps, "soap": soap_steps(made, steps)}
        for seed in arguments.seeds:
            for name in OPTIMIZERS:
                begun = time.process_time()
                outcome = made(options_of(name, result["steps"][task][OPTIMIZERS[name][0]]), seed)
                which = {"task": task, "optimizer": name, "seed": seed}
                others = [old for old in result["runs"] if not which.items() <= old.items()]
                result["runs"] = [*others, which | vars(outcome)]
                sys.stderr.write(f"{task}, {name}, {seed}: {outcome}, {time.process_time() - begun:.0f} s in all\n")
                kept.write_text(json.dumps(result, indent=1) + "\n")
                (RESULTS / "optimizers.md").write_text(table(result))


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# AdamW beside SOAP at equal processor time",
        "",
        "Scores of held-out rows, one per seed; steps of SOAP are fewer as they are dearer, timed on each task in the"
        " same process. Nats are those above the least loss on the same pairs.",
        "",
        "| task | scored | optimizer | steps | processor s | scores | nats above the best |",
        "|---|---|---|---:|---:|---|---|",
    ]
    for task, (_, scored, _) in TASKS.items():
        for name in OPTIMIZERS:
            runs = [run for run in result["runs"] if (run["task"], run["optimizer"]) == (task, name)]
            if not runs:
                continue
            seconds = statistics.mean(run["processor_s"] for run in runs)
            scores = ", ".join(f"{run['score']:.4f}" for run in runs)
            excess = ", ".join(f"{run['excess']:.3f}" for run in runs if run["excess"] is not None)
            steps = result["steps"][task][OPTIMIZERS[name][0]]
            lines.append(f"| {task} | {scored} | {name} | {steps} | {seconds:.0f} | {scores} | {excess} |")
    seeds = sorted({run["seed"] for run in result["runs"]})
    lines += ["", f"Seeds {', '.join(map(str, seeds))}, in the order in which they were run.", "", "How and where:", ""]
    lines += [
        f"- `{where['command']}`, {where['date']}, {where['processor']}, one thread, load {where['load']}, torch"
        f" {where['environment']['torch']}"
        for where in result["where"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
