"""A record says what came out of an experiment, in values that JSON can hold."""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import torch


@dataclass(frozen=True)
class Record:
    """What came out of an experiment.

    Parameters
    ----------
    experiment : dict
        The experiment as plain values.
    curve : list of dict
        ``step``, ``seconds``, ``loss`` and ``best`` on the same held-out pairs, in nats; ``best`` is None where the
        latent model has no density.
    scores : dict
        Held out, beside their floors, as `evaluation.Scores.to_dict` gives them.
    guarantee : dict
        ``holds``, ``axes``, ``text``.
    information : dict
        ``mutual_information`` of the pair, None without a density, and ``log_batch``, in nats.
    optimum : dict
        ``best`` value in expectation and its ``standard_error``, the final held-out ``loss``, and the ``gap`` of that
        loss above the best one on the same pairs; None where the latent model has no density.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return asdict(self)


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
