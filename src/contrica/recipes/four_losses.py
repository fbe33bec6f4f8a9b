"""The generality of the framework as one table: four losses, four sets of offsets, four marginals, five pair laws.

    NCE, InfoNCE, SCL, NWJ  x  none, b, alpha~, alpha + alpha~ + b  x  uniform, skewed, bimodal, correlated
                            x  Laplace, generalised normal 3, normal, ||.||_1^2, ||.||_3

All at five factors; the Laplace law at two and at ten as well. The noise of every law moves a factor by .15 on average
before the walls cut it off, so that a pair shares two to four nats: less than the logarithm of the batch, and within
what SCL's variance allows. Steps are few and equal for all. (Matthes, Han, Shen 2023.)
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

from contrica.dissimilarities import Dissimilarity, NormPower, PowerSum
from contrica.experiment import Experiment, MLPMixing, Offsets
from contrica.latents import (
    BimodalMarginal,
    Conditional,
    ExponentialTiltMarginal,
    GaussianCopulaMarginal,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    Marginal,
    NormalConditional,
    NormPowerConditional,
    UniformMarginal,
)
from contrica.losses import NCE, NWJ, SCL, InfoNCE, Loss
from contrica.recipes.recipe import Recipe
from contrica.report import Grid
from contrica.spaces import Box
from contrica.training import TrainingOptions

STEPS = 800
DIM, OTHER_DIMS = 5, (2, 10)

TURN_STEPS = (150, 250, 350)
"""Codes are turned to the axes of pair differences where factors are independent given the anchor."""

LOSSES: dict[str, Loss] = {"InfoNCE": InfoNCE(), "NCE": NCE(), "NWJ": NWJ(), "SCL": SCL()}

OFFSETS = {
    "none": Offsets(anchor=False, candidate=False, bias=False),
    "b": Offsets(anchor=False, candidate=False, bias=True),
    "alpha~": Offsets(anchor=False, candidate=True, bias=False),
    "all": Offsets(anchor=True, candidate=True, bias=True),
}

MARGINALS: dict[str, Callable[[Box], Marginal]] = {
    "uniform": UniformMarginal,
    "skewed": lambda box: ExponentialTiltMarginal(box, 3.0),
    "bimodal": lambda box: BimodalMarginal(box, centres=(0.25, 0.75), scale=0.1),
    "correlated": lambda box: GaussianCopulaMarginal(UniformMarginal(box), 0.5),
}


class PairLaw(NamedTuple):
    """A conditional, and the dissimilarity that matches it up to scale."""

    conditional: Callable[[Box], Conditional]
    dissimilarity: Callable[[int], Dissimilarity]


LAWS = {
    "Laplace": PairLaw(lambda box: LaplaceConditional(box, 0.15), lambda dim: PowerSum(dim, exponent=1.0)),
    "gen. normal 3": PairLaw(
        lambda box: GeneralisedNormalConditional(box, 3.0, 0.3), lambda dim: PowerSum(dim, exponent=3.0)
    ),
    "normal": PairLaw(lambda box: NormalConditional(box, 0.19), lambda dim: PowerSum(dim, exponent=2.0)),
    "||.||_1^2": PairLaw(
        lambda box: NormPowerConditional(box, norm_exponent=1.0, power=2.0, scale=0.47),
        lambda dim: NormPower(norm_exponent=1.0, power=2.0),
    ),
    "||.||_3": PairLaw(
        lambda box: NormPowerConditional(box, norm_exponent=3.0, power=1.0, scale=0.07),
        lambda dim: NormPower(norm_exponent=3.0, power=1.0),
    ),
}


class Cell(NamedTuple):
    """One combination of the table."""

    dim: int
    law: str
    marginal: str
    loss: str
    offsets: str

    @property
    def name(self) -> str:
        """The experiment's name."""
        return f"n = {self.dim}, {self.law}, {self.marginal}: {self.loss}, {self.offsets}"

    def experiment(self, seed: int, steps: int | None) -> Experiment:
        """Return the experiment."""
        box, law = Box(self.dim), LAWS[self.law]
        turned = self.law in ("Laplace", "gen. normal 3") and self.offsets != "none"
        return Experiment(
            name=self.name,
            latents=LatentModel(MARGINALS[self.marginal](box), law.conditional(box)),
            mixing=MLPMixing(num_layers=3),
            loss=LOSSES[self.loss],
            dissimilarity=law.dissimilarity(self.dim),
            offsets=OFFSETS[self.offsets],
            widths=(96, 96, 96),
            training=TrainingOptions(
                steps=steps or STEPS, batch_size=512, optimizer="soap", learning_rate=1e-2, betas=(0.9, 0.95)
            ),
            turn_steps=TURN_STEPS if turned else (),
            num_test=4096,
            seed=seed,
        )


def rows() -> Iterator[tuple[int, str, str]]:
    """Yield dimension, pair law and marginal of each row of the table."""
    yield from ((DIM, law, marginal) for law, marginal in product(LAWS, MARGINALS))
    yield from ((dim, "Laplace", marginal) for dim, marginal in product(OTHER_DIMS, MARGINALS))


def experiments(seed: int, steps: int | None = None) -> tuple[Experiment, ...]:
    """Return an experiment per cell, row by row."""
    return tuple(
        Cell(*row, loss, offsets).experiment(seed, steps) for row in rows() for loss in LOSSES for offsets in OFFSETS
    )


def charts() -> tuple[Grid, ...]:
    """Return the table twice: once with the score that axes show in, once with the one that is blind to them."""
    columns = tuple(product(LOSSES, OFFSETS))
    parts = {
        "mcc": (
            "Whether each factor has a code of its own",
            "MCC, held out. Columns: the loss and its offsets, of which all are alpha, alpha~ and the scalar b."
            " Under normal noise the axes are free, so its rows say how the last rotation happened to lie.",
        ),
        "r2": ("Whether the factors are in the codes at all", "Linear R2, held out, of the same runs."),
        "excess": (
            "How far the loss stays from its optimum",
            "Nats above the best value that any critic reaches on the same batch, SCL by its log form. Where a batch's"
            " noise is larger than what is left, as for SCL on skewed factors, the mean may lie below 0.",
        ),
    }
    return tuple(
        Grid(
            title=title,
            caption=caption,
            number=number,
            rows=tuple(f"n = {dim}, {law}, {marginal}" for dim, law, marginal in rows()),
            columns=tuple(f"{loss} {offsets}" for loss, offsets in columns),
            cells=tuple(tuple(Cell(*row, *column).name for column in columns) for row in rows()),
        )
        for number, (title, caption) in parts.items()
    )


FOUR_LOSSES = Recipe(
    name="four-losses",
    title="Four losses, four marginals, five pair laws",
    summary=(
        "NCE, InfoNCE, SCL and NWJ, each unmodified, with a scalar, with alpha~ alone, and with all offsets, on latents"
        " that are uniform, skewed, bimodal or correlated, and pairs whose factors are independent or dependent. The"
        " theory promises all factors with all offsets, whatever the marginal, for every loss; InfoNCE needs alpha~"
        " alone. What is missed all the same is missed by optimisation, and the nats above the optimum say by how much."
    ),
    experiments=experiments,
    charts=charts,
)
