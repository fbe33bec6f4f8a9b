"""Gradient caching gives the plain form's loss and gradients."""

import pytest
import torch
from torch import nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP
from contrica.errors import DomainError
from contrica.losses import NCE, InfoNCE
from contrica.pairs import PairBatch
from contrica.training.chunked import in_chunks


def problem():
    stream = torch.Generator().manual_seed(0)
    encoder = MLP(3, 2, widths=(16, 16), generator=stream)
    anchors = torch.randn(50, 3, generator=stream)
    return encoder, PairBatch(anchors, anchors + 0.1 * torch.randn(50, 3, generator=stream))


def value_and_gradients(encode, encoder, loss, batch):
    encoder.zero_grad()
    value = pair_loss(encode, Critic(PowerSum(2, exponent=1.0)), loss, batch)
    value.backward()
    return value.detach(), [parameter.grad.clone() for parameter in encoder.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("loss", [InfoNCE(), InfoNCE(direction="symmetric"), NCE()], ids=repr)
@pytest.mark.parametrize("rows_at_once", [1, 7, 1000])
def test_loss_and_gradients_are_those_of_the_plain_form(loss, rows_at_once):
    encoder, batch = problem()
    value, gradients = value_and_gradients(encoder, encoder, loss, batch)
    cached, cached_gradients = value_and_gradients(in_chunks(encoder, rows_at_once), encoder, loss, batch)
    torch.testing.assert_close(cached, value, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(cached_gradients, gradients, atol=1e-6, rtol=1e-5)


def test_at_most_one_chunk_is_encoded_with_a_graph_at_a_time():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.largest = nn.Linear(3, 2), 0

        def forward(self, observations):
            self.largest = max(self.largest, len(observations))
            return self.layer(observations)

    encoder, (_, batch) = Counting(), problem()
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved.append(tensor.shape) or tensor, lambda tensor: tensor
    ):
        in_chunks(encoder, 8)(batch.anchors)
    assert encoder.largest == 8
    assert not any(shape and shape[0] == 50 for shape in saved)


def test_no_rows_at_once_is_refused():
    with pytest.raises(DomainError, match="rows_at_once"):
        in_chunks(nn.Identity(), 0)
