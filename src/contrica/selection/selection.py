"""What held-out loss says about the family of the pair noise, and what that means for the axes.

    equals = { c : excess_c - 3 se_c <= tolerance },     decided where all equals lie on one side of 2

An exponent below 2 and one above 2 both identify the axes, but on the wrong side of the truth they select mixed ones;
2 itself leaves every rotation. So where candidates of different sides do equally well, no axis is claimed.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from contrica.critics import Critic
from contrica.diagnosis.check import Check, Verdict
from contrica.dissimilarities import PowerSum
from contrica.selection.candidate import Candidate

SURE = 3.0
"""Standard errors by which the excess of a candidate must exceed the tolerance to count as worse."""

TOLERANCE = 0.01
"""Nats by which two short fits of one model differ; the wrong family costs .05 to .4 nats at five factors."""


@dataclass(frozen=True, eq=False)
class DissimilaritySelection:
    """The candidates beside each other, the one that is chosen, and what may be believed of its axes.

    Parameters
    ----------
    candidates : tuple of Candidate
        In the order in which they were fitted.
    free_critic : Check
        Whether a critic without structure does better than the best of them.
    fits : tuple of (nn.Module, Critic)
        Encoder and critic of each candidate, after its short fit.
    """

    candidates: tuple[Candidate, ...]
    free_critic: Check
    fits: tuple[tuple[nn.Module, Critic], ...]

    @property
    def equals(self) -> tuple[Candidate, ...]:
        """The candidates that are as good as the best one, within the errors, in order of their loss."""
        near = [each for each in self.candidates if each.excess - SURE * each.excess_error <= TOLERANCE]
        return tuple(sorted(near, key=lambda each: each.loss))

    @property
    def decided(self) -> bool:
        """Whether all that are as good lie on the same side of 2."""
        return len({each.side for each in self.equals}) == 1

    @property
    def chosen(self) -> Candidate:
        """The simplest of the equals: near 2 if sides differ, because that turns no axes; fixed before learned."""
        safe = [each for each in self.equals if each.side == "near 2"]
        equals = safe or list(self.equals)
        return min(equals, key=lambda each: (each.learned, each.loss))

    @property
    def axes_identified(self) -> bool:
        """Whether the pair noise holds the axes: the side is decided, and it is not that of 2."""
        return self.decided and self.chosen.side != "near 2"

    @property
    def encoder(self) -> nn.Module:
        """The encoder of the chosen candidate: that which was given, and a linear map behind it."""
        return self.fits[self.candidates.index(self.chosen)][0]

    @property
    def critic(self) -> Critic:
        """The critic of the chosen candidate."""
        return self.fits[self.candidates.index(self.chosen)][1]

    @property
    def dissimilarity(self) -> PowerSum:
        """The chosen one, new, with its exponents fixed."""
        exponents = self.chosen.exponents
        alike = len(set(exponents)) == 1
        return PowerSum(len(exponents), exponent=exponents[0] if alike else list(exponents))

    @property
    def words(self) -> str:
        """What it means."""
        if not self.decided:
            names = ", ".join(each.name for each in self.equals)
            found = (
                f"these pairs cannot tell the family: {names} do equally well. Claim no axes: hold out more pairs,"
                " train longer, or use pairs that differ more"
            )
        elif not self.axes_identified:
            found = (
                "the pairs differ normally, or nearly so: the codes are the factors up to a linear map, and nothing in"
                " the pair noise tells which; see resolve_axes for what else may"
            )
        else:
            found = (
                f"the exponents lie {self.chosen.side}, which identifies the axes up to order, sign, scale and shift"
            )
        if self.free_critic.verdict is Verdict.LOOK:
            found += f". But {self.free_critic.sentence}"
        return f"{self.chosen.name} is chosen; {found}."

    def __str__(self) -> str:
        lines = [f"{'':16}{'loss':>8}{'':9}{'above best':>12}{'':9}{'above free critic':>18}  exponents"]
        for each in self.candidates:
            gap = "" if each.gap is None else f"{each.gap:.4f}"
            lines.append(
                f"{each.name:16}{each.loss:8.4f} +- {each.standard_error:.4f}{each.excess:11.4f} +- "
                f"{each.excess_error:.4f}{gap:>18}  {_listed(each.exponents)}"
            )
        return "\n".join([*lines, self.words])

    def to_dict(self) -> dict[str, Any]:
        """Return nested dicts, lists, numbers, strings and None, which JSON can hold."""
        return {
            "candidates": [each.to_dict() for each in self.candidates],
            "equals": [each.name for each in self.equals],
            "chosen": self.chosen.name,
            "decided": self.decided,
            "axes_identified": self.axes_identified,
            "free_critic": self.free_critic.to_dict(),
            "words": self.words,
        }


def _listed(exponents: tuple[float, ...]) -> str:
    shown = [f"{exponent:.2f}" for exponent in exponents]
    return shown[0] if len(set(shown)) == 1 else " ".join(shown)
