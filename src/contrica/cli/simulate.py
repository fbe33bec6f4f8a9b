"""``contrica simulate``: a data set whose factors are known, to try everything on.

Factors s in a box follow a process whose steps are Laplace noise, x = g(s) is an invertible network of them. Rows are
trials one after another; ``positives`` holds a fresh partner of each row, drawn by the same law.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer

from contrica import _checks
from contrica.cli.output import AsJson, print_json, print_parts
from contrica.cli.suggestion import suggestions
from contrica.errors import DomainError
from contrica.files import contents, ensure_writable, write_arrays
from contrica.latents import LaplaceConditional
from contrica.mixing import InvertibleMLP
from contrica.spaces import Box

EXAMPLES = (
    "contrica simulate --out toy.npz",
    "contrica simulate --factors 4 --rows 2000 --seed 1 --out toy.csv --force",
)

SCALE = 0.1
"""Of the Laplace steps, in a box of side 1."""

LEAST_PER_TRIAL = 20

MOST_FACTORS = 1000

LARGEST_SEED = 2**63 - 1

MOST_VALUES = 10**9
"""Rows times factors, which are held in memory."""


def simulate(
    *,
    out: Annotated[Path, typer.Option(help="The file to write: .npz, .h5, .csv, .tsv or .parquet.")],
    factors: Annotated[int, typer.Option(help="How many there are to recover.")] = 3,
    rows: Annotated[int, typer.Option(help="How many observations.")] = 10_000,
    trials: Annotated[int, typer.Option(help="Into how many trials they fall.")] = 50,
    seed: Annotated[int, typer.Option(help="Decides every random number.")] = 0,
    overwrite: Annotated[bool, typer.Option("--force", "--overwrite", help="Replace the file if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a data set with known factors: recording, pairs, trials and times."""
    _checks.count(factors, "factors", least=2)
    _checks.count(trials, "trials")
    if rows * factors > MOST_VALUES or factors > MOST_FACTORS:
        raise DomainError(
            f"a simulation must have at most {MOST_FACTORS} factors and {MOST_VALUES} values, got {rows} rows of"
            f" {factors}; pass fewer"
        )
    if _checks.count(rows, "rows") < LEAST_PER_TRIAL * trials:
        raise DomainError(f"rows must be at least {LEAST_PER_TRIAL} per trial, got {rows} for {trials}; pass more")
    ensure_writable(out, overwrite=overwrite)
    if _checks.count(seed, "seed", least=0) > LARGEST_SEED:
        raise DomainError(f"seed must be at most {LARGEST_SEED}, got {seed}; pass a smaller number")
    generator = torch.Generator().manual_seed(seed)
    write_arrays(out, _data(factors, rows, trials, generator), overwrite=overwrite)
    step = suggestions(contents(out))[0]
    if as_json:
        print_json({"file": str(out), "factors": factors, "rows": rows, "trials": trials, "next": step.command})
        return
    print_parts(
        f"{out}: {rows} rows in {trials} trials, made of {factors} factors that are in it as factors.",
        f"What is in it:\n    contrica inspect {out}",
        f"Recover the factors, if {step.because}:\n    {step.command}",
    )


@torch.no_grad()
def _data(factors: int, rows: int, trials: int, generator: torch.Generator) -> dict[str, npt.NDArray[np.generic]]:
    space = Box(factors)
    law = LaplaceConditional(space, SCALE)
    mixing = InvertibleMLP(factors, generator=generator)
    longest = -(-rows // trials)
    states = [space.low + space.side * torch.rand(trials, factors, generator=generator)]
    for _ in range(longest - 1):
        states.append(law.sample(states[-1], generator=generator))
    latents = torch.stack(states, 1).reshape(trials * longest, factors)[:rows]
    positives = law.sample(latents, generator=generator)
    place = np.arange(rows)
    return {
        "x": mixing(latents).numpy(),
        "positives": mixing(positives).numpy(),
        "factors": latents.numpy(),
        "trial": place // longest,
        "time": (place % longest).astype(np.float64),
    }
