"""What held-out pairs say about a fitted model, without any ground truth: checks, and what each code holds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from contrica import _checks
from contrica.contrast import NegativeSource
from contrica.critics import Critic
from contrica.diagnosis.check import Check, Verdict
from contrica.diagnosis.connectivity import check_connectivity
from contrica.diagnosis.dimensions import check_dimensions
from contrica.diagnosis.factors import Factor, factors_of
from contrica.diagnosis.held_out import hold_out
from contrica.diagnosis.normalisation import check_normalisation
from contrica.diagnosis.pair_noise import check_pair_noise
from contrica.diagnosis.reliability import check_reliability
from contrica.diagnosis.rotation import check_rotation
from contrica.diagnosis.saturation import check_saturation
from contrica.diagnosis.swap import check_swap
from contrica.errors import RecordError
from contrica.losses import Loss
from contrica.pairs.batch import PairBatch


@dataclass(frozen=True)
class Diagnosis:
    """Checks of a fitted model, and its codes; print it to read it.

    Parameters
    ----------
    checks : tuple of Check
    factors : tuple of Factor
        One per code.
    batch_size : int
        N, at which the model was trained.
    num_pairs : int
        Held-out pairs behind all numbers.
    """

    checks: tuple[Check, ...]
    factors: tuple[Factor, ...]
    batch_size: int
    num_pairs: int

    @property
    def log_batch(self) -> float:
        """``log N``, the nats that a batch can tell apart."""
        return math.log(self.batch_size)

    @property
    def actions(self) -> tuple[Check, ...]:
        """The checks that ask for a look."""
        return tuple(check for check in self.checks if check.verdict is Verdict.LOOK)

    @property
    def headline(self) -> str:
        """How the checks came out, in a line."""
        to_do = len(self.actions)
        open_ones = sum(check.verdict is Verdict.CANNOT_TELL for check in self.checks)
        if to_do:
            found = f"{to_do} of {len(self.checks)} checks ask for a look"
        else:
            found = "nothing to do" if not open_ones else "nothing speaks against the model"
        few = f", and {open_ones} of {len(self.checks)} cannot tell from so few" if open_ones else ""
        return f"{self.num_pairs} held-out pairs: {found}{few}"

    def check(self, name: str) -> Check:
        """Return the check of that name.

        Raises
        ------
        DomainError
            If there is none.
        """
        _checks.choice(name, "name", [check.name for check in self.checks])
        return next(check for check in self.checks if check.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts, lists, numbers, strings and None, which JSON can hold; no NaN among them."""
        return {
            "num_pairs": self.num_pairs,
            "batch_size": self.batch_size,
            "log_batch": self.log_batch,
            "checks": [check.to_dict() for check in self.checks],
            "factors": [factor.to_dict() for factor in self.factors],
        }

    @classmethod
    def from_dict(cls, said: Any) -> Self:
        """Return what `to_dict` described.

        Raises
        ------
        RecordError
            If it described something else.
        """
        try:
            checks = tuple(map(Check.from_dict, said["checks"]))
            factors = tuple(map(Factor.from_dict, said["factors"]))
            return cls(checks, factors, _checks.count(said["batch_size"], "batch_size"), int(said["num_pairs"]))
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(
                f"a diagnosis must have its checks and factors, and it is damaged ({error}); use a copy of it"
            ) from error

    def __str__(self) -> str:
        """Return the findings in plain words, and a line per code."""
        total = sum(factor.information for factor in self.factors)
        return "\n".join(
            [
                self.headline,
                *(str(check) for check in self.checks),
                f"{'code':>4}{'spread':>9}{'noise':>9}{'scale':>9}{'found':>9}  nats shared by a pair",
                *(str(factor) for factor in self.factors),
                f"sum {total:.2f} nats; a batch of {self.batch_size} tells {self.log_batch:.2f} apart",
            ]
        )


def diagnose(
    encoder: Callable[[Tensor], Tensor],
    critic: Critic,
    loss: Loss,
    pairs: PairBatch,
    *,
    batch_size: int | None = None,
    negatives: NegativeSource = "positives",
    thorough: bool = False,
) -> Diagnosis:
    """Check a fitted model on pairs that it was not trained on.

    Parameters
    ----------
    encoder : callable
        From observations (n, ...) to codes (n, code_dim); a module is evaluated in evaluation mode.
    critic : Critic
    loss : Loss
        What was minimised; it decides which parts of the logit mean anything.
    pairs : PairBatch
        Held-out pairs, some thousands; where rows depend on each other, `PairBatch.groups` must say so.
    batch_size : int, optional
        N of the training; the number of held-out pairs if not given.
    negatives : {"positives", "anchors", "anchors_including_self"}
        Where negatives came from in training. The anchor itself is left out here even if it was among them, so that
        what it did to the scale is found.
    thorough : bool
        Also turn codes against each other, exchange the members of pairs, and look whether codes hang together: some
        ten times the work where there are many codes.

    Returns
    -------
    Diagnosis
        Normalisation, reliability, pair noise, saturation and dimensions; if thorough, axes, order and connectivity. A
        check that asks for a look is wrong about a right model with a chance of one in a hundred at most; "cannot
        tell" asks for more pairs.

    Raises
    ------
    UnreliableScoreError
        If there are fewer than 100 independent pairs.
    DomainError, DtypeError, ShapeError
        If pairs come from cells, or an argument is of another kind.
    NonFiniteError
        If the model gives numbers that are not finite.

    Examples
    --------
    >>> import torch
    >>> from contrica import InfoNCE, PowerSum
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.rand(2000, 2, generator=generator) * 20
    >>> noise = torch.rand(2, 2000, 2, generator=generator).log().diff(dim=0)[0]   # Laplace of scale 1
    >>> found = diagnose(torch.nn.Identity(), Critic(PowerSum(2)), InfoNCE(), PairBatch(x, x + noise), batch_size=256)
    >>> [check.verdict.value for check in found.checks]
    ['look', 'fine', 'fine', 'fine', 'fine']
    >>> found.actions[0].advice   # fewer of the x + noise lie near 0 and 20 than in between
    'give the critic a candidate_offset, or a wider one, and train it longer'
    """
    held_out = hold_out(encoder, critic, loss, pairs, negatives=negatives)
    size = held_out.num_pairs if batch_size is None else _checks.count(batch_size, "batch_size", least=2)
    factors = factors_of(held_out)
    checks = (
        check_normalisation(held_out),
        check_reliability(held_out),
        check_pair_noise(held_out, factors),
        check_saturation(held_out, size, sum(factor.information for factor in factors)),
        check_dimensions(held_out),
        *((check_rotation(held_out), check_swap(held_out), check_connectivity(held_out)) if thorough else ()),
    )
    return Diagnosis(checks, factors, size, held_out.num_pairs)
