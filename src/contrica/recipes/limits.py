"""Where it breaks: one assumption at a time is stretched until recovery fails, with the prediction drawn in.

Five factors in a box, Laplace pairs, InfoNCE with alpha~, unless said otherwise. What is predicted comes before the
runs: from the information of a pair against the logarithm of the batch, from the geometry of the assumption that fails,
or from how much of a factor the observations still determine.
"""

import math
from collections.abc import Sequence
from functools import cache

from contrica.dissimilarities import Dissimilarity, PowerSum, SphereDot
from contrica.encoders import SphereOutput
from contrica.encoders.outputs import Output
from contrica.experiment import Experiment, FoldedMixing, MLPMixing, Offsets
from contrica.latents import (
    Conditional,
    FrozenConditional,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    LinearNormalConditional,
    Marginal,
    NormalMarginal,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.losses import InfoNCE
from contrica.recipes.recipe import Recipe
from contrica.report import Curves, Line, Prediction, PublishedValue
from contrica.spaces import Box, BoxGrid, Euclidean, Sphere
from contrica.training import TrainingOptions

STEPS = 400
DIM, SCALE, BATCH = 5, 0.15, 512
BOX = Box(DIM)
TURN_STEPS = (80, 120, 200)

BATCHES = (8, 16, 32, 64, 128, 256, 512, 1024)
BATCH_SCALES = (0.15, 0.05)
DIMENSIONS = (2, 5, 10, 20, 50)
SCALES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
EXPONENTS = (1.0, 1.5, 2.0, 3.0, 4.0)
TRUE_EXPONENTS = (1.0, 4.0)
FROZEN = (0, 1, 2, 3)
SPHERE_FROZEN = (0, 1)
GAPS = (0.0, 0.1, 0.2, 0.3, 0.5)
NOISES = (0.0, 0.03, 0.06, 0.12, 0.24)
FOLDED = (0, 1, 2, 3)
ANGLES = (0.0, 30.0, 60.0, 75.0, 90.0, 120.0)

ROTATION_FLOOR = 0.72
"""MCC of five independent uniform factors under a random rotation (framework, section 3)."""

INVARIANT_NATS = 1.7
"""What a turned pair shares in the radii and the angle between the planes: 3.3 less the excess of 1.6."""

TURN_OF_EQUAL_NATS = math.degrees(math.acos(math.sqrt((1.0 - math.exp(-INVARIANT_NATS / 2.0)) / 0.9**2)))

VARIANCE = 1.0 / 12.0
"""Of a factor that is uniform on the unit interval."""

TEMPERATURE = 0.3
ZALIADUONIS = "Zaliaduonis et al. 2026, table 7"


def _experiment(
    name: str,
    seed: int,
    steps: int | None,
    *,
    conditional: Conditional,
    marginal: Marginal | None = None,
    dissimilarity: Dissimilarity | None = None,
    mixing: MLPMixing | FoldedMixing | None = None,
    batch_size: int = BATCH,
    widths: tuple[int, ...] = (96, 96, 96),
    output: Output | None = None,
    turned: bool = True,
    latent_noise: float = 0.0,
) -> Experiment:
    dim = conditional.space.dim
    return Experiment(
        name=name,
        latents=LatentModel(marginal or UniformMarginal(conditional.space), conditional),
        mixing=mixing or MLPMixing(num_layers=3),
        loss=InfoNCE(),
        dissimilarity=dissimilarity or PowerSum(dim, exponent=1.0),
        offsets=Offsets(anchor=False, candidate=True, bias=False),
        widths=widths,
        output=output,
        latent_noise=latent_noise,
        training=TrainingOptions(
            steps=steps or STEPS, batch_size=batch_size, optimizer="soap", learning_rate=1e-2, betas=(0.9, 0.95)
        ),
        turn_steps=TURN_STEPS if turned else (),
        num_test=4096,
        seed=seed,
    )


def _batch_name(scale: float, size: int) -> str:
    return f"batch {size}, Laplace({scale:g})"


def _batch(seed: int, steps: int | None) -> list[Experiment]:
    return [
        _experiment(_batch_name(scale, size), seed, steps, conditional=LaplaceConditional(BOX, scale), batch_size=size)
        for scale in BATCH_SCALES
        for size in BATCHES
    ]


def _dimension_name(dim: int) -> str:
    return f"{dim} factors, Laplace({SCALE:g})"


def _dimension(seed: int, steps: int | None) -> list[Experiment]:
    return [
        _experiment(
            _dimension_name(dim),
            seed,
            steps,
            conditional=LaplaceConditional(Box(dim), SCALE),
            widths=(96, 96, 96) if dim <= 10 else (192, 192, 192),
        )
        for dim in DIMENSIONS
    ]


def _scale_name(scale: float) -> str:
    return f"pairs that differ by Laplace({scale:g})"


def _concentration(seed: int, steps: int | None) -> list[Experiment]:
    return [
        _experiment(_scale_name(scale), seed, steps, conditional=LaplaceConditional(BOX, scale)) for scale in SCALES
    ]


def _exponent_name(truth: float, model: float) -> str:
    return f"pairs of exponent {truth:g}, model of exponent {model:g}"


def _exponent(seed: int, steps: int | None) -> list[Experiment]:
    laws = {1.0: LaplaceConditional(BOX, SCALE), 4.0: GeneralisedNormalConditional(BOX, 4.0, 0.3)}
    return [
        _experiment(
            _exponent_name(truth, model),
            seed,
            steps,
            conditional=laws[truth],
            dissimilarity=PowerSum(DIM, exponent=model),
            turned=False,
        )
        for truth in TRUE_EXPONENTS
        for model in EXPONENTS
    ]


def _frozen_name(count: int) -> str:
    return f"{count} of {DIM} factors frozen"


def _sphere_name(layers: int, count: int) -> str:
    seen = {1: "linear", 3: "MLP"}[layers]
    return f"sphere in three dimensions, {seen} mixing, {count} frozen"


def _frozen(seed: int, steps: int | None) -> list[Experiment]:
    moving = LaplaceConditional(BOX, SCALE)
    made = [
        _experiment(
            _frozen_name(count),
            seed,
            steps,
            conditional=moving if count == 0 else FrozenConditional(moving, range(count)),
            turned=False,
        )
        for count in FROZEN
    ]
    around = VonMisesFisherConditional(Sphere(3), 1.0 / TEMPERATURE)
    return made + [
        _experiment(
            _sphere_name(layers, count),
            seed,
            steps,
            conditional=around if count == 0 else FrozenConditional(around, range(count)),
            dissimilarity=SphereDot(concentration=1.0 / TEMPERATURE),
            mixing=MLPMixing(num_layers=layers),
            output=SphereOutput(3),
            turned=False,
        )
        for layers in (1, 3)
        for count in SPHERE_FROZEN
    ]


def _gap_name(gap: float) -> str:
    return f"two intervals per factor, {gap:g} apart"


def _gaps(seed: int, steps: int | None) -> list[Experiment]:
    spaces = [BOX if gap == 0.0 else BoxGrid(DIM, cells=2, gap=gap, low=0.0, high=1.0 + gap) for gap in GAPS]
    return [
        _experiment(_gap_name(gap), seed, steps, conditional=LaplaceConditional(space, 0.1))
        for gap, space in zip(GAPS, spaces, strict=True)
    ]


def _noise_name(noise: float) -> str:
    return f"noise of {noise:g} in each view"


def _noise(seed: int, steps: int | None) -> list[Experiment]:
    return [
        _experiment(_noise_name(noise), seed, steps, conditional=LaplaceConditional(BOX, SCALE), latent_noise=noise)
        for noise in NOISES
    ]


def _fold_name(count: int) -> str:
    return f"{count} of {DIM} factors folded"


def _folds(seed: int, steps: int | None) -> list[Experiment]:
    return [
        _experiment(
            _fold_name(count),
            seed,
            steps,
            conditional=LaplaceConditional(BOX, SCALE),
            mixing=FoldedMixing(MLPMixing(num_layers=3), factors=tuple(range(count))) if count else None,
            turned=False,
        )
        for count in FOLDED
    ]


def _angle_name(angle: float) -> str:
    return f"pairs that turn by {angle:g} degrees"


def _drift(seed: int, steps: int | None) -> list[Experiment]:
    line = Euclidean(4)
    return [
        _experiment(
            _angle_name(angle),
            seed,
            steps,
            marginal=NormalMarginal(line),
            conditional=LinearNormalConditional.rotating(line, 0.9, math.radians(angle)),
            dissimilarity=PowerSum(4, exponent=2.0),
            turned=False,
        )
        for angle in ANGLES
    ]


def experiments(seed: int, steps: int | None = None) -> tuple[Experiment, ...]:
    """Return all curves' experiments, curve by curve."""
    parts = (_batch, _dimension, _concentration, _exponent, _frozen, _gaps, _noise, _folds, _drift)
    return tuple(made for part in parts for made in part(seed, steps))


@cache
def _information_per_factor(scale: float) -> float:
    return LatentModel(UniformMarginal(Box(1)), LaplaceConditional(Box(1), scale)).mutual_information()


def _information(scale: float) -> float:
    return DIM * _information_per_factor(scale)


def _upright(label: str, place: float, low: float) -> Prediction:
    return Prediction(label, ((place, low), (place, 1.0)))


def _line(label: str, places: Sequence[float], names: Sequence[str]) -> Line:
    return Line(label, tuple(zip(places, names, strict=True)))


def charts() -> tuple[Curves, ...]:
    """Return one chart per assumption."""
    per_factor = _information_per_factor(SCALE)
    enough = math.log(BATCH)
    wide = min(SCALES, key=lambda scale: abs(_information(scale) - enough))
    return (
        Curves(
            title="Batch size against information",
            caption=(
                "Pairs of Laplace(.15) share less than those of Laplace(.05). Predicted: recovery needs a batch of"
                " about exp(information), since a batch of N tells apart log N nats at most. Steps are equal."
            ),
            across="pairs per batch",
            number="mcc",
            lines=tuple(
                _line(
                    f"Laplace({scale:g}), {_information(scale):.1f} nats",
                    BATCHES,
                    [_batch_name(scale, size) for size in BATCHES],
                )
                for scale in BATCH_SCALES
            ),
            predictions=tuple(
                _upright(f"exp({_information(scale):.1f} nats)", math.exp(_information(scale)), 0.8)
                for scale in BATCH_SCALES
            ),
            log_across=True,
        ),
        Curves(
            title="Dimension",
            caption=(
                f"Each factor adds {per_factor:.2f} nats. Predicted: up to {enough / per_factor:.0f} factors a batch of"
                f" {BATCH} asks enough; beyond, the gradient starves before all factors are found."
            ),
            across="number of factors",
            number="mcc",
            lines=(_line("equal steps", DIMENSIONS, [_dimension_name(dim) for dim in DIMENSIONS]),),
            predictions=(_upright("information equals log batch", enough / per_factor, 0.4),),
            log_across=True,
        ),
        Curves(
            title="Concentration",
            caption=(
                "Narrow pairs share more than a batch can ask, wide ones almost nothing. Predicted: trouble left of the"
                " dashed line, where the information reaches the logarithm of the batch, and at the far right, where"
                f" a pair shares {_information(SCALES[-1]):.2f} nats."
            ),
            across="scale of the Laplace noise, of a box of side 1",
            number="mcc",
            lines=(_line("equal steps", SCALES, [_scale_name(scale) for scale in SCALES]),),
            predictions=(_upright("information equals log batch", wide, 0.5),),
            log_across=True,
        ),
        Curves(
            title="The wrong exponent",
            caption=(
                "Predicted: on the true side of 2 the axes are found; at 2 they are a random rotation, whose MCC is the"
                " dashed line; on the other side mixed axes are preferred."
            ),
            across="exponent of the model",
            number="mcc",
            lines=tuple(
                _line(f"pairs of exponent {truth:g}", EXPONENTS, [_exponent_name(truth, model) for model in EXPONENTS])
                for truth in TRUE_EXPONENTS
            ),
            predictions=(
                Prediction("random rotation", ((EXPONENTS[0], ROTATION_FLOOR), (EXPONENTS[-1], ROTATION_FLOOR))),
            ),
        ),
        Curves(
            title="Factors that pairs never change",
            caption=(
                "Predicted: with one frozen factor the loss has no finite optimum. The frozen direction alone tells"
                " pairs apart, and what moves stops being learned; the dashed line is what the frozen factors would"
                " give alone."
            ),
            across="frozen factors",
            number="r2",
            lines=(_line("unbounded codes", FROZEN, [_frozen_name(count) for count in FROZEN]),),
            predictions=(Prediction("frozen factors only", tuple((float(count), count / DIM) for count in FROZEN)),),
        ),
        Curves(
            title="A support in pieces",
            caption=(
                "Every factor lives on two intervals. Predicted: pieces are tied by the pairs that cross, a share of"
                " about exp(-gap/.1); without them each piece may be turned, flipped and shifted by itself."
            ),
            across="gap between the intervals",
            number="r2",
            lines=(_line("Laplace(.1) pairs", GAPS, [_gap_name(gap) for gap in GAPS]),),
            predictions=(_upright("one pair per batch crosses a factor's gap", 0.1 * math.log(BATCH), 0.5),),
        ),
        Curves(
            title="Noise in the observations",
            caption=(
                "Each view adds its own noise to the factors before they are mixed. Predicted: at best the noisy factor"
                " is recovered, which bounds R2 by var/(var + noise^2)."
            ),
            across="standard deviation of the noise, of a box of side 1",
            number="r2",
            lines=(_line("Laplace(.15) pairs", NOISES, [_noise_name(noise) for noise in NOISES]),),
            predictions=(Prediction("bound", tuple((noise, VARIANCE / (VARIANCE + noise**2)) for noise in NOISES)),),
        ),
        Curves(
            title="A mixing that is not injective",
            caption=(
                "Some factors are folded in the middle before they are mixed. Predicted: a folded factor is lost to"
                " linear R2 altogether, and the others are kept."
            ),
            across="folded factors",
            number="r2",
            lines=(_line("Laplace(.15) pairs", FOLDED, [_fold_name(count) for count in FOLDED]),),
            predictions=(Prediction("what is left", tuple((float(count), 1 - count / DIM) for count in FOLDED)),),
        ),
        Curves(
            title="Drift",
            caption=(
                "The positive is its anchor turned by an angle in two planes, with noise. A symmetric delta sees the"
                " symmetric part of the turn, its cosine, in which linear codes share -2 log(1 - .81 cos^2) nats."
                " Predicted before the runs: recovery until the cosine vanishes at 90 degrees. Learned from them: the"
                " radius in each plane and the angle between the planes stay as they are, share 1.7 nats at any angle"
                " (the information less the excess, at 60 degrees and more), and win where the cosine leaves less:"
                " from the upright line on."
            ),
            across="degrees per pair",
            number="r2",
            lines=(_line("normal pairs, correlation .9", ANGLES, [_angle_name(angle) for angle in ANGLES]),),
            predictions=(
                Prediction("predicted", ((0.0, 1.0), (89.0, 1.0), (90.0, 0.0), (120.0, 0.0))),
                _upright("invariants share more", TURN_OF_EQUAL_NATS, 0.0),
            ),
        ),
    )


def published() -> tuple[PublishedValue, ...]:
    """Return what is published of a frozen factor on the sphere."""
    values = {(1, 0): (100.0, 0.0), (1, 1): (5.0, 6.0), (3, 0): (100.0, 0.0), (3, 1): (13.0, 12.0)}
    return tuple(
        PublishedValue(_sphere_name(layers, count), "r2", *value, ZALIADUONIS)
        for (layers, count), value in values.items()
    )


LIMITS = Recipe(
    name="limits",
    title="Where it breaks, and whether it was predicted",
    summary=(
        "One assumption at a time: batch against information, dimension, concentration, the exponent, frozen factors,"
        " a support in pieces, noise, a mixing that is not injective, drift. Each curve is measured, and the prediction"
        " is drawn in as a dashed line."
    ),
    published=published(),
    experiments=experiments,
    charts=charts,
)
