import math

import pytest
import torch

from contrica.errors import DomainError, NoDensityError, ShapeError
from contrica.latents import LaplaceConditional, LatentModel, NormalMarginal, NormPowerConditional, UniformMarginal
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.optima import best_loss, oracle_loss
from contrica.spaces import Box, Euclidean

MODEL = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.1))
LOSSES = [NCE(), InfoNCE(), InfoNCE(direction="columns"), InfoNCE(direction="symmetric"), NWJ(), NWJ(log_form=True)]
LOSSES += [SCL(), SCL(log_form=True)]


def draw(rows=256, seed=0):
    return MODEL.sample(rows, generator=torch.Generator().manual_seed(seed))


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_ratio_of_a_wrong_scale_loses_to_the_exact_one_on_many_pairs(loss):
    batches = [draw(seed=seed) for seed in range(12)]
    wrong = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.13))
    best, worse = (sum(oracle_loss(loss, model, *pairs) for pairs in batches) for model in (MODEL, wrong))
    assert best < worse


@pytest.mark.slow
def test_closed_forms_agree_with_draws_of_the_exact_ratio():
    generator = torch.Generator().manual_seed(1)
    for loss in (NWJ(), SCL()):
        exact = best_loss(loss, MODEL, batch_size=1024, generator=generator)
        values = torch.tensor([oracle_loss(loss, MODEL, *draw(1024, seed)) for seed in range(24)])
        assert exact.standard_error == 0.0
        assert abs(values.mean() - exact.value) < 4 * values.std() / math.sqrt(24)


def test_infonce_stays_above_log_batch_minus_information():
    best = best_loss(InfoNCE(), MODEL, batch_size=64, generator=torch.Generator().manual_seed(2))
    assert math.log(64) - MODEL.mutual_information() < best.value < math.log(64)
    assert 0 < best.standard_error < 0.05


def test_equal_generators_give_equal_values():
    first, second = (best_loss(NCE(), MODEL, batch_size=32, generator=torch.Generator().manual_seed(3)) for _ in "ab")
    assert first == second


def test_a_model_without_density_has_no_optimum():
    space = Euclidean(2)
    model = LatentModel(
        NormalMarginal(space, 1.0), NormPowerConditional(space, norm_exponent=1.0, power=2.0, scale=0.3)
    )
    with pytest.raises(NoDensityError):
        best_loss(NCE(), model, batch_size=16, generator=torch.Generator())


def test_bad_input_is_refused():
    latents, positives = draw(4)
    with pytest.raises(ShapeError, match="two pairs"):
        oracle_loss(NCE(), MODEL, latents[:1], positives[:1])
    with pytest.raises(ShapeError):
        oracle_loss(NCE(), MODEL, latents, positives[:3])
    with pytest.raises(DomainError):
        best_loss(NCE(), MODEL, batch_size=1, generator=torch.Generator())
