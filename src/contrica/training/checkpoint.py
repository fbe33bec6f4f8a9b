"""The state of a fit between two steps: given it, `train` goes on to the same parameters, bit by bit.

    state = step, encoder, critic, optimizer, generator, source, queue, and notes of the caller

Whatever a step reads and changes is in it. What a step reads and does not change, options and loss, is written down, so
that a state is not taken up by another fit.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from contrica.critics import Critic
from contrica.errors import DomainError, DtypeError, RecordError
from contrica.losses import Loss
from contrica.pairs.batch import PairSource
from contrica.training.module_tensors import ensure_alike, put_tensors, tensors_of
from contrica.training.options import TrainingOptions
from contrica.training.queue import CandidateQueue


@runtime_checkable
class StatefulSource(Protocol):
    """A pair source that draws otherwise after something was done to it, such as a refresh of its pool."""

    def state(self) -> dict[str, Tensor]:
        """Return what its draws depend on besides the generator and what it was made of."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Draw from now on as it did when `state` returned this; raise RecordError if it does not fit."""
        ...


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A fit after ``step`` updates, as values that later updates do not change.

    Attributes
    ----------
    step : int
        Updates that were made.
    settings : mapping
        Options and loss, as JSON values.
    encoder, critic : mapping of str to Tensor
        Parameters and buffers.
    optimizer : mapping of str to mapping
        What the optimizer keeps of each parameter: tensors, numbers, lists of these.
    generator : Tensor
        The state of the generator that draws the pairs.
    source : mapping of str to Tensor
        Of a `StatefulSource`, empty for others.
    queue : mapping of str to Tensor
        Past candidates, empty where there is no queue.
    notes : mapping
        What the caller keeps: JSON values and tensors, in dictionaries and lists.
    """

    step: int
    settings: Mapping[str, Any]
    encoder: Mapping[str, Tensor]
    critic: Mapping[str, Tensor]
    optimizer: Mapping[str, Mapping[str, Any]]
    generator: Tensor
    source: Mapping[str, Tensor]
    queue: Mapping[str, Tensor]
    notes: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FitParts:
    """What a fit works on: all that changes from step to step, and the settings, which do not."""

    encoder: nn.Module
    critic: Critic
    loss: Loss
    source: PairSource
    options: TrainingOptions
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    queue: CandidateQueue | None = None

    @torch.inference_mode(False)
    def state(self, step: int, notes: Mapping[str, Any]) -> TrainingState:
        """Return copies of everything, on the CPU."""
        names = self._parameter_names()
        return TrainingState(
            step,
            self._settings(),
            _copied(tensors_of(self.encoder)),
            _copied(tensors_of(self.critic)),
            {names[parameter]: _copied(kept) for parameter, kept in self.optimizer.state.items()},
            self.generator.get_state().clone(),
            _copied(self.source.state() if isinstance(self.source, StatefulSource) else {}),
            _copied({} if self.queue is None else self.queue.state()),
            _copied(dict(notes)),
        )

    @torch.inference_mode(False)
    def restore(self, state: TrainingState) -> None:
        """Put ``state`` in place.

        Raises
        ------
        DomainError
            If it is of a fit with other options or another loss.
        RecordError
            If it is of other parts, or damaged.
        """
        _ensure_same_settings(state.settings, self._settings())
        if not 0 <= state.step <= self.options.steps:
            raise RecordError(f"a state must be of a step up to {self.options.steps}, got {state.step}; start anew")
        kept = self._fitting_optimizer_state(state.optimizer)
        ensure_alike(tensors_of(self.encoder), state.encoder, "the encoder")
        ensure_alike(tensors_of(self.critic), state.critic, "the critic")
        try:
            self.generator.set_state(state.generator)
        except (RuntimeError, TypeError) as error:
            raise RecordError(f"the generator's state must fit it, and it does not ({error}); start anew") from error
        if isinstance(self.source, StatefulSource):
            self.source.restore(state.source)
        if self.queue is not None:
            device = next((tensor.device for tensor in tensors_of(self.encoder).values()), torch.device("cpu"))
            self.queue.restore(state.queue, device)
        put_tensors(self.encoder, state.encoder, "the encoder")
        put_tensors(self.critic, state.critic, "the critic")
        self.optimizer.state.update(kept)

    def _settings(self) -> dict[str, Any]:
        loss: dict[str, Any] = dataclasses.asdict(self.loss) if dataclasses.is_dataclass(self.loss) else {}
        settings = {**dataclasses.asdict(self.options), "loss": {"class": type(self.loss).__name__, **loss}}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}

    def _parameter_names(self) -> dict[Tensor, str]:
        owned = (("encoder", self.encoder), ("critic", self.critic))
        return {
            parameter: f"{owner}.{name}" for owner, module in owned for name, parameter in module.named_parameters()
        }

    def _fitting_optimizer_state(self, saved: Mapping[str, Mapping[str, Any]]) -> dict[Tensor, Any]:
        """Return ``saved`` by parameter; it must look like what the optimizer keeps after a step."""
        names, fitting = self._parameter_names(), {}
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                name = names[parameter]
                if name in saved:
                    twin = nn.Parameter(torch.zeros_like(parameter))
                    twin.grad = torch.zeros_like(parameter)
                    optimizer = type(self.optimizer)([{**group, "params": [twin]}])  # type: ignore[call-arg]
                    optimizer.step()
                    fitting[parameter] = _moved_like(saved[name], optimizer.state[twin], name)
        if len(fitting) < len(saved):
            raise RecordError(
                "the optimizer's state must be of the parameters that are trained, got others; start anew"
            )
        return fitting


def _ensure_same_settings(saved: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    for name in (*here, *saved):
        if saved.get(name) != here.get(name):
            raise DomainError(
                f"a fit goes on with the settings that it began with, and {name} was {saved.get(name)!r} and is"
                f" {here.get(name)!r}; use the former, or start anew elsewhere"
            )


def _copied(value: Any) -> Any:
    """Return ``value`` with every tensor in it copied to the CPU; tuples become lists."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _copied(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise DtypeError(f"a state must hold tensors and JSON values, got {type(value).__name__}; convert it")


def _moved_like(saved: Any, like: Any, name: str) -> Any:
    """Return ``saved`` with its tensors where those of ``like`` are; raise RecordError unless it has the same form."""
    match like:
        case Tensor() if isinstance(saved, Tensor) and (saved.shape, saved.dtype) == (like.shape, like.dtype):
            return torch.empty_like(like).copy_(saved)  # in its order of memory too, on which rounding depends
        case dict() if isinstance(saved, Mapping) and saved.keys() == like.keys():
            return {key: _moved_like(saved[key], like[key], name) for key in like}
        case list() if isinstance(saved, list) and len(saved) == len(like):
            return [_moved_like(*both, name) for both in zip(saved, like, strict=True)]
        case None if saved is None:
            return None
        case int() if type(saved) is int and saved > 0:
            return saved
    raise RecordError(f"the optimizer's state of {name} must fit that parameter, and it does not; start anew")
