import math

import pytest
import torch
from torch import nn

from contrica import (
    BimodalMarginal,
    Box,
    Critic,
    ExponentialTiltMarginal,
    InfoNCE,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    PairBatch,
    PowerSum,
    UniformMarginal,
)
from contrica.diagnosis import Verdict, check_swap, hold_out
from exact_models import drawn

SPACE = Box(3)
REVERSIBLE = {
    "uniform": LatentModel(UniformMarginal(SPACE), LaplaceConditional(SPACE, 0.15)),
    "skewed": LatentModel(ExponentialTiltMarginal(SPACE, 3.0), LaplaceConditional(SPACE, 0.3)),
    "bimodal": LatentModel(BimodalMarginal(SPACE, centres=(0.25, 0.75), scale=0.1), NormalConditional(SPACE, 0.2)),
}


def checked(pairs):
    critic = Critic(PowerSum(pairs.anchors.shape[1]))
    return check_swap(hold_out(nn.Identity(), critic, InfoNCE(), pairs))


def autoregression(degrees, num_pairs=2000, seed=0, memory=0.8):
    """Stationary normal factors, turned a little and pulled back to 0: pairs of a stationary process."""
    generator = torch.Generator().manual_seed(seed)
    latents, noise = (torch.randn(num_pairs, 2, generator=generator) for _ in range(2))
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return PairBatch(latents, memory * latents @ turn + math.sqrt(1 - memory**2) * noise)


@pytest.mark.slow
@pytest.mark.parametrize("name", REVERSIBLE)
def test_walls_and_uneven_laws_have_no_direction(name):
    verdicts = [checked(drawn(REVERSIBLE[name], 2000, seed)).verdict for seed in range(14)]
    assert Verdict.LOOK not in verdicts
    assert verdicts.count(Verdict.FINE) >= 9


def test_mean_reversion_has_no_direction():
    assert all(checked(autoregression(0, seed=seed)).verdict is not Verdict.LOOK for seed in range(10))


@pytest.mark.parametrize("degrees", [6, -15])
def test_rotation_has_one(degrees):
    found = checked(autoregression(degrees, num_pairs=3000))
    assert found.verdict is Verdict.LOOK
    assert found.sentence.startswith("code 0 and code 1 go one way round")
    assert "lags of both signs" in found.advice


def test_the_gain_is_what_the_law_says():
    """log p(x, x~) / p(x~, x) = 2 m sin(a) (h_1 h~_2 - h_2 h~_1) / (1 - m^2): E log sigmoid of that, plus log 2."""
    pairs = autoregression(6, num_pairs=20_000)
    (a, b), (c, d) = pairs.anchors.T.double(), pairs.positives.T.double()
    logit = 2 * 0.8 * math.sin(math.radians(6)) / (1 - 0.64) * (a * d - b * c)
    exact = float(torch.nn.functional.logsigmoid(logit).mean() + math.log(2))
    gain = checked(pairs).measured[0]
    assert abs(gain.value - exact) < 4 * gain.standard_error + 0.1 * exact


def test_lags_of_both_signs_take_the_direction_away():
    pairs = autoregression(15)
    flip = (torch.arange(2000) % 2 == 0)[:, None]
    both = PairBatch(
        torch.where(flip, pairs.anchors, pairs.positives), torch.where(flip, pairs.positives, pairs.anchors)
    )
    assert checked(both).verdict is not Verdict.LOOK


def test_a_turn_of_the_codes_changes_no_verdict():
    law = REVERSIBLE["uniform"]
    mixed = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    pairs = [drawn(law, 2000, seed) for seed in range(8)]
    turned = [PairBatch(each.anchors @ mixed, each.positives @ mixed) for each in pairs]
    assert all(checked(each).verdict is not Verdict.LOOK for each in turned)
