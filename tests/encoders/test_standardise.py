import pytest
import torch

from contrica.encoders.standardise import Standardise
from contrica.errors import DtypeError


def test_it_starts_as_the_identity():
    observations = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Standardise(2)(observations), observations)


@pytest.mark.parametrize("shape", [(50, 3), (20, 3, 4, 5)])
def test_every_channel_gets_mean_zero_and_unit_variance(shape):
    observations = 5.0 + 3.0 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    standardise = Standardise(3)
    standardise.start_from(observations)
    channels = standardise(observations).transpose(0, 1).flatten(1)
    torch.testing.assert_close(channels.mean(1), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(channels.square().mean(1), torch.ones(3))


def test_a_constant_channel_is_only_centred():
    standardise = Standardise(2)
    standardise.start_from(torch.tensor([[1.0, 0.1], [3.0, 0.1]]))
    torch.testing.assert_close(standardise(torch.tensor([[2.0, 1.1]])), torch.tensor([[0.0, 1.0]]))


def test_the_result_for_one_observation_does_not_depend_on_the_others():
    standardise = Standardise(2)
    observations = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    standardise.start_from(observations)
    assert torch.equal(standardise(observations)[:1], standardise(observations[:1]))


def test_another_dtype_is_refused():
    with pytest.raises(DtypeError, match=r"must be torch\.float32 like the encoder, got torch\.float64"):
        Standardise(2)(torch.zeros(3, 2, dtype=torch.float64))
