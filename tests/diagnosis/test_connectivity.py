import pytest
import torch
from torch import nn

from contrica import (
    Box,
    Critic,
    ExponentialTiltMarginal,
    InfoNCE,
    LaplaceConditional,
    LatentModel,
    PairBatch,
    PowerSum,
    UniformMarginal,
)
from contrica.diagnosis import Verdict, check_connectivity, hold_out
from exact_models import drawn


def checked(pairs):
    return check_connectivity(hold_out(nn.Identity(), Critic(PowerSum(pairs.anchors.shape[1])), InfoNCE(), pairs))


def in_two_parts(share_that_leave, num_pairs=1000):
    box = Box(2)
    pairs = drawn(LatentModel(UniformMarginal(box), LaplaceConditional(box, 0.1)), num_pairs)
    generator = torch.Generator().manual_seed(1)
    side = torch.rand(num_pairs, 1, generator=generator) < 0.3
    leaves = torch.rand(num_pairs, 1, generator=generator) < share_that_leave
    return PairBatch(pairs.anchors + 3.0 * side, pairs.positives + 3.0 * (side ^ leaves))


@pytest.mark.slow
@pytest.mark.parametrize("dim", [1, 3, 10])
@pytest.mark.parametrize("marginal", [UniformMarginal, lambda box: ExponentialTiltMarginal(box, 3.0)])
def test_a_box_hangs_together(dim, marginal):
    law = LatentModel(marginal(Box(dim)), LaplaceConditional(Box(dim), 0.1))
    verdicts = [checked(drawn(law, 1000, seed)).verdict for seed in range(8)]
    assert verdicts == [Verdict.FINE] * 8


def test_parts_that_no_pair_joins_are_found():
    found = checked(in_two_parts(0.0))
    assert found.verdict is Verdict.LOOK
    assert "fall into 2 parts that pairs hardly lead between" in found.sentence
    assert found.measured[1].value == pytest.approx(0.7, abs=0.05)


def test_parts_that_pairs_join_are_fine():
    found = checked(in_two_parts(0.1))
    assert found.verdict is Verdict.FINE
    assert "which pairs lead between" in found.sentence


def test_scattered_codes_cannot_be_told():
    generator = torch.Generator().manual_seed(0)
    centres = 100.0 * torch.randn(60, 2, generator=generator).repeat_interleave(11, 0)
    pairs = PairBatch(centres + torch.rand(660, 2, generator=generator), centres)
    assert checked(pairs).verdict is Verdict.CANNOT_TELL
