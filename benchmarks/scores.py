"""Processor seconds of the scores, beside the same values by plain library calls.

python benchmarks/scores.py [--quick]

Codes are a noisy rotation of independent factors; observations are a wider linear mixture of them. ``score`` gives R2,
both MCCs, leakage, their intervals from 200 resamples, and the same for the floors (noise, rotation, observations,
FastICA). The plain form is what published code does, on the same held-out halves: scikit-learn's LinearRegression, and
numpy's and scipy's correlations with scipy's assignment, values alone, no interval and no floor. One thread.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from contrica.evaluation import linear_r2, mcc, score

RESULTS = Path(__file__).parent / "results"
CASES = ((10_000, 10), (100_000, 50))
SAMPLE_CURVE, SAMPLE_DIM = (6_250, 12_500, 25_000, 50_000, 100_000), 10
DIM_CURVE, DIM_SAMPLES = (5, 10, 20, 40, 80), 20_000

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def data(rows: int, dim: int) -> Arrays:
    """Return codes, factors and observations."""
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(rows, dim))
    rotation = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    codes = factors @ rotation + 0.05 * rng.normal(size=(rows, dim))
    return codes, factors, factors @ rng.normal(size=(dim, 2 * dim))


def plain(arrays: Arrays) -> dict[str, float]:
    """Return R2 and both MCCs, fitted on the first half of the rows and taken on the second."""
    codes, factors, _ = arrays
    half = len(codes) // 2
    dim = factors.shape[1]
    found = {"r2": LinearRegression().fit(codes[:half], factors[:half]).score(codes[half:], factors[half:])}
    for name, correlations in (
        ("pearson", lambda rows: np.corrcoef(factors[rows].T, codes[rows].T)[:dim, dim:]),
        ("spearman", lambda rows: np.asarray(spearmanr(factors[rows], codes[rows]).statistic)[:dim, dim:]),
    ):
        matching = linear_sum_assignment(-np.abs(correlations(slice(None, half))))
        found[name] = float(np.abs(correlations(slice(half, None)))[matching].mean())
    return found


WAYS: dict[str, Callable[[Arrays], Any]] = {
    "plain values": plain,
    "linear_r2, mcc with intervals": lambda arrays: (
        linear_r2(*arrays[:2]),
        mcc(*arrays[:2], kind="pearson"),
        mcc(*arrays[:2], kind="spearman"),
    ),
    "score without floors": lambda arrays: score(*arrays[:2], floors=False),
    "score with floors": lambda arrays: score(*arrays[:2], observations=arrays[2]),
}


def seconds(way: Callable[[Arrays], Any], arrays: Arrays, rounds: int) -> float:
    """Return the median processor seconds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        way(arrays)
        times.append(time.process_time() - start)
    return statistics.median(times)


def agreement(arrays: Arrays) -> dict[str, float]:
    """Return by how much the plain values and ours differ; the halves differ, so sampling remains."""
    ours, theirs = score(*arrays[:2], floors=False), plain(arrays)
    return {
        "r2": ours.r2.value - theirs["r2"],
        "pearson": ours.mcc_pearson.value - theirs["pearson"],
        "spearman": ours.mcc_spearman.value - theirs["spearman"],
    }


def curve(sizes: tuple[int, ...], make: Callable[[int], Arrays], rounds: int) -> dict[str, Any]:
    """Return seconds of a score with intervals by size, and the slope of their logarithms."""
    times = {size: seconds(WAYS["score without floors"], make(size), rounds) for size in sizes}
    slope = np.polyfit([math.log(size) for size in times], [math.log(value) for value in times.values()], 1)[0]
    return {"processor_s": times, "exponent": float(slope)}


def measure(*, quick: bool) -> dict[str, Any]:
    """Return all numbers."""
    torch.set_num_threads(1)
    rounds = 1 if quick else 3
    cases = []
    for rows, dim in CASES[: 1 if quick else None]:
        arrays = data(rows, dim)
        sys.stderr.write(f"{rows} x {dim}\n")
        rounds_here = rounds if rows <= 10_000 else 1
        times: dict[str, float] = {name: seconds(way, arrays, rounds_here) for name, way in WAYS.items()}
        cases.append({"rows": rows, "dim": dim, "processor_s": times, "difference": agreement(arrays)})
    return {
        "cases": cases,
        "by_samples": curve(SAMPLE_CURVE[: 3 if quick else None], lambda rows: data(rows, SAMPLE_DIM), rounds),
        "by_dim": curve(DIM_CURVE[: 3 if quick else None], lambda dim: data(DIM_SAMPLES, dim), rounds),
    }


def table(result: dict[str, Any]) -> str:
    """Return the numbers as a page of markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        "# Seconds of the scores",
        "",
        f"`{result['command']}`, {result['date']}; {result['machine']}, one thread, load {result['load_before']:.1f}"
        f" before and {result['load_after']:.1f} after; {versions}.",
        "",
        "| rows x factors | what | processor s | of the plain form |",
        "|---|---|---:|---:|",
    ]
    for case in result["cases"]:
        for name, value in case["processor_s"].items():
            ratio = value / case["processor_s"]["plain values"]
            lines.append(f"| {case['rows']} x {case['dim']} | {name} | {value:.3f} | {ratio:.2f} |")
    worst = max(abs(value) for case in result["cases"] for value in case["difference"].values())
    lines += [
        "",
        f"The values agree within {worst:.4f}; the halves are drawn differently.",
        "",
        f"`score` without floors grows as samples^{result['by_samples']['exponent']:.2f} (10 factors; 1 is expected,"
        f" the ranks' sorting aside) and as factors^{result['by_dim']['exponent']:.2f} ({DIM_SAMPLES} rows;"
        " between 1, the ranks and resamples, and 2, the correlations).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small case and short curves, nothing written")
    quick = parser.parse_args().quick
    result = {
        "command": "python benchmarks/scores.py" + (" --quick" if quick else ""),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("contrica", "numpy", "scipy", "scikit-learn")},
        "load_before": os.getloadavg()[0],
        **measure(quick=quick),
        "load_after": os.getloadavg()[0],
    }
    page = table(result)
    sys.stdout.write(page)
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "scores.json").write_text(json.dumps(result, indent=1) + "\n")
        (RESULTS / "scores.md").write_text(page)


if __name__ == "__main__":
    main()
