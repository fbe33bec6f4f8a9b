"""A record says what came out of an experiment, in values that JSON can hold."""

import dataclasses
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Self

import torch
from torch import Tensor, nn

from contrica.errors import RecordError

NUMBERS = 13
"""How many lines stand under "Changes numbers" in the changelog: records of another number are not comparable."""


@dataclass(frozen=True)
class Record:
    """What came out of an experiment.

    Parameters
    ----------
    experiment : dict
        The experiment as plain values.
    curve : list of dict
        ``step``, ``seconds``, ``loss`` and ``best`` on the same held-out pairs, in nats; ``best`` is None where the
        latent model has no density. It is that of the latents themselves: where the mixing folds or noise is added, no
        critic of the observations reaches it.
    scores : dict
        Held out, beside their floors, as `evaluation.Scores.to_dict` gives them.
    guarantee : dict
        ``holds``, ``axes``, ``text``.
    information : dict
        ``mutual_information`` of the pair, None without a density, and ``log_batch``, in nats; where no exact value is
        known, an average over draws, with its ``information_standard_error``.
    optimum : dict
        ``best`` value in expectation and its ``standard_error``, the final held-out ``loss``, and the ``gap`` of that
        loss above the best one on the same pairs; None where the latent model has no density. ``excess`` is that gap
        in nats, see `contrica.optima.in_nats`, on batches of their own, and ``noise`` its standard deviation from batch
        to batch; where the ratio is not known exactly, beside one of draws, see `contrica.latents.SampledRatio`.
    calibration : float, optional
        Mean dissimilarity of held-out positive pairs between codes over that between latents; 1 where the codes have
        the true scale in units of the pair noise, None where the pair law has no dissimilarity.
    factors, recovered : list of rows
        True factors and the aligned recovered ones of some held-out rows.
    mixing : dict
        ``condition_number`` where the mixing has one.
    seconds : float
        Of training alone.
    environment : dict
        Versions, machine, threads.
    processor_seconds : float or None
        As ``seconds``, but of the processor, added over threads: what counts on a machine that does other work too.
        None in records from before it was taken.
    second_stage : dict or None
        Where it was asked for: whether something ``holds`` that identifies the axes, the ``text`` that says what, or
        why nothing does, and the ``scores`` of the codes along those axes, None where they were refused.
    learned : dict or None
        Numbers of the dissimilarity and the output space that were learned, one list each, in the order of the factors
        that the codes were matched to where there is one per code.
    selection : dict or None
        Where the dissimilarity was selected from the pairs: as `contrica.DissimilaritySelection.to_dict` gives it.
    """

    experiment: dict[str, Any]
    curve: list[dict[str, float | None]]
    scores: dict[str, Any]
    guarantee: dict[str, Any]
    information: dict[str, float | None]
    optimum: dict[str, float | None]
    calibration: float | None
    factors: list[list[float]]
    recovered: list[list[float]]
    mixing: dict[str, Any]
    seconds: float
    environment: dict[str, Any]
    processor_seconds: float | None = None
    second_stage: dict[str, Any] | None = None
    learned: dict[str, list[float]] | None = None
    selection: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: object) -> Self:
        """Read what `to_dict` gave; entries that are no part of a record are left out.

        Raises
        ------
        RecordError
            If a part is missing.
        """
        fields = dataclasses.fields(cls)
        needed = {field.name for field in fields if field.default is dataclasses.MISSING}
        if not isinstance(found, dict) or not needed <= found.keys():
            missing = ", ".join(sorted(needed - found.keys())) if isinstance(found, dict) else "everything"
            raise RecordError(f"the record is damaged: one of its runs lacks {missing}; run again")
        return cls(**{field.name: found[field.name] for field in fields if field.name in found})


def environment() -> dict[str, Any]:
    """Return the versions and the machine that a result depends on."""
    packages = ("contrica", "torch", "numpy", "scipy", "scikit-learn")
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
    }


def plain(value: object) -> Any:
    """Return a value of an experiment as JSON can hold it: its type's name and its public settings."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return [plain(entry) for entry in value]
    name = type(value).__name__
    if isinstance(value, nn.Module):
        return " ".join(repr(value).split())
    if dataclasses.is_dataclass(value):
        settings = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
    else:
        settings = {key: entry for key, entry in vars(value).items() if not key.startswith("_")}
    return {"type": name, **{key: plain(entry) for key, entry in settings.items()}}
