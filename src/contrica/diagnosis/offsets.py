"""What the offsets are good for: a model that was trained with them beside one that was trained without.

    cost = L(without) - L(with) on the same held-out pairs,     change = R2 and matched correlation of their codes

L is the loss of a choice among the candidates of a block. Without offsets a non-uniform law of the factors bends the
codes, which the loss shows as far as the bent codes fail to make up for it, and the codes as far as they do.
"""

from contrica.diagnosis.check import ONE_SIDED, Check, Quantity, Verdict
from contrica.diagnosis.choice_loss import contribution, mean_and_error
from contrica.diagnosis.held_out import HeldOut
from contrica.errors import DomainError
from contrica.evaluation import linear_r2, mcc

TOLERANCE = 0.01
"""Nats that make no difference: axes of Laplace noise are told from a turn by 8 degrees by as much."""

SURE = 3.0
"""Standard errors by which a cost must exceed the tolerance."""


def check_offsets(with_offsets: HeldOut, without: HeldOut) -> Check:
    """Compare two models on the same held-out pairs.

    Parameters
    ----------
    with_offsets, without : HeldOut
        Of the same `PairBatch`, by models that were trained alike but for the offsets.

    Raises
    ------
    DomainError
        If the pairs cannot be the same.
    """
    if not with_offsets.units.equal(without.units) or with_offsets.shares_rows != without.shares_rows:
        raise DomainError(
            f"both models must be held out on the same pairs, got {with_offsets.num_pairs} and {without.num_pairs};"
            " pass one PairBatch to both"
        )
    differences = [
        contribution(bare.positive_logits, bare.other_logits).minus(contribution(own.positive_logits, own.other_logits))
        for own, bare in zip(with_offsets.blocks, without.blocks, strict=True)
    ]
    cost, error = mean_and_error(with_offsets, differences, with_offsets.blocks)
    groups = with_offsets.units.numpy()
    codes = with_offsets.anchors.codes, without.anchors.codes
    r2, correlation = linear_r2(*codes, groups=groups), mcc(*codes, groups=groups).mean
    measured = (
        Quantity("nats that leaving the offsets out costs", cost, error),
        Quantity("R2 of the codes without from those with", r2.value, (r2.high - r2.low) / 3.92),
        Quantity("mean correlation of matched codes", correlation.value, (correlation.high - correlation.low) / 3.92),
    )
    expected = f"a cost of less than {TOLERANCE:g} nats either way where the factors are uniform far from walls"
    alike = f"codes agree with an R2 of {r2.value:.3f}"
    if cost - SURE * error > TOLERANCE:
        sentence = f"leaving the offsets out costs {cost:.3f} nats, and {alike}: the factors are not uniform"
        return Check("offsets", measured, expected, Verdict.LOOK, sentence, "keep the offsets")
    if cost + SURE * error < -TOLERANCE:
        sentence = f"the offsets cost {-cost:.3f} nats, and {alike}: they have learned the training pairs by heart"
        advice = "leave the offsets out, make them narrower, or train on more pairs"
        return Check("offsets", measured, expected, Verdict.LOOK, sentence, advice)
    if abs(cost) + ONE_SIDED * error < TOLERANCE:
        return Check("offsets", measured, expected, Verdict.FINE, f"the offsets change little, and {alike}")
    sentence = f"these rows leave open what the offsets are good for; {alike}"
    return Check("offsets", measured, expected, Verdict.CANNOT_TELL, sentence, "hold out more pairs")
