import math

import pytest
import torch
from scipy import special, stats

from contrica.errors import DomainError, DtypeError, NoDensityError
from contrica.latents import (
    FrozenConditional,
    LaplaceConditional,
    NormPowerConditional,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.spaces import Box, Euclidean, Sphere

BOX = Box(3)


def test_frozen_factors_stay_bit_equal_and_the_others_follow_their_own_law():
    anchors = UniformMarginal(BOX).sample(5000, generator=torch.Generator().manual_seed(0))
    base = LaplaceConditional(BOX, [0.1, 0.2, 0.3])
    frozen = FrozenConditional(base, [2, 0])
    assert frozen.factors == (0, 2)
    assert frozen.is_factorised
    drawn = frozen.sample(anchors, generator=torch.Generator().manual_seed(1))
    free = base.sample(anchors, generator=torch.Generator().manual_seed(2))
    assert torch.equal(drawn[:, [0, 2]], anchors[:, [0, 2]])
    steps = [(sample - anchors)[:, 1].numpy() for sample in (drawn, free)]
    assert stats.ks_2samp(*steps).pvalue > 1e-3


def test_on_the_sphere_the_others_move_on_the_circle_that_is_left():
    """The cosine of the turn in the free plane has mean I_1(k r^2)/I_0(k r^2), r the length of the free part."""
    anchor = torch.tensor([[0.6, 0.0, 0.8]], dtype=torch.float64).expand(20_000, 3)
    frozen = FrozenConditional(VonMisesFisherConditional(Sphere(3), 5.0), [0])
    drawn = frozen.sample(anchor, generator=torch.Generator().manual_seed(3))
    assert torch.equal(drawn[:, 0], anchor[:, 0])
    torch.testing.assert_close(torch.linalg.vector_norm(drawn, dim=1), torch.ones(20_000, dtype=torch.float64))
    turn = torch.atan2(drawn[:, 1], drawn[:, 2])
    concentration = 5.0 * 0.64
    assert stats.kstest(turn.numpy(), stats.vonmises(concentration).cdf).pvalue > 1e-3
    assert stats.kstest(turn.numpy(), stats.vonmises(5.0).cdf).pvalue < 1e-3
    mean = special.i1(concentration) / special.i0(concentration)
    assert abs(turn.cos().mean() - mean) < 4.0 * turn.cos().std() / math.sqrt(20_000)
    assert not frozen.is_factorised


def test_anchors_with_nothing_left_to_move_stay_where_they_are():
    pole = torch.tensor([[1.0, 0.0, 0.0]])
    frozen = FrozenConditional(VonMisesFisherConditional(Sphere(3), 5.0), [0])
    assert torch.equal(frozen.sample(pole, generator=torch.Generator().manual_seed(0)), pole)


def test_there_is_no_density_and_no_delta():
    frozen = FrozenConditional(LaplaceConditional(BOX, 0.1), [0])
    assert frozen.dissimilarity is None
    with pytest.raises(NoDensityError, match="volume 0"):
        frozen.log_density(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(NoDensityError):
        frozen.log_base_measure(torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("conditional", "factors", "error"),
    [
        (LaplaceConditional(BOX, 0.1), [], DomainError),
        (LaplaceConditional(BOX, 0.1), [0, 1, 2], DomainError),
        (LaplaceConditional(BOX, 0.1), [3], DomainError),
        (LaplaceConditional(BOX, 0.1), [-1], DomainError),
        (LaplaceConditional(BOX, 0.1), [0.5], DtypeError),
        (VonMisesFisherConditional(Sphere(3), 1.0), [0, 1], DomainError),
        (NormPowerConditional(Euclidean(3), norm_exponent=1.0, power=2.0, scale=1.0), [0], DtypeError),
    ],
)
def test_what_cannot_be_frozen_is_refused(conditional, factors, error):
    with pytest.raises(error):
        FrozenConditional(conditional, factors)
