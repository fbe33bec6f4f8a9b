import pytest
import torch
from torch import nn

from contrica import Critic, GivenPairs, InfoNCE, PowerSum, TrainingOptions
from contrica.estimator.fitting import VALUES, fit_parts, mean_loss


def pairs(rows, seed=0):
    generator = torch.Generator().manual_seed(seed)
    anchors = torch.randn(rows, 3, generator=generator)
    return GivenPairs(anchors, anchors + 0.3 * torch.randn(rows, 3, generator=generator))


def model(widths=(64, 64)):
    with torch.random.fork_rng():
        encoder = nn.Sequential(nn.Linear(3, widths[0]), nn.ReLU(), nn.Linear(*widths), nn.ReLU(), nn.Linear(64, 2))
    return encoder, Critic(PowerSum(2))


def fit(encoder, critic, *, steps=80, rows=40, held_out=True, patience=None, **settings):
    batches = [pairs(200, seed=1).draw(100, generator=torch.Generator().manual_seed(1))] if held_out else []
    curve = fit_parts(
        encoder,
        critic,
        InfoNCE(),
        pairs(rows),
        held_out=batches,
        options=TrainingOptions(steps=steps, batch_size=40, learning_rate=1e-2),
        patience=patience,
        generator=torch.Generator().manual_seed(2),
        **settings,
    )
    return curve, batches


@pytest.mark.slow
def test_the_parameters_of_the_smallest_held_out_loss_remain():
    encoder, critic = model()
    curve, batches = fit(encoder, critic)
    smallest = min(value for _, value in curve.held_out)
    assert curve.best_step < 80  # forty pairs are soon known by heart
    assert dict(curve.held_out)[curve.best_step] == smallest
    assert mean_loss(encoder, critic, InfoNCE(), batches) == pytest.approx(smallest, rel=1e-6)


@pytest.mark.slow
def test_the_held_out_loss_is_taken_forty_times():
    curve, _ = fit(*model())
    assert len(curve.held_out) == VALUES
    assert curve.held_out[-1][0] == 80


def test_training_ends_when_patience_does():
    curve, _ = fit(*model(), patience=3)
    assert curve.since_best() == 3
    assert len(curve.losses) == curve.held_out[-1][0] < 80


@pytest.mark.slow
def test_without_held_out_rows_the_last_parameters_remain():
    curve, _ = fit(*model(), held_out=False, patience=1)
    assert curve.best_step == len(curve.losses) == 80
    assert curve.held_out == []


@pytest.mark.slow
def test_an_interruption_is_handed_back_with_the_best_parameters():
    encoder, critic = model()

    def interrupt(record):
        if record.step == 41:
            raise KeyboardInterrupt

    curve, batches = fit(encoder, critic, on_step=interrupt)
    assert isinstance(curve.interruption, KeyboardInterrupt)
    assert curve.held_out[-1][0] == 40
    smallest = min(value for _, value in curve.held_out)
    assert mean_loss(encoder, critic, InfoNCE(), batches) == pytest.approx(smallest, rel=1e-6)


@pytest.mark.slow
def test_encoders_train_in_training_mode_and_are_looked_at_in_evaluation_mode():
    modes = []

    class Watched(nn.Linear):
        def forward(self, rows):
            modes.append((self.training, len(rows)))
            return super().forward(rows)

    encoder = Watched(3, 2)
    fit(encoder, Critic(PowerSum(2)))
    assert {training for training, rows in modes if rows == 80} == {True}
    assert {training for training, rows in modes if rows == 200} == {False}
    assert not encoder.training
