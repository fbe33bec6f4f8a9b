"""Seconds per step and peak memory of contrastive fits of a recording, as it grows, beside CEBRA.

python benchmarks/fits.py --peer .venv-peers/bin/python [--quick]

A recording of 100 channels with two continuous labels, fitted from pairs in time and from pairs of near labels: batch
512, an encoder of 100-32-32-16-3 units with codes of unit length, cosine similarity, InfoNCE, Adam, one thread, for
both. Each fit is a fresh process of its own program; the two take turns. Seconds per step are the slope between a short
and a long fit, so that neither loading, checking nor sorting counts, which are reported apart as those of a fit of no
steps. Memory is what the fit adds to the high-water mark of the process with the recording loaded.

CEBRA (Schneider, Lee, Mathis 2023, Nature) draws 512 reference rows, their positives, and 512 negatives of their own;
contrica takes the positives of the other rows as negatives and encodes a third less. For near labels CEBRA's mode is
``conditional="time_delta"``: a label difference is drawn and the row is searched whose label comes nearest to it.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

RESULTS = Path(__file__).parent / "results"
CHANNELS, BATCH, WIDTHS, CODES, LAG = 100, 512, (32, 32, 16), 3, 10
SIZES = (2_000, 20_000, 200_000)
SHORT, LONG = 10, 60
DRAWS = 100

Recording = tuple[np.ndarray, np.ndarray]


def record(rows: int) -> Recording:
    """Return counts of cells with bumps on the unit square, and the path on it, a reflected random walk."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(scale=0.02, size=(rows, 2)), 0)
    path = np.abs((walk + 1.0) % 2.0 - 1.0)
    centres = rng.random((CHANNELS, 2))
    counts = np.empty((rows, CHANNELS), np.float32)
    for start in range(0, rows, 10_000):
        near = ((path[start : start + 10_000, None] - centres) ** 2).sum(-1)
        counts[start : start + 10_000] = rng.poisson(3.0 * np.exp(-near / (2 * 0.15**2)))
    return counts, path.astype(np.float32)


def pairs_of(recording: Recording, kind: str) -> Any:
    """Return contrica's source of pairs."""
    import contrica as ct

    counts, path = recording
    return ct.TemporalPairs(counts, lags=LAG) if kind == "time" else ct.LabelledPairs(counts, path, bandwidth=0.05)


def draws(sizes: tuple[int, ...]) -> dict[str, dict[int, float]]:
    """Return processor milliseconds of drawing one batch from our sources, by kind and rows: the search alone."""
    found: dict[str, dict[int, float]] = {"time": {}, "labels": {}}
    sources = {(kind, size): pairs_of(record(size), kind) for kind in found for size in sizes}
    times: dict[tuple[str, int], list[float]] = {place: [] for place in sources}
    generator = torch.Generator().manual_seed(0)
    for _ in range(DRAWS):
        for place, source in sources.items():
            begun = time.process_time()
            source.draw(BATCH, generator=generator)
            times[place].append(time.process_time() - begun)
    for (kind, size), values in times.items():
        found[kind][size] = 1e3 * statistics.median(values)
    return found


def ours(recording: Recording, kind: str, steps: int) -> None:
    """Fit with contrica's own parts."""
    import contrica as ct

    pairs = pairs_of(recording, kind)
    generator = torch.Generator().manual_seed(0)
    output = ct.SphereOutput(CODES)
    encoder = ct.MLP(CHANNELS, CODES, widths=WIDTHS, linear_skip=False, output=output, generator=generator)
    critic = ct.Critic(ct.SphereDot(concentration=1.0))
    options = ct.TrainingOptions(steps=max(steps, 1), batch_size=BATCH, optimizer="adamw", learning_rate=3e-4)
    for step in ct.train(encoder, critic, ct.InfoNCE(), pairs, options=options, generator=generator):
        if step.step >= steps:
            break


def peer(recording: Recording, kind: str, steps: int) -> None:
    """Fit with CEBRA's estimator."""
    from cebra import CEBRA

    counts, path = recording
    model = CEBRA(
        model_architecture="offset1-model",
        device="cpu",
        batch_size=BATCH,
        output_dimension=CODES,
        num_hidden_units=WIDTHS[0],
        time_offsets=LAG,
        max_iterations=max(steps, 1),
        conditional="time" if kind == "time" else "time_delta",
    )
    model.fit(counts) if kind == "time" else model.fit(counts, path)


def child(tool: str, kind: str, file: str, steps: int) -> None:
    """Fit once in this process and write seconds and the rise of its high-water mark."""
    torch.set_num_threads(1)
    fit: Callable[[Recording, str, int], None] = {"contrica": ours, "cebra": peer}[tool]
    fit(record(BATCH), "time", 3)
    with np.load(file) as loaded:
        recording = loaded["counts"], loaded["path"]
    before, wall, processor = high_water_mib(), time.perf_counter(), time.process_time()
    fit(recording, kind, steps)
    outcome = {
        "wall_s": time.perf_counter() - wall,
        "processor_s": time.process_time() - processor,
        "extra_mib": high_water_mib() - before,
        "version": metadata.version(tool),
    }
    sys.stdout.write("\n" + json.dumps(outcome))


def high_water_mib() -> float:
    """Return this program's peak resident memory; not getrusage's, which a child inherits from its parent on Linux."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def run(program: str, tool: str, kind: str, file: Path, steps: int) -> dict[str, Any]:
    """Return what a fit in a fresh process measured."""
    command = [program, __file__, "--child", tool, kind, str(file), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} failed on {kind}, {file.name}: {done.stderr.strip().splitlines()[-1]}")
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def measure(programs: dict[str, str], *, sizes: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Return all numbers; the tools take turns."""
    rows, versions = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            file = Path(folder, f"{size}.npz")
            counts, path = record(size)
            np.savez(file, counts=counts, path=path)
            for kind in ("time", "labels"):
                fits: dict[str, list[list[dict[str, Any]]]] = {tool: [] for tool in programs}
                for _ in range(rounds):
                    for tool, program in programs.items():
                        fits[tool].append([run(program, tool, kind, file, steps) for steps in (SHORT, LONG)])
                for tool, pairs in fits.items():
                    versions[tool] = pairs[0][0]["version"]
                    rows.append({"rows": size, "pairs": kind, "tool": tool, **summary(pairs)})
    return {"versions": versions, "rows": rows, "draws": draws(sizes)}


def summary(fits: list[list[dict[str, Any]]]) -> dict[str, float]:
    """Return medians over rounds: the slope per step, what is left for no steps, and the greatest memory."""
    slopes = [(long["processor_s"] - short["processor_s"]) / (LONG - SHORT) for short, long in fits]
    walls = [(long["wall_s"] - short["wall_s"]) / (LONG - SHORT) for short, long in fits]
    starts = [short["processor_s"] - SHORT * slope for (short, _), slope in zip(fits, slopes, strict=True)]
    return {
        "processor_ms_per_step": 1e3 * statistics.median(slopes),
        "wall_ms_per_step": 1e3 * statistics.median(walls),
        "start_processor_s": statistics.median(starts),
        "extra_mib": max(fit["extra_mib"] for pair in fits for fit in pair),
    }


def exponent(rows: list[dict[str, Any]]) -> float:
    """Return the slope of log processor time per step on log rows."""
    sizes = [math.log(row["rows"]) for row in rows]
    return float(np.polyfit(sizes, [math.log(row["processor_ms_per_step"]) for row in rows], 1)[0])


def table(result: dict[str, Any]) -> str:
    """Return the numbers as a page of markdown."""
    lines = [
        "# Contrastive fits of a recording as it grows, beside CEBRA",
        "",
        f"`{result['command']}`, {result['date']}; {result['machine']}, one thread, load {result['load_before']:.1f}"
        f" before and {result['load_after']:.1f} after; python {result['python']},"
        f" {', '.join(f'{name} {version}' for name, version in result['versions'].items())}.",
        "",
        f"Batch {BATCH}, {CHANNELS}-{'-'.join(map(str, WIDTHS))}-{CODES} units, medians of {result['rounds']} rounds"
        " in which the tools take turns. Seconds are of the processor; a step is the slope between"
        f" {SHORT} and {LONG} steps.",
        "",
        "| pairs | rows | tool | ms a step | CEBRA / contrica | s before the first step | extra memory, MiB |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        same = {
            other["tool"]: other["processor_ms_per_step"]
            for other in result["rows"]
            if (other["rows"], other["pairs"]) == (row["rows"], row["pairs"])
        }
        ratio = f"{same['cebra'] / same['contrica']:.2f}" if row["tool"] == "contrica" and "cebra" in same else ""
        lines.append(
            f"| {row['pairs']} | {row['rows']} | {row['tool']} | {row['processor_ms_per_step']:.2f} | {ratio}"
            f" | {row['start_processor_s']:.2f} | {row['extra_mib']:.0f} |"
        )
    lines += ["", "Processor time of a step grows as"]
    for kind in ("time", "labels"):
        for tool in result["versions"]:
            curve = [row for row in result["rows"] if (row["pairs"], row["tool"]) == (kind, tool)]
            lines.append(f"rows^{exponent(curve):.2f} ({tool}, {kind}),")
    lines[-1] = lines[-1].rstrip(",") + "; 0 is what a search that does not look at every row must have."
    lines += ["", f"Drawing {BATCH} pairs alone, contrica, medians of {DRAWS} draws of all sizes in turn:", ""]
    for kind, values in result["draws"].items():
        (small, least), *_, (large, most) = values.items()
        each = ", ".join(f"{value:.2f} ms of {size} rows" for size, value in values.items())
        lines.append(
            f"- {kind}: {each}: {most / least:.2f} times as long for {int(large) / int(small):.0f} times the rows."
        )
    lines += [
        "",
        "Labels are looked up in a grid, of which the bandwidth decides how many cells there are, and two binary"
        " searches find the anchor in its cell. What is drawn at random from larger arrays is seldom in the cache.",
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of an environment with CEBRA, see benchmarks/peers")
    parser.add_argument("--quick", action="store_true", help="two small sizes, one round, nothing written")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        tool, kind, file, steps = arguments.child
        child(tool, kind, file, int(steps))
        return
    programs = {"contrica": sys.executable} | ({} if arguments.peer is None else {"cebra": arguments.peer})
    rounds, sizes = (1, SIZES[:2]) if arguments.quick else (2, SIZES)
    result = {
        "command": "python benchmarks/fits.py --peer PYTHON" + (" --quick" if arguments.quick else ""),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "rounds": rounds,
        "load_before": os.getloadavg()[0],
        **measure(programs, sizes=sizes, rounds=rounds),
        "load_after": os.getloadavg()[0],
    }
    page = table(result)
    sys.stdout.write(page)
    if not arguments.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "fits.json").write_text(json.dumps(result, indent=1) + "\n")
        (RESULTS / "fits.md").write_text(page)


if __name__ == "__main__":
    main()
