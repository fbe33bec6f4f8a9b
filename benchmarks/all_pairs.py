"""Time and memory of the all-pairs log-sum-exp, forward and backward, of several ways to compute it.

python benchmarks/all_pairs.py [--quick | --norms | --far]

Every way computes ``mean_i log sum_{j != i} exp(-||u_i - v_j||_1)`` and the gradients of all codes in float32. Times
are medians of rounds in which the ways take turns; memory is what the high-water mark of a fresh process rises by.

OpenMP's threads are told to sleep while they wait, for every way alike. By default they spin, and where other programs
want the cores that multiplies torch's processor time, most of all that of the tiles with their many small operations:
the comparison would flatter the compiled pass, which does not use them.
"""

import argparse
import gc
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from contrica import _fused
from contrica.critics import Side
from contrica.dissimilarities import Dissimilarity, NormPower, PowerSum
from contrica.losses.reduction import LogSumExp
from contrica.pairwise import PairPlan, reduce_pairs

RESULTS = Path(__file__).parent / "results"
BATCH, CODES, LARGE_BATCH, THREADS = 6144, 10, 65_536, 2
BATCHES, CODE_COUNTS = (1024, 2048, 4096, 8192, 16_384, 32_768), (5, 10, 20, 40, 80, 160)
EXPECTED, FITTED = {"by_batch": 2, "by_codes": 1}, 3
"""Exponents of cost that the arithmetic has, and how many of the largest sizes they are fitted over."""

NORMS: dict[str, Dissimilarity] = {
    "sum of powers, p = 1": PowerSum(5),
    "sum of powers, p = 3": PowerSum(5, exponent=3.0),
    "l1 norm, squared": NormPower(norm_exponent=1.0, power=2.0),
    "l3 norm": NormPower(norm_exponent=3.0, power=1.0),
}
"""Sums of powers, and powers of norms, of five codes."""

FAR = {1.0: 8.0, 2.0: 2.0, 3.0: 1.25}
"""Standard deviations of ten codes, by exponent, at which the median pair is 75 to 90 nats apart: slopes times
differences would leave the normal numbers of float32. At a quarter of it they do not."""

Step = Callable[[], None]


def data(batch: int, codes: int, deviation: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return two views that are close to each other, as in training."""
    generator = torch.Generator().manual_seed(0)
    left = deviation * torch.randn(batch, codes, generator=generator)
    right = left + 0.3 * torch.randn(batch, codes, generator=generator)
    return left.requires_grad_(), right.requires_grad_()


def broadcast(batch: int, codes: int) -> Step:
    """Return a step on ``|u[:, None] - v[None]|``, as the published reference code has it."""
    left, right = data(batch, codes)
    return lambda: _backward(dense_sums((left[:, None] - right[None]).abs().sum(-1)))


def cdist(batch: int, codes: int) -> Step:
    """Return a step on torch.cdist's matrix."""
    left, right = data(batch, codes)
    return lambda: _backward(dense_sums(torch.cdist(left, right, p=1.0)))


def tiles(batch: int, codes: int) -> Step:
    """Return a step of contrica's tiles, which serve where numba is not installed."""
    step = fused(batch, codes)

    def without_numba() -> None:
        with mock.patch.object(_fused, "available", return_value=False):
            step()

    return without_numba


def plain(batch: int, codes: int, dissimilarity: Dissimilarity, deviation: float = 1.0) -> Step:
    """Return a step on the matrix of a dissimilarity, as its own arithmetic gives it."""
    left, right = data(batch, codes, deviation)
    return lambda: _backward(dense_sums(dissimilarity(left[:, None], right[None])))


def fused(batch: int, codes: int, dissimilarity: Dissimilarity | None = None, deviation: float = 1.0) -> Step:
    """Return a step of contrica's compiled pass, of the l1 distance if none is given."""
    left, right = data(batch, codes, deviation)
    dissimilarity = dissimilarity or PowerSum(codes)
    offsets, ids = torch.zeros(batch), torch.arange(batch)
    plan = PairPlan(exclude=(ids, ids))

    def step() -> None:
        sums, _ = reduce_pairs(LogSumExp(), dissimilarity, Side(left, offsets), Side(right, offsets), plan)
        _backward(sums)

    return step


def keops(batch: int, codes: int) -> Step:
    """Return a step of KeOps, with the own positive masked by its index."""
    from pykeops.torch import LazyTensor

    left, right = data(batch, codes)
    ids = torch.arange(batch, dtype=torch.float32)[:, None]

    def step() -> None:
        delta = (LazyTensor(left[:, None]) - LazyTensor(right[None])).abs().sum(-1)
        own = (0.5 - (LazyTensor(ids[:, None]) - LazyTensor(ids[None])).abs()).step()
        _backward((-delta - 1e4 * own).logsumexp(1).squeeze(-1))

    return step


WAYS: dict[str, Callable[[int, int], Step]] = {"broadcast": broadcast, "cdist": cdist, "tiles": tiles, "fused": fused}
PEERS = ("pykeops",) if importlib.util.find_spec("pykeops") is not None else ()
if PEERS:
    WAYS["keops"] = keops


def dense_sums(delta: Tensor) -> Tensor:
    """Return the log-sum-exp over all others from a matrix of distances."""
    return (-delta).masked_fill(torch.eye(len(delta), dtype=torch.bool), -torch.inf).logsumexp(1)


def _backward(sums: Tensor) -> None:
    sums.mean().backward()  # type: ignore[no-untyped-call]


def timed(step: Step) -> tuple[float, float]:
    """Return wall and processor seconds of one step."""
    gc.collect()
    wall, processor = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - processor


def interleaved(steps: dict[Any, Step], rounds: int, *, seldom: Iterable[str] = ("broadcast",)) -> dict[Any, Any]:
    """Return medians and the single times of each step; the slow ones take part in the first two rounds only."""
    for name, step in steps.items():
        if name not in seldom:
            step()
    times: dict[Any, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in range(rounds):
        for name, step in steps.items():
            if name not in seldom or number < 2:
                times[name].append(timed(step))
    return {
        name: {
            "wall_s": statistics.median(wall for wall, _ in pairs),
            "processor_s": statistics.median(processor for _, processor in pairs),
            "least_wall_s": min(wall for wall, _ in pairs),
            "least_processor_s": min(processor for _, processor in pairs),
            "times": len(pairs),
        }
        for name, pairs in times.items()
    }


def extra_memory(way: str, batch: int) -> dict[str, float]:
    """Return what one step in a fresh process adds to its high-water mark, in MiB, and how long it took."""
    command = [sys.executable, __file__, "--child", way, str(batch)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    outcome: dict[str, float] = json.loads(printed.splitlines()[-1])  # KeOps prints warnings above it
    return outcome


def child(way: str, batch: int) -> None:
    """Write this process's extra memory and time; a step on a small batch comes first, to load and compile."""
    torch.set_num_threads(THREADS)
    WAYS[way](512, CODES)()
    step = WAYS[way](batch, CODES)
    before = high_water_kib()
    wall, processor = timed(step)
    extra = (high_water_kib() - before) / 1024
    sys.stdout.write("\n" + json.dumps({"extra_mib": extra, "wall_s": wall, "processor_s": processor}))


def high_water_kib() -> int:
    """Return this program's peak resident memory; not getrusage's, which a child inherits from its parent on Linux."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def compile_seconds() -> dict[str, float]:
    """Return seconds of the first step, with an empty cache of machine code and with a filled one."""
    program = (
        "import sys, time, torch; sys.path.insert(0, sys.argv[1]); import all_pairs; step = all_pairs.fused(512, 10);"
        "wall, own = time.perf_counter(), time.process_time(); step();"
        "print(time.perf_counter() - wall, time.process_time() - own)"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", program, str(Path(__file__).parent)]
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        outputs = [
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
            for _ in range(2)
        ]
    (cold, cold_own), (warm, warm_own) = ([float(number) for number in output] for output in outputs)
    return {"cold_wall_s": cold, "cold_processor_s": cold_own, "warm_wall_s": warm, "warm_processor_s": warm_own}


def floor(batch: int, codes: int) -> dict[str, float]:
    """Return the arithmetic that no way can avoid, in processor seconds: exponentials and terms |u - v|.

    Two exponentials a pair, for the sum and for its slope, at the speed of our own ``exp``; per pair and code one
    term forwards, and backwards five operations where the term has three. Recomputing the logits for the gradient, as
    whoever keeps no matrix must, is one term more.
    """
    from numba import njit

    from contrica._fused.elementary import exp

    @njit(fastmath={"contract"}, nogil=True)
    def exponentials(numbers: Any, values: Any, repeats: int) -> None:
        for _ in range(repeats):
            for index in range(numbers.size):
                values[index] = exp(numbers[index])

    @njit(fastmath={"contract", "reassoc", "nsz"}, nogil=True)
    def distances(right: Any, sums: Any, a: Any, b: Any, c: Any, d: Any, repeats: int) -> None:
        for _ in range(repeats):
            for index in range(256):
                u, v, w = right[index], right[256 + index], right[512 + index]
                sums[index] += (
                    ((abs(a - u) + abs(b - u)) + (abs(c - u) + abs(d - u)))
                    + ((abs(a - v) + abs(b - v)) + (abs(c - v) + abs(d - v)))
                    + ((abs(a - w) + abs(b - w)) + (abs(c - w) + abs(d - w)))
                )

    rng = np.random.default_rng(0)
    numbers, values = -rng.random(1024, np.float32), np.zeros(1024, np.float32)
    right = rng.random(1024, np.float32)
    rows = [np.float32(value) for value in (0.1, 0.2, 0.3, 0.4)]

    def least(step: Step) -> float:
        step()
        return min(timed(step)[1] for _ in range(15))

    per_exp = least(lambda: exponentials(numbers, values, 4000)) / 4000 / 1024
    per_term = least(lambda: distances(right, values, *rows, 8000)) / 8000 / 256 / 12
    pairs = batch * batch
    return {
        "exp_ns": 1e9 * per_exp,
        "term_ns": 1e9 * per_term,
        "processor_s": pairs * (2 * per_exp + codes * per_term * (1 + 5 / 3)),
        "processor_s_recomputing": pairs * (2 * per_exp + codes * per_term * (2 + 5 / 3)),
    }


def fitted_exponent(curve: dict[int, Any]) -> float:
    """Return the slope of log processor time on log size, over the largest sizes: what small ones cost is the start."""
    sizes = sorted(curve)[-FITTED:]
    logs = [(math.log(size), math.log(curve[size]["least_processor_s"])) for size in sizes]
    return float(np.polyfit(*zip(*logs, strict=True), 1)[0])


def processor() -> str:
    """Return the processor's name and the features that matter here."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    known = {key.strip(): value.strip() for key, value in lines.items()}
    features = [name for name in ("avx2", "avx512f", "fma") if name in known.get("flags", "").split()]
    return f"{known.get('model name', platform.processor())} ({', '.join(features)})"


def measured_norms() -> dict[str, Any]:
    """Return the times of powers of norms beside those of sums of powers, batch 512, one thread, with their date."""
    torch.set_num_threads(1)
    steps = {
        (name, way): make(512, 5, delta)
        for name, delta in NORMS.items()
        for way, make in (("plain", plain), ("fused", fused))
    }
    load, times = os.getloadavg()[0], interleaved(steps, 25, seldom=())
    return {
        "command": "python benchmarks/all_pairs.py --norms",
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "load_before": load,
        "processor_s": {name: {way: times[name, way]["processor_s"] for way in ("plain", "fused")} for name in NORMS},
    }


def measured_far() -> dict[str, Any]:
    """Return the times of codes far apart beside those of near ones, batch 2048, one thread, with their machine.

    Each way in rounds of its own: what follows the large matrices of the plain one pays for them.
    """
    torch.set_num_threads(1)
    load, times = os.getloadavg()[0], {}
    for way, make, rounds in (("plain", plain, 7), ("fused", fused, 15)):
        steps = {
            (exponent, way, place): make(2048, CODES, PowerSum(CODES, exponent=exponent), share * deviation)
            for exponent, deviation in FAR.items()
            for place, share in (("near", 0.25), ("far", 1.0))
        }
        times |= interleaved(steps, rounds, seldom=())
    return {
        "command": "python benchmarks/all_pairs.py --far",
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": processor(),
        "load_before": load,
        "processor_s": {
            f"{exponent:g}": {
                f"{way}, {place}": times[exponent, way, place]["processor_s"]
                for way in ("plain", "fused")
                for place in ("near", "far")
            }
            for exponent in FAR
        },
    }


def measure(*, quick: bool) -> dict[str, Any]:
    """Return all numbers."""
    batch, rounds = (2048, 3) if quick else (BATCH, 5)
    torch.set_num_threads(THREADS)
    result: dict[str, Any] = {
        "command": "python benchmarks/all_pairs.py" + (" --quick" if quick else ""),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {name: metadata.version(name) for name in ("torch", "numpy", "numba", *PEERS)}
        | {"python": platform.python_version()},
        "threads": THREADS,
        "omp_wait_policy": os.environ["OMP_WAIT_POLICY"],
        "load_before": os.getloadavg()[0],
        "batch": batch,
        "codes": CODES,
    }
    result["ways"] = interleaved({name: make(batch, CODES) for name, make in WAYS.items()}, rounds)
    result["floor"] = floor(batch, CODES)
    torch.set_num_threads(1)
    small = {name: WAYS[name](512, 4) for name in ("broadcast", "cdist", "fused")}
    result["small"] = interleaved(small, 5 * rounds, seldom=())
    result["norms"] = measured_norms()
    if not quick:
        result["far"] = measured_far()
    torch.set_num_threads(THREADS)
    result["memory"] = {name: extra_memory(name, batch) for name in WAYS}
    if not quick:
        result["large"] = {"batch": LARGE_BATCH, **extra_memory("fused", LARGE_BATCH)}
    for axis, sizes, make in (
        ("by_batch", BATCHES[: 3 if quick else None], lambda size: fused(size, CODES)),
        ("by_codes", CODE_COUNTS[: 3 if quick else None], lambda size: fused(batch, size)),
    ):
        curve = interleaved({size: make(size) for size in sizes}, 3)
        result[axis] = {"curve": curve, "exponent": fitted_exponent(curve)}
    result["compile"] = compile_seconds()
    result["load_after"] = os.getloadavg()[0]
    return result


def table(result: dict[str, Any]) -> str:
    """Return the numbers as a page of markdown."""
    ways, memory, floor_s = result["ways"], result["memory"], result["floor"]
    least = ways["fused"]
    lines = [
        f"# All pairs: batch {result['batch']}, {result['codes']} codes, l1, float32, forward and backward",
        "",
        f"`{result['command']}`, {result['date']}; {result['machine']}; {result['threads']} threads;"
        f" {', '.join(f'{name} {version}' for name, version in result['versions'].items())}.",
        "",
        f"The load of the machine was {result['load_before']:.1f} before and {result['load_after']:.1f} after, this"
        " benchmark's own threads included. Above the number of cores, wall time is the neighbours' as well; processor"
        " time is the steadier number.",
        "",
        "| way | wall, ms | processor, ms | processor, fused = 1 | extra memory, MiB | times |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, entry in ways.items():
        lines.append(
            f"| {name} | {1e3 * entry['wall_s']:.0f} | {1e3 * entry['processor_s']:.0f}"
            f" | {entry['processor_s'] / least['processor_s']:.1f} | {memory[name]['extra_mib']:.0f}"
            f" | {entry['times']} |"
        )
    if "keops" not in ways:
        lines += ["", "pykeops was not installed."]
    lines += [
        "",
        "Medians of rounds in which the ways take turns; the broadcast form takes part in two. Memory is the rise of"
        f" the high-water mark of a fresh process by one step. OMP_WAIT_POLICY={result['omp_wait_policy']} for all.",
        "",
        f"The floor, two exponentials a pair ({floor_s['exp_ns']:.2f} ns each) and the terms |u - v|"
        f" ({floor_s['term_ns']:.3f} ns each): {1e3 * floor_s['processor_s']:.0f} ms of processor time,"
        f" {1e3 * floor_s['processor_s_recomputing']:.0f} ms with the logits computed again for the gradient;"
        f" the least of fused's times is {least['least_processor_s'] / floor_s['processor_s']:.2f} and"
        f" {least['least_processor_s'] / floor_s['processor_s_recomputing']:.2f} times that, least against least.",
        "",
    ]
    if "large" in result:
        large = result["large"]
        lines += [
            f"Batch {large['batch']}: fused in {large['wall_s']:.1f} s wall, {large['processor_s']:.1f} s processor,"
            f" {large['extra_mib']:.0f} MiB extra.",
            "",
        ]
    small = ", ".join(f"{name} {1e3 * entry['processor_s']:.2f} ms" for name, entry in result["small"].items())
    lines += [f"Batch 512, 4 codes, one thread, median processor time: {small}.", ""]
    norms = result["norms"]
    lines += [
        f"Powers of norms, batch 512, 5 codes, one thread, `{norms['command']}`, {norms['date']}, load"
        f" {norms['load_before']:.1f}:",
        "",
        "| dissimilarity | plain, ms | fused, ms | plain / fused |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, times in norms["processor_s"].items():
        fused_ms, plain_ms = 1e3 * times["fused"], 1e3 * times["plain"]
        lines.append(f"| {name} | {plain_ms:.1f} | {fused_ms:.1f} | {plain_ms / fused_ms:.1f} |")
    lines += [
        "",
        "Medians of 25 rounds, processor time; plain is the matrix by the dissimilarity's own arithmetic.",
        "",
    ]
    if "far" in result:
        lines += far_table(result["far"])
    for axis, label in (("by_batch", "batch"), ("by_codes", "codes")):
        lines += [
            f"| {label} | fused wall, ms | fused processor, ms | least processor, ms |",
            "| ---: | ---: | ---: | ---: |",
        ]
        for size, entry in result[axis]["curve"].items():
            lines.append(
                f"| {size} | {1e3 * entry['wall_s']:.1f} | {1e3 * entry['processor_s']:.1f}"
                f" | {1e3 * entry['least_processor_s']:.1f} |"
            )
        lines += [
            "",
            f"Least processor time grows as {label}^{result[axis]['exponent']:.2f} over the largest {FITTED};"
            f" {EXPECTED[axis]} is expected.",
            "",
        ]
    seconds = result["compile"]
    lines += [
        f"First step: {seconds['cold_wall_s']:.1f} s wall and {seconds['cold_processor_s']:.1f} s processor where"
        f" nothing is compiled, {seconds['warm_wall_s']:.1f} s and {seconds['warm_processor_s']:.1f} s where the"
        " machine code is on disk.",
        "",
    ]
    return "\n".join(lines)


def far_table(far: dict[str, Any]) -> list[str]:
    """Return the lines on codes far apart."""
    lines = [
        "Codes far apart, the median pair 75 to 90 nats, and codes of a quarter of their deviation; batch"
        f" 2048, {CODES} codes, one thread, {far['machine']},"
        f" `{far['command']}`, {far['date']}, load {far['load_before']:.1f}:",
        "",
        "| exponent | plain near, ms | far, ms | far / near | fused near, ms | far, ms | far / near |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for exponent, times in far["processor_s"].items():
        cells = [f"{1e3 * times[f'{way}, {place}']:.1f}" for way in ("plain", "fused") for place in ("near", "far")]
        ratios = [f"{times[f'{way}, far'] / times[f'{way}, near']:.2f}" for way in ("plain", "fused")]
        lines.append(f"| {exponent} | {' | '.join([*cells[:2], ratios[0], *cells[2:], ratios[1]])} |")
    return [
        *lines,
        "",
        "Medians of 7 rounds of plain and 15 of fused, processor time. Subnormal numbers are what may take longer, on"
        " some processors.",
        "",
    ]


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--quick", action="store_true", help="a batch of 2048, a minute, nothing written")
    ways.add_argument("--norms", action="store_true", help="powers of norms alone; the rest stays as it was measured")
    ways.add_argument("--far", action="store_true", help="codes far apart alone; the rest stays as it was measured")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if "OMP_WAIT_POLICY" not in os.environ:  # read once, when torch is imported: start again
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_WAIT_POLICY": "passive"})
    if arguments.child is not None:
        child(arguments.child[0], int(arguments.child[1]))
        return
    if arguments.norms or arguments.far:
        new = {"norms": measured_norms()} if arguments.norms else {"far": measured_far()}
        result = json.loads((RESULTS / "all_pairs.json").read_text()) | new
    else:
        result = measure(quick=arguments.quick)
    page = table(result)
    sys.stdout.write(page)
    if not arguments.quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "all_pairs.json").write_text(json.dumps(result, indent=1) + "\n")
        (RESULTS / "all_pairs.md").write_text(page)


if __name__ == "__main__":
    main()
