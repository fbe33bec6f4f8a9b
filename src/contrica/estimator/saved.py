"""A fitted estimator as a folder of safetensors and JSON, and back: no pickle, so opening it runs nothing.

Encoder, critic and loss are parts of a model, see `contrica.saving`; numbers by column or by step are tensors beside
them, and the settings are JSON. Of a setting that is no number, text or list of them, nothing is kept but its part.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from contrica.diagnosis import Diagnosis
from contrica.errors import RecordError
from contrica.estimator.fitted import Fitted
from contrica.estimator.fitting import Curve
from contrica.estimator.scaling import Scaling
from contrica.estimator.sources import KINDS, Pairing, PairRules
from contrica.pairs.drawn import PairReport
from contrica.saving import load_model, read_manifest, save_model

DTYPES = {str(dtype): dtype for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}

PARTS, ROWS = {"encoder", "critic", "loss"}, {"losses", "held_out"}
"""What no saved estimator is without."""

RULES = ("lags", "exclude_within", "num_neighbours", "periods", "balanced", "apart")
"""Settings that say which rows are pairs."""

LONGEST_LIST = 1_000_000
"""Lags in a folder that are taken at their word."""


@dataclass(frozen=True)
class Said:
    """What is told of a fit: its diagnosis, the pairs that it drew, and the names of columns, where there are any."""

    diagnosis: Diagnosis | None
    drawn_pairs: PairReport | None
    names: list[str] | None


class Numbers(nn.Module):
    """Rows of numbers by name, float64, which are kept like the parameters of a module."""

    def __init__(self, rows: Mapping[str, Tensor]) -> None:
        """Keep them as buffers."""
        super().__init__()
        for name, row in rows.items():
            self.register_buffer(name, row.to(torch.float64))


def write(
    folder: str | os.PathLike[str],
    fitted: Fitted,
    curve: Curve,
    settings: Mapping[str, Any],
    said: Said,
) -> None:
    """Write what a fit left, with the settings of the estimator."""
    scaling = fitted.pairing.scaling
    rows = {
        "losses": torch.tensor(curve.losses, dtype=torch.float64),
        "held_out": torch.tensor(curve.held_out, dtype=torch.float64).reshape(-1, 2),
    }
    if scaling.centre is not None and scaling.spread is not None:
        rows |= {"centre": torch.from_numpy(scaling.centre), "spread": torch.from_numpy(scaling.spread)}
    notes = {
        "settings": {name: plain(value) for name, value in settings.items() if is_plain(value)},
        "kind": fitted.pairing.rules.kind,
        "bandwidth": plain(fitted.pairing.rules.bandwidth),
        "flat": fitted.pairing.rules.flat,
        "dtype": str(fitted.pairing.dtype),
        "shape": list(fitted.shape),
        "seed": fitted.seed,
        "best_step": curve.best_step,
        "names": said.names,
        "diagnosis": None if said.diagnosis is None else said.diagnosis.to_dict(),
        "drawn_pairs": None if said.drawn_pairs is None else said.drawn_pairs.to_dict(),
    }
    parts = {"encoder": fitted.encoder, "critic": fitted.critic, "loss": fitted.loss, "numbers": Numbers(rows)}
    save_model(folder, parts, notes={"contrastive_ica": notes})


def read(
    folder: str | os.PathLike[str], *, own: Mapping[str, object], device: str | torch.device
) -> tuple[Fitted, Curve, dict[str, Any], Said]:
    """Return what `write` was given.

    Raises
    ------
    RecordError
        If the folder holds no estimator, or is damaged or of a newer version.
    """
    layouts = read_manifest(folder).tensors
    shapes = {name.removeprefix("numbers."): lay.shape for name, lay in layouts.items() if name.startswith("numbers.")}
    try:
        numbers = Numbers({name: torch.empty(shape, dtype=torch.float64) for name, shape in shapes.items()})
    except (RuntimeError, KeyError) as error:
        raise RecordError(f"{folder} is damaged: its numbers have no names; use a copy of it") from error
    parts, said = load_model(folder, own={**own, "numbers": numbers}, device=device)
    rows = {name: tensor.cpu() for name, tensor in numbers.named_buffers()}
    match said.get("contrastive_ica"):
        case {
            "settings": dict(settings),
            "kind": str(kind),
            "bandwidth": (None | int() | float() | list()) as bandwidth,
            "flat": bool(flat),
            "dtype": str(dtype),
            "shape": list(shape),
            "seed": int(seed),
            "best_step": int(best_step),
            "names": (None | list()) as names,
            **later,
        } if kind in KINDS and dtype in DTYPES and parts.keys() >= PARTS and rows.keys() >= ROWS:
            plain_settings = {name: unplain(value) for name, value in settings.items()}
            asked: dict[str, Any] = {name: plain_settings.get(name) for name in RULES}
            scaling = Scaling(*(rows[name].numpy() if name in rows else None for name in ("centre", "spread")))
            rules = PairRules(
                kind=kind,
                time_share=plain_settings.get("time_share", 0.5),
                bandwidth=bandwidth,
                flat=flat,
                **asked,
            )
            encoder = parts["encoder"].eval()
            pairing = Pairing(rules, scaling, DTYPES[dtype])
            fitted = Fitted(encoder, parts["critic"], parts["loss"], pairing, tuple(shape), seed)
            held_out = [(int(step), float(value)) for step, value in rows["held_out"].tolist()]
            diagnosis, drawn_pairs = later.get("diagnosis"), later.get("drawn_pairs")
            told = Said(
                None if diagnosis is None else Diagnosis.from_dict(diagnosis),
                None if drawn_pairs is None else PairReport.from_dict(drawn_pairs),
                names,
            )
            return fitted, Curve(rows["losses"].tolist(), held_out, best_step), plain_settings, told
    raise RecordError(f"{folder} must hold a ContrastiveICA, and it holds another model; open it with load_model")


def is_plain(value: object) -> bool:
    """Return whether JSON can hold what ``value`` says."""
    if isinstance(value, Mapping):
        return all(is_plain(entry) for entry in (*value.keys(), *value.values()))
    if isinstance(value, list | tuple):
        return all(is_plain(entry) for entry in value)
    return value is None or isinstance(value, bool | int | float | str | range | np.generic | np.ndarray)


def plain(value: Any) -> Any:
    """Return a setting as JSON."""
    match value:
        case range():
            return {"range": [value.start, value.stop, value.step]}
        case Mapping():
            return {"mapping": [[plain(key), plain(entry)] for key, entry in value.items()]}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case np.generic() | np.ndarray():
            return value.tolist()
    return value


def unplain(value: Any) -> Any:
    """Return a setting from JSON; a list is a tuple then.

    >>> unplain(plain({1: 0.5, 2: 0.5})), unplain(plain(range(1, 4)))
    ({1: 0.5, 2: 0.5}, range(1, 4))
    """
    match value:
        case {"range": [int(start), int(stop), int(step)]} if (
            step and len(found := range(start, stop, step)) <= LONGEST_LIST
        ):
            return found
        case {"mapping": list(entries)} if all(isinstance(entry, list) and len(entry) == 2 for entry in entries):
            return {key: unplain(entry) for key, entry in entries}
        case list():
            return tuple(unplain(entry) for entry in value)
        case dict():
            raise RecordError("the settings are damaged: one is neither a range nor a mapping; use a copy of the model")
    return value
