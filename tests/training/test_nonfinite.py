import pytest
import torch
from torch import nn

from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.pairs import PairBatch
from contrica.training.nonfinite import first_bad_gradient, first_bad_term


class Scaled(nn.Module):
    """Codes, or one number a row, at a chosen size."""

    def __init__(self, factor, scalar=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.factor, self.scalar = factor, scalar

    def forward(self, observations):
        values = self.weight * (observations * self.factor)
        return values.sum(1) if self.scalar else values


def batch(negatives=None):
    return PairBatch(torch.ones(4, 2), torch.zeros(4, 2), negatives=negatives)


@pytest.mark.parametrize(
    ("encoder", "critic", "pairs", "named"),
    [
        (
            Scaled(1.0),
            Critic(PowerSum(2, exponent=2.0)),
            batch(torch.full((3, 2), torch.nan)),
            "the negatives of the batch",
        ),
        (Scaled(torch.nan), Critic(PowerSum(2, exponent=2.0)), batch(), "the codes of the anchors"),
        (Scaled(torch.inf), Critic(PowerSum(2, exponent=2.0)), batch(torch.ones(3, 2)), "the codes of the anchors"),
        (
            Scaled(1.0),
            Critic(PowerSum(2, exponent=2.0), anchor_offset=Scaled(torch.inf, scalar=True)),
            batch(),
            "the anchor offset",
        ),
        (
            Scaled(1.0),
            Critic(PowerSum(2, exponent=2.0), candidate_offset=Scaled(torch.inf, scalar=True)),
            batch(),
            "the candidate offset",
        ),
        (Scaled(1e30), Critic(PowerSum(2, exponent=2.0)), batch(), "the dissimilarity of the positive pairs"),
        (Scaled(1.0), Critic(PowerSum(2, exponent=2.0)), batch(), "the reduction over the negatives"),
    ],
)
def test_the_first_bad_term_is_named(encoder, critic, pairs, named):
    assert first_bad_term(encoder, critic, pairs) == named


def test_a_bad_parameter_is_named_by_its_path():
    encoder = Scaled(1.0)
    with torch.no_grad():
        encoder.weight.fill_(torch.nan)
    assert first_bad_term(encoder, Critic(PowerSum(2, exponent=2.0)), batch()) == "the parameter encoder.weight"


def test_a_bad_bias_of_the_critic_is_named():
    critic = Critic(PowerSum(2, exponent=2.0), bias=True)
    with torch.no_grad():
        critic.bias.fill_(torch.inf)
    assert first_bad_term(Scaled(1.0), critic, batch()) == "the parameter critic.bias"


def test_a_bad_gradient_is_named():
    encoder, critic = Scaled(1.0), Critic(PowerSum(2, exponent=2.0), bias=True)
    encoder.weight.grad, critic.bias.grad = torch.tensor(1.0), torch.tensor(torch.nan)
    assert first_bad_gradient(encoder, critic) == "the gradient of critic.bias"


def test_a_norm_that_overflows_while_every_gradient_is_finite_is_called_that():
    encoder = Scaled(1.0)
    encoder.weight.grad = torch.tensor(3e38)
    assert first_bad_gradient(encoder, Critic(PowerSum(2, exponent=2.0))).startswith(
        "the norm of all gradients together"
    )
