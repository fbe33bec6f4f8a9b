"""What a whole training step costs against the columns of the observations, the latents and the codes, and the batch.

python benchmarks/step_costs.py [--quick]

Pairs in time of a recording of noise, an encoder of 3 x 256 units, l1, InfoNCE with an offset, AdamW, one thread; one
number is changed at a time. All sizes of a curve take turns, step by step, and each counts with the least processor
time of its steps, which the neighbours of a shared machine disturb least. The exponent is the slope of log time on log
size over the largest three sizes. Beside it stands the one of the arithmetic alone, at the speed of a matrix product of
the encoder's shape, measured in the same run, and of the pairs in `all_pairs.md`.
"""

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import contrica as ct
from contrica.record import environment

RESULTS = Path(__file__).parent / "results"
ROWS, WIDTHS = 20_000, (256, 256, 256)
STEPS, WARM = 12, 3
PAIR_NS, TERM_NS = 1.4, 0.34
"""A pair, and each of its terms |u - v|, forwards and backwards: from the least times of `all_pairs.md`."""


class Size(NamedTuple):
    """What a step is made of."""

    columns: int = 100
    codes: int = 10
    batch: int = 512

    def arithmetic_ms(self, products_per_ms: float) -> float:
        """Return what the encoder's products, forwards and twice backwards for both views, and the pairs must take."""
        sizes = (self.columns, *WIDTHS, self.codes)
        weights = sum(here * there for here, there in pairwise(sizes)) + self.columns * self.codes
        offset = self.columns * 100 + 100 * 100
        pairs = 1e-6 * self.batch**2 * (PAIR_NS + TERM_NS * self.codes)
        return 3.0 * self.batch * (2 * weights + offset) / products_per_ms + pairs


def products_per_ms() -> float:
    """Return multiplications and additions in a millisecond of the processor, of a product of the encoder's shape."""
    rows, width = torch.randn(Size().batch, WIDTHS[0]), torch.randn(WIDTHS[0], WIDTHS[1])
    times = []
    for _ in range(50):
        begun = time.process_time()
        rows @ width
        times.append(1e3 * (time.process_time() - begun))
    return float(rows.numel() * width.shape[1] / min(times))


CURVES: dict[str, tuple[int, ...]] = {
    "columns": (64, 256, 1024, 4096, 8192),
    "codes": (5, 10, 20, 40, 80),
    "batch": (128, 256, 512, 1024, 2048, 4096),
}


def training(size: Size) -> Iterator[ct.StepRecord]:
    """Return a fit of this size under way."""
    generator = torch.Generator().manual_seed(0)
    recording = torch.randn(ROWS, size.columns, generator=generator)
    encoder = ct.MLP(size.columns, size.codes, widths=WIDTHS, generator=generator)
    offset = ct.ScalarNet(size.columns, generator=generator)
    critic = ct.Critic(ct.PowerSum(size.codes, exponent=1.0), candidate_offset=offset)
    options = ct.TrainingOptions(steps=10_000, batch_size=size.batch, optimizer="adamw")
    pairs = ct.TemporalPairs(recording, lags=1)
    return ct.train(encoder, critic, ct.InfoNCE(), pairs, options=options, generator=generator)


def curve(name: str, values: tuple[int, ...], steps: int, speed: float) -> dict[str, Any]:
    """Return the least processor milliseconds of a step at each value, and the exponents."""
    sizes = [Size(**{name: value}) for value in values]
    fits = [training(size) for size in sizes]
    times: list[list[float]] = [[] for _ in sizes]
    for _ in range(WARM + steps):
        for fit, mine in zip(fits, times, strict=True):
            begun = time.process_time()
            next(fit)
            mine.append(1e3 * (time.process_time() - begun))
    least = [min(mine[WARM:]) for mine in times]
    return {
        "values": list(values),
        "milliseconds": least,
        "medians": [float(np.median(mine[WARM:])) for mine in times],
        "exponent": exponent(values, least),
        "expected": exponent(values, [size.arithmetic_ms(speed) for size in sizes]),
        "arithmetic": [size.arithmetic_ms(speed) for size in sizes],
    }


def exponent(values: tuple[int, ...], costs: list[float]) -> float:
    """Return the slope over the largest three."""
    logs = [math.log(value) for value in values[-3:]]
    return float(np.polyfit(logs, [math.log(cost) for cost in costs[-3:]], 1)[0])


def table(result: dict[str, Any]) -> str:
    """Return the markdown page."""
    where = result["environment"]
    lines = [
        "# What a training step costs as it grows",
        "",
        f"`{result['command']}`, {result['date']}; {platform.machine()}, {os.cpu_count()} cores, one thread, load"
        f" {result['load'][0]:.1f} before and {result['load'][1]:.1f} after; python {where['python']}, torch"
        f" {where['torch']}.",
        "",
        f"{ROWS} rows of {Size().columns} columns, batch {Size().batch}, {Size().codes} codes, an encoder of"
        f" {'-'.join(map(str, WIDTHS))} units, l1, InfoNCE with an offset, AdamW; one number is changed at a time."
        f" Least processor time of {result['steps']} steps, sizes in turn. Arithmetic: products at"
        f" {result['speed'] / 1e6:.0f} a nanosecond, and all pairs.",
        "",
    ]
    for name, found in result["curves"].items():
        lines += [f"| {name} | ms a step, least | median | arithmetic |", "|---:|---:|---:|---:|"]
        entries = zip(*(found[part] for part in ("values", "milliseconds", "medians", "arithmetic")), strict=True)
        lines += [f"| {value} | {least:.1f} | {median:.1f} | {floor:.1f} |" for value, least, median, floor in entries]
        lines += [
            "",
            f"{name}^{found['exponent']:.2f} over the largest three; the arithmetic has {found['expected']:.2f}.",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few steps of small sizes, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    before, steps = os.getloadavg()[0], 2 if quick else STEPS
    speed = products_per_ms()
    curves = {name: curve(name, values[: 3 if quick else None], steps, speed) for name, values in CURVES.items()}
    result = {
        "command": "python benchmarks/step_costs.py" + (" --quick" if quick else ""),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "steps": steps,
        "load": [before, os.getloadavg()[0]],
        "environment": environment(),
        "speed": speed,
        "curves": curves,
    }
    page = table(result)
    sys.stdout.write(page)
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "step_costs.json").write_text(json.dumps(result, indent=1) + "\n")
        (RESULTS / "step_costs.md").write_text(page)


if __name__ == "__main__":
    main()
