"""A model as a folder: an encoder, a critic, a loss, or whatever parts were trained together.

A part that the table knows is first built without memory, so that a description cannot ask for more than its tensors
take, then compared with these in name, shape and type, and given them.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from contrica.errors import DomainError, RecordError
from contrica.saving.folder import read_folder, write_folder
from contrica.saving.parts import build, describe
from contrica.saving.strict_json import Json
from contrica.training.module_tensors import ensure_alike, tensors_of

KIND = "model"


class Model(NamedTuple):
    """What `load_model` returns: the parts by the names they were saved under, and the notes beside them."""

    parts: dict[str, Any]
    notes: dict[str, Json]


def save_model(
    folder: str | os.PathLike[str], parts: Mapping[str, object], *, notes: Mapping[str, object] | None = None
) -> None:
    """Save trained parts, by name, as a folder; one that holds a model is replaced in one step.

    Parameters
    ----------
    folder : path
        New, empty, or a model.
    parts : mapping of str to object
        Encoders, critics, losses, dissimilarities. Those of contrica are built again by `load_model`; of a module of
        your own its parameters and buffers are kept, of a function nothing.
    notes : mapping, optional
        What else is worth keeping, as JSON values.

    Raises
    ------
    OutputError
        If the folder holds something else or cannot be written; a model that was there before is intact.
    DtypeError, DomainError
        If something cannot be saved.

    Examples
    --------
    >>> import tempfile
    >>> from contrica import MLP, Critic, PowerSum
    >>> encoder = MLP(5, 2, generator=torch.Generator().manual_seed(0))
    >>> folder = tempfile.mkdtemp()
    >>> save_model(folder, {"encoder": encoder, "critic": Critic(PowerSum(2))}, notes={"title": "a first try"})
    >>> model = load_model(folder)
    >>> bool((model.parts["encoder"](torch.ones(1, 5)) == encoder(torch.ones(1, 5))).all())
    True
    """
    descriptions, tensors = taken_apart(parts)
    write_folder(folder, kind=KIND, description={"parts": descriptions, "notes": dict(notes or {})}, tensors=tensors)


def load_model(
    folder: str | os.PathLike[str],
    *,
    own: Mapping[str, object] | None = None,
    device: str | torch.device = "cpu",
) -> Model:
    """Read what `save_model` has written.

    Parameters
    ----------
    folder : path
    own : mapping of str to object, optional
        A module of your own for each that was saved, built as that was, by the name it was saved under: "encoder",
        "critic.dissimilarity". The saved tensors are put into it, and it is moved to ``device``.
    device : str or torch.device
        Where the parts go, wherever they were when saved.

    Raises
    ------
    RecordError
        If the folder is no model, of a newer version or damaged, or a part of your own is missing or does not fit.
    """
    saved = read_folder(folder, kind=KIND, device=device)
    match saved.description:
        case {"parts": dict(descriptions), "notes": dict(notes)}:
            try:
                return Model(put_together(descriptions, saved.tensors, own=own or {}, device=device), notes)
            except RecordError as error:
                raise RecordError(f"{folder} cannot be opened: {error}") from error
    raise RecordError(f"{folder} is damaged: it names no parts; use a copy of it")


def taken_apart(parts: Mapping[str, object]) -> tuple[dict[str, Json], dict[str, Tensor]]:
    """Return the descriptions of ``parts`` and all their tensors, under the names ``part.tensor``.

    Raises
    ------
    DomainError, DtypeError
        If a name is no plain word, or a module has state that is no tensor.
    """
    descriptions: dict[str, Json] = {}
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        if not name.isidentifier():
            raise DomainError(f"parts must have plain names such as 'encoder', got {name!r}; choose one without dots")
        descriptions[name] = describe(part)
        if isinstance(part, nn.Module):
            tensors |= {f"{name}.{key}": tensor for key, tensor in tensors_of(part).items()}
    return descriptions, tensors


def put_together(
    descriptions: Mapping[str, Json],
    tensors: Mapping[str, Tensor],
    *,
    own: Mapping[str, object],
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Return the parts that `taken_apart` has taken apart.

    Raises
    ------
    RecordError
        If descriptions and tensors do not fit, or a part of the user's own is missing or does not fit.
    """
    parts: dict[str, Any] = {}
    unused = dict(tensors)
    for name, description in descriptions.items():
        prefix = f"{name}."
        try:
            with _WithoutMemory():
                part = build(description, name, own)
            if isinstance(part, nn.Module):
                its = {key.removeprefix(prefix): unused.pop(key) for key in tensors if key.startswith(prefix)}
                _fill(part, its, name, own)
                part.to(device)
        except RecursionError as error:
            raise RecordError(f"the description of {name} is damaged: it goes too deep") from error
        parts[name] = part
    if unused:
        raise RecordError(f"its tensors are damaged: {sorted(unused)[0]} belongs to no part")
    return parts


class _WithoutMemory(TorchFunctionMode):
    """Let tensors that are made for a given shape have that shape and no values."""

    MAKERS = frozenset({torch.empty, torch.empty_like, torch.zeros, torch.ones, torch.full})

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        settings = {**(kwargs or {}), "device": "meta"} if func in self.MAKERS else kwargs or {}
        return func(*args, **settings)


@torch.no_grad()
def _fill(part: nn.Module, tensors: Mapping[str, Tensor], name: str, own: Mapping[str, object]) -> None:
    """Give a part its tensors: they take the place of those of contrica's modules, and are copied into the user's."""
    users = [module for module in own.values() if isinstance(module, nn.Module)]
    copied = {id(tensor) for module in users for tensor in tensors_of(module).values()}
    there = tensors_of(part)
    as_saved = {
        key: tensor if id(tensor) in copied or key not in tensors else _in_dtype_of(tensors[key], tensor)
        for key, tensor in there.items()
    }
    ensure_alike(as_saved, tensors, name)
    for key, tensor in there.items():
        if id(tensor) in copied:
            tensor.copy_(tensors[key])
            continue
        if not bool(torch.isfinite(tensors[key]).all()):
            raise RecordError(f"the tensors of {name} are damaged: {key} has values that are not finite")
        path, _, leaf = key.rpartition(".")
        owner = part.get_submodule(path)
        if isinstance(tensor, nn.Parameter):
            setattr(owner, leaf, nn.Parameter(tensors[key], requires_grad=tensor.requires_grad))
        else:
            setattr(owner, leaf, tensors[key])


def _in_dtype_of(saved: Tensor, tensor: Tensor) -> Tensor:
    """Return a tensor of the shape that was built, and of the saved dtype if both are floating."""
    floating = saved.is_floating_point() and tensor.is_floating_point()
    return torch.empty(tensor.shape, dtype=saved.dtype if floating else tensor.dtype, device="meta")
