"""Turning codes to the axes of pair differences."""

import pytest
import torch
from torch import nn

from contrica.encoders import MLP, SphereOutput
from contrica.errors import DomainError, DtypeError, UnreliableScoreError
from contrica.pairs import PairBatch
from contrica.training.axes import turn_to_axes, unmixing


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def laplace(rows, dim, seed=0):
    uniform = torch.rand(rows, dim, generator=generator(seed), dtype=torch.float64) - 0.5
    return -uniform.sign() * torch.log1p(-2 * uniform.abs())


def noise(kind, rows=20_000, dim=4):
    if kind == "laplace":
        return laplace(rows, dim)
    return torch.rand(rows, dim, generator=generator(), dtype=torch.float64) - 0.5


def linear_encoder(dim=4):
    return MLP(dim, dim, widths=(), generator=generator(3))


@pytest.mark.parametrize("kind", ["laplace", "uniform"])
def test_the_unmixing_of_independent_noise_is_the_inverse_up_to_a_signed_permutation(kind):
    mixing = torch.randn(4, 4, generator=generator(1), dtype=torch.float64)
    product = unmixing(noise(kind) @ mixing.T) @ mixing
    share = product.abs() / product.abs().sum(1, keepdim=True)
    assert (share.max(1).values > 0.93).all()
    assert sorted(share.argmax(1).tolist()) == [0, 1, 2, 3]


def test_codes_that_mix_the_factors_come_to_lie_along_them_and_are_scaled_to_the_critic():
    factors = torch.rand(20_000, 4, generator=generator(), dtype=torch.float64)
    steps = 0.05 * laplace(20_000, 4, seed=1)
    pairs = PairBatch(factors.float(), (factors + steps).float())
    encoder = linear_encoder()
    turn_to_axes(encoder, pairs, exponent=1.0)
    codes = encoder(pairs.anchors).detach()
    correlation = torch.corrcoef(torch.cat((codes, pairs.anchors), 1).T)[:4, 4:].abs()
    assert (correlation.max(1).values > 0.99).all()
    differences = codes - encoder(pairs.positives).detach()
    torch.testing.assert_close(differences.abs().mean(0), torch.ones(4), atol=1e-3, rtol=0)


def test_the_returned_matrix_is_what_the_codes_were_multiplied_by():
    pairs = PairBatch(torch.rand(500, 4, generator=generator()), torch.rand(500, 4, generator=generator(2)))
    encoder = MLP(4, 4, widths=(8,), generator=generator(3))
    before = encoder(pairs.anchors).detach()
    turn = turn_to_axes(encoder, pairs, exponent=1.0)
    torch.testing.assert_close(encoder(pairs.anchors).detach(), before @ turn.float().T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("exponent", [1.0, 3.0])
def test_codes_that_are_not_calibrated_keep_their_mean_dissimilarity_and_share_it_evenly(exponent):
    pairs = PairBatch(torch.rand(2000, 4, generator=generator()), torch.rand(2000, 4, generator=generator(2)))
    encoder = MLP(4, 4, widths=(8,), generator=generator(3))

    def means():
        return (encoder(pairs.anchors) - encoder(pairs.positives)).detach().abs().pow(exponent).mean(0)

    before = means()
    turn_to_axes(encoder, pairs, exponent=exponent, calibrate=False)
    torch.testing.assert_close(means(), before.mean().expand(4), atol=0, rtol=1e-3)


def test_what_cannot_be_turned_is_refused():
    pairs = PairBatch(torch.rand(500, 4, generator=generator()), torch.rand(500, 4, generator=generator(2)))
    with pytest.raises(DomainError, match="2"):
        turn_to_axes(linear_encoder(), pairs, exponent=2.0)
    with pytest.raises(DtypeError, match="MLP"):
        turn_to_axes(nn.Linear(4, 4), pairs, exponent=1.0)
    with pytest.raises(DomainError, match="unbounded"):
        turn_to_axes(MLP(4, 4, output=SphereOutput(4), generator=generator()), pairs, exponent=1.0)
    with pytest.raises(UnreliableScoreError, match="draw more"):
        turn_to_axes(linear_encoder(), PairBatch(pairs.anchors[:39], pairs.positives[:39]), exponent=1.0)
    with pytest.raises(UnreliableScoreError, match="directions"):
        turn_to_axes(linear_encoder(), PairBatch(pairs.anchors, pairs.anchors), exponent=1.0)
