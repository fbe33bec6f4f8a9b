"""All tensors of a module by name: parameters and buffers, those too that torch leaves out of a state dict."""

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from contrica.errors import DtypeError, RecordError


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer, one that stands under several names under the first of them.

    Raises
    ------
    DtypeError
        If a part of the module has state that is no tensor (``get_extra_state``).

    Examples
    --------
    >>> linear = nn.Linear(2, 1)
    >>> [*tensors_of(nn.ModuleList([linear, linear]))]
    ['0.weight', '0.bias']
    """
    for name, part in module.named_modules():
        if type(part).get_extra_state is not nn.Module.get_extra_state:
            where = f"{type(part).__name__}{f' ({name})' if name else ''}"
            raise DtypeError(f"a module must hold its state in parameters and buffers, and {where} has more; move it")
    return dict(itertools.chain(module.named_parameters(), module.named_buffers()))


@torch.no_grad()
def put_tensors(module: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Copy ``tensors`` into the parameters and buffers of ``module``, on the device where they are.

    Raises
    ------
    RecordError
        If names, shapes or dtypes are not the module's; nothing is copied then.
    """
    own = tensors_of(module)
    ensure_alike(own, tensors, name)
    for key, tensor in own.items():
        tensor.copy_(tensors[key])


def ensure_alike(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], name: str) -> None:
    """Raise RecordError unless both have the same names, shapes and dtypes; ``name`` is what ``own`` is of."""
    lacking, surplus = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if lacking or surplus:
        what = f"lacks {lacking[0]}" if lacking else f"has {surplus[0]} too"
        raise RecordError(f"what was saved must fit {name}, and it {what}; build {name} as it was")
    for key, tensor in own.items():
        there = tensors[key]
        if (there.shape, there.dtype) != (tensor.shape, tensor.dtype):
            raise RecordError(
                f"what was saved must fit {name}, and {key} has shape {tuple(there.shape)} of {there.dtype} instead of"
                f" {tuple(tensor.shape)} of {tensor.dtype}; build {name} as it was"
            )
