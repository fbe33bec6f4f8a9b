"""How to train: numbers only, and the learning rate as a function of the step.

Linear warm-up to the peak, then half a cosine down to a small share of it. The tail matters: what tells true axes from
mixed ones is a few thousandths of a nat, less than the noise of a large step.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from contrica import _checks
from contrica.contrast import NegativeSource
from contrica.errors import DomainError, DtypeError

OptimizerName = Literal["adamw", "soap"]
"""What turns gradients into updates: AdamW, or SOAP, which is Adam in each matrix's own basis."""

FIRST_CUDA_WITH_BFLOAT16 = (8, 0)
"""Compute capability from which NVIDIA processors multiply bfloat16 natively."""

LARGEST_FINAL_FRACTION = 0.01
"""A rate that ends higher leaves more noise in the loss than the axes contribute to it."""


@dataclass(frozen=True)
class TrainingOptions:
    """Everything of the optimisation that is a number.

    Attributes
    ----------
    steps : int
        Number of updates.
    batch_size : int
        Positive pairs per update, at least 2.
    negatives : str
        Which rows of a batch serve as negatives, see `contrica.contrast.pair_loss`.
    optimizer : str
        "adamw", or "soap", which needs far fewer steps and about twice the work per step on small encoders.
    learning_rate : float
        Peak rate for the encoder. The default serves AdamW and SOAP on perceptrons; SOAP bears .03 on many
        factors whose pairs share much.
    offset_learning_rate_factor : float
        The critic's offsets and bias learn at this many times that rate; they have to follow the codes.
    dissimilarity_learning_rate_factor : float
        What the dissimilarity learns, such as one concentration per dimension, it learns at this many times that rate.
    betas : pair of float
        Decay of the running means of the gradient and of its square, each in [0, 1).
    weight_decay : float
        Decoupled decay of the weight matrices of encoder and offsets; nothing else decays. It shrinks the codes away
        from their calibrated scale.
    warmup_fraction : float
        Share of the steps in which the rate climbs, in [0, 1).
    final_fraction : float
        Share of the peak that the last step uses, in (0, 0.01].
    clip_norm : float
        The gradient is scaled down to this Euclidean norm over all parameters if it is longer.
    rows_at_once : int, optional
        Encode so many observations at a time and forget their activations, see `contrica.training.chunked`: for an
        encoder and a batch that do not fit into memory together. None keeps all.
    queue_size : int, optional
        So many x~ of earlier batches, as they were encoded then, are negatives too, see `contrica.training.queue`; for
        independent pairs and negatives="positives". None for none.
    autocast : bool
        Run the encoder in bfloat16 where the processor computes in it natively, in its own dtype elsewhere.

    Raises
    ------
    DomainError, DtypeError
        For a value outside those ranges.

    Examples
    --------
    >>> options = TrainingOptions(steps=100, batch_size=64, learning_rate=1e-3, warmup_fraction=0.1)
    >>> [round(options.learning_rate_at(step), 6) for step in (1, 10, 55, 100)]
    [0.0001, 0.001, 0.000505, 1e-05]
    """

    steps: int = 2000
    batch_size: int = 512
    negatives: NegativeSource = "positives"
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 1e-2
    offset_learning_rate_factor: float = 2.0
    dissimilarity_learning_rate_factor: float = 1.0
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    warmup_fraction: float = 0.1
    final_fraction: float = 0.01
    clip_norm: float = 5.0
    autocast: bool = False
    rows_at_once: int | None = None
    queue_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that describe no training."""
        _checks.count(self.steps, "steps")
        _checks.count(self.batch_size, "batch_size", least=2)
        _checks.choice(self.negatives, "negatives", get_args(NegativeSource))
        _checks.choice(self.optimizer, "optimizer", get_args(OptimizerName))
        factors = ("offset_learning_rate_factor", "dissimilarity_learning_rate_factor")
        for name in ("learning_rate", *factors, "clip_norm", "final_fraction"):
            _checks.positive(getattr(self, name), name)
        if self.final_fraction > LARGEST_FINAL_FRACTION:
            raise DomainError(
                f"final_fraction must be at most {LARGEST_FINAL_FRACTION}, got {self.final_fraction}; lower it"
            )
        if _checks.finite(self.weight_decay, "weight_decay") < 0:
            raise DomainError(f"weight_decay must be at least 0, got {self.weight_decay}; pass 0 for none")
        if not isinstance(self.betas, tuple) or len(self.betas) != 2:
            raise DtypeError(f"betas must be a pair of numbers, got {self.betas!r}; pass such as (0.9, 0.99)")
        fractions = {"betas[0]": self.betas[0], "betas[1]": self.betas[1], "warmup_fraction": self.warmup_fraction}
        for name, value in fractions.items():
            if not 0.0 <= _checks.finite(value, name) < 1.0:
                raise DomainError(f"{name} must lie in [0, 1), got {value}; pass a smaller share")
        if self.rows_at_once is not None:
            _checks.count(self.rows_at_once, "rows_at_once")
        if self.queue_size is not None:
            _checks.count(self.queue_size, "queue_size")
            if self.negatives != "positives":
                raise DomainError(
                    f"a queue holds x~, so negatives must be 'positives', got {self.negatives!r}; pass that, or no"
                    " queue_size"
                )
        if not isinstance(self.autocast, bool):
            raise DtypeError(f"autocast must be True or False, got {self.autocast!r}; pass one of them")

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of update ``step``, counted from 1: the peak ends the warm-up, the smallest the training."""
        warmup = min(round(self.warmup_fraction * self.steps), self.steps - 1)
        if step <= warmup:
            return self.learning_rate * step / warmup
        progress = (step - warmup) / (self.steps - warmup)
        share = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
        return self.learning_rate * (self.final_fraction + (1.0 - self.final_fraction) * share)

    def encoder_dtype(self, device: torch.device) -> torch.dtype | None:
        """Return bfloat16 if the encoder will run in it on ``device``, None if it runs in its own dtype."""
        if not self.autocast:
            return None
        if device.type == "cuda":
            native = torch.cuda.get_device_capability(device) >= FIRST_CUDA_WITH_BFLOAT16
        else:
            native = device.type == "cpu" and _cpu_has_bfloat16()
        return torch.bfloat16 if native else None


def _cpu_has_bfloat16() -> bool:
    read = getattr(torch.cpu, "get_capabilities", None)  # older versions of torch cannot tell
    capabilities = {} if read is None else read()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
