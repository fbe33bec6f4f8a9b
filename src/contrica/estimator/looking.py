"""A look at modules in training that leaves them as they were: where they lie, and their loss on given pairs."""

from collections.abc import Sequence

import torch
from torch import nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.losses import Loss
from contrica.pairs import PairBatch


def device_of(module: nn.Module) -> torch.device:
    """Return the device of the first parameter, the CPU if there is none."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


@torch.no_grad()
def mean_loss(encoder: nn.Module, critic: Critic, loss: Loss, batches: Sequence[PairBatch]) -> float:
    """Return the mean loss of ``batches`` in nats, with the encoder in evaluation mode."""
    training = encoder.training
    encoder.eval()
    values = [float(pair_loss(encoder, critic, loss, batch)) for batch in batches]
    encoder.train(training)
    return sum(values) / len(values)
