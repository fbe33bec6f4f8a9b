import math

import pytest
import torch

from contrica import Box, Critic, InfoNCE, LaplaceConditional, LatentModel, NormalConditional, PowerSum, UniformMarginal
from contrica.contrast import pair_loss
from contrica.diagnosis import Verdict, check_saturation, hold_out
from contrica.diagnosis.saturation import pulls
from exact_models import drawn, exact_critic

SPACE = Box(3)
LAW = LatentModel(UniformMarginal(SPACE), LaplaceConditional(SPACE, 0.1))


def held_out_of(law, num_pairs=600, **options):
    return hold_out(torch.nn.Identity(), exact_critic(law), InfoNCE(), drawn(law, num_pairs), **options)


def test_the_pull_is_the_slope_of_the_loss_in_the_positive_logit():
    """Of InfoNCE among m candidates, where the mean over all others stands for those m - 1."""
    held_out = held_out_of(LAW, 200, block_rows=1000)
    block = held_out.blocks[0]
    for candidates in (2, 17, 200):
        logits = block.positive_logits.clone().requires_grad_()
        mean = (block.other_logits.exp().sum(1) / 199).detach()
        torch.log1p((candidates - 1) * mean / logits.exp()).sum().backward()
        torch.testing.assert_close(pulls(held_out, candidates), -logits.grad)


def test_the_loss_at_the_size_of_the_block_is_the_loss_of_training():
    pairs = drawn(LAW, 300)
    held_out = hold_out(torch.nn.Identity(), exact_critic(LAW), InfoNCE(), pairs, block_rows=1000)
    loss = pair_loss(torch.nn.Identity(), exact_critic(LAW), InfoNCE(), pairs)
    found = check_saturation(held_out, 300, 0.0)
    assert found.measured[1].value == pytest.approx(float(loss), rel=1e-5)
    assert found.measured[3].value == pytest.approx(math.log(300) - float(loss), rel=1e-5)


def test_information_at_least_is_below_and_near_that_of_the_law():
    law = LatentModel(UniformMarginal(SPACE), LaplaceConditional(SPACE, 0.15))
    bound = check_saturation(held_out_of(law, 2000), 256, 0.0).measured[3]
    assert abs(bound.value - law.mutual_information()) < 4 * bound.standard_error + 0.02


def test_a_larger_batch_leaves_more_pull():
    law = LatentModel(UniformMarginal(SPACE), NormalConditional(SPACE, 0.01))
    held_out = held_out_of(law)
    total = law.mutual_information()
    found = [check_saturation(held_out, batch_size, total) for batch_size in (64, 65_536)]
    assert [check.verdict for check in found] == [Verdict.LOOK, Verdict.FINE]
    assert "use larger batches, neighbourhood batches" in found[0].advice


def test_codes_that_know_nothing_are_found():
    law = LAW
    held_out = hold_out(lambda x: 0.0 * x, Critic(PowerSum(3)), InfoNCE(), drawn(law, 600))
    found = check_saturation(held_out, 64, 0.0)
    assert found.verdict is Verdict.LOOK
    assert "tell at most 0.00 nats" in found.sentence
