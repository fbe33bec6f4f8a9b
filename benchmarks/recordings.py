"""Recipes on recordings, beside CEBRA at the same budget on the same rows; tables of all seeds.

python benchmarks/recordings.py rat monkey mocap sprites --seeds 0 1 2 3 4 --peer .venv-peers/bin/python

What is asked of each recording, its splits and decoders are those of the package (`contrica.recordings`). CEBRA gets
the same training rows, the same receptive field, batches as large and as many steps, more where validation rows asked
for them, and is decoded alike. Settings of both were chosen on validation rows, with seeds that are not among those
reported; `Peer.among` says among which those of CEBRA. Results are written after each experiment; finished ones are
taken from the cache.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contrica.errors import NonFiniteError
from contrica.recipes import Recipe, RecordCache, default_cache_folder, recipe, run_all
from contrica.recordings import Motion, MotorCortex, OpenField, RecordingExperiment, RecordingRecord, Task
from contrica.recordings.open_field import SUMMED
from contrica.report.recording_outcome import RecordingOutcome
from contrica.report.recordings_section import recordings_table

RESULTS = Path(__file__).parent / "results"
PEER_SCRIPT = Path(__file__).parent / "peers" / "cebra_codes.py"
Array = npt.NDArray[Any]
NAMES = ("rat", "monkey", "mocap", "sprites")


@dataclass(frozen=True)
class Peer:
    """How CEBRA is fitted to a recording, and what this was chosen among."""

    settings: dict[str, Any]
    dims: tuple[int, ...]
    among: str


PEERS: dict[type, Peer] = {
    OpenField: Peer(
        {"model_architecture": "offset5-model", "time_offsets": 5, "conditional": "time", "learning_rate": 1e-3}
        | {"num_hidden_units": 128, "distance": "cosine"},
        (3,),
        "learning rate 3e-4 or 1e-3, 32 or 128 hidden units, sphere or plane",
    ),
    MotorCortex: Peer(
        {"model_architecture": "offset1-model", "time_offsets": 1, "conditional": "time_delta", "learning_rate": 1e-3}
        | {"num_hidden_units": 64, "distance": "cosine", "max_iterations": 300},
        (3,),
        "100 steps, as ours, or 300, learning rate 1e-3 or 3e-3, 64 or 128 hidden units, sphere or plane",
    ),
    Motion: Peer(
        {"model_architecture": "offset1-model", "time_offsets": 1, "conditional": "time", "learning_rate": 1e-3}
        | {"num_hidden_units": 64, "distance": "cosine"},
        (3, 8),
        "for pairs by time, learning rate 3e-4, 1e-3 or 3e-3, 32, 64 or 128 hidden units, sphere or plane, time offsets"
        " 1, 5 or 10, temperature",
    ),
}

BY_ACTION = Peer(
    {"model_architecture": "offset1-model", "learning_rate": 1e-3, "num_hidden_units": 64, "distance": "euclidean"},
    (3, 8),
    "for pairs by action, learning rate 1e-3 or 3e-3, sphere or plane",
)


def peer_of(recording: object) -> Peer | None:
    """Return how CEBRA is fitted to a recording, None where it is not."""
    if isinstance(recording, Motion) and recording.pairs_by == "action":
        return BY_ACTION
    return PEERS.get(type(recording))


def peer_codes(experiment: RecordingExperiment, task: Task, peer: Peer, python: str) -> tuple[Array, float, str]:
    """Return CEBRA's codes of all rows, processor seconds, and the versions of what made them."""
    recording, train = experiment.recording, task.rows("train")
    inputs, pieces, chosen = task.inputs.numpy(), np.zeros(len(task.inputs), np.int64), np.arange(len(task.inputs))
    arrays: dict[str, Array] = {}
    if isinstance(recording, OpenField):
        # Its own receptive field sums the bins that ours are sums of.
        inputs, pieces, _ = recording.spikes(experiment.seed)
        sums = np.lib.stride_tricks.sliding_window_view(pieces, SUMMED)
        chosen = np.flatnonzero(sums[:, 0] == sums[:, -1]) + SUMMED // 2
        train = np.flatnonzero(np.isin(pieces, np.unique(pieces[chosen[train]])))
    if isinstance(recording, MotorCortex):
        angles = np.radians(task.views[0].values[train])
        arrays["labels"] = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if isinstance(recording, Motion) and recording.pairs_by == "action":
        arrays["labels"] = task.views[0].values[train].astype(np.int64)
    if task.widths is not None:
        arrays["sessions"] = inputs[:, 0].astype(np.int64)
        inputs = inputs[:, 1:]
    settings = {
        "seed": experiment.seed,
        "output_dimension": experiment.model.code_dim,
        "max_iterations": experiment.training.steps,
        "batch_size": min(experiment.training.batch_size, len(train) // (1 if task.widths is None else 2)),
        **peer.settings,
    }
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "task.npz", all=inputs, train=train, pieces=pieces, **arrays)
        paths = [str(Path(folder) / name) for name in ("task.npz", "codes.npz")]
        subprocess.run([python, "-W", "ignore", str(PEER_SCRIPT), *paths, json.dumps(settings)], check=True)
        with np.load(paths[1]) as file:
            return file["codes"][chosen], float(file["seconds"]), str(file["versions"])


def with_peer(experiment: RecordingExperiment, record: RecordingRecord, python: str | None) -> dict[str, Any]:
    """Return the record as JSON without pictures, with CEBRA's scores where it is run."""
    found = record.to_dict() | {"pictures": []}
    peer = peer_of(experiment.recording)
    if python is not None and peer is not None and experiment.model.code_dim in peer.dims:
        task = experiment.recording.task(experiment.seed)
        codes, seconds, versions = peer_codes(experiment, task, peer, python)
        scores = task.decode(codes, task.rows("train"), task.rows("test"))
        name = f"CEBRA, {experiment.model.code_dim} codes"
        found["scores"] = dict(record.scores) | {name: scores | {"processor seconds": seconds}}
        found["environment"] = dict(record.environment) | {"CEBRA by": versions}
    found["scores"]["contrica"] = found["scores"]["contrica"] | {"processor seconds": record.processor_seconds}
    return found


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+", choices=NAMES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[""], help="experiments whose name holds one of these")
    parser.add_argument("--shuffles", type=int, help="fits to shuffled data, instead of the recipe's own number")
    parser.add_argument("--peer", help="Python of the environment that make peers builds; without it no CEBRA")
    arguments = parser.parse_args()
    failures = []
    for name in arguments.recordings:
        try:
            measure(recipe(name), arguments)
        except NonFiniteError as error:
            failures.append(str(error))
    sys.exit("\n".join(failures) or None)


def measure(found: Recipe, arguments: argparse.Namespace) -> None:
    """Run one recipe for all seeds and write its table after each experiment."""
    experiments = [
        one
        for seed in arguments.seeds
        for one in found.build(seed=seed)
        if any(part in one.name for part in arguments.only)
    ]
    order = [one.name for one in found.build(seed=0)]
    if arguments.shuffles is not None:
        experiments = [replace(one, num_shuffles=min(one.num_shuffles, arguments.shuffles)) for one in experiments]
    path = RESULTS / f"{found.name}.json"
    cache = RecordCache(default_cache_folder(), say=lambda sentence: sys.stderr.write(f"{sentence}\n"))
    for number, record in run_all(experiments, jobs=arguments.jobs, cache=cache):
        one = experiments[number]
        row = {
            "name": one.name,
            "seed": one.seed,
            "command": command_of(found.name, arguments),
            "date": datetime.now(UTC).date().isoformat(),
            "record": with_peer(one, record, arguments.peer),
        }
        # Read again each time, so that several of these may run beside each other.
        rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
        rows = [old for old in rows if old.get("name") in order]
        rows = [*(old for old in rows if (old["name"], old["seed"]) != (one.name, one.seed)), row]
        rows.sort(key=lambda old: (order.index(old["name"]), old["seed"]))
        write(found, rows)
        sys.stderr.write(f"{found.name}, {one.name}, seed {one.seed}\n")


def command_of(name: str, arguments: argparse.Namespace) -> str:
    """Return the command that repeats a recording's rows."""
    words = ["python benchmarks/recordings.py", name, "--seeds", *map(str, arguments.seeds)]
    words += [] if arguments.only == [""] else ["--only", *map(repr, arguments.only)]
    words += [] if arguments.shuffles is None else ["--shuffles", str(arguments.shuffles)]
    return " ".join([*words, *(["--peer .venv-peers/bin/python"] if arguments.peer else [])])


def write(found: Recipe, rows: Sequence[dict[str, Any]]) -> None:
    """Write the records of every seed as JSON, and tables of middles and ranges."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"recipe": found.name, "rows": rows}, indent=1, allow_nan=False) + "\n"
    (RESULTS / f"{found.name}.json").write_text(text)
    outcomes = [RecordingOutcome.of(RecordingRecord.from_dict(row["record"])) for row in rows]
    beside = {outcome.name for outcome in outcomes if any(codes.startswith("CEBRA") for codes in outcome.scores)}
    peers = [peer_of(one.recording) for one in found.build(seed=0) if one.name in beside]
    chosen = dict.fromkeys(peer.among for peer in peers if peer is not None)
    said = [f"CEBRA's settings were chosen on validation rows among: {among}." for among in chosen]
    lines = [
        f"# {found.title}",
        "",
        found.summary,
        "",
        "The middle of the seeds, the least and the greatest in brackets.",
    ]
    lines += [*said, "p-values are those of each seed.", "", recordings_table(outcomes), "## How and where", ""]
    for row in rows:
        environment = ", ".join(f"{key} {value}" for key, value in row["record"]["environment"].items())
        entry = f"- `{row['command']}`, {row['date']}; {environment}."
        if entry not in lines:
            lines.append(entry)
    (RESULTS / f"{found.name}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
