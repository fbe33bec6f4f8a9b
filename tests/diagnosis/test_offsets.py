import pytest
from torch import nn

from contrica import Box, ExponentialTiltMarginal, InfoNCE, LaplaceConditional, LatentModel, UniformMarginal
from contrica.diagnosis import Verdict, check_offsets, hold_out
from contrica.errors import DomainError
from exact_models import Tilted, drawn, exact_critic

PLANE = Box(2)
SKEWED = LatentModel(ExponentialTiltMarginal(PLANE, 3.0), LaplaceConditional(PLANE, 0.15))
WIDE = LatentModel(UniformMarginal(PLANE), LaplaceConditional(PLANE, 0.03))


def checked(law, with_offsets, without, encoder=None, seed=0):
    pairs = drawn(law, 2000, seed)
    return check_offsets(
        hold_out(nn.Identity(), with_offsets, InfoNCE(), pairs),
        hold_out(encoder or nn.Identity(), without, InfoNCE(), pairs),
    )


def test_offsets_that_a_skewed_law_needs_are_kept():
    found = checked(SKEWED, exact_critic(SKEWED), exact_critic(SKEWED, candidate=False), lambda x: x + 0.5 * x**2)
    assert found.verdict is Verdict.LOOK
    assert found.advice == "keep the offsets"
    assert found.measured[0].value > 0.05
    assert 0.9 < found.measured[1].value < 1.0


def test_offsets_that_change_nothing_are_said_to():
    bare = exact_critic(WIDE, anchor=False, candidate=False)
    found = [checked(WIDE, exact_critic(WIDE), bare, seed=seed) for seed in range(5)]
    assert [each.verdict for each in found] == [Verdict.FINE] * 5
    assert found[0].measured[1].value == 1.0


def test_offsets_that_have_learned_their_pairs_by_heart_are_found():
    spoiled = exact_critic(WIDE)
    spoiled.candidate_offset = Tilted(spoiled.candidate_offset, drawn(WIDE, 2000).positives, 2.0)
    found = checked(WIDE, spoiled, exact_critic(WIDE))
    assert found.verdict is Verdict.LOOK
    assert "by heart" in found.sentence


def test_models_must_be_held_out_on_the_same_pairs():
    sides = [hold_out(nn.Identity(), exact_critic(WIDE), InfoNCE(), drawn(WIDE, count)) for count in (200, 300)]
    with pytest.raises(DomainError, match="on the same pairs, got 200 and 300"):
        check_offsets(*sides)
