import pytest
import torch

from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP, BoxOutput, SphereOutput
from contrica.errors import DomainError, UnreliableScoreError
from contrica.latents import AnisotropicSphereConditional, LatentModel, UniformMarginal
from contrica.pairs import SimulatedPairs
from contrica.spaces import Box, Sphere
from contrica.training.noise_axes import turn_to_noise_axes

WEIGHTS = (4.0, 30.0, 12.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rotated_codes(output=None):
    """A sphere's pairs seen through nothing, and an encoder whose codes are the factors turned by a matrix."""
    space = Sphere(3)
    pairs = SimulatedPairs(
        LatentModel(UniformMarginal(space), AnisotropicSphereConditional(space, WEIGHTS)), torch.nn.Identity()
    )
    encoder = MLP(3, 3, widths=(), output=output or SphereOutput(3), generator=generator())
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator(1)))
    with torch.no_grad():
        encoder.skip.weight.copy_(rotation)
    return encoder, pairs


def test_each_code_becomes_the_factor_of_its_rank_in_concentration():
    encoder, pairs = rotated_codes()
    batch, factors, _ = pairs.draw_with_latents(40_000, generator=generator(2))
    before = encoder(batch.anchors)
    turn = turn_to_noise_axes(encoder, PowerSum(3, exponent=2.0, weights=(5.0, 6.0, 7.0)), batch)
    codes = encoder(batch.anchors)
    torch.testing.assert_close(codes, before @ turn.float().T)
    # ranks of the codes' own weights: 5 < 6 < 7 go to the factors of 4 < 12 < 30
    agreement = (codes.T @ factors / len(codes) * 3.0).abs()
    # 40 000 pairs tell the axes to about .01 radians
    torch.testing.assert_close(agreement, torch.eye(3)[[0, 2, 1]], atol=0.05, rtol=0.0)


def test_a_stretch_that_is_left_in_the_codes_does_not_turn_the_axes():
    encoder, pairs = rotated_codes()
    batch, factors, _ = pairs.draw_with_latents(40_000, generator=generator(2))
    with torch.no_grad():
        encoder.skip.weight.copy_(torch.diag(torch.tensor([1.0, 1.3, 1.0])) @ encoder.skip.weight)
    turn_to_noise_axes(encoder, PowerSum(3, exponent=2.0, weights=(5.0, 6.0, 7.0)), batch)
    seen = torch.linalg.lstsq(factors, encoder(batch.anchors)).solution.T
    others = seen[:, [0, 2, 1]].fill_diagonal_(0.0).abs() / seen.norm(dim=1)[:, None]
    # what the stretch itself mixes, not more: half of .3 at most
    assert others.max() < 0.15


def test_distances_of_codes_stay_as_they_were():
    encoder, pairs = rotated_codes()
    batch = pairs.draw(500, generator=generator(3))
    before = torch.cdist(encoder(batch.anchors), encoder(batch.positives))
    turn_to_noise_axes(encoder, PowerSum(3, exponent=2.0), batch)
    torch.testing.assert_close(torch.cdist(encoder(batch.anchors), encoder(batch.positives)), before, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("output", "delta", "rows", "error", "says"),
    [
        (BoxOutput(Box(3)), PowerSum(3, exponent=2.0), 500, DomainError, "codes must lie on the sphere"),
        (None, PowerSum(3, exponent=1.0), 500, DomainError, "exponent must be 2"),
        (None, PowerSum(3, exponent=2.0), 29, UnreliableScoreError, "3 codes need 30 pairs, got 29"),
    ],
)
def test_what_cannot_be_turned_is_refused(output, delta, rows, error, says):
    encoder, pairs = rotated_codes(output)
    with pytest.raises(error, match=says):
        turn_to_noise_axes(encoder, delta, pairs.draw(rows, generator=generator()))
