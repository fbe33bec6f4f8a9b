import json
import math
import re

import pytest
import torch
from torch import nn

from contrica import (
    MLP,
    NCE,
    NWJ,
    SCL,
    BimodalMarginal,
    Box,
    Critic,
    Euclidean,
    ExponentialTiltMarginal,
    GeneralisedNormalConditional,
    InfoNCE,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    NormPower,
    PairBatch,
    PowerSum,
    SquaredEuclidean,
    UniformMarginal,
)
from contrica.diagnosis import (
    Diagnosis,
    Verdict,
    check_dimensions,
    check_normalisation,
    check_pair_noise,
    check_reliability,
    check_saturation,
    diagnose,
    factors_of,
    hold_out,
)
from contrica.errors import DomainError, DtypeError, NonFiniteError, RecordError, UnreliableScoreError
from contrica.pairs import Cells
from exact_models import Tilted, drawn, exact_critic

PLANE, SPACE = Box(2), Box(3)
LAPLACE = LatentModel(UniformMarginal(PLANE), LaplaceConditional(PLANE, 0.15))
SKEWED = LatentModel(ExponentialTiltMarginal(PLANE, 3.0), LaplaceConditional(PLANE, 0.15))
NORMAL = LatentModel(UniformMarginal(PLANE), NormalConditional(PLANE, 0.15))
RIGHT = {
    "Laplace on a box": LAPLACE,
    "skewed": SKEWED,
    "generalised normal": LatentModel(UniformMarginal(PLANE), GeneralisedNormalConditional(PLANE, 3.0, 0.3)),
    "bimodal": LatentModel(BimodalMarginal(PLANE, centres=(0.25, 0.75), scale=0.1), NormalConditional(PLANE, 0.2)),
    "unbounded": LatentModel(NormalMarginal(Euclidean(2), 1.0), LaplaceConditional(Euclidean(2), [0.3, 0.9])),
}


def diagnosis_of(law, critic, *, encoder=None, loss=None, batch_size=256, num_pairs=2000, seed=0, pairs=None):
    pairs = drawn(law, num_pairs, seed) if pairs is None else pairs
    return diagnose(encoder or nn.Identity(), critic, loss or InfoNCE(), pairs, batch_size=batch_size)


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("loss", [InfoNCE(), NCE()], ids=["InfoNCE", "NCE"])
def test_a_right_model_is_not_called_into_question(name, loss):
    """50 diagnoses of 5 checks, each with a level of .01 at the tolerance and far less at an effect of 0."""
    law = RIGHT[name]
    critic = exact_critic(law)
    verdicts = [check.verdict for seed in range(5) for check in diagnosis_of(law, critic, loss=loss, seed=seed).checks]
    assert Verdict.LOOK not in verdicts
    assert verdicts.count(Verdict.FINE) >= 22  # of 25


def test_a_right_model_has_nothing_to_do():
    found = diagnosis_of(SKEWED, exact_critic(SKEWED))
    assert found.actions == ()
    assert [check.verdict for check in found.checks] == [Verdict.FINE] * 5
    assert str(found).startswith("2000 held-out pairs: nothing to do\n[fine] normalisation")


def checked(name, law, *, critic, encoder=None, loss=None, pairs=None, num_pairs=2000):
    """Return one check alone, which is what `diagnose` makes of it at less cost."""
    pairs = drawn(law, num_pairs) if pairs is None else pairs
    held_out = hold_out(encoder or nn.Identity(), critic, loss or InfoNCE(), pairs)
    match name:
        case "pair noise":
            return check_pair_noise(held_out, factors_of(held_out))
        case "saturation":
            return check_saturation(held_out, 256, 0.0)
        case _:
            checks = {
                "normalisation": check_normalisation,
                "reliability": check_reliability,
                "dimensions": check_dimensions,
            }
            return checks[name](held_out)


def tilted_critic(law):
    critic = exact_critic(law)
    critic.anchor_offset = Tilted(critic.anchor_offset, drawn(law, 2000).anchors, 0.5)
    return critic


PLANTED = {
    "no offsets": (
        {"critic": exact_critic(LAPLACE, anchor=False, candidate=False), "loss": NCE()},
        "normalisation",
        "off by",
    ),
    "a bias of .4": (
        {"critic": exact_critic(LAPLACE, bias=0.4), "loss": NWJ()},
        "normalisation",
        r"off by -0\.[34]\d nats",
    ),
    "no candidate offset": (
        {"law": SKEWED, "critic": exact_critic(SKEWED, candidate=False)},
        "normalisation",
        "candidate code",
    ),
    "an anchor offset that is off": (
        {"critic": tilted_critic(LAPLACE), "loss": NCE()},
        "normalisation",
        "depends on anchor code 0",
    ),
    "half the scale": ({"encoder": lambda x: 0.5 * x}, "pair noise", "noise of code . is smaller"),
    "twice the scale": ({"encoder": lambda x: 2.0 * x}, "pair noise", "noise of code . is larger"),
    "half the scale, by near pairs": ({"encoder": lambda x: 0.5 * x}, "reliability", "nats too low"),
    "a wrong exponent": (
        {"law": NORMAL, "critic": exact_critic(NORMAL, dissimilarity=PowerSum(2, weights=1 / 0.12))},
        "pair noise",
        "lighter tails",
    ),
    "bent codes": (
        {"encoder": lambda x: 0.62 * (x + x**2), "critic": exact_critic(LAPLACE)},
        "pair noise",
        "noise of code|noise changes",
    ),
    "mixed axes": (
        {"encoder": lambda x: x @ torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2.0)},
        "pair noise",
        "sizes of steps in codes 0 and 1 go together",
    ),
    "a frozen factor": (
        {"law": LatentModel(UniformMarginal(PLANE), LaplaceConditional(PLANE, [0.0005, 0.15]))},
        "dimensions",
        "hardly moved within pairs.*: code 0",
    ),
    "a repeated code": (
        {"encoder": lambda x: x[:, [0, 1, 1]], "critic": Critic(PowerSum(3, weights=[6.7, 3.3, 3.3]))},
        "dimensions",
        "repeating each other: codes 1 and 2",
    ),
    "a constant code": (
        {"encoder": lambda x: torch.cat((x, 0.0 * x[:, :1]), 1), "critic": Critic(PowerSum(3, weights=6.7))},
        "dimensions",
        "constant: code 2",
    ),
    "a flat direction": (
        {"encoder": lambda x: torch.stack((x[:, 0], x[:, 1], x.sum(1)), 1), "critic": Critic(PowerSum(3))},
        "dimensions",
        "3 codes fill 2 directions",
    ),
    "rows that do not belong together": (
        {"pairs": PairBatch(drawn(LAPLACE, 2000).anchors, drawn(LAPLACE, 2000, 1).positives)},
        "saturation",
        "tell at most",
    ),
    "a code of noise": (
        {"pairs": PairBatch(drawn(LAPLACE, 2000).anchors, drawn(LAPLACE, 2000, 1).positives)},
        "dimensions",
        "without anything in common.*: code 0, code 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found_and_named(name):
    changes, check, words = PLANTED[name]
    law = changes.get("law", LAPLACE)
    options = {"critic": exact_critic(law), **{key: value for key, value in changes.items() if key != "law"}}
    found = checked(check, law, **options)
    assert found.verdict is Verdict.LOOK
    assert re.search(words, found.sentence), found.sentence
    assert found.advice


@pytest.mark.slow
def test_dependent_noise_is_found():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2000, 2, generator=generator) @ torch.tensor([[1.0, 0.6], [0.0, 0.8]])
    latents = 3.0 * torch.randn(2000, 2, generator=generator)
    critic = Critic(SquaredEuclidean(weight=0.5))
    found = checked("pair noise", None, critic=critic, pairs=PairBatch(latents, latents + noise))
    assert found.verdict is Verdict.LOOK
    assert "steps in codes 0 and 1 go together" in found.sentence


@pytest.mark.slow
def test_more_information_than_a_batch_tells_apart_is_found():
    box = Box(10)
    law = LatentModel(UniformMarginal(box), LaplaceConditional(box, 0.05))
    found = diagnosis_of(law, exact_critic(law), num_pairs=600)
    assert found.check("saturation").verdict is Verdict.LOOK
    assert "a batch can tell 5.5 apart" in found.check("saturation").sentence
    assert found.check("pair noise").verdict is Verdict.CANNOT_TELL
    assert sum(factor.information for factor in found.factors) == pytest.approx(law.mutual_information(), rel=0.1)
    shrunk = diagnosis_of(law, exact_critic(law), num_pairs=300, encoder=lambda x: 0.14 * x)
    assert "0.1" in shrunk.check("pair noise").sentence


@pytest.mark.parametrize(("loss", "limit"), [(NWJ(), 6), (SCL(), 3)])
def test_more_information_than_a_noisy_loss_serves_is_found(loss, limit):
    law = LatentModel(UniformMarginal(SPACE), NormalConditional(SPACE, 0.02))
    held_out = hold_out(nn.Identity(), exact_critic(law), loss, drawn(law, 500))
    found = check_saturation(held_out, 256, law.mutual_information())
    assert found.verdict is Verdict.LOOK
    assert f"serves up to {limit} nats" in found.advice


def test_few_rows_cannot_tell():
    found = diagnosis_of(LAPLACE, exact_critic(LAPLACE), num_pairs=120)
    assert found.check("pair noise").verdict is Verdict.CANNOT_TELL
    assert found.check("pair noise").advice == "hold out more pairs"
    assert not found.actions


@pytest.mark.slow
@pytest.mark.parametrize("loss", [InfoNCE(direction="columns"), InfoNCE(direction="symmetric"), NWJ(log_form=True)])
def test_what_a_loss_leaves_free_is_not_held_against_it(loss):
    found = [
        checked("normalisation", LAPLACE, critic=critic, loss=each)
        for critic, each in (
            (exact_critic(LAPLACE, bias=3.0), loss),
            (tilted_critic(LAPLACE), loss),
            (tilted_critic(LAPLACE), InfoNCE()),
        )
    ]
    assert [each.verdict for each in found] == [Verdict.FINE, Verdict.LOOK, Verdict.FINE]
    assert "depends on anchor code 0" in found[1].sentence


def test_rows_of_a_group_are_one_unit_and_no_negatives():
    pairs = drawn(LAPLACE, 600)
    twice = PairBatch(pairs.anchors.repeat(2, 1), pairs.positives.repeat(2, 1), torch.arange(600).repeat(2))
    once, both = (checked("saturation", LAPLACE, critic=exact_critic(LAPLACE), pairs=each) for each in (pairs, twice))
    errors = [found.measured[3].standard_error for found in (once, both)]
    assert errors[1] == pytest.approx(errors[0], rel=0.15)  # not less by sqrt(2), as for 1200 independent rows


@pytest.mark.slow
def test_separate_negatives_and_anchors_as_negatives_are_contrasted_with():
    law = LatentModel(NormalMarginal(Euclidean(2), 1.0), NormalConditional(Euclidean(2), 1.0))
    pairs, others = drawn(law, 2000), drawn(law, 500, 1).positives
    separate = PairBatch(pairs.anchors, pairs.positives, negatives=others)
    assert not diagnosis_of(law, exact_critic(law), pairs=separate).actions
    # the ratio is p(x~|x) / p(x), with variance 1 below the line in place of 2
    as_anchors = Critic(SquaredEuclidean(weight=0.5), candidate_offset=Quadratic(-0.5))
    found = diagnose(nn.Identity(), as_anchors, InfoNCE(), pairs, negatives="anchors")
    assert not found.actions
    assert checked("normalisation", law, critic=as_anchors, pairs=pairs).verdict is Verdict.LOOK


class Quadratic(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return self.weight * x.square().sum(1)


@pytest.mark.slow
def test_a_dissimilarity_that_is_no_sum_is_looked_at_as_a_whole():
    generator = torch.Generator().manual_seed(0)
    latents = 4.0 * torch.randn(2000, 2, generator=generator)
    radii = -torch.rand(2, 2000, generator=generator).log().sum(0)  # gamma of shape 2: exp(-||t||) in the plane
    angles = 2 * math.pi * torch.rand(2000, generator=generator)
    noise = radii[:, None] * torch.stack((angles.cos(), angles.sin()), 1)
    critic = Critic(NormPower(norm_exponent=2.0, power=1.0), candidate_offset=Quadratic(-1 / 36))
    found = diagnosis_of(None, critic, pairs=PairBatch(latents, latents + noise))
    assert found.check("pair noise").verdict is Verdict.FINE
    assert [factor.fitted_scale for factor in found.factors] == [None, None]
    half = checked("pair noise", None, critic=critic, pairs=PairBatch(latents, latents + 0.5 * noise))
    assert "noise of all codes is smaller" in half.sentence


@pytest.mark.slow
def test_factors_have_the_scale_and_the_information_of_the_law():
    law = LatentModel(UniformMarginal(PLANE), LaplaceConditional(PLANE, [0.02, 0.2]))
    found = diagnosis_of(law, exact_critic(law), num_pairs=4000).factors
    alone = [
        LatentModel(UniformMarginal(Box(1)), LaplaceConditional(Box(1), s)).mutual_information() for s in (0.02, 0.2)
    ]
    for factor, scale, exact in zip(found, (0.02, 0.2), alone, strict=True):
        assert factor.fitted_scale == pytest.approx(scale)
        assert 0.75 * scale < factor.found_scale < 1.05 * scale
        assert abs(factor.information - exact) < 4 * factor.information_error + 0.02
        assert factor.spread == pytest.approx(12**-0.5, rel=0.05)


def test_it_reads_as_sentences_and_turns_into_json():
    found = diagnosis_of(LAPLACE, exact_critic(LAPLACE), encoder=lambda x: 0.4 * x, num_pairs=1000)
    text = str(found)
    assert "1000 held-out pairs: 2 of 5 checks ask for a look" in text
    assert "    to do: " in text
    assert "a batch of 256 tells 5.55 apart" in text
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [check["verdict"] for check in again["checks"]] == ["fine", "look", "look", "fine", "fine"]
    assert again["factors"][1]["code"] == 1
    assert str(Diagnosis.from_dict(again)) == text
    assert [check.name for check in found.actions] == ["reliability", "pair noise"]
    with pytest.raises(DomainError, match="name must be one of normalisation, "):
        found.check("luck")


@pytest.mark.slow
def test_the_model_is_evaluated_as_it_is_used_and_left_as_it_was():
    law = LAPLACE
    encoder = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
    assert not diagnosis_of(law, exact_critic(law), encoder=encoder, num_pairs=1000).actions
    assert encoder.training
    before = torch.get_rng_state()
    encoder = MLP(2, 2, widths=(8,), generator=torch.Generator().manual_seed(0))
    first, second = (diagnosis_of(law, Critic(PowerSum(2)), encoder=encoder, num_pairs=200) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in encoder.parameters())


def pairs_in_one_cell():
    pairs = drawn(LAPLACE, 200)
    cell = torch.zeros(200, dtype=torch.int64)
    return PairBatch(pairs.anchors, pairs.positives, cells=Cells(cell, cell, pairs.positives, cell))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pairs": drawn(LAPLACE, 99)}, UnreliableScoreError, "at least 100 independent pairs, got 99"),
        ({"pairs": pairs_in_one_cell()}, DomainError, "drawn from everywhere"),
        ({"pairs": drawn(LAPLACE, 99).anchors}, DtypeError, "contrica PairBatch"),
        ({"critic": PowerSum(2)}, DtypeError, "contrica Critic"),
        ({"loss": "nce"}, DtypeError, "contrica Loss"),
        ({"batch_size": 1}, DomainError, "at least 2"),
        ({"encoder": lambda x: x / 0.0}, NonFiniteError, "codes and offsets must be finite"),
        ({"encoder": lambda x: 1e38 * x}, NonFiniteError, "logits must be finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_diagnosed_is_refused(changes, error, message):
    options = {"critic": exact_critic(LAPLACE), **changes}
    with pytest.raises(error, match=message):
        diagnosis_of(LAPLACE, **options)


@pytest.mark.slow
def test_a_thorough_diagnosis_looks_at_axes_order_and_connectivity_too():
    found = diagnose(nn.Identity(), exact_critic(LAPLACE), InfoNCE(), drawn(LAPLACE, 2000), thorough=True)
    assert [check.name for check in found.checks[5:]] == ["axes", "order", "connectivity"]
    assert not found.actions


@pytest.mark.parametrize("damage", [{"checks": 3}, {"factors": [{}]}, {"batch_size": 0.5}, {"num_pairs": None}])
def test_a_damaged_description_is_a_sentence(damage):
    found = diagnosis_of(LAPLACE, exact_critic(LAPLACE), num_pairs=200)
    with pytest.raises(RecordError, match="must have its checks and factors, and it is damaged"):
        Diagnosis.from_dict({**found.to_dict(), **damage})


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "verdict"), [(6.0, Verdict.FINE), (3.0, Verdict.LOOK)])
def test_an_exponent_that_stands_for_even_noise_is_not_blamed_for_its_edge(exponent, verdict):
    generator = torch.Generator().manual_seed(0)
    x = 20 * torch.rand(4000, 2, generator=generator)
    noise = 2 * torch.rand(4000, 2, generator=generator) - 1
    scale = (exponent * noise.abs().pow(exponent).mean()) ** (1 / exponent)  # what a fit would find
    delta = PowerSum(2, exponent=exponent)
    found = diagnose(nn.Identity(), Critic(delta), InfoNCE(), PairBatch(x / scale, (x + noise) / scale), batch_size=512)
    assert found.check("pair noise").verdict is verdict, found
