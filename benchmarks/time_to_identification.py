"""Seconds and steps until held-out scores stay above the published ones, beside the published protocol re-stated.

python benchmarks/time_to_identification.py laplace-.05 normal-.05 laplace-.1 --seeds 0 --limit 600

Latents uniform on the unit box, three-layer mixing, fresh pairs of the stated law; 4096 held-out rows are scored. Time
is that of training alone: drawing pairs, cutting cells, turning codes and updates, without the scoring in between. The
published protocol (Zimmermann et al. 2021: batch 6144, Adam at 1e-4, encoder 10-100-500-500-500-500-100-10, 300 003
steps, the anchor itself among its negatives) is run for a few steps on the same machine, and its time is steps times
seconds per step; its score is the bar. Freed memory is kept, for both.
"""

import argparse
import itertools
import json
import os
import platform
import shlex
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from contrica.contrast import NegativeSource
from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP
from contrica.evaluation import linear_r2, mcc
from contrica.experiment import Neighbourhoods
from contrica.latents import LaplaceConditional, LatentModel, NormalConditional, UniformMarginal
from contrica.losses import NCE, InfoNCE
from contrica.mixing import InvertibleMLP
from contrica.pairs import PairBatch, SimulatedLadder, SimulatedPairs
from contrica.record import environment
from contrica.spaces import Box
from contrica.training import TrainingOptions, keep_freed_memory, train
from contrica.training.axes import turn_to_axes
from contrica.training.options import OptimizerName

RESULTS = Path(__file__).parent / "results"
HELD_OUT_ROWS = 4096
START_ROWS = 4096
PUBLISHED_STEPS = 300_003
PUBLISHED_BATCH = 6144
PUBLISHED_WIDTHS = (100, 500, 500, 500, 500, 100)


CELLS = Neighbourhoods()
"""As an experiment has them unless it says otherwise: cells of 256, pools that double up to 1 048 576 pairs."""


@dataclass(frozen=True)
class Row:
    """One law of the pairs, the score to pass, and how we train.

    ``bar`` is the published score in the setting nearest to it, or None where none is published. ``wide_first`` are
    scales of noise through which the pairs go, for as many steps each, before they have their own for the last half of
    the steps; ``averaging`` is the decay of a running mean of the weights, which is then what is scored. The rate
    follows its schedule for ``schedule_steps``, of which ``steps`` are made. With a ``ladder``, scales from narrow to
    wide, each anchor has a positive of every scale and each is told from the next wider one, by NCE, the widest from
    ``num_strangers``, or from those of the other rows if None; else the loss is InfoNCE. With ``learnable_weights`` the
    dissimilarity has one for each code. ``negative_slope`` is that of the encoder's rectifiers; the mixing's is .2.
    """

    law: str
    scale: float
    dim: int
    measure: str
    bar: float | None
    steps: int
    batch_size: int = 1024
    widths: tuple[int, ...] = (64, 64, 64)
    negative_slope: float = 0.01
    optimizer: OptimizerName = "soap"
    betas: tuple[float, float] = (0.9, 0.95)
    learning_rate: float = 3e-2
    turn_steps: tuple[int, ...] = ()
    turn_pairs: int = 16_384
    neighbourhoods: Neighbourhoods | None = CELLS
    negatives: NegativeSource = "positives"
    queue_size: int | None = None
    schedule_steps: int | None = None
    starts_spread: bool = True
    wide_first: tuple[float, ...] = ()
    averaging: float = 0.0
    ladder: tuple[float, ...] = ()
    num_strangers: int | None = 128
    learnable_weights: bool = False

    @property
    def exponent(self) -> float:
        """The exponent of the matching dissimilarity."""
        return 1.0 if self.law == "laplace" else 2.0

    def latent_model(self, scale: float | None = None) -> LatentModel:
        """Return the law of the pairs, at another scale of the noise if asked."""
        space = Box(self.dim)
        kind = LaplaceConditional if self.law == "laplace" else NormalConditional
        return LatentModel(UniformMarginal(space), kind(space, self.scale if scale is None else scale))

    def telescoped(self, steps: int) -> "Row":
        """Return the row with a ladder in place of neighbourhoods and turns."""
        return replace(self, ladder=LADDER, steps=steps, batch_size=1024, neighbourhoods=None, turn_steps=())


TURNS = (100, 200, 300, 400, 500)

LADDER = (0.05, 0.1, 0.2, 0.4)
"""Noise of telescoped ratios, narrowest first."""

TWENTY_LADDER = (0.05, 0.08, 0.13, 0.21, 0.35)
"""In steps of about 1.6: neighbours share less with more factors."""

FINE_LADDER = (0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4)
"""In steps of about a square root of 2."""

MANY_FACTORS: dict[str, Any] = {"batch_size": 512, "negative_slope": 0.2, "learnable_weights": True}
"""What telescoped ratios of twenty factors and more are run with."""

ROWS = {
    "laplace-.05": Row("laplace", 0.05, 10, "mcc", 0.9857, steps=1000, turn_steps=TURNS),
    "normal-.05": Row("normal", 0.05, 10, "r2", 0.996, steps=6000, batch_size=2048),
    "laplace-.1": Row("laplace", 0.1, 10, "mcc", 0.99, steps=700, turn_steps=TURNS[:3]),
    "laplace-.05-20": Row("laplace", 0.05, 20, "mcc", None, steps=4000, widths=(128, 128, 128), turn_steps=TURNS),
    "laplace-.05-50": Row("laplace", 0.05, 50, "mcc", None, steps=2000, widths=(256, 256, 256), turn_steps=TURNS),
}
ROWS |= {
    "normal-.05 telescoped": ROWS["normal-.05"].telescoped(2000),
    "normal-.05 telescoped, 3 x 128": replace(ROWS["normal-.05"].telescoped(4000), widths=(128, 128, 128)),
    "normal-.05 telescoped, 3 x 128, slope .2": replace(
        ROWS["normal-.05"].telescoped(4000), widths=(128, 128, 128), negative_slope=0.2
    ),
    "laplace-.05 telescoped": ROWS["laplace-.05"].telescoped(1000),
    "laplace-.05-20 telescoped": replace(ROWS["laplace-.05-20"].telescoped(6000), ladder=TWENTY_LADDER, **MANY_FACTORS),
    "laplace-.05-50 telescoped": replace(
        ROWS["laplace-.05-50"].telescoped(24_000), learning_rate=1e-2, ladder=FINE_LADDER, **MANY_FACTORS
    ),
}


class Stopwatch:
    """Adds up wall and processor seconds of the parts that it is told to time."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *exception: object) -> None:
        self.wall += time.perf_counter() - self._start[0]
        self.processor += time.process_time() - self._start[1]


class Narrowing:
    """Pairs that become narrower from draw to draw: one scale after the other, then the row's own."""

    def __init__(self, row: Row, mixing: nn.Module) -> None:
        self.sources = [SimulatedPairs(row.latent_model(scale), mixing) for scale in (*row.wide_first, row.scale)]
        self.each = max(1, row.steps // (2 * max(1, len(row.wide_first))))
        self.drawn = 0

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw from the source whose turn it is."""
        source = self.sources[min(self.drawn // self.each, len(self.sources) - 1)]
        self.drawn += 1
        return source.draw(batch_size, generator=generator)


class Problem:
    """The pairs of a row and seed, and the held-out rows on which codes are scored."""

    def __init__(self, row: Row, seed: int) -> None:
        self.row = row
        self.generator = torch.Generator().manual_seed(seed)
        self.mixing = InvertibleMLP(row.dim, generator=self.generator)
        self.source = SimulatedPairs(row.latent_model(), self.mixing)
        test = torch.Generator().manual_seed(seed + 1_000_003)
        batch, self.latents, _ = self.source.draw_with_latents(HELD_OUT_ROWS, generator=test)
        self.observations = batch.anchors

    @torch.no_grad()
    def scores(self, encoder: nn.Module) -> dict[str, float]:
        """Return R2 and MCC of held-out codes; both are fitted on one half of the rows and scored on the other."""
        codes = encoder(self.observations).double()
        latents = self.latents.double()
        return {
            "r2": float(linear_r2(codes, latents).value),
            "mcc": float(mcc(codes, latents).mean.value),
        }


def ours(row: Row, seed: int, limit: float, checks: int) -> dict[str, Any]:
    """Train as the row says until the schedule or the seconds end, and score now and then."""
    problem = Problem(row, seed)
    watch = Stopwatch()
    with watch:
        start = problem.source.draw(START_ROWS, generator=problem.generator).anchors
        encoder = MLP(
            row.dim, row.dim, widths=row.widths, negative_slope=row.negative_slope, generator=problem.generator
        )
        if row.starts_spread:
            encoder.start_from(start)
        scored = AveragedModel(encoder, multi_avg_fn=get_ema_multi_avg_fn(row.averaging)) if row.averaging else encoder
        cells, source, pool_sizes = row.neighbourhoods, problem.source, {}
        if cells is not None:
            source = cells.over(problem.source, encoder, start)
            pool_sizes = cells.pool_sizes(row.steps, row.batch_size)
        elif row.wide_first:
            source = Narrowing(row, problem.mixing)
        elif row.ladder:
            models = [row.latent_model(scale) for scale in row.ladder]
            laws = [model.conditional for model in models]
            source = SimulatedLadder(models[0].marginal, laws, problem.mixing, num_strangers=row.num_strangers)
        records = train(
            encoder,
            Critic(
                PowerSum(row.dim, exponent=row.exponent, learnable_weights=row.learnable_weights),
                bias=bool(row.ladder),
                num_rungs=len(row.ladder) or 1,
            ),
            NCE() if row.ladder else InfoNCE(),
            source,
            options=TrainingOptions(
                steps=row.schedule_steps or row.steps,
                batch_size=row.batch_size,
                negatives=row.negatives,
                optimizer=row.optimizer,
                betas=row.betas,
                learning_rate=row.learning_rate,
                queue_size=row.queue_size,
            ),
            generator=problem.generator,
        )
    curve: list[dict[str, float]] = []
    every = max(1, row.steps // checks)
    step = 0
    while step < row.steps and watch.wall < limit:
        with watch:
            step = next(records).step
            if step in pool_sizes:
                source.refresh(generator=problem.generator, pool_size=pool_sizes[step])
            if step in row.turn_steps:
                drawn = problem.source.draw(row.turn_pairs, generator=problem.generator)
                turn_to_axes(encoder, drawn, exponent=row.exponent)
            if isinstance(scored, AveragedModel):
                scored.update_parameters(encoder)
        if step % every == 0 or step == row.steps:
            curve.append({"step": step, "wall": watch.wall, "processor": watch.processor, **problem.scores(scored)})
            sys.stderr.write(f"{row.law} {row.scale} {row.dim} seed {seed}: {curve[-1]}\n")
    return {"seed": seed, "curve": curve, "passed": passed(curve, row), "last": curve[-1] if curve else None}


def passed(curve: list[dict[str, float]], row: Row) -> dict[str, float] | None:
    """Return the first check from which on all reach the bar, None if the last one does not."""
    found = None
    for check in reversed(curve):
        if row.bar is None or check[row.measure] < row.bar:
            break
        found = check
    return found


def published_protocol(row: Row, seed: int, steps: int) -> dict[str, Any]:
    """Run a few steps of the published protocol, written out plainly, and extrapolate its time."""
    problem = Problem(row, seed)
    sizes = (row.dim, *PUBLISHED_WIDTHS, row.dim)
    layers: list[nn.Module] = []
    for number, (here, there) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.LeakyReLU(0.01)] * (number > 0) + [nn.Linear(here, there)]
    encoder = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-4)
    watch = Stopwatch()
    for _ in range(steps):
        with watch:
            batch = problem.source.draw(PUBLISHED_BATCH, generator=problem.generator)
            anchors, positives = encoder(batch.anchors), encoder(batch.positives)
            all_pairs = _power(anchors[:, None] - anchors[None], row.exponent)
            paired = _power(anchors - positives, row.exponent)
            loss = (paired + torch.logsumexp(torch.cat((-paired[:, None], -all_pairs), 1), 1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return {
        "steps": steps,
        "wall_per_step": watch.wall / steps,
        "processor_per_step": watch.processor / steps,
        "hours_for_all_steps": watch.wall / steps * PUBLISHED_STEPS / 3600,
        "processor_hours_for_all_steps": watch.processor / steps * PUBLISHED_STEPS / 3600,
        **problem.scores(encoder),
    }


def _power(differences: Tensor, exponent: float) -> Tensor:
    return differences.abs().sum(-1) if exponent == 1.0 else differences.square().sum(-1)


def table(rows: dict[str, Any]) -> str:
    """Return the markdown page."""
    lines = [
        "# Time to identification",
        "",
        "Seconds of training until every later check on 4096 held-out rows reaches the bar. On a machine that is shared"
        " with other work wall seconds are inflated; processor seconds are added up over threads. Telescoped: an anchor"
        " has a positive of every scale of a ladder, told from the next wider one; other rows see pairs of one scale.",
        "",
        "| pairs | n | bar | seed | wall s | processor s | step | last check: MCC | R2 | wall s | processor s | step |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, entry in rows.items():
        row = entry["row"]
        bar = f"{row['measure']} {row['bar']}" if row["bar"] is not None else "none published"
        for run in entry["ours"]:
            found, last = run["passed"], run["last"]
            if last is None:
                continue
            when = (
                f"{found['wall']:.0f} | {found['processor']:.0f} | {found['step']}" if found else "- | - | not reached"
            )
            pairs = name if row.get("ladder") else f"{row['law']} {row['scale']}"
            lines.append(
                f"| {pairs} | {row['dim']} | {bar} | {run['seed']} | {when} |"
                f" {last['mcc']:.4f} | {last['r2']:.4f} | {last['wall']:.0f} | {last['processor']:.0f} |"
                f" {last['step']} of {row['steps']} |"
            )
    lines += ["", "The published protocol, a few steps on the same machine in the same run, extrapolated:", ""]
    lines += [
        "| pairs | n | steps run | wall s a step | processor s a step | hours for 300 003 steps | MCC so far | R2 |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for entry in rows.values():
        row, other = entry["row"], entry["published"]
        if other is not None:
            lines.append(
                f"| {row['law']} {row['scale']} | {row['dim']} | {other['steps']} | {other['wall_per_step']:.2f} |"
                f" {other['processor_per_step']:.2f} | {other['hours_for_all_steps']:.0f} wall,"
                f" {other['processor_hours_for_all_steps']:.0f} processor | {other['mcc']:.3f} | {other['r2']:.3f} |"
            )
    lines += ["", "How we trained:", ""]
    lines += [f"- {name}: {entry['row']}" for name, entry in rows.items()]
    lines += ["", "Where, each run of a seed or of the published protocol:", ""]
    for name, entry in rows.items():
        runs = [(f"seed {run['seed']}", run) for run in entry["ours"]]
        runs += [("published", entry["published"])] if entry["published"] is not None else []
        for what, run in runs:
            where = run["measured"]
            lines.append(
                f"- {name}, {what}: `{where['command']}`, {where['date']}, {where['processor']}, {where['threads']}"
                f" threads, load {where['load_before']} before and {where['load_after']} after, torch"
                f" {where['environment']['torch']}"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, run, write after every run; other rows, and other seeds of the same settings, are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="+", choices=ROWS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--limit", type=float, default=600.0, help="wall seconds of training per run")
    parser.add_argument("--steps", type=int, help="length of the schedule, where not the row's own")
    parser.add_argument("--checks", type=int, default=20, help="scorings per run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--published-steps", type=int, default=3, help="0 leaves the published protocol out")
    parser.add_argument("--stem", default="time_to_identification")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{arguments.stem}.json"
    rows: dict[str, Any] = json.loads(kept.read_text())["rows"] if kept.exists() else {}
    for name in arguments.rows:
        row = ROWS[name] if arguments.steps is None else replace(ROWS[name], steps=arguments.steps)
        settings = json.loads(json.dumps(asdict(row)))
        entry: dict[str, Any] = rows.get(name, {"row": settings, "ours": [], "published": None})
        if settings | entry["row"] != settings:  # a field that came later had its default then
            entry = {"row": settings, "ours": [], "published": None}
        rows[name] = entry
        if row.bar is not None and arguments.published_steps:
            before = where(arguments.threads)
            entry["published"] = published_protocol(row, arguments.seeds[0], arguments.published_steps)
            entry["published"]["measured"] = before | {"load_after": load()}
        for seed in arguments.seeds:
            before = where(arguments.threads)
            run = ours(row, seed, arguments.limit, arguments.checks) | {"measured": before | {"load_after": load()}}
            others = [other for other in entry["ours"] if other["seed"] != seed]
            entry["ours"] = sorted([*others, run], key=lambda run: run["seed"])
            kept.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
            (RESULTS / f"{arguments.stem}.md").write_text(table(rows))


def where(threads: int) -> dict[str, Any]:
    """Return what repeats a measurement, and the load of the machine as it begins."""
    return {
        "command": "python benchmarks/time_to_identification.py " + shlex.join(sys.argv[1:]),
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "threads": threads,
        "load_before": load(),
        "environment": environment(),
    }


def load() -> list[float]:
    """Return the load averages of 1, 5 and 15 minutes."""
    return [round(average, 1) for average in os.getloadavg()]


def processor() -> str:
    """Return the processor as the system names it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return f"{os.cpu_count()} cores of {line.split(':', 1)[1].strip()}"
    return f"{os.cpu_count()} cores, {platform.machine()}"


if __name__ == "__main__":
    main()
