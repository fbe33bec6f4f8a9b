"""The parts that can be described and built again, in one table: a class, and the settings that its constructor needs.

Only these classes are ever made from a folder, and nothing is imported by name. Any other module or function is the
user's own: its tensors are kept, and whoever reads the folder passes it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from contrica.critics import Critic
from contrica.dissimilarities import BlockSum, Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.encoders import MLP, BoxOutput, Conv, PerRecording, ProductOutput, ScalarNet, SphereOutput, Unbounded
from contrica.encoders.layers import NEGATIVE_SLOPE
from contrica.errors import ContricaError, RecordError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.saving.strict_json import Json
from contrica.spaces import Box

OWN = "own"
"""What stands in place of a class for a part of the user's own."""

MOST_LAYERS = 1000
"""A description of a network with more is not followed: each costs time, whatever its tensors say."""


class Part:
    """The kind of a setting that is a part itself, or None."""


class Tied(NamedTuple):
    """Stands in place of a candidate offset that is the anchor offset."""


class Setting(NamedTuple):
    """An argument of a constructor: its name, its kind, and how it is read off a part (its attribute, if None).

    ``unless`` is a value that is not written down, and that the setting has where nothing is; None if all are written.
    """

    name: str
    kind: Any
    read: Callable[[Any], Any] | None = None
    unless: Any = None


def _critic(dissimilarity: Any, anchor_offset: Any, candidate_offset: Any, bias: bool, num_rungs: int) -> Critic:
    other = anchor_offset if isinstance(candidate_offset, Tied) else candidate_offset
    return Critic(dissimilarity, anchor_offset=anchor_offset, candidate_offset=other, bias=bias, num_rungs=num_rungs)


def _candidate_offset(critic: Critic) -> object:
    tied = critic.anchor_offset is not None and critic.candidate_offset is critic.anchor_offset
    return Tied() if tied else critic.candidate_offset


def _widths(network: Any) -> list[int]:
    return [len(layer.weight) for layer in network.hidden if isinstance(layer, (nn.Linear, nn.Conv2d))]


def _slope(network: MLP | Conv) -> float:
    return next((layer.negative_slope for layer in network.hidden if isinstance(layer, nn.LeakyReLU)), NEGATIVE_SLOPE)


def _exponents(power_sum: PowerSum) -> list[float]:
    fixed = power_sum.fixed_exponent
    return power_sum.exponent.tolist() if fixed is None else [fixed] * power_sum.dim


def _entries(mahalanobis: Mahalanobis) -> list[float]:
    return [entry for row in mahalanobis.matrix or () for entry in row]


def _mahalanobis(dim: int, matrix: list[float]) -> Mahalanobis:
    return Mahalanobis(dim, matrix=[matrix[row : row + dim] for row in range(0, len(matrix), dim)] or None)


def _product(blocks: list[Any]) -> ProductOutput:
    return ProductOutput(*blocks)


def _learned(name: str) -> Callable[[Any], bool]:
    return lambda part: isinstance(getattr(part, name), nn.Parameter)


WIDTHS = Setting("widths", list[int], _widths)
OUTPUT = Setting("output", Part)

KNOWN: dict[type, tuple[Callable[..., object], tuple[Setting, ...]]] = {
    MLP: (
        MLP,
        (
            Setting("in_dim", int),
            Setting("code_dim", int),
            WIDTHS,
            Setting("negative_slope", float, _slope),
            Setting("linear_skip", bool, lambda part: part.skip is not None),
            OUTPUT,
        ),
    ),
    Conv: (
        Conv,
        (
            Setting("channels", int),
            Setting("size", int),
            Setting("code_dim", int),
            WIDTHS,
            Setting("negative_slope", float, _slope, unless=NEGATIVE_SLOPE),
            OUTPUT,
        ),
    ),
    ScalarNet: (ScalarNet, (Setting("in_shape", list[int]), WIDTHS)),
    PerRecording: (PerRecording, (Setting("networks", list[Part]), Setting("widths", list[int]))),
    Unbounded: (Unbounded, (Setting("dim", int, lambda part: part.space.dim),)),
    SphereOutput: (
        SphereOutput,
        (Setting("dim", int, lambda part: part.space.dim), Setting("learnable_radius", bool, _learned("log_radius"))),
    ),
    BoxOutput: (
        BoxOutput,
        (Setting("box", Part, lambda part: part.space), Setting("learnable_sides", bool, _learned("log_sides"))),
    ),
    ProductOutput: (_product, (Setting("blocks", list[Part]),)),
    Box: (Box, (Setting("dim", int), Setting("low", float), Setting("high", float))),
    Critic: (
        _critic,
        (
            Setting("dissimilarity", Part),
            Setting("anchor_offset", Part),
            Setting("candidate_offset", Part, _candidate_offset),
            Setting("bias", bool, _learned("bias")),
            Setting("num_rungs", int, unless=1),
        ),
    ),
    Tied: (Tied, ()),
    PowerSum: (
        PowerSum,
        (
            Setting("dim", int),
            Setting("exponent", list[float], _exponents),
            Setting("weights", list[float], lambda part: part.weights.tolist()),
            Setting("learnable_exponent", bool, _learned("log_exponent")),
            Setting("learnable_weights", bool, _learned("log_weights")),
        ),
    ),
    SquaredEuclidean: (SquaredEuclidean, (Setting("weight", float),)),
    NormPower: (NormPower, (Setting("norm_exponent", float), Setting("power", float), Setting("weight", float))),
    Mahalanobis: (_mahalanobis, (Setting("dim", int), Setting("matrix", list[float], _entries))),
    SphereDot: (
        SphereDot,
        (
            Setting("concentration", float, lambda part: part.concentration.item()),
            Setting("learnable_concentration", bool, _learned("log_concentration")),
        ),
    ),
    BlockSum: (BlockSum, (Setting("parts", list[Part]), Setting("sizes", list[int]))),
    InfoNCE: (InfoNCE, (Setting("direction", str), Setting("several", str))),
    NCE: (NCE, ()),
    SCL: (SCL, (Setting("log_form", bool),)),
    NWJ: (NWJ, (Setting("log_form", bool),)),
}
"""By class: what builds it from its settings, and those."""

BY_NAME = {part.__name__: part for part in KNOWN}

DRAWN = (MLP, Conv, ScalarNet)
"""Whose constructor draws first parameters."""


def describe(part: object) -> Json:
    """Return class and settings of ``part``, or class "own" and its name for what is not in the table.

    Examples
    --------
    >>> describe(InfoNCE())
    {'class': 'InfoNCE', 'direction': 'rows', 'several': 'alone'}
    >>> describe(torch.nn.Identity())
    {'class': 'own', 'name': 'Identity'}
    """
    if part is None:
        return None
    if type(part) not in KNOWN:
        return {"class": OWN, "name": getattr(part, "__name__", type(part).__name__)}
    settings: dict[str, Json] = {}
    for setting in KNOWN[type(part)][1]:
        value = getattr(part, setting.name) if setting.read is None else setting.read(part)
        if setting.unless is None or value != setting.unless:
            settings[setting.name] = _encoded(value, setting.kind)
    return {"class": type(part).__name__, **settings}


def build(description: Json, name: str, own: Mapping[str, object]) -> Any:
    """Return the part that ``description`` is of, as its constructor leaves it.

    Parameters
    ----------
    description : JSON value
        From `describe`.
    name : str
        Under which the part was saved, "encoder" or "critic.dissimilarity".
    own : mapping of str to object
        The parts that are not in the table, by such names.

    Raises
    ------
    RecordError
        If a part of the user's own is not in ``own``, or the description is damaged.
    """
    if description is None:
        return None
    match description:
        case {"class": "own", "name": str(class_name)}:
            if name not in own:
                raise RecordError(
                    f"{name} is a part of your own, {class_name}, of which only the tensors are kept; pass one that is"
                    f" built as that was, own={{{name!r}: ...}}"
                )
            return own[name]
        case {"class": str(class_name), **written} if class_name in BY_NAME:
            part = BY_NAME[class_name]
            maker, settings = KNOWN[part]
            found = {setting.name: setting.unless for setting in settings if setting.unless is not None} | written
            if found.keys() != {setting.name for setting in settings}:
                raise RecordError(f"the description of {name} is damaged: settings are missing or too many")
            values = {
                setting.name: _decoded(found[setting.name], setting.kind, f"{name}.{setting.name}", own)
                for setting in settings
            }
            if part in DRAWN:
                values["generator"] = torch.Generator()
            try:
                return maker(**values)
            except (ContricaError, RuntimeError, TypeError, OverflowError, AttributeError) as error:
                raise RecordError(f"the description of {name} is damaged: {error}") from error
    raise RecordError(f"the description of {name} is damaged or of a part that this version does not know")


def _encoded(value: Any, kind: Any) -> Json:
    if kind is Part:
        return describe(value)
    if kind == list[Part]:
        return [describe(part) for part in value]
    if kind == list[int] or kind == list[float]:
        return [kind.__args__[0](entry) for entry in value]
    encoded: Json = kind(value)
    return encoded


def _decoded(value: Any, kind: Any, name: str, own: Mapping[str, object]) -> Any:
    if kind is Part:
        return build(value, name, own)
    if kind == list[Part] and isinstance(value, list) and len(value) <= MOST_LAYERS:
        return [build(part, f"{name}.{number}", own) for number, part in enumerate(value)]
    if kind in (int, float, bool, str) and type(value) is kind:
        return value
    if isinstance(value, list) and kind in (list[int], list[float]):
        most = MOST_LAYERS if kind == list[int] else len(value)
        if len(value) <= most and all(type(entry) is kind.__args__[0] for entry in value):
            return value
    raise RecordError(f"the description of {name} is damaged: {str(value)[:40]} is of a wrong type")
