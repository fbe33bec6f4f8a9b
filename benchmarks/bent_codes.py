"""How strongly squares of components correlate in bent codes of independent factors, and in factors that are dependent.

python benchmarks/bent_codes.py

The second stage refuses where they correlate at all (`contrica.second_stage.dependence`). Here ICA is made all the
same, and its axes are compared with the truth: of ten uniform factors with a Gaussian copula, mixed by a rotation, and
of the codes that the model of exponent 3 learns from normal pairs, as in `published-mlp`. Were the bent codes below all
that ICA misses, a tolerance could let them pass.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from contrica.experiment import Experiment, build_model
from contrica.latents import GaussianCopulaMarginal, UniformMarginal
from contrica.losses import InfoNCE
from contrica.pairs import SimulatedPairs
from contrica.recipes.published_mlp import ROWS
from contrica.record import environment
from contrica.second_stage.fast_ica import unmixing_of
from contrica.second_stage.whitening import decorrelate
from contrica.spaces import Box
from contrica.training import train

RESULTS = Path(__file__).parent / "results"
DIM, ROWS_TAKEN, ROWS_FITTED = 10, 65_536, 8192
CORRELATIONS = (0.0, 0.3, 0.5, 0.7)
SEED = 100
BENT = "box, normal(.05); model unbounded, gen. normal 3"

Table = npt.NDArray[np.float64]


def measured(codes: Table, factors: Table) -> dict[str, float]:
    """Return how squares correlate, their root mean square without that of noise, and how well ICA finds the axes."""
    unmixing = unmixing_of(codes[:ROWS_FITTED], "codes", generator=np.random.default_rng(0))
    components = (codes - codes.mean(0)) @ unmixing.T
    squares = np.square(decorrelate(components))
    found = np.corrcoef(squares.T)[np.triu_indices(DIM, 1)]
    matched = np.abs(np.corrcoef(components.T, factors.T)[:DIM, DIM:]).max(1)
    return {
        "rms": float(np.sqrt(max(0.0, (found**2).mean() - 1.0 / len(codes)))),
        "largest": float(np.abs(found).max()),
        "mean": float(matched.mean()),
        "least": float(matched.min()),
    }


def dependent(correlation: float) -> dict[str, float]:
    """Return the numbers of factors with this copula correlation."""
    generator = torch.Generator().manual_seed(SEED)
    box = Box(DIM)
    marginal = GaussianCopulaMarginal(UniformMarginal(box), correlation) if correlation else UniformMarginal(box)
    factors = marginal.sample(ROWS_TAKEN, generator=generator, dtype=torch.float64).numpy()
    rotation = np.linalg.qr(np.random.default_rng(SEED).normal(size=(DIM, DIM)))[0]
    return measured(factors @ rotation, factors)


def bent() -> dict[str, float]:
    """Return those of the codes that the model of the wrong exponent learns."""
    experiment: Experiment = next(row for row in ROWS if row.name == BENT).experiment(SEED, None)
    source = SimulatedPairs(experiment.latents, experiment.mixing.build(DIM, experiment.stream("mixing")))
    encoder, critic = build_model(experiment, source)
    options, stream = experiment.training, experiment.stream("pairs")
    for _ in train(encoder, critic, InfoNCE(), source, options=options, generator=stream):
        pass
    batch, latents, _ = source.draw_with_latents(ROWS_TAKEN, generator=experiment.stream("test"))
    with torch.no_grad():
        return measured(encoder(batch.anchors).double().numpy(), latents.double().numpy())


def main() -> None:
    """Measure, write."""
    torch.set_num_threads(1)
    cases = {f"factors of copula correlation {value:g}": dependent(value) for value in CORRELATIONS}
    cases["codes of independent factors, normal pairs, exponent 3"] = bent()
    result: dict[str, Any] = {
        "command": "python benchmarks/bent_codes.py",
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "seed": SEED,
        "environment": environment(),
        "cases": cases,
    }
    lines = [
        "# Bent codes and dependent factors",
        "",
        f"`{result['command']}`, {result['date']}, seed {SEED}; torch {result['environment']['torch']}, scikit-learn"
        f" {result['environment']['scikit-learn']}, one thread.",
        "",
        f"Squares of ICA's components, {ROWS_TAKEN} rows of {DIM}: how they correlate, the noise's share taken off, and"
        " the correlations of the components with the factors.",
        "",
        "| rows | root mean square | largest | components, mean | least |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {name} | {found['rms']:.3f} | {found['largest']:.3f} | {found['mean']:.3f} | {found['least']:.3f} |"
            for name, found in cases.items()
        ),
        "",
    ]
    sys.stdout.write("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bent_codes.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "bent_codes.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
