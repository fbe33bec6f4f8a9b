"""Running an experiment: from the latents to a record of what came out.

latents -> mixing -> pairs -> (delta) -> encoder, critic -> loss -> held-out codes -> scores, each from its own named
stream of random numbers, so that a change of one leaves the draws of the others as they were.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP, Conv, ScalarNet, SphereOutput
from contrica.errors import DomainError, NotIdentifiableError, UnreliableScoreError
from contrica.evaluation import Affine, SignedPermutation, score
from contrica.evaluation.mcc import Matching
from contrica.experiment.optimum import excess, information, known_ratio, mean_loss, mean_oracle_loss, optimum
from contrica.experiment.settings import Experiment, Selection
from contrica.identifiability import guarantee
from contrica.pairs import SimulatedPairs
from contrica.record import Record, environment
from contrica.second_stage import resolve_axes
from contrica.selection import DissimilaritySelection, select_dissimilarity
from contrica.training import StepRecord, train
from contrica.training.axes import turn_to_axes
from contrica.training.noise_axes import turn_to_noise_axes

CURVE_POINTS = 24
"""How often the held-out loss is taken during training."""

HELD_OUT_BATCHES = 4
"""Batches of fresh pairs on which the held-out loss and its optimum are taken."""

START_ROWS = 4096
"""Observations from which the encoder's standardisation and whitening start."""

NOISE_AXES_ROWS = 262_144
"""Pairs whose second moments codes on the sphere are turned by: variances a tenth apart are told to .02 radians."""

SHOWN_ROWS = 500
"""Held-out rows whose true and recovered factors are kept in the record for pictures."""


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
    best = mean_oracle_loss(experiment, [(latents, positives) for _, latents, positives in held_out])
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
                value = mean_loss(experiment, encoder, critic, [batch for batch, _, _ in held_out])
            curve.append({"step": record.step, "seconds": watch.wall, "loss": value, "best": best})
    watch.stop()

    ratio = known_ratio(experiment)
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
        information=information(experiment, ratio) | {"log_batch": math.log(options.batch_size)},
        optimum=optimum(experiment, curve[-1]) | excess(experiment, encoder, critic, source, ratio),
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
    settings: dict[str, Any] = {
        "widths": experiment.widths,
        "negative_slope": experiment.negative_slope,
        "output": copy.deepcopy(experiment.output),
        "generator": generator,
    }
    encoder: MLP | Conv
    if start.ndim == 2:
        encoder = MLP(start.shape[1], experiment.code_dim, **settings)
    else:
        channels, size = start.shape[1:3]
        encoder = Conv(channels, size, experiment.code_dim, **settings)
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


def _calibration(experiment: Experiment, latents: Tensor, positives: Tensor, code_delta: float) -> float | None:
    true_delta = experiment.latents.conditional.dissimilarity
    return None if true_delta is None else code_delta / float(true_delta(latents.double(), positives.double()).mean())


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
