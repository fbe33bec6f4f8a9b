import math

import pytest
import torch
from torch import nn

from contrica import (
    Box,
    Critic,
    ExponentialTiltMarginal,
    GeneralisedNormalConditional,
    InfoNCE,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    PowerSum,
    Sphere,
    SphereDot,
    SquaredEuclidean,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.contrast import pair_loss
from contrica.diagnosis import Verdict, check_rotation, hold_out
from contrica.diagnosis.choice_loss import contribution
from contrica.diagnosis.rotation import _logits
from exact_models import drawn, exact_critic

SPACE = Box(3)
LAPLACE = LatentModel(UniformMarginal(SPACE), LaplaceConditional(SPACE, [0.1, 0.15, 0.25]))
SHARP = LatentModel(UniformMarginal(SPACE), GeneralisedNormalConditional(SPACE, 4.0, 0.3))
NORMAL = LatentModel(UniformMarginal(SPACE), NormalConditional(SPACE, 0.15))


def turned_by(degrees, first=0, second=1, units=(1.0, 1.0)):
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def turn(x):
        codes = x.clone()
        codes[:, first] = cosine * x[:, first] - sine * units[0] / units[1] * x[:, second]
        codes[:, second] = sine * units[1] / units[0] * x[:, first] + cosine * x[:, second]
        return codes

    return turn


def found_in(law, *, encoder=None, critic=None, num_pairs=2000, seed=0, loss=None):
    pairs = drawn(law, num_pairs, seed)
    return check_rotation(hold_out(encoder or nn.Identity(), critic or exact_critic(law), loss or InfoNCE(), pairs))


@pytest.mark.slow
@pytest.mark.parametrize("law", [LAPLACE, SHARP], ids=["Laplace", "exponent 4"])
def test_axes_that_the_pairs_hold_are_certain(law):
    found = found_in(law, num_pairs=4000)
    assert found.verdict is Verdict.FINE
    assert found.measured[4].name.endswith("turned by 45 degrees, nats")
    assert 0.03 < found.measured[4].value < 0.12  # .07 to .09 by calculation in the plane, walls aside


PLANE = Box(2)
RIGHT = {
    "Laplace": LatentModel(UniformMarginal(PLANE), LaplaceConditional(PLANE, 0.15)),
    "skewed": LatentModel(ExponentialTiltMarginal(PLANE, 3.0), LaplaceConditional(PLANE, 0.15)),
    "exponent 4": LatentModel(UniformMarginal(PLANE), GeneralisedNormalConditional(PLANE, 4.0, 0.3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_right_axes_are_not_called_into_question(name):
    critic = exact_critic(RIGHT[name])
    verdicts = [found_in(RIGHT[name], critic=critic, num_pairs=1000, seed=seed).verdict for seed in range(16)]
    assert Verdict.LOOK not in verdicts
    assert verdicts.count(Verdict.FINE) >= (0 if name == "exponent 4" else 12)  # which holds axes more loosely


@pytest.mark.slow
@pytest.mark.parametrize("critic", [exact_critic(NORMAL), Critic(SquaredEuclidean(weight=22.2))], ids=["p = 2", "l_2"])
def test_axes_of_normal_noise_are_arbitrary(critic):
    found = found_in(NORMAL, critic=critic, num_pairs=300)
    assert found.verdict is Verdict.LOOK
    assert "nothing holds the axes of codes" in found.sentence
    assert abs(found.measured[4].value) < 1e-4


def test_axes_on_a_sphere_are_arbitrary():
    law = LatentModel(UniformMarginal(Sphere(3)), VonMisesFisherConditional(Sphere(3), 10.0))
    found = found_in(law, critic=Critic(SphereDot(concentration=10.0)), num_pairs=600)
    assert "nothing holds the axes" in found.sentence


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [None, turned_by(45, units=(0.1, 0.15))], ids=["as they are", "turned"])
def test_the_wrong_side_of_2_prefers_mixed_axes(encoder):
    wrong = PowerSum(3, exponent=4.0, weights=[0.2**-4, 0.3**-4, 0.5**-4])
    law, critic = LAPLACE, exact_critic(LAPLACE, dissimilarity=wrong) if encoder is None else None
    found = found_in(law, critic=critic, encoder=encoder)
    assert found.verdict is Verdict.LOOK
    assert "turned by 45 degrees: an exponent on the wrong side of 2 prefers mixed axes" in found.sentence


@pytest.mark.slow
def test_codes_that_are_not_there_yet_are_turned():
    found = found_in(LAPLACE, encoder=turned_by(15, 1, 2, units=(0.15, 0.25)), num_pairs=3000)
    assert found.verdict is Verdict.LOOK
    assert "codes 1 and 2 fit better turned by some -" in found.sentence


@pytest.mark.slow
def test_a_small_turn_is_measured():
    """Of one plane, which is then both the weakest and the one that is turned."""
    law = RIGHT["Laplace"]
    for degrees in (3.0, -3.0):
        turn = found_in(law, encoder=turned_by(degrees), num_pairs=8000).measured[5]
        assert turn.value * degrees < 0
        assert abs(turn.value + degrees) < 4 * turn.standard_error + 0.3 * abs(degrees)


@pytest.mark.slow
def test_axes_of_a_plane_are_certain_or_turned():
    law = RIGHT["Laplace"]
    assert found_in(law).verdict is Verdict.FINE
    assert "turned by 45 degrees: an exponent" in found_in(law, encoder=turned_by(45)).sentence


def test_one_code_is_its_own_axis():
    line = Box(1)
    assert found_in(LatentModel(UniformMarginal(line), LaplaceConditional(line, 0.1)), num_pairs=200).measured == ()


@pytest.mark.slow
def test_few_rows_cannot_tell():
    assert found_in(LAPLACE, num_pairs=150).verdict is Verdict.CANNOT_TELL


@pytest.mark.slow
def test_too_much_information_cannot_tell():
    box = Box(4)
    law = LatentModel(UniformMarginal(box), LaplaceConditional(box, 0.003))
    assert found_in(law, num_pairs=150).verdict is Verdict.CANNOT_TELL


def test_the_loss_of_turned_codes_is_that_of_the_turned_encoder():
    pairs = drawn(LAPLACE, 150)
    held_out = hold_out(nn.Identity(), exact_critic(LAPLACE), InfoNCE(), pairs)
    turned = contribution(*_logits(held_out, held_out.blocks[0], 0, 1, 20.0, 1.0)).rows.mean()
    plain = PowerSum(3, weights=LAPLACE.conditional.dissimilarity.weights.tolist())
    encoder = turned_by(20.0, units=(0.1, 0.15))
    critic = exact_critic(LAPLACE, dissimilarity=plain)
    expected = pair_loss(encoder, critic, InfoNCE(), pairs)
    torch.testing.assert_close(turned.float(), expected, rtol=1e-5, atol=0)
