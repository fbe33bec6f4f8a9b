"""An experiment is a frozen value that says everything; running it gives a record that says what came out.

latents -> mixing -> pairs -> (delta) -> encoder, critic -> loss -> held-out codes -> scores, each from its own named
stream of random numbers, so that a change of one leaves the draws of the others as they were.
"""

import copy
import dataclasses
import math
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.datasets.photographs import photograph
from contrica.dissimilarities import Dissimilarity, PowerSum
from contrica.encoders import MLP, Conv, Output, ScalarNet, SphereOutput
from contrica.encoders.whitening import whitening
from contrica.errors import DomainError, NoDensityError, NotIdentifiableError, UnreliableScoreError
from contrica.evaluation import Affine, SignedPermutation, score
from contrica.evaluation.mcc import Matching
from contrica.identifiability import guarantee
from contrica.latents import LatentModel, SampledRatio
from contrica.losses import Loss
from contrica.mixing import Camera, Fold, InvertibleMLP
from contrica.optima import best_loss, in_nats, oracle_loss
from contrica.pairs import NeighbourhoodPairs, PairBatch, PairSource, SimulatedPairs
from contrica.pairs.neighbourhood import NeighbourhoodForm
from contrica.record import Record, environment, plain
from contrica.second_stage import resolve_axes
from contrica.selection import DissimilaritySelection, select_dissimilarity
from contrica.training import StepRecord, TrainingOptions, train
from contrica.training.axes import turn_to_axes
from contrica.training.noise_axes import turn_to_noise_axes

CURVE_POINTS = 24
"""How often the held-out loss is taken during training."""

HELD_OUT_BATCHES = 4
"""Batches of fresh pairs on which the held-out loss and its optimum are taken."""

START_ROWS = 4096
"""Observations from which the encoder's standardisation and whitening start."""

SAMPLED_BATCHES = 8
"""Batches whose best loss is taken by a `SampledRatio`, where there is no exact one."""

SAMPLED_PAIRS = 1024
"""Pairs over which the information is averaged by a `SampledRatio`."""

OPTIMUM_PAIRS = 2**23
"""Anchors times candidates over which the optimum is averaged, about, in `optimum_batches` batches."""

NOISE_AXES_ROWS = 262_144
"""Pairs whose second moments codes on the sphere are turned by: variances a tenth apart are told to .02 radians."""

SHOWN_ROWS = 500
"""Held-out rows whose true and recovered factors are kept in the record for pictures."""


@dataclass(frozen=True)
class MLPMixing:
    """Mix by a seeded invertible MLP with well-conditioned layers; observations are vectors."""

    num_layers: int = 3
    candidates: int = 25_000
    is_injective: ClassVar[bool] = True

    def build(self, latent_dim: int, generator: torch.Generator) -> nn.Module:
        """Draw the mixing."""
        return InvertibleMLP(latent_dim, num_layers=self.num_layers, candidates=self.candidates, generator=generator)


@dataclass(frozen=True)
class PhotographMixing:
    """Mix by photographing: latents are the position of a window on a picture, observations its pixels."""

    image: str = "flower.jpg"
    window: int = 160
    shown: int = 32
    is_injective: ClassVar[bool] = True

    def build(self, latent_dim: int, generator: torch.Generator) -> nn.Module:
        """Load the picture; nothing is drawn."""
        return Camera(photograph(self.image), window=self.window, shown=self.shown)


@dataclass(frozen=True)
class FoldedMixing:
    """Mix by ``mixing`` what is left of the latents after some were folded, see `contrica.mixing.Fold`."""

    mixing: MLPMixing | PhotographMixing = MLPMixing()
    factors: tuple[int, ...] = (0,)
    crease: float = 0.5
    is_injective: ClassVar[bool] = False

    def build(self, latent_dim: int, generator: torch.Generator) -> nn.Module:
        """Draw the mixing behind the fold."""
        fold = Fold(latent_dim, self.factors, crease=self.crease)
        return nn.Sequential(fold, self.mixing.build(latent_dim, generator))


@dataclass(frozen=True)
class Offsets:
    """Which extras the critic learns: alpha, alpha~, the scalar b, and whether alpha and alpha~ are one network."""

    anchor: bool = True
    candidate: bool = True
    bias: bool = True
    tied: bool = False


@dataclass(frozen=True)
class Neighbourhoods:
    """Draw batches from cells of space, from wide to narrow, see `contrica.pairs.NeighbourhoodPairs`.

    After ``plain_steps`` on plain batches, a pool of ``first_pool_size`` pairs is cut into cells; once as many pairs
    were drawn as it holds, one of twice the size takes its place, up to ``pool_size``. Cells are cut in the codes as
    they are, or in a whitening of the observations (vectors only), which costs next to nothing.
    """

    cell_size: int = 256
    pool_size: int = 1_048_576
    first_pool_size: int = 16_384
    form: NeighbourhoodForm = "within"
    coordinates: Literal["codes", "observations"] = "codes"
    plain_steps: int = 20

    def pool_sizes(self, steps: int, batch_size: int) -> dict[int, int]:
        """Return after which of ``steps`` a new pool is drawn, and of how many pairs.

        None is drawn of which less than half would be used.

        >>> Neighbourhoods(first_pool_size=4096, pool_size=8192).pool_sizes(60, 512)
        {20: 4096, 28: 8192, 44: 8192}
        """
        sizes: dict[int, int] = {}
        step, size = self.plain_steps, min(self.first_pool_size, self.pool_size)
        while steps - step >= max(1, size // (2 * batch_size)):
            sizes[step] = size
            step += max(1, size // batch_size)
            size = min(2 * size, self.pool_size)
        return sizes

    def over(self, source: PairSource, encoder: nn.Module, start: Tensor) -> NeighbourhoodPairs:
        """Return the source of batches; ``start`` is what a whitening is measured on."""
        coordinates = encoder
        if self.coordinates == "observations":
            weight, bias = (part.to(start) for part in whitening(start, start.shape[1]))
            coordinates = nn.utils.skip_init(nn.Linear, *weight.T.shape, device=start.device)
            coordinates.load_state_dict({"weight": weight, "bias": bias})
        return NeighbourhoodPairs(
            source, coordinates, cell_size=self.cell_size, pool_size=self.pool_size, form=self.form
        )


@dataclass(frozen=True)
class Selection:
    """Choose one exponent of the dissimilarity from the pairs, see `contrica.select_dissimilarity`.

    ``training`` is the first of the fits that it makes. Where pairs cannot tell, it is the exponent 2, if that is among
    ``exponents`` and as good as the best: codes are then affine in the factors, and turned by nothing.
    """

    training: TrainingOptions
    exponents: tuple[float, ...] = (1.0, 2.0, 3.0)
    num_held_out: int = 8192


@dataclass(frozen=True)
class Experiment:
    """Everything that determines a run on simulated pairs.

    Parameters
    ----------
    name : str
        Row label in tables.
    latents : LatentModel
        Law of the pairs.
    mixing : MLPMixing, PhotographMixing or FoldedMixing
        From latents to observations.
    loss : Loss
    dissimilarity : Dissimilarity
        The critic's delta as it starts; each run trains a copy.
    offsets : Offsets
    widths : tuple of int
        Hidden layers of the encoder (units, or channels for images).
    output : Output, optional
        The space that codes live in as it starts, and with it their number; unbounded codes, one per latent, if not
        given. Each run trains a copy.
    latent_noise, observation_noise : float
        Standard deviations of what is added to each view, see `contrica.pairs.SimulatedPairs`.
    training : TrainingOptions
    neighbourhoods : Neighbourhoods, optional
        Where given, batches are drawn from cells instead of everywhere.
    turn_steps : tuple of int
        After these steps the codes are turned to the axes along which pairs differ; for MLP encoders and power sums of
        one exponent other than 2, see `training.axes`, or of exponent 2 on the sphere, see `training.noise_axes`.
    selection : Selection, optional
        Where given, the dissimilarity is not the one above but is selected from the pairs before the fit.
    second_stage : bool
        Whether axes are sought in the codes of pairs of their own, see `contrica.resolve_axes`, and scored as well.
    num_test : int
        Held-out pairs on which codes are scored.
    seed : int
    """

    name: str
    latents: LatentModel
    mixing: MLPMixing | PhotographMixing | FoldedMixing
    loss: Loss
    dissimilarity: Dissimilarity
    offsets: Offsets = Offsets()
    widths: tuple[int, ...] = (256, 256, 256)
    training: TrainingOptions = TrainingOptions(steps=1000, batch_size=512)
    num_test: int = 8192
    seed: int = 0
    neighbourhoods: Neighbourhoods | None = None
    turn_steps: tuple[int, ...] = ()
    output: Output | None = None
    latent_noise: float = 0.0
    observation_noise: float = 0.0
    second_stage: bool = False
    selection: Selection | None = None

    @property
    def is_noisy(self) -> bool:
        """Whether the views are more than functions of the latents."""
        return self.latent_noise > 0.0 or self.observation_noise > 0.0

    @property
    def code_dim(self) -> int:
        """Number of codes."""
        return self.latents.dim if self.output is None else self.output.space.dim

    def stream(self, name: str) -> torch.Generator:
        """Return a fresh generator of the named stream of this seed."""
        words = np.random.SeedSequence([self.seed, zlib.crc32(name.encode())]).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))

    def describe(self) -> dict[str, Any]:
        """Return the experiment as plain JSON values."""
        return {entry.name: plain(getattr(self, entry.name)) for entry in dataclasses.fields(self)}


def run(experiment: Experiment, *, on_step: Callable[[StepRecord], None] | None = None) -> Record:
    """Train on simulated pairs and score held-out codes.

    ``on_step`` sees each step's record as it comes. The same experiment gives the same record on the same machine, but
    for the seconds.
    """
    mixing = experiment.mixing.build(experiment.latents.dim, experiment.stream("mixing"))
    source = SimulatedPairs(
        experiment.latents,
        mixing,
        latent_noise=experiment.latent_noise,
        observation_noise=experiment.observation_noise,
    )
    encoder, critic = build_model(experiment, source)
    options = experiment.training
    watch = _Stopwatch()
    chosen = experiment.selection
    selected = None if chosen is None else _select(chosen, experiment, encoder, critic, source)
    watch.stop()
    stream = experiment.stream("held-out")
    held_out = [source.draw_with_latents(options.batch_size, generator=stream) for _ in range(HELD_OUT_BATCHES)]
    best = _mean_oracle_loss(experiment, [(latents, positives) for _, latents, positives in held_out])
    curve: list[dict[str, float | None]] = []
    every = max(1, options.steps // CURVE_POINTS)
    watch.start()
    stream, turning, cells = experiment.stream("pairs"), experiment.stream("turns"), experiment.neighbourhoods
    neighbours, pool_sizes = None, {} if cells is None else cells.pool_sizes(options.steps, options.batch_size)
    if cells is not None:
        neighbours = cells.over(source, encoder, source.draw(START_ROWS, generator=experiment.stream("cells")).anchors)
    records = train(encoder, critic, experiment.loss, neighbours or source, options=options, generator=stream)
    for record in records:
        if neighbours is not None and record.step in pool_sizes:
            neighbours.refresh(generator=stream, pool_size=pool_sizes[record.step])
        if record.step in experiment.turn_steps:
            _turn(experiment, encoder, critic, source, turning)
        if on_step is not None:
            on_step(record)
        if record.step == 1 or record.step % every == 0 or record.step == options.steps:
            with watch.paused():
                value = _mean_loss(experiment, encoder, critic, [batch for batch, _, _ in held_out])
            curve.append({"step": record.step, "seconds": watch.wall, "loss": value, "best": best})
    watch.stop()

    ratio = _ratio(experiment)
    promise = _promise(experiment if selected is None else replace(experiment, dissimilarity=selected.dissimilarity))
    batch, latents, positives = source.draw_with_latents(experiment.num_test, generator=experiment.stream("test"))
    with torch.no_grad():
        codes, positive_codes = encoder(batch.anchors), encoder(batch.positives)
        code_delta = critic.dissimilarity(codes, positive_codes).double().mean()
    scores = score(codes, latents, observations=batch.anchors, random_state=experiment.seed)
    alignment = (SignedPermutation if promise["axes"] else Affine).fit(codes[SHOWN_ROWS:], latents[SHOWN_ROWS:])
    return Record(
        experiment=experiment.describe(),
        curve=curve,
        scores=scores.to_dict(),
        guarantee=promise,
        information=_information(experiment, ratio) | {"log_batch": math.log(options.batch_size)},
        optimum=_optimum(experiment, curve[-1]) | _excess(experiment, encoder, critic, source, ratio),
        calibration=_calibration(experiment, latents, positives, float(code_delta)),
        factors=_rounded(latents[:SHOWN_ROWS].numpy()),
        recovered=_rounded(alignment.predict(codes[:SHOWN_ROWS])),
        mixing={"condition_number": getattr(mixing, "condition_number", None)},
        seconds=watch.wall,
        processor_seconds=watch.processor,
        second_stage=_second_stage(experiment, encoder, source, codes, latents) if experiment.second_stage else None,
        learned=_learned(encoder, critic, scores.matching),
        selection=None if selected is None else selected.to_dict(),
        environment=environment(),
    )


def _select(
    chosen: Selection, experiment: Experiment, encoder: MLP | Conv, critic: Critic, source: SimulatedPairs
) -> DissimilaritySelection:
    """Give ``critic`` the dissimilarity that held-out pairs ask for; the encoder stays as it starts."""
    stream = experiment.stream("selection")
    selected = select_dissimilarity(
        encoder,
        critic,
        experiment.loss,
        source,
        source.draw(chosen.num_held_out, generator=stream),
        exponents=chosen.exponents,
        learned_from=(),
        options=chosen.training,
        generator=stream,
    )
    critic.dissimilarity = selected.dissimilarity
    return selected


@torch.no_grad()
def _second_stage(
    experiment: Experiment, encoder: nn.Module, source: SimulatedPairs, codes: Tensor, latents: Tensor
) -> dict[str, Any]:
    """Seek axes on pairs of their own, without the latents, and score the test codes along them."""
    batch = source.draw(experiment.num_test, generator=experiment.stream("second stage"))
    try:
        axes = resolve_axes(encoder(batch.anchors), encoder(batch.positives), random_state=experiment.seed)
    except (NotIdentifiableError, UnreliableScoreError) as refusal:
        return {"holds": False, "text": str(refusal), "scores": None}
    scores = score(axes.transform(codes), latents, random_state=experiment.seed, floors=False)
    return {"holds": True, "text": str(axes), "scores": scores.to_dict()}


def _learned(encoder: nn.Module, critic: Critic, matching: Matching) -> dict[str, list[float]]:
    """Return what was learned through logarithms, one entry per code in the order of the matched factors."""
    found = {}
    for module in (critic.dissimilarity, getattr(encoder, "output", None)):
        for name, parameter in module.named_parameters() if isinstance(module, nn.Module) else ():
            if name.startswith("log_"):
                values = parameter.detach().double().exp().reshape(-1).tolist()
                complete = len(values) == len(matching) and None not in matching
                found[name.removeprefix("log_")] = (
                    [values[code] for code in matching if code is not None] if complete else values
                )
    return found


class _Stopwatch:
    """Wall and processor seconds of training, without the measuring in between."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0
        self.start()

    def start(self) -> None:
        """Count from here."""
        self._begun = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Take the seconds since it was started."""
        self.wall += time.perf_counter() - self._begun[0]
        self.processor += time.process_time() - self._begun[1]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what is done inside."""
        self.stop()
        yield
        self.start()


def build_model(experiment: Experiment, source: SimulatedPairs) -> tuple[MLP | Conv, Critic]:
    """Return the encoder and the critic as they start, from the stream ``init``."""
    generator = experiment.stream("init")
    start = source.draw(START_ROWS, generator=generator).anchors
    encoder: MLP | Conv
    widths, output = experiment.widths, copy.deepcopy(experiment.output)
    if start.ndim == 2:
        encoder = MLP(start.shape[1], experiment.code_dim, widths=widths, output=output, generator=generator)
    else:
        channels, size = start.shape[1:3]
        encoder = Conv(channels, size, experiment.code_dim, widths=widths, output=output, generator=generator)
    encoder.start_from(start)

    def offset(wanted: bool) -> ScalarNet | None:
        if not wanted:
            return None
        network = ScalarNet(start.shape[1:], generator=generator)
        network.start_from(start)
        return network

    anchor_offset = offset(experiment.offsets.anchor)
    candidate_offset = anchor_offset if experiment.offsets.tied else offset(experiment.offsets.candidate)
    critic = Critic(
        copy.deepcopy(experiment.dissimilarity),
        anchor_offset=anchor_offset,
        candidate_offset=candidate_offset,
        bias=experiment.offsets.bias,
    )
    return encoder, critic


def _turn(
    experiment: Experiment, encoder: MLP | Conv, critic: Critic, source: SimulatedPairs, generator: torch.Generator
) -> None:
    delta = critic.dissimilarity
    if not isinstance(encoder, MLP) or not isinstance(delta, PowerSum) or delta.fixed_exponent is None:
        raise DomainError(
            "codes are turned for MLP encoders and power sums of one fixed exponent, got"
            f" {type(encoder).__name__} and {delta}; leave turn_steps empty"
        )
    if isinstance(encoder.output, SphereOutput):
        turn_to_noise_axes(encoder, delta, source.draw(NOISE_AXES_ROWS, generator=generator))
        return
    calibrate = experiment.training.negatives != "anchors_including_self"
    turn_to_axes(
        encoder, source.draw(START_ROWS, generator=generator), exponent=delta.fixed_exponent, calibrate=calibrate
    )


@torch.no_grad()
def _mean_loss(experiment: Experiment, encoder: nn.Module, critic: Critic, batches: list[PairBatch]) -> float:
    negatives = experiment.training.negatives
    values = [pair_loss(encoder, critic, experiment.loss, batch, negatives=negatives) for batch in batches]
    return float(torch.stack(values).mean())


def _mean_oracle_loss(experiment: Experiment, pairs: list[tuple[Tensor, Tensor]]) -> float | None:
    if experiment.training.negatives != "positives":
        return None
    try:
        return float(np.mean([oracle_loss(experiment.loss, experiment.latents, *pair) for pair in pairs]))
    except NoDensityError:
        return None


def _optimum(experiment: Experiment, last: dict[str, float | None]) -> dict[str, float | None]:
    gap = None if last["best"] is None or last["loss"] is None else last["loss"] - last["best"]
    entry = {"best": None, "standard_error": None, "loss": last["loss"], "gap": gap}
    if gap is not None:
        best = best_loss(
            experiment.loss,
            experiment.latents,
            batch_size=experiment.training.batch_size,
            generator=experiment.stream("optimum"),
            num_batches=optimum_batches(experiment.training.batch_size),
        )
        entry |= {"best": best.value, "standard_error": best.standard_error}
    return entry


def _ratio(experiment: Experiment) -> LatentModel | SampledRatio | None:
    """Return what knows the log density ratio, exactly or from draws; None where nothing does."""
    latents = experiment.latents
    try:
        latents.mutual_information()
    except NoDensityError:
        try:
            return SampledRatio(latents, generator=experiment.stream("ratio"))
        except NoDensityError:
            return None
    return latents


@torch.no_grad()
def _excess(
    experiment: Experiment,
    encoder: nn.Module,
    critic: Critic,
    source: SimulatedPairs,
    ratio: LatentModel | SampledRatio | None,
) -> dict[str, float | None]:
    """Return the nats above the best loss on the same batch: the mean over batches, and one batch's deviation."""
    options, loss, stream = experiment.training, experiment.loss, experiment.stream("excess")
    nothing: dict[str, float | None] = {"excess": None, "noise": None}
    if ratio is None or options.negatives != "positives":
        return nothing
    batches = optimum_batches(options.batch_size)
    found = []
    for _ in range(min(SAMPLED_BATCHES, batches) if isinstance(ratio, SampledRatio) else batches):
        batch, latents, positives = source.draw_with_latents(options.batch_size, generator=stream)
        reached = in_nats(loss, _mean_loss(experiment, encoder, critic, [batch]))
        bound = in_nats(loss, oracle_loss(loss, ratio, latents, positives))
        if reached is not None and bound is not None:
            found.append(reached - bound)
    return nothing if len(found) < 2 else {"excess": float(np.mean(found)), "noise": float(np.std(found, ddof=1))}


def optimum_batches(batch_size: int) -> int:
    """Return over how many batches the optimum is averaged: fewer large ones say as much, at the square of the cost.

    >>> optimum_batches(256), optimum_batches(512), optimum_batches(2048)
    (32, 32, 4)
    """
    return max(4, min(32, OPTIMUM_PAIRS // batch_size**2))


def _calibration(experiment: Experiment, latents: Tensor, positives: Tensor, code_delta: float) -> float | None:
    true_delta = experiment.latents.conditional.dissimilarity
    return None if true_delta is None else code_delta / float(true_delta(latents.double(), positives.double()).mean())


def _information(experiment: Experiment, ratio: LatentModel | SampledRatio | None) -> dict[str, float | None]:
    if isinstance(ratio, SampledRatio):
        latents, positives = experiment.latents.sample(SAMPLED_PAIRS, generator=experiment.stream("information"))
        logs = ratio.log_density_ratio(latents, positives)
        return {
            "mutual_information": float(logs.mean()),
            "information_standard_error": float(logs.std() / math.sqrt(len(logs))),
        }
    return {"mutual_information": None if ratio is None else ratio.mutual_information()}


def _promise(experiment: Experiment) -> dict[str, Any]:
    try:
        promise = guarantee(
            experiment.latents,
            experiment.dissimilarity,
            loss=experiment.loss,
            anchor_offset=experiment.offsets.anchor,
            candidate_offset=experiment.offsets.candidate,
            code_space=None if experiment.output is None else experiment.output.space,
            learned_extent=experiment.output is not None and experiment.output.is_learned,
            injective=experiment.mixing.is_injective,
            noise=experiment.is_noisy,
        )
    except NotIdentifiableError as refusal:
        return {"holds": False, "axes": False, "text": str(refusal)}
    return {"holds": True, "axes": promise.axes_identified, "text": str(promise)}


def _rounded(rows: npt.NDArray[np.floating[Any]]) -> list[list[float]]:
    return [[round(float(value), 5) for value in row] for row in rows]
