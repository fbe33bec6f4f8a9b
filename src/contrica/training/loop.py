"""The training loop: an iterator that makes one update per step and knows no loss, encoder or source by name.

Minimises the loss over the parameters of encoder and critic with AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)
or SOAP.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.contrast import pair_loss, set_bias
from contrica.critics import Critic
from contrica.errors import DomainError, NonFiniteError
from contrica.losses import Loss
from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairwise import PairPlan
from contrica.training.checkpoint import FitParts, TrainingState
from contrica.training.chunked import in_chunks
from contrica.training.nonfinite import first_bad_gradient, first_bad_term
from contrica.training.options import TrainingOptions
from contrica.training.queue import CandidateQueue, queued_loss
from contrica.training.soap import SOAP

BIAS_REFRESH_STEPS = 100
"""Up to here the bias is set in closed form at steps 1, 2, 4, 8, ...: the codes then change faster than it learns."""


@dataclass(frozen=True)
class StepRecord:
    """What one update saw: the loss in nats and the gradient's norm before clipping, both ahead of the update.

    ``step`` counts from 1; ``encoder_dtype`` is what the encoder computed in.
    """

    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    encoder_dtype: torch.dtype


class Training(Iterator[StepRecord]):
    """A fit under way: makes one update each time the next record is asked for.

    Attributes
    ----------
    step : int
        Updates made so far.
    """

    def __init__(self, parts: FitParts, device: torch.device, resume_from: TrainingState | None) -> None:
        self.step = 0
        self._parts = parts
        self._parameters = [entry for group in parts.optimizer.param_groups for entry in group["params"]]
        self._dtype = parts.options.encoder_dtype(device)
        self._encode = _in_dtype(parts.encoder, self._dtype, device)
        if parts.options.rows_at_once is not None:
            self._encode = in_chunks(self._encode, parts.options.rows_at_once)
        self._device = device
        self._broken_off = False
        if resume_from is not None:
            parts.restore(resume_from)
            self.step = resume_from.step

    def __next__(self) -> StepRecord:
        """Make the next update."""
        if self._broken_off or self.step == self._parts.options.steps:
            raise StopIteration
        self._broken_off = True
        with torch.inference_mode(False), torch.enable_grad():
            record = self._update(self.step + 1)
        self.step, self._broken_off = record.step, False
        return record

    def state(self, notes: Mapping[str, Any] | None = None) -> TrainingState:
        """Return what it takes to go on from here, with ``notes`` of the caller: JSON values and tensors.

        Raises
        ------
        DomainError
            If the last update was broken off, by an error or a KeyboardInterrupt.
        DtypeError
            If the encoder, the critic or the notes hold something that is neither JSON nor a tensor.
        """
        if self._broken_off:
            raise DomainError(
                f"a state must be taken between updates, and update {self.step + 1} was broken off; use the last one"
            )
        return self._parts.state(self.step, notes or {})

    def _update(self, step: int) -> StepRecord:
        parts, options, optimizer = self._parts, self._parts.options, self._parts.optimizer
        encoder, critic, loss = parts.encoder, parts.critic, parts.loss
        batch = parts.source.draw(options.batch_size, generator=parts.generator).to(self._device)
        if step <= BIAS_REFRESH_STEPS and step & (step - 1) == 0:
            _balance(self._encode, critic, loss, batch)
        if parts.queue is None:
            value = pair_loss(self._encode, critic, loss, batch, negatives=options.negatives)
        else:
            value = queued_loss(self._encode, critic, loss, batch, parts.queue)
        loss_now = value.item()
        if not math.isfinite(loss_now):
            raise _not_finite(step, f"loss is {loss_now}", first_bad_term(encoder, critic, batch))
        self._forget_gradients()
        value.backward()
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        norm_now = _norm(gradients)
        if not math.isfinite(norm_now):
            term = first_bad_gradient(encoder, critic)
            self._forget_gradients()
            raise _not_finite(step, f"gradient norm is {norm_now}", term)
        if norm_now > options.clip_norm:
            torch._foreach_mul_(gradients, options.clip_norm / norm_now)
        rate = options.learning_rate_at(step)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        optimizer.step()
        self._forget_gradients()
        return StepRecord(step, loss_now, norm_now, rate, self._dtype or batch.anchors.dtype)

    def _forget_gradients(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None


def train(
    encoder: nn.Module,
    critic: Critic,
    loss: Loss,
    source: PairSource,
    *,
    options: TrainingOptions,
    generator: torch.Generator,
    resume_from: TrainingState | None = None,
) -> Training:
    """Train ``encoder`` and ``critic`` in place, one update each time the next record is asked for.

    Parameters
    ----------
    encoder : nn.Module
        Observations (batch, ...) to codes (batch, code_dim). It stays on the device where it is.
    critic : Critic
        Is moved to the encoder's device.
    loss : Loss
        In nats.
    source : PairSource
        Drawn from once per step.
    options : TrainingOptions
        Numbers of the optimisation.
    generator : torch.Generator
        Handed to ``source``; the loop itself is deterministic.
    resume_from : TrainingState, optional
        From `Training.state` of a fit with the same arguments: encoder, critic, generator and source are put into it,
        whatever they hold, and the fit goes on with the step after it.

    Returns
    -------
    Training
        An iterator over a `StepRecord` after each update. The caller may score, save or move the modules between two
        records, freeze parameters before the first, or stop asking at any time: the modules are always those of the
        last record.

    Raises
    ------
    NonFiniteError
        Before an update that would follow a loss or a gradient that is NaN or infinite, parameters being those of the
        step before; it names the step and the first bad term.
    DomainError
        If no parameter asks for a gradient, or the state is of a fit with other options or another loss.
    RecordError
        If the state is of other modules, or damaged.

    Notes
    -----
    Train and eval modes are left as the caller sets them, and gradients are recorded inside the step whatever the
    caller's grad mode. On one device with one number of threads, equal generators give bit-equal parameters, and so
    does a fit that was resumed, unless a module draws from torch's global generator.
    """
    _checks.generator(generator)
    device = _device(encoder, critic)
    critic.to(device)
    with torch.inference_mode(False):
        optimizer = _optimizer(encoder, critic, options)
    queue = None if options.queue_size is None else CandidateQueue(options.queue_size)
    parts = FitParts(encoder, critic, loss, source, options, optimizer, generator, queue)
    return Training(parts, device, resume_from)


def _device(encoder: nn.Module, critic: Critic) -> torch.device:
    places = {parameter.device for parameter in encoder.parameters()}
    if len(places) > 1:
        raise DomainError(f"the encoder must lie on one device, got {sorted(map(str, places))}; move it with .to()")
    places = places or {parameter.device for parameter in critic.parameters()}
    return places.pop() if places else torch.device("cpu")


def _optimizer(encoder: nn.Module, critic: Critic, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return the optimizer over groups of parameters alike in whether they decay and at what rate they learn."""
    offsets = [module for module in (critic.anchor_offset, critic.candidate_offset) if module is not None]
    offset_parameters = {id(parameter) for module in offsets for parameter in module.parameters()}
    decaying = {
        id(parameter)
        for module in (encoder, *offsets)
        for parameter in module.parameters()
        if options.weight_decay and parameter.ndim > 1
    }
    biases = {id(bias) for bias in (critic.bias, critic.rung_biases) if bias is not None}
    rates = dict.fromkeys(offset_parameters | biases, options.offset_learning_rate_factor)
    if isinstance(critic.dissimilarity, nn.Module):
        learned = critic.dissimilarity.parameters()
        rates |= {id(parameter): options.dissimilarity_learning_rate_factor for parameter in learned}
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for parameter in dict.fromkeys((*encoder.parameters(), *critic.parameters())):
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in decaying, rates.get(id(parameter), 1.0)), []).append(parameter)
    if not groups:
        raise DomainError("some parameter of encoder or critic must ask for a gradient, got none; unfreeze one")
    members = [
        {
            "params": parameters,
            "weight_decay": options.weight_decay if decays else 0.0,
            "rate_factor": rate,
        }
        for (decays, rate), parameters in groups.items()
    ]
    if options.optimizer == "soap":
        return SOAP(members, lr=options.learning_rate, betas=options.betas)
    fused = _device(encoder, critic).type in ("cpu", "cuda") or None
    return torch.optim.AdamW(members, lr=options.learning_rate, betas=options.betas, fused=fused)


def _norm(gradients: list[Tensor]) -> float:
    """Return the norm of all gradients together, also where squares of finite ones overflow float32."""
    norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))
    if math.isfinite(norm):
        return norm
    return math.hypot(*(float(torch.linalg.vector_norm(gradient.double().cpu())) for gradient in gradients))


def _in_dtype(encoder: nn.Module, dtype: torch.dtype | None, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Return the encoder as a function that computes in ``dtype`` and gives codes in the observations' dtype."""
    if dtype is None:
        return encoder

    def encode(observations: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=dtype):
            codes: Tensor = encoder(observations)
        return codes.to(observations.dtype)

    return encode


@torch.no_grad()
def _balance(encode: Callable[[Tensor], Tensor], critic: Critic, loss: Loss, batch: PairBatch) -> None:
    """Set the critic's bias in closed form on this batch; a value that is not finite is not taken over."""
    if critic.bias is None or not critic.bias.requires_grad:
        return
    before = critic.bias.clone()
    anchors = critic.anchors(encode(batch.anchors), batch.anchors)
    positives = critic.candidates(encode(batch.ladder[-1]), batch.ladder[-1])
    ids = batch.groups if batch.negatives is None else None
    set_bias(critic, anchors, positives, loss, None if ids is None else PairPlan(exclude=(ids, ids)))
    if not torch.isfinite(critic.bias):
        critic.bias.copy_(before)


def _not_finite(step: int, what: str, term: str) -> NonFiniteError:
    return NonFiniteError(
        f"training needs finite numbers, but at step {step} the {what}, first bad in {term}; the parameters are those"
        " of the step before: repair the data or lower the learning rate"
    )
