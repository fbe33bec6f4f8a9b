"""Memory and time of a large batch through a wide encoder, plain and with activations that are forgotten.

python benchmarks/gradient_caching.py

One InfoNCE step, forward and backward, of an MLP of 3 x 512 units on pairs of ten latents. Memory is what the step adds
to the high-water mark of a fresh process, after a small step that loads and compiles; processor seconds, one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from time_to_identification import RESULTS, processor

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP
from contrica.losses import InfoNCE
from contrica.pairs import PairBatch
from contrica.record import environment
from contrica.training.chunked import in_chunks

DIM, WIDTHS = 10, (512, 512, 512)
BATCHES = (1024, 4096)
CHUNKS = (0, 1024, 256, 64)
"""Observations that are encoded at a time; 0 stands for all."""


def child(batch_size: int, rows_at_once: int) -> None:
    """Make a small step and the one that counts, and write what it took."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    encoder = MLP(DIM, DIM, widths=WIDTHS, generator=generator)
    critic = Critic(PowerSum(DIM, exponent=1.0))
    encode = in_chunks(encoder, rows_at_once) if rows_at_once else encoder

    def step(size: int) -> None:
        anchors = torch.rand(size, DIM, generator=generator)
        batch = PairBatch(anchors, anchors + 0.05 * torch.randn(size, DIM, generator=generator))
        pair_loss(encode, critic, InfoNCE(), batch).backward()  # type: ignore[no-untyped-call]

    step(256)
    before, begun = high_water_mib(), time.process_time()
    step(batch_size)
    norm = float(torch.linalg.vector_norm(torch.cat([entry.grad.flatten() for entry in encoder.parameters()])))
    took = {"processor_s": time.process_time() - begun, "extra_mib": high_water_mib() - before, "gradient_norm": norm}
    sys.stdout.write(json.dumps(took))


def high_water_mib() -> float:
    """Return this program's peak resident memory; not getrusage's, which a child inherits from its parent on Linux."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# Gradient caching: a large batch in the memory of a small one",
        "",
        f"`{result['command']}`, {result['date']}; {result['processor']}, one thread, load {result['load_before']:.1f}"
        f" before and {result['load_after']:.1f} after; torch {result['environment']['torch']}. One step, forward and"
        f" backward, encoder {DIM}-{'-'.join(map(str, WIDTHS))}-{DIM}; both views are encoded.",
        "",
        "| batch | rows at a time | extra memory, MiB | processor s | of the plain form | norm of the gradient |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        plain = next(other for other in result["rows"] if other["batch"] == row["batch"] and not other["rows_at_once"])
        lines.append(
            f"| {row['batch']} | {row['rows_at_once'] or 'all'} | {row['extra_mib']:.0f} | {row['processor_s']:.2f} |"
            f" {row['processor_s'] / plain['processor_s']:.2f} | {row['gradient_norm']:.6g} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        child(*arguments.child)
        return
    result: dict[str, Any] = {
        "command": "python benchmarks/gradient_caching.py",
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": processor(),
        "environment": environment(),
        "load_before": os.getloadavg()[0],
        "rows": [],
    }
    for batch in BATCHES:
        for rows in CHUNKS:
            command = [sys.executable, __file__, "--child", str(batch), str(rows)]
            took = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            result["rows"].append({"batch": batch, "rows_at_once": rows, **took})
    result["load_after"] = os.getloadavg()[0]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gradient_caching.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "gradient_caching.md").write_text(table(result))
    sys.stdout.write(table(result))


if __name__ == "__main__":
    main()
