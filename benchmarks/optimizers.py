"""AdamW beside SOAP at equal processor time, and two slopes of the rectifiers, on seeds that chose no setting of any.

python benchmarks/optimizers.py --seeds 20 21

AdamW makes the steps that a task names. SOAP makes as many fewer as its steps are dearer: both are timed on the task
first, in the same process. The schedule is stretched to the steps, everything else is the task's. One thread; the
machine is shared, so seconds are the processor's. Seeds are added to those that the results hold already.
"""

import argparse
import json
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch
from time_to_identification import RESULTS, ROWS, TURNS, ours, processor

from contrica.encoders.layers import NEGATIVE_SLOPE
from contrica.experiment import Experiment, run
from contrica.recipes import recipe
from contrica.record import environment
from contrica.recordings import RecordingExperiment
from contrica.recordings.fitting import fit
from contrica.training import TrainingOptions
from contrica.training.options import OptimizerName


@dataclass(frozen=True)
class Settings:
    """An optimizer, the peak of its rate, its betas, and the slope of the encoder's rectifiers."""

    optimizer: OptimizerName
    rate: float
    betas: tuple[float, float] = (0.9, 0.99)
    slope: float = NEGATIVE_SLOPE

    def options(self, steps: int) -> TrainingOptions:
        """Return the options of a training of so many steps."""
        return TrainingOptions(steps=steps, optimizer=self.optimizer, learning_rate=self.rate, betas=self.betas)


SETTINGS = {
    "AdamW 4e-3": Settings("adamw", 4e-3),
    "AdamW 1e-2": Settings("adamw", 1e-2),
    "SOAP 1e-2": Settings("soap", 1e-2),
    "SOAP 3e-2": Settings("soap", 3e-2, (0.9, 0.95)),
    "AdamW 1e-2, slope .2": Settings("adamw", 1e-2, slope=0.2),
    "SOAP 1e-2, slope .2": Settings("soap", 1e-2, slope=0.2),
}
"""The defaults of both optimizers, another rate each, and one of each with another slope than .01."""


COMPARED = (
    ("AdamW 1e-2", "AdamW 4e-3"),
    ("SOAP 1e-2", "AdamW 1e-2"),
    ("SOAP 3e-2", "AdamW 1e-2"),
    ("AdamW 1e-2, slope .2", "AdamW 1e-2"),
    ("SOAP 1e-2, slope .2", "SOAP 1e-2"),
)


@dataclass(frozen=True)
class Outcome:
    """A held-out score in [0, 1], where known the nats above the best loss, and processor seconds of training."""

    score: float
    excess: float | None
    processor_s: float


Task = Callable[[TrainingOptions, float, int], Outcome]
"""From options, a slope and a seed."""


def first_look(number: int) -> Task:
    """Return a task: four skewed factors, the loss with all its terms."""

    def made(chosen: TrainingOptions, slope: float, seed: int) -> Outcome:
        experiment = recipe("first-look").build(seed=seed)[number]
        assert isinstance(experiment, Experiment)
        size = experiment.training.batch_size
        steps = chosen.steps
        turns = tuple(turn * steps // experiment.training.steps for turn in experiment.turn_steps)
        training = replace(chosen, batch_size=size)
        record = run(replace(experiment, training=training, turn_steps=turns, negative_slope=slope))
        seconds = record.processor_seconds or 0.0
        return Outcome(record.scores["mcc_pearson"]["value"], record.optimum["excess"], seconds)

    return made


def ten_factors(chosen: TrainingOptions, slope: float, seed: int) -> Outcome:
    """Return what ten factors end at, Laplace .05, neighbourhood batches, codes turned early in the schedule."""
    settings = {"optimizer": chosen.optimizer, "learning_rate": chosen.learning_rate, "betas": chosen.betas}
    turns = tuple(turn for turn in TURNS if turn < chosen.steps)
    row = replace(ROWS["laplace-.05"], steps=chosen.steps, turn_steps=turns, negative_slope=slope, **settings)
    last = ours(row, seed, limit=600.0, checks=1)["last"]
    return Outcome(last["mcc"], None, last["processor"])


def wide_pairs(chosen: TrainingOptions, slope: float, seed: int) -> Outcome:
    """Return what ten factors on the sphere end at, pairs of vMF(1), which share .05 nats."""
    experiment = recipe("published-mlp").build(seed=seed)[0]
    assert isinstance(experiment, Experiment)
    training = replace(chosen, batch_size=experiment.training.batch_size)
    record = run(replace(experiment, training=training, negative_slope=slope))
    return Outcome(record.scores["r2"]["value"], record.optimum["excess"], record.processor_seconds or 0.0)


def recorded(name: str, number: int) -> Task:
    """Return a task: codes of a recording, and how well nearest neighbours read what is known of blocks held out."""

    def made(chosen: TrainingOptions, slope: float, seed: int) -> Outcome:
        experiment = recipe(name).build(seed=seed)[number]
        assert isinstance(experiment, RecordingExperiment)
        task, model = experiment.recording.task(seed), replace(experiment.model, negative_slope=slope)
        options = replace(chosen, batch_size=experiment.training.batch_size)
        fitted = fit(task, model, experiment.loss, options, seed=seed)
        decoded = task.decode(fitted.codes, task.rows("train"), task.rows("test"))
        return Outcome(next(iter(decoded.values())), None, fitted.processor_seconds)

    return made


TASKS: dict[str, tuple[int, str, Task]] = {
    "four skewed factors, InfoNCE": (600, "MCC", first_look(0)),
    "a rat's place from spikes": (600, "decoder's R2", recorded("rat", 1)),
    "ten factors, Laplace .05, neighbourhoods": (600, "MCC", ten_factors),
    "four skewed factors, NCE": (600, "MCC", first_look(1)),
    "four skewed factors, SCL": (250, "MCC", first_look(3)),
    "what a person does, from joints and time": (300, "share named", recorded("mocap", 1)),
    "what a person does, from joints and actions": (300, "share named", recorded("mocap", 3)),
    "wide pairs of ten factors on the sphere": (28_000, "R2", wide_pairs),
}
"""AdamW's steps, what is scored, and the task."""


def soap_steps(made: Task, steps: int) -> int:
    """Return the steps of SOAP that take as long as ``steps`` of AdamW; a short run first loads what is compiled."""
    both = [SETTINGS[name] for name in ("AdamW 4e-3", "SOAP 1e-2")]
    made(both[0].options(20), NEGATIVE_SLOPE, 0)
    short = min(steps // 5, 400)
    adamw, soap = (made(one.options(short), NEGATIVE_SLOPE, 0).processor_s for one in both)
    return round(steps * min(1.0, adamw / soap))


def main() -> None:
    """Read the arguments, run, write after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21])
    parser.add_argument("--tasks", type=int, nargs="+", default=list(range(len(TASKS))), help="by place")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / "optimizers.json"
    result: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"steps": {}, "runs": [], "where": []}
    where = {
        "command": "python benchmarks/optimizers.py " + shlex.join(sys.argv[1:]),
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
            for name in arguments.settings:
                chosen, begun = SETTINGS[name], time.process_time()
                outcome = made(chosen.options(result["steps"][task][chosen.optimizer]), chosen.slope, seed)
                which = {"task": task, "optimizer": name, "seed": seed}
                others = [old for old in result["runs"] if not which.items() <= old.items()]
                result["runs"] = [*others, which | vars(outcome)]
                sys.stderr.write(f"{task}, {name}, {seed}: {outcome}, {time.process_time() - begun:.0f} s in all\n")
                kept.write_text(json.dumps(result, indent=1) + "\n")
                (RESULTS / "optimizers.md").write_text(table(result))


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# AdamW beside SOAP at equal processor time, and two slopes of the rectifiers",
        "",
        "Scores of held-out rows, one per seed; steps of SOAP are fewer as they are dearer, timed on each task in the"
        " same process. Nats are those above the least loss on the same pairs. The slope is .01 where none is named.",
        "",
        "| task | scored | optimizer | steps | processor s | scores | nats above the best |",
        "|---|---|---|---:|---:|---|---|",
    ]
    for task, (_, scored, _) in TASKS.items():
        for name, chosen in SETTINGS.items():
            runs = runs_of(result, task, name)
            if not runs:
                continue
            seconds = statistics.mean(run["processor_s"] for run in runs)
            scores = ", ".join(f"{run['score']:.4f}" for run in runs)
            excess = ", ".join(f"{run['excess']:.3f}" for run in runs if run["excess"] is not None)
            steps = result["steps"][task][chosen.optimizer]
            lines.append(f"| {task} | {scored} | {name} | {steps} | {seconds:.0f} | {scores} | {excess} |")
    seeds = sorted({run["seed"] for run in result["runs"]})
    lines += ["", f"Seeds {', '.join(map(str, seeds))} in this order.", ""]
    lines += ["What is gained over another choice in the mean of the seeds, and in how many of them:", ""]
    lines += [f"| task | {' | '.join(f'{name} over {other}' for name, other in COMPARED)} |"]
    lines += ["|---" * (1 + len(COMPARED)) + "|"]
    lines += [f"| {task} | {' | '.join(gain(result, task, *pair) for pair in COMPARED)} |" for task in TASKS]
    lines += ["", "How and where:", ""]
    lines += [
        f"- `{where['command']}`, {where['date']}, {where['processor']}, one thread, load {where['load']}, torch"
        f" {where['environment']['torch']}"
        for where in result["where"]
    ]
    return "\n".join(lines) + "\n"


def runs_of(result: dict[str, Any], task: str, name: str) -> list[dict[str, Any]]:
    """Return the runs of a task with some settings, by seed."""
    runs = [run for run in result["runs"] if (run["task"], run["optimizer"]) == (task, name)]
    return sorted(runs, key=lambda run: run["seed"])


def gain(result: dict[str, Any], task: str, name: str, other: str) -> str:
    """Return by how much some settings end above others on the seeds of both, and on how many seeds."""
    first, second = ({run["seed"]: run["score"] for run in runs_of(result, task, one)} for one in (name, other))
    gains = [first[seed] - second[seed] for seed in first.keys() & second.keys()]
    if not gains:
        return ""
    return f"{statistics.mean(gains):+.4f}, {sum(entry > 0 for entry in gains)} of {len(gains)}"


if __name__ == "__main__":
    main()
