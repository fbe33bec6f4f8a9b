"""Real recordings beside peers at the same budget: codes from training rows alone, decoders scored on held-out rows.

python benchmarks/recordings.py rat monkey mocap --seeds 0 1 2 3 4 --peer .venv-peers/bin/python

Every fit sees the training rows only; decoders are fitted on the codes of training rows and scored on the test rows.
CEBRA gets the same training rows, the same receptive field, as many steps and as large batches. Settings were chosen on
validation rows with seed 0: of ours among a dozen, of CEBRA on the rat among three (learning rate 3e-4 or 1e-3, 32 or
128 hidden units, sphere or plane); on the other recordings both have settings like those, and were not tuned further.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA, FastICA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from contrica import (
    MLP,
    ChangedPairs,
    Critic,
    Dropout,
    InfoNCE,
    LabelledPairs,
    PairSource,
    PowerSum,
    SquaredEuclidean,
    TemporalPairs,
    TrainingOptions,
    train,
)
from contrica.datasets import SpatialCells, motion_sequences, motor_cortex_sessions, open_field_path
from contrica.record import environment

RESULTS = Path(__file__).parent / "results"
PEER_SCRIPT = Path(__file__).parent / "peers" / "cebra_codes.py"
Array = npt.NDArray[Any]

NEIGHBOURS = 25
DROPPED = 0.5
"""Share of the columns that each side of a pair loses at random, so that codes cannot rest on single cells."""


@dataclass(frozen=True)
class Task:
    """Rows with roles, labels and what makes a pair."""

    inputs: Array
    raw: Array
    pieces: Array
    role: Array
    labels: Array
    lags: range | None = None
    bandwidth: float | None = None
    steps: int = 1000
    batch_size: int = 512

    def rows(self, role: str) -> Array:
        """Return the rows of a role."""
        return np.flatnonzero(self.role == role)


def roles_of(pieces: Array, seed: int = 0) -> Array:
    """Give three fifths of the pieces to training, a fifth to validation and a fifth to the test."""
    names = np.unique(pieces)
    order = np.random.default_rng(seed).permutation(len(names))
    share = np.empty(len(names), dtype=object)
    share[order] = [
        "train" if rank < 0.6 * len(names) else "validation" if rank < 0.8 * len(names) else "test"
        for rank in range(len(names))
    ]
    return share[np.searchsorted(names, pieces)].astype(str)


def summed(values: Array, pieces: Array, width: int) -> tuple[Array, Array]:
    """Return sums over windows of ``width`` rows that lie within a piece, and the middle row of each."""
    sums = np.lib.stride_tricks.sliding_window_view(values, width, axis=0).sum(-1)
    whole = np.flatnonzero(pieces[: len(sums)] == pieces[width - 1 :])
    return sums[whole], whole + width // 2


def fitted(task: Task, dim: int, seed: int, *, exponent: float, shuffled: bool = False) -> tuple[Array, float]:
    """Return our codes of all rows, and processor seconds. ``shuffled`` destroys what makes a pair."""
    generator = torch.Generator().manual_seed(seed)
    rows = task.rows("train")
    inputs = torch.tensor(task.inputs, dtype=torch.float32)
    seen = inputs[torch.tensor(rows)]
    pieces, labels = task.pieces[rows], task.labels[rows]
    if shuffled:
        order = np.random.default_rng(seed).permutation(len(rows))
        seen = seen[torch.tensor(order)] if task.bandwidth is None else seen
        labels = labels if task.bandwidth is None else labels[order]
    source: PairSource
    if task.bandwidth is None:
        source = TemporalPairs(seen, lags=task.lags, trials=pieces)
    else:
        source = LabelledPairs(seen, labels, bandwidth=task.bandwidth, periods=360.0, apart="trial", trials=pieces)
    encoder = MLP(seen.shape[1], dim, widths=(64, 64), generator=generator)
    encoder.start_from(seen)
    delta = SquaredEuclidean() if exponent == 2.0 else PowerSum(dim, exponent=exponent)
    options = TrainingOptions(steps=task.steps, batch_size=task.batch_size, learning_rate=2e-3)
    start = time.process_time()
    for _ in train(
        encoder, Critic(delta), InfoNCE(), ChangedPairs(source, Dropout(DROPPED)), options=options, generator=generator
    ):
        pass
    seconds = time.process_time() - start
    with torch.no_grad():
        return encoder(inputs).numpy(), seconds


def peer_codes(task: Task, settings: dict[str, Any], peer: str, *, label: bool = False) -> tuple[Array, float]:
    """Return CEBRA's codes of all rows, and processor seconds."""
    rows = task.rows("train")
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"train": task.raw[rows], "all": task.raw, "pieces": task.pieces}
        if label:
            angles = np.radians(task.labels[rows])
            arrays["labels"] = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        np.savez(Path(folder) / "task.npz", **arrays)
        settings = settings | {"max_iterations": task.steps, "batch_size": min(task.batch_size, len(rows))}
        paths = [str(Path(folder) / name) for name in ("task.npz", "codes.npz")]
        subprocess.run([peer, "-W", "ignore", str(PEER_SCRIPT), *paths, json.dumps(settings)], check=True)
        with np.load(paths[1]) as file:
            return file["codes"], float(file["seconds"])


def place_scores(codes: Array, task: Task, role: str) -> dict[str, float]:
    """Return R2 of the position by an affine map and by k nearest neighbours, and the median error in metres."""
    fit, test = task.rows("train"), task.rows(role)
    near = KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(codes[fit], task.labels[fit])
    affine = LinearRegression().fit(codes[fit], task.labels[fit])
    guess = near.predict(codes[test])
    return {
        "k-NN R2": r2_score(task.labels[test], guess),
        "affine R2": r2_score(task.labels[test], affine.predict(codes[test])),
        "median error, m": float(np.median(np.linalg.norm(guess - task.labels[test], axis=1))),
    }


def direction_scores(codes: Array, task: Task, role: str, fit: Array | None = None) -> dict[str, float]:
    """Return the share of the 8 sectors and the median error of the direction by k nearest neighbours."""
    fit = task.rows("train") if fit is None else fit
    test = task.rows(role)
    angles = np.radians(task.labels)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    guess = KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(codes[fit], circle[fit]).predict(codes[test])
    degrees = np.degrees(np.arctan2(guess[:, 1], guess[:, 0]))
    error = np.abs((degrees - task.labels[test] + 180) % 360 - 180)
    return {"within 22.5 degrees": float(np.mean(error <= 22.5)), "median error, degrees": float(np.median(error))}


def action_scores(codes: Array, task: Task, role: str) -> dict[str, float]:
    """Return the share of frames whose action k nearest neighbours name."""
    fit, test = task.rows("train"), task.rows(role)
    near = KNeighborsClassifier(5, weights="distance").fit(codes[fit], task.labels[fit])
    return {"action": float(near.score(codes[test], task.labels[test]))}


def rat(seed: int) -> Task:
    """Position from counts of 100 simulated cells in .5 s; held-out blocks of 20 s; pairs .5 to 1.5 s apart."""
    path = open_field_path().every(0.1)
    generator = torch.Generator().manual_seed(seed)
    cells = SpatialCells.draw(50, 50, generator=generator)
    counts = cells.counts(torch.tensor(path.positions), seconds=0.1, generator=generator).numpy()
    blocks = ((path.times - path.times[0]) // 20.0).astype(int)
    inputs, middles = summed(counts, blocks, 5)
    wide = np.zeros((len(counts), 100), np.float32)
    wide[middles] = inputs
    role = roles_of(blocks, 123)
    role[~np.isin(np.arange(len(counts)), middles)] = "edge"
    return Task(wide, counts, blocks, role, path.positions, lags=range(5, 16), steps=600)


def monkey(seed: int, session: int | None = None) -> Task:
    """Direction to the target from 86 units, smoothed over 5 bins of a trial; a fifth of the trials is the test."""
    sessions = motor_cortex_sessions()
    chosen = sessions if session is None else (sessions[session],)
    inputs, pieces, labels, role = [], [], [], []
    for number, one in enumerate(chosen):
        inputs.append(within_trials(one.spikes, one.trials))
        pieces.append(one.trials + 1000 * number)
        labels.append(one.directions)
        fold = (one.trials % 5 - seed) % 5
        role.append(np.where(fold == 0, "test", np.where(fold == 1, "validation", "train")))
    joined = [np.concatenate(part) for part in (inputs, pieces, role, labels)]
    return Task(joined[0], joined[0], *joined[1:], bandwidth=20.0, steps=300, batch_size=256)


def within_trials(values: Array, trials: Array, reach: int = 2) -> Array:
    """Return square roots of means over the rows of the trial at most ``reach`` away."""
    means = np.empty(values.shape, np.float32)
    for row in range(len(values)):
        near = np.arange(max(0, row - reach), min(len(values), row + reach + 1))
        means[row] = values[near[trials[near] == trials[row]]].mean(0)
    return np.sqrt(means)


def mocap(seed: int) -> Task:
    """Twelve channels and the action in windows of .5 s; held-out blocks of 2 s; pairs .5 to 1 s apart."""
    windows, pieces, labels = [], [], []
    for number, one in enumerate(motion_sequences()):
        blocks = np.arange(len(one.actions)) // 20 + 1000 * number
        seen = np.lib.stride_tricks.sliding_window_view(one.channels, 5, axis=0).reshape(-1, 60)
        whole = np.flatnonzero(blocks[: len(seen)] == blocks[4:])
        windows.append(seen[whole])
        pieces.append(blocks[whole + 2])
        labels.append(one.actions[whole + 2])
    inputs = np.concatenate(windows)
    scaled = ((inputs - inputs.mean(0)) / inputs.std(0)).astype(np.float32)
    joined = np.concatenate(pieces)
    return Task(scaled, scaled, joined, roles_of(joined, 7), np.concatenate(labels), lags=range(5, 11), steps=500)


def baselines(task: Task, dim: int, score: Callable[[Array], dict[str, float]], seed: int) -> dict[str, dict[str, Any]]:
    """Return what PCA, FastICA and the inputs themselves get."""
    train = task.inputs[task.rows("train")]
    ica = FastICA(dim, random_state=seed, max_iter=1000, tol=1e-3).fit(train)
    return {
        f"PCA, {dim} codes": score(PCA(dim, random_state=seed).fit(train).transform(task.inputs)),
        f"FastICA, {dim} codes": score(ica.transform(task.inputs)),
        f"inputs, {task.inputs.shape[1]} columns": score(task.inputs),
    }


def measure_rat(seed: int, peer: str | None, role: str) -> dict[str, dict[str, Any]]:
    """Return the scores of a seed."""
    task = rat(seed)
    found: dict[str, dict[str, Any]] = {}
    for dim in (2, 3):
        codes, seconds = fitted(task, dim, seed, exponent=2.0)
        found[f"contrica, {dim} codes"] = place_scores(codes, task, role) | {"processor seconds": seconds}
    codes, _ = fitted(task, 2, seed, exponent=2.0, shuffled=True)
    found["null: time shuffled, 2 codes"] = place_scores(codes, task, role)
    if peer is not None:
        settings = {"model_architecture": "offset5-model", "time_offsets": 5, "conditional": "time", "seed": seed}
        settings |= {"learning_rate": 1e-3, "num_hidden_units": 128, "output_dimension": 3, "distance": "cosine"}
        codes, seconds = peer_codes(task, settings, peer)
        found["CEBRA, 3 codes on a sphere"] = place_scores(codes, task, role) | {"processor seconds": seconds}
    for dim in (2, 3):
        found |= baselines(task, dim, lambda codes: place_scores(codes, task, role), seed)
    return found


def measure_monkey(seed: int, peer: str | None, role: str) -> dict[str, dict[str, Any]]:
    """Return the scores of a fold, of each session alone and of one read by the decoder of the other."""
    found: dict[str, dict[str, Any]] = {}
    sessions = motor_cortex_sessions()
    settings = {"model_architecture": "offset1-model", "conditional": "time_delta", "time_offsets": 1, "seed": seed}
    settings |= {"learning_rate": 1e-3, "num_hidden_units": 64, "output_dimension": 3, "distance": "cosine"}
    for number, name in enumerate(("before", "after")):
        task = monkey(seed, number)
        codes, seconds = fitted(task, 3, seed, exponent=2.0)
        found[f"{name}: contrica, 3 codes"] = direction_scores(codes, task, role) | {"processor seconds": seconds}
        null, _ = fitted(task, 3, seed, exponent=2.0, shuffled=True)
        found[f"{name}: null, labels shuffled"] = direction_scores(null, task, role)
        if peer is not None:
            codes, seconds = peer_codes(task, settings, peer, label=True)
            found[f"{name}: CEBRA, 3 codes"] = direction_scores(codes, task, role) | {"processor seconds": seconds}
        factors = within_factors(sessions[number].factors, sessions[number].trials)
        found[f"{name}: 10 given factors"] = direction_scores(sessions[number].factors, task, role)
        found[f"{name}: 10 given factors, smoothed alike"] = direction_scores(factors, task, role)
        other = monkey(seed, 1 - number)
        codes, _ = fitted(replace(task, inputs=np.concatenate([task.inputs, other.inputs])), 3, seed, exponent=2.0)
        joined = replace(other, labels=np.concatenate([task.labels, other.labels]))
        joined = replace(joined, role=np.concatenate([np.where(task.role == "train", "train", "x"), other.role]))
        fit = task.rows("train")
        found[f"{name} decodes the other: contrica, one encoder"] = direction_scores(codes, joined, role, fit)
        both = np.concatenate([factors, within_factors(sessions[1 - number].factors, sessions[1 - number].trials)])
        found[f"{name} decodes the other: 10 given factors, smoothed"] = direction_scores(both, joined, role, fit)
    return found


def within_factors(values: Array, trials: Array) -> Array:
    """Return means over the rows of the trial at most 2 away."""
    means = np.empty(values.shape, np.float32)
    for row in range(len(values)):
        near = np.arange(max(0, row - 2), min(len(values), row + 3))
        means[row] = values[near[trials[near] == trials[row]]].mean(0)
    return means


def measure_mocap(seed: int, peer: str | None, role: str) -> dict[str, dict[str, Any]]:
    """Return the scores of a seed, and how much of the codes of another seed an affine map of these explains."""
    task = mocap(seed)
    codes, seconds = fitted(task, 3, seed, exponent=2.0)
    found: dict[str, dict[str, Any]] = {
        "contrica, 3 codes": action_scores(codes, task, role) | {"processor seconds": seconds}
    }
    null, _ = fitted(task, 3, seed, exponent=2.0, shuffled=True)
    found["null: time shuffled"] = action_scores(null, task, role)
    test = task.rows(role)
    again, _ = fitted(task, 3, seed + 100, exponent=2.0)
    kept = task.rows("train")
    for name, other in (("another seed", again), ("null", null)):
        linear = LinearRegression().fit(codes[kept], other[kept])
        found[f"consistency with {name}"] = {"linear R2": r2_score(other[test], linear.predict(codes[test]))}
    if peer is not None:
        settings = {"model_architecture": "offset1-model", "time_offsets": 5, "conditional": "time", "seed": seed}
        settings |= {"learning_rate": 1e-3, "num_hidden_units": 64, "output_dimension": 3, "distance": "cosine"}
        codes, seconds = peer_codes(task, settings, peer)
        found["CEBRA, 3 codes on a sphere"] = action_scores(codes, task, role) | {"processor seconds": seconds}
    return found | baselines(task, 3, lambda codes: action_scores(codes, task, role), seed)


MEASURES = {"rat": measure_rat, "monkey": measure_monkey, "mocap": measure_mocap}


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", choices=MEASURES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--peer", help="Python of the environment that make peers builds; without it no CEBRA")
    parser.add_argument("--role", default="test", choices=("validation", "test"))
    arguments = parser.parse_args()
    for name in arguments.recordings:
        runs = []
        for seed in arguments.seeds:
            runs.append(MEASURES[name](seed, arguments.peer, arguments.role))
            sys.stderr.write(f"{name}, seed {seed}\n")
            if arguments.role == "validation":
                sys.stdout.write(json.dumps(runs[-1], indent=1) + "\n")
        if arguments.role == "test":
            write(name, arguments, runs)


def write(name: str, arguments: argparse.Namespace, runs: Sequence[dict[str, dict[str, Any]]]) -> None:
    """Write the numbers of every seed as JSON, and a table of middles and ranges."""
    words = ["python benchmarks/recordings.py", name, "--seeds", *map(str, arguments.seeds)]
    command = " ".join([*words, *(["--peer .venv-peers/bin/python"] if arguments.peer else [])])
    head = {"command": command, "date": datetime.now(UTC).date().isoformat(), "environment": environment()}
    rows = [{"seed": seed, "scores": run} for seed, run in zip(arguments.seeds, runs, strict=True)]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({**head, "rows": rows}, indent=1) + "\n")
    columns = list(dict.fromkeys(column for run in runs for scores in run.values() for column in scores))
    lines = [f"# {name}", "", (MAKERS[name].__doc__ or "").strip(), ""]
    lines += [f"| codes | seeds | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for codes in dict.fromkeys(codes for run in runs for codes in run):
        found = [run[codes] for run in runs if codes in run]
        cells = [spread([scores[column] for scores in found if column in scores]) for column in columns]
        lines.append(f"| {codes} | {len(found)} | {' | '.join(cells)} |")
    versions = ", ".join(f"{key} {value}" for key, value in head["environment"].items())
    lines += ["", f"Middle of the seeds, least to greatest in brackets. `{command}`, {head['date']}; {versions}."]
    (RESULTS / f"{name}.md").write_text("\n".join(lines) + "\n")


MAKERS: dict[str, Callable[..., Task]] = {"rat": rat, "monkey": monkey, "mocap": mocap}


def spread(values: Sequence[float]) -> str:
    """Return the middle and, where there are several, the range."""
    if not values:
        return ""
    middle = f"{statistics.median(values):.3f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    main()
