"""Telescoped ratios over ladders of time lags, beside pairs of plain lags, on recordings at equal processor time.

python benchmarks/lag_ladders.py --seeds 100 101
python benchmarks/lag_ladders.py --seeds 0 1 2

Pairs of the recipe's lags make the recipe's steps. Others make as many more or fewer as their steps are cheaper or
dearer: all are timed first, in turns and in one process. Rows, blocks, encoder, columns that are lost at random and
decoder are those of the recipe. From seed 100 on validation rows are scored, at every rate; below test rows are, at the
rate that is best on the validation rows in the mean of seeds. One thread; seconds are the processor's.
"""

import argparse
import json
import os
import shlex
import statistics
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from time_to_identification import RESULTS, processor

from contrica.critics import Critic
from contrica.dissimilarities import SquaredEuclidean
from contrica.encoders import MLP
from contrica.losses import NCE, InfoNCE, Loss
from contrica.pairs import ChangedPairs, Dropout, TemporalLadder, TemporalPairs
from contrica.recipes import recipe
from contrica.record import environment
from contrica.recordings import RecordingExperiment, Task
from contrica.training import TrainingOptions, train

RATES = (5e-3, 1e-2, 2e-2, 4e-2)
CHOOSING = 100
"""The first seed of those that settings are chosen on."""

TIMED_STEPS, TURNS = 40, 3


@dataclass(frozen=True)
class Lags:
    """What lags pairs have: a range or mapping to draw from, or a tuple for a ladder; and the loss."""

    lags: range | dict[int, float] | tuple[int, ...]
    loss: Loss


@dataclass(frozen=True)
class Question:
    """A recording, by its recipe and the place of the experiment in it; what is scored, and the lags to compare."""

    recipe: str
    number: int
    scored: str
    lags: dict[str, Lags]

    def experiment(self, seed: int) -> RecordingExperiment:
        """Return the recipe's experiment."""
        found = recipe(self.recipe).build(seed=seed)[self.number]
        assert isinstance(found, RecordingExperiment)
        return found


QUESTIONS = {
    "a rat's place from spikes": Question(
        "rat",
        1,
        "decoder's R2",
        {
            "the recipe's, 5 to 15": Lags(range(5, 16), InfoNCE()),
            "5 to 15, NCE": Lags(range(5, 16), NCE()),
            "narrower, 1 to 4": Lags(range(1, 5), InfoNCE()),
            "wider, 15 to 45": Lags(range(15, 46), InfoNCE()),
            "1, 3, 9 or 27": Lags(dict.fromkeys((1, 3, 9, 27), 0.25), InfoNCE()),
            "ladder 1, 10": Lags((1, 10), NCE()),
            "ladder 1, 3, 9, 27": Lags((1, 3, 9, 27), NCE()),
            "ladder 5, 10, 20, 40": Lags((5, 10, 20, 40), NCE()),
        },
    ),
    "what a person does, from joints": Question(
        "mocap",
        1,
        "share named",
        {
            "the recipe's, 1 to 5": Lags(range(1, 6), InfoNCE()),
            "1 to 5, NCE": Lags(range(1, 6), NCE()),
            "narrower, 1, NCE": Lags(range(1, 2), NCE()),
            "wider, 5 to 10, NCE": Lags(range(5, 11), NCE()),
            "1, 2, 4 or 8, NCE": Lags(dict.fromkeys((1, 2, 4, 8), 0.25), NCE()),
            "ladder 1, 8": Lags((1, 8), NCE()),
            "ladder 5, 10": Lags((5, 10), NCE()),
            "ladder 1, 2, 4, 8": Lags((1, 2, 4, 8), NCE()),
        },
    ),
}
"""Lags in rows: of .1 seconds each in both recordings."""


def blocks_of(task: Task, rows: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return which of the blocks that no pair leaves each row lies in."""
    _, within = task.pairs(rows.numpy()).time_lags(torch.arange(len(rows) - 1), torch.arange(1, len(rows)))
    return np.cumsum(np.append(0, ~np.asarray(within)))


def measure(question: Question, chosen: Lags, options: TrainingOptions, seed: int) -> dict[str, Any]:
    """Train as the recipe does, with other pairs, and return score, seconds of training and weights of the rungs."""
    experiment = question.experiment(seed)
    task, model = experiment.recording.task(seed), experiment.model
    generator, rows = torch.Generator().manual_seed(seed), torch.from_numpy(task.rows("train"))
    seen, ladder = task.inputs[rows], isinstance(chosen.lags, tuple)
    pairs = TemporalLadder if ladder else TemporalPairs
    source = ChangedPairs(pairs(seen, lags=chosen.lags, trials=blocks_of(task, rows)), Dropout(model.dropped))
    encoder = MLP(seen.shape[1], model.code_dim, widths=model.widths, generator=generator)
    encoder.start_from(seen)
    rungs = len(chosen.lags) if ladder else 1
    critic = Critic(SquaredEuclidean(), bias=isinstance(chosen.loss, NCE), num_rungs=rungs)
    begun = time.process_time()
    for _ in train(encoder, critic, chosen.loss, source, options=options, generator=generator):
        pass
    seconds = time.process_time() - begun
    with torch.no_grad():
        codes = encoder(task.inputs).double().numpy()
    scored = task.decode(codes, task.rows("train"), task.rows("validation" if seed >= CHOOSING else "test"))
    weights = [] if critic.rung_log_weights is None else critic.rung_log_weights.exp().tolist()
    return {"score": next(iter(scored.values())), "processor_s": seconds, "weights": weights}


def steps_of(question: Question) -> dict[str, int]:
    """Return the steps of each that take as long as the recipe's; the least of some short runs counts."""
    options = question.experiment(CHOOSING).training
    short = replace(options, steps=TIMED_STEPS)
    turns = [
        {name: measure(question, one, short, CHOOSING)["processor_s"] for name, one in question.lags.items()}
        for _ in range(TURNS + 1)
    ][1:]
    cost = {name: min(turn[name] for turn in turns) for name in question.lags}
    plain = next(iter(cost.values()))
    return {name: round(options.steps * plain / each) for name, each in cost.items()}


def main() -> None:
    """Read the arguments, run, write after every run; other seeds are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recordings", type=int, nargs="+", default=list(range(len(QUESTIONS))), help="by place")
    parser.add_argument("--lags", nargs="+", help="by name; all if not given")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="from seed 100 on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / "lag_ladders.json"
    result: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"steps": {}, "runs": [], "where": []}
    where = {
        "command": "python benchmarks/lag_ladders.py " + shlex.join(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "environment": environment(),
    }
    result["where"].append(where)
    for number in arguments.recordings:
        task, question = list(QUESTIONS.items())[number]
        if task not in result["steps"]:
            result["steps"][task] = steps_of(question)
        steps, options = result["steps"][task], question.experiment(0).training
        for seed in arguments.seeds:
            for name in arguments.lags or question.lags:
                chosen = question.lags[name]
                for rate in arguments.rates if seed >= CHOOSING else [best_rate(result, task, name)]:
                    outcome = measure(question, chosen, replace(options, steps=steps[name], learning_rate=rate), seed)
                    which = {"task": task, "lags": name, "rate": rate, "seed": seed}
                    others = [old for old in result["runs"] if not which.items() <= old.items()]
                    result["runs"] = [*others, which | outcome]
                    sys.stderr.write(f"{which | outcome}\n")
                    kept.write_text(json.dumps(result, indent=1) + "\n")
                    (RESULTS / "lag_ladders.md").write_text(table(result))


def runs_of(result: dict[str, Any], task: str, name: str, *, choosing: bool) -> list[dict[str, Any]]:
    """Return the runs of some lags by seed: on validation rows, or on test rows at the rate that was chosen there."""
    runs = [run for run in result["runs"] if (run["task"], run["lags"]) == (task, name)]
    tried = [run for run in runs if run["seed"] >= CHOOSING]
    if choosing or not tried:
        return tried
    best = best_rate(result, task, name)
    return sorted((run for run in runs if run["seed"] < CHOOSING and run["rate"] == best), key=lambda run: run["seed"])


def means(runs: list[dict[str, Any]]) -> dict[float, float]:
    """Return the mean score at each rate."""
    rates = sorted({run["rate"] for run in runs})
    return {rate: statistics.mean(run["score"] for run in runs if run["rate"] == rate) for rate in rates}


def best_rate(result: dict[str, Any], task: str, name: str) -> float:
    """Return the rate with the best mean on validation rows."""
    found = means(runs_of(result, task, name, choosing=True))
    return max(found, key=lambda rate: found[rate])


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# Telescoped ratios over ladders of time lags, beside plain lags, at equal processor time",
        "",
        "Scores of test rows, one per seed, at the rate that was chosen on validation rows of other seeds, and the mean"
        " there at every rate. Lags in rows of .1 seconds. Plain pairs by InfoNCE unless stated, ladders by NCE. The"
        " learned weights of the rungs, narrowest first, are means of the seeds; in their units, that of the widest lag"
        " L, those of a random walk are L over a rung's lag less L over the next.",
        "",
    ]
    for task, question in QUESTIONS.items():
        lines += [f"## {task[0].upper()}{task[1:]}, {question.scored}", ""]
        heads = [f"validation, {rate:g}" for rate in RATES]
        lines += [f"| lags | steps | processor s | rate | test, each seed | mean | {' | '.join(heads)} | weights |"]
        lines += ["|---|---:|---:|---:|---|---:|" + "---:|" * len(RATES) + "---|"]
        for name in question.lags:
            tried, runs = (runs_of(result, task, name, choosing=choosing) for choosing in (True, False))
            if not tried:
                continue
            seconds = statistics.mean(run["processor_s"] for run in runs or tried)
            scores = [run["score"] for run in runs]
            each, mean = ", ".join(f"{score:.4f}" for score in scores), f"{statistics.mean(scores):.4f}" if runs else ""
            by_rate = means(tried)
            chosen = " | ".join(f"{by_rate[rate]:.4f}" if rate in by_rate else "" for rate in RATES)
            learned = np.mean([run["weights"] for run in runs or tried], axis=0)
            weights = ", ".join(f"{weight:.2f}" for weight in learned)
            start = f"| {name} | {result['steps'][task][name]} | {seconds:.1f} | {best_rate(result, task, name):g}"
            lines.append(f"{start} | {each} | {mean} | {chosen} | {weights} |")
        lines.append("")
    tried, tested = (
        sorted({run["seed"] for run in result["runs"] if (run["seed"] >= CHOOSING) == choosing})
        for choosing in (True, False)
    )
    lines += [f"Seeds {', '.join(map(str, tested))} in this order; validation, {', '.join(map(str, tried))}.", ""]
    lines += ["How and where:", ""]
    lines += [
        f"- `{where['command']}`, {where['date']}, {where['processor']}, one thread, load {where['load']}, torch"
        f" {where['environment']['torch']}"
        for where in result["where"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
