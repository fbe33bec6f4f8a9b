import pytest
import torch
from torch import nn

from contrica import (
    NCE,
    Box,
    ExponentialTiltMarginal,
    GeneralisedNormalConditional,
    InfoNCE,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    PairBatch,
    PowerSum,
    UniformMarginal,
)
from contrica.diagnosis import Verdict, check_free_critic, hold_out
from contrica.errors import DtypeError
from exact_models import drawn, exact_critic

PLANE = Box(2)
LAPLACE = LatentModel(UniformMarginal(PLANE), LaplaceConditional(PLANE, 0.15))
SKEWED = LatentModel(ExponentialTiltMarginal(PLANE, 3.0), LaplaceConditional(PLANE, 0.15))
NORMAL = LatentModel(UniformMarginal(PLANE), NormalConditional(PLANE, 0.15))
SHARP = LatentModel(UniformMarginal(PLANE), GeneralisedNormalConditional(PLANE, 4.0, 0.3))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def checked(law, critic, *, encoder=None, num_pairs=3000, loss=None, steps=150, seed=0):
    held_out = hold_out(encoder or nn.Identity(), critic, loss or InfoNCE(), drawn(law, num_pairs, seed))
    return check_free_critic(held_out, generator=generator(), steps=steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "loss"),
    [(LAPLACE, InfoNCE()), (SKEWED, InfoNCE()), (NORMAL, InfoNCE()), (SKEWED, NCE())],
    ids=["Laplace", "skewed", "normal", "NCE"],
)
def test_a_right_model_leaves_nothing_to_win(law, loss):
    found = checked(law, exact_critic(law), loss=loss)
    assert found.verdict is Verdict.FINE
    assert abs(found.measured[0].value) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "critic", "least"),
    [
        (SKEWED, exact_critic(SKEWED, candidate=False), 0.05),
        (LAPLACE, exact_critic(LAPLACE, dissimilarity=PowerSum(2, exponent=3.0, weights=0.25**-3)), 0.1),
        (SHARP, exact_critic(SHARP, dissimilarity=PowerSum(2, weights=1 / 0.12)), 0.05),
    ],
    ids=["no offset", "exponent 3 for 1", "exponent 1 for 4"],
)
def test_a_misfit_is_found_and_measured_in_nats(law, critic, least):
    found = checked(law, critic)
    assert found.verdict is Verdict.LOOK
    assert least < found.measured[0].value < 1.0


def test_too_few_pairs_cannot_tell():
    found = checked(LAPLACE, exact_critic(LAPLACE), num_pairs=300)
    assert found.verdict is Verdict.CANNOT_TELL
    assert "too few pairs" in found.sentence


@pytest.mark.slow
def test_equal_generators_give_equal_findings_and_groups_stay_on_one_side():
    pairs = drawn(SKEWED, 500)
    pairs = PairBatch(pairs.anchors, pairs.positives, torch.arange(500) // 2)
    critic = exact_critic(SKEWED, candidate=False)
    before = torch.get_rng_state()
    found = [
        check_free_critic(hold_out(nn.Identity(), critic, InfoNCE(), pairs), generator=generator(seed), steps=10)
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(DtypeError, match="generator must be"):
        check_free_critic(hold_out(nn.Identity(), critic, InfoNCE(), pairs), generator=3)
