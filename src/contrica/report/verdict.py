"""The outcome of one experiment in one sentence, and, where it failed, what the numbers can say about the reason.

    recovered      R2 >= .99 and MCC >= .99
    mixed          R2 >= .99 and MCC <  .95: all there, but up to a linear map
    not recovered  R2 <  .95 or MCC < .95 otherwise; R2 alone where no axes are promised
    nearly         everything between

A uniformly random rotation of independent factors has R2 1 and an MCC far below .95, see `evaluation.floors`.
"""

from dataclasses import dataclass
from enum import Enum

from contrica.report.numbers import below_one, fixed
from contrica.report.outcome import Outcome, Promise

RECOVERED_FROM = 0.99
"""Scores from here on count as recovered; what is left is training noise."""

MISSED_BELOW = 0.95
"""Scores below this count as missed."""

LARGE_GAP = 0.05
"""Nats above the optimum that count as much. What tells true axes from mixed ones is a few thousandths."""


class Kind(Enum):
    """How much was recovered, in the words of the page."""

    RECOVERED = "recovered"
    MIXED = "recovered only up to a linear map"
    NEARLY = "nearly recovered"
    MISSED = "not recovered"


@dataclass(frozen=True)
class Verdict:
    """How much was recovered, in one sentence, and what the numbers say of the reason, empty where nothing is owed."""

    kind: Kind
    sentence: str
    reason: str


def verdict(outcome: Outcome) -> Verdict:
    """Judge one outcome."""
    r2, mcc = outcome.scores["r2"].value, outcome.scores["mcc_pearson"].value
    kind = _kind(r2, mcc, outcome.promise)
    numbers = f"(linear R² {below_one(r2)}, MCC {below_one(mcc)} on held-out pairs)"
    match kind:
        case Kind.RECOVERED:
            sentence = f"Recovered: each factor has a code of its own {numbers}."
        case Kind.MIXED:
            sentence = f"Recovered only up to a linear map: the codes hold the factors, but mix them {numbers}."
        case Kind.NEARLY:
            sentence = f"Nearly recovered, and short of what counts as recovered here {numbers}."
        case Kind.MISSED:
            sentence = f"Failed: the factors were not recovered {numbers}."
    return Verdict(kind, sentence, _reason(kind, outcome))


def _kind(r2: float, mcc: float, promise: Promise) -> Kind:
    if r2 >= RECOVERED_FROM and mcc < MISSED_BELOW:
        return Kind.MIXED
    if min(r2, mcc) >= RECOVERED_FROM:
        return Kind.RECOVERED
    # Where only a rotation is promised, single codes are not asked to be factors.
    decisive = r2 if promise.holds and not promise.axes else min(r2, mcc)
    return Kind.MISSED if decisive < MISSED_BELOW else Kind.NEARLY


def _reason(kind: Kind, outcome: Outcome) -> str:
    promise = outcome.promise
    if kind is Kind.RECOVERED:
        return "" if promise.holds and promise.axes else "No theorem in the table promises the axes here; see below."
    if not promise.holds:
        return "The theory promised nothing here; the guarantee below names the assumption that fails."
    if kind is Kind.MIXED and not promise.axes:
        return "This is all that the theory promises here."
    return _by_the_loss(outcome)


def _by_the_loss(outcome: Outcome) -> str:
    if outcome.gap is None:
        return "The optimum of the loss is not known here, so the numbers cannot say why."
    gap = f"{fixed(outcome.gap)} nats"
    if outcome.gap < LARGE_GAP:
        return (
            f"The held-out loss ends only {gap} above its optimum: what still separates the codes from the factors is"
            " worth little to the loss, and more steps are the first thing to try."
        )
    if outcome.condition_number is not None and outcome.window is None:
        return (
            f"The held-out loss stays {gap} above its optimum, and the mixing is invertible: training stopped short of"
            " it, or the encoder or the critic cannot express it. More steps are the first thing to try."
        )
    alike = (
        "windows from different places look alike, as in a plain sky"
        if outcome.window
        else ("observations look alike from different latents")
    )
    return (
        f"The held-out loss stays {gap} above its optimum, the loss of an encoder that undoes the mixing. Either"
        f" training stopped short of it, or no encoder can reach it because the mixing is not injective here: {alike}."
        " The numbers cannot tell the two apart; if more steps leave the gap as it is, the second remains."
    )
