import math

import numpy as np
import pytest
import torch

from contrica.critics import Critic
from contrica.dissimilarities import PowerSum, SquaredEuclidean
from contrica.encoders import MLP, ScalarNet
from contrica.errors import DomainError, DtypeError, NonFiniteError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.pairs import PairBatch
from contrica.training import TrainingOptions, loop, options, train

SHORT = TrainingOptions(steps=8, batch_size=16, learning_rate=0.01, warmup_fraction=0.25)


class Bent:
    """Pairs of points of the unit square, bent: x = (s1 + s2^2 / 2, s2), s~ = s + noise of Laplace(0.1)."""

    def __init__(self, spoil=None, from_draw=0):
        self.spoil, self.from_draw, self.draws = spoil, from_draw, 0

    def draw(self, batch_size, *, generator):
        latents = torch.rand(batch_size, 2, generator=generator)
        uniforms = torch.rand(batch_size, 2, generator=generator) - 0.5
        batch = PairBatch(
            self.bend(latents), self.bend(latents - 0.1 * uniforms.sign() * torch.log1p(-2 * uniforms.abs()))
        )
        self.draws += 1
        if self.spoil is not None and self.draws > self.from_draw:
            self.spoil(batch)
        return batch

    @staticmethod
    def bend(latents):
        return torch.stack([latents[:, 0] + latents[:, 1] ** 2 / 2, latents[:, 1]], 1)


def model(seed=0, offsets=True, widths=(16, 16)):
    generator = torch.Generator().manual_seed(seed)
    encoder = MLP(2, 2, widths=widths, generator=generator)
    encoder.start_from(Bent().draw(200, generator=generator).anchors)
    nets = [ScalarNet(2, widths=(8,), generator=generator) if offsets else None for _ in range(2)]
    return encoder, Critic(PowerSum(2, exponent=1.0), anchor_offset=nets[0], candidate_offset=nets[1], bias=offsets)


def fit(encoder, critic, loss=None, source=None, chosen=SHORT, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return list(train(encoder, critic, loss or NCE(), source or Bent(), options=chosen, generator=stream))


def weights(*modules):
    return [parameter.detach().clone() for module in modules for parameter in module.parameters()]


def same(left, right):
    return all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("loss", [NCE(), InfoNCE(), NWJ(), SCL()])
def test_every_loss_falls(loss):
    encoder, critic = model()
    records = fit(encoder, critic, loss, chosen=TrainingOptions(steps=60, batch_size=64, learning_rate=0.01))
    assert sum(record.loss for record in records[-10:]) < sum(record.loss for record in records[:10])


def test_equal_generators_give_bit_equal_weights():
    first, again = model(), model()
    assert fit(*first) == fit(*again)
    assert same(weights(*first), weights(*again))


def test_other_pairs_give_other_weights():
    first, other = model(), model()
    fit(*first)
    fit(*other, seed=1)
    assert not same(weights(*first), weights(*other))


def test_the_global_generators_are_left_as_they_were():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fit(*model())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_a_record_says_step_rate_and_dtype():
    records = fit(*model())
    assert [record.step for record in records] == list(range(1, 9))
    assert [record.learning_rate for record in records] == [SHORT.learning_rate_at(step) for step in range(1, 9)]
    assert {record.encoder_dtype for record in records} == {torch.float32}


def test_one_step_is_the_update_of_adamw_written_out():
    """w <- w (1 - rate decay) - rate m / (sqrt(v) + 1e-8), where after one step m = gradient, v = gradient^2."""
    chosen = TrainingOptions(steps=1, batch_size=16, weight_decay=0.1, offset_learning_rate_factor=3.0)
    encoder, critic = model()
    twin_encoder, twin_critic = model()
    batch = Bent().draw(16, generator=torch.Generator().manual_seed(0))
    loop._balance(twin_encoder, twin_critic, NCE(), batch)
    loop.pair_loss(twin_encoder, twin_critic, NCE(), batch).backward()
    expected = {}
    for owner, module in (("encoder", twin_encoder), ("critic", twin_critic)):
        for name, parameter in module.named_parameters():
            rate = chosen.learning_rate_at(1) * (3.0 if owner == "critic" and "dissimilarity" not in name else 1.0)
            decay = 0.1 if parameter.ndim == 2 else 0.0
            moved = parameter * (1 - rate * decay) - rate * parameter.grad / (parameter.grad.abs() + 1e-8)
            expected[f"{owner}.{name}"] = moved.detach()
    (record,) = fit(encoder, critic, chosen=chosen)
    assert record.gradient_norm < chosen.clip_norm
    trained = {f"encoder.{name}": parameter.detach() for name, parameter in encoder.named_parameters()}
    trained |= {f"critic.{name}": parameter.detach() for name, parameter in critic.named_parameters()}
    torch.testing.assert_close(trained, expected, rtol=1e-5, atol=1e-8)


def test_only_matrices_of_encoder_and_offsets_decay():
    encoder, critic = model()
    groups = loop._optimizer(encoder, critic, TrainingOptions(weight_decay=0.1)).param_groups
    decaying = [parameter for group in groups if group["weight_decay"] for parameter in group["params"]]
    resting = [parameter for group in groups if not group["weight_decay"] for parameter in group["params"]]
    assert all(parameter.ndim == 2 for parameter in decaying)
    assert all(parameter.ndim < 2 for parameter in resting)
    assert len(decaying) + len(resting) == len(weights(encoder, critic))


def test_what_the_dissimilarity_learns_has_a_rate_of_its_own():
    encoder, critic = model()
    critic.dissimilarity = PowerSum(2, exponent=1.0, learnable_weights=True)
    chosen = TrainingOptions(steps=1, batch_size=16, dissimilarity_learning_rate_factor=10.0)
    fit(encoder, critic, chosen=chosen)
    # Adam's first step is the rate, whatever the gradient.
    moved = critic.dissimilarity.log_weights.detach().abs()
    torch.testing.assert_close(moved, torch.full((2,), 10.0 * chosen.learning_rate_at(1)), rtol=1e-4, atol=0.0)


def test_tied_offsets_are_trained_once():
    encoder, critic = model()
    critic.candidate_offset = critic.anchor_offset
    groups = loop._optimizer(encoder, critic, TrainingOptions()).param_groups
    parameters = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(parameters) == len(set(parameters))


def test_the_gradient_is_clipped_to_the_norm_and_reported_before(monkeypatch):
    norms = []
    step = torch.optim.AdamW.step

    def measured(self):
        gradients = [parameter.grad.flatten() for group in self.param_groups for parameter in group["params"]]
        norms.append(torch.cat(gradients).norm().item())
        return step(self)

    monkeypatch.setattr(torch.optim.AdamW, "step", measured)
    tight = TrainingOptions(steps=4, batch_size=16, clip_norm=0.01)
    records = fit(*model(), chosen=tight)
    assert min(record.gradient_norm for record in records) > 0.1
    torch.testing.assert_close(norms, [0.01] * 4, rtol=1e-4, atol=0)
    norms.clear()
    records = fit(*model(), chosen=TrainingOptions(steps=4, batch_size=16, clip_norm=1e6))
    torch.testing.assert_close(norms, [record.gradient_norm for record in records], rtol=1e-4, atol=0)


@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_a_finite_gradient_whose_square_overflows_is_clipped_like_any_other(optimizer):
    class Steep(SquaredEuclidean):
        def forward(self, left, right):
            return super().forward(left, right) * 1e25

    encoder, _ = model()
    before = [parameter.detach().clone() for parameter in encoder.parameters()]
    records = fit(encoder, Critic(Steep()), chosen=TrainingOptions(steps=3, batch_size=16, optimizer=optimizer))
    assert all(1e20 < record.gradient_norm < math.inf for record in records)
    assert any(bool((old != new).any()) for old, new in zip(before, encoder.parameters(), strict=True))
    assert all(bool(torch.isfinite(parameter).all()) for parameter in encoder.parameters())


def spoil_anchors(batch):
    batch.anchors[3, 1] = torch.nan


def spoil_positives(batch):
    batch.positives[0, 0] = torch.inf


@pytest.mark.parametrize(
    ("spoil", "named"), [(spoil_anchors, "anchors of the batch"), (spoil_positives, "positives of")]
)
@pytest.mark.parametrize("good_steps", [0, 3])
def test_a_bad_batch_stops_before_the_step_and_names_it(spoil, named, good_steps):
    encoder, critic = model()
    stream = torch.Generator().manual_seed(0)
    records = train(encoder, critic, NCE(), Bent(spoil, good_steps), options=SHORT, generator=stream)
    for _ in range(good_steps):
        next(records)
    before = weights(encoder, critic)
    with pytest.raises(NonFiniteError, match=f"at step {good_steps + 1} the loss is .*{named}"):
        next(records)
    assert same(weights(encoder, critic), before)


def test_a_bad_gradient_stops_before_the_step_and_names_the_parameter():
    encoder, critic = model()
    encoder.last.weight.register_hook(lambda gradient: gradient * torch.nan)
    before = weights(encoder)
    with pytest.raises(NonFiniteError, match=r"at step 1 the gradient norm is nan.*gradient of encoder\.last\.weight"):
        fit(encoder, critic)
    assert same(weights(encoder), before)
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_the_generator_can_be_stopped_early_and_leaves_a_usable_model():
    encoder, critic = model()
    records = train(encoder, critic, NCE(), Bent(), options=SHORT, generator=torch.Generator().manual_seed(0))
    losses = [next(records).loss for _ in range(3)]
    stopped = weights(encoder, critic)
    del records
    assert same(weights(encoder, critic), stopped)
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert torch.isfinite(encoder(torch.rand(4, 2, generator=torch.Generator()))).all()
    assert losses == [record.loss for record in fit(*model())[:3]]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_grad_mode_of_the_caller_is_overridden_inside_the_step_only(mode):
    plain, muted = model(), model()
    fit(*plain)
    stream = torch.Generator().manual_seed(0)
    with mode():
        for _ in train(*muted, NCE(), Bent(), options=SHORT, generator=stream):
            assert not torch.is_grad_enabled()
    assert same(weights(*muted), weights(*plain))


def test_gradients_are_still_recorded_for_the_caller_between_steps():
    encoder, critic = model()
    for _ in train(encoder, critic, NCE(), Bent(), options=SHORT, generator=torch.Generator()):
        assert torch.is_grad_enabled()


def test_the_modes_of_the_modules_are_the_callers():
    encoder, critic = model()
    encoder.eval()
    critic.train()
    fit(encoder, critic)
    assert not encoder.training
    assert critic.training


def test_frozen_parameters_stay_and_the_others_move():
    encoder, critic = model()
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    before = weights(encoder), weights(critic)
    fit(encoder, critic)
    assert same(weights(encoder), before[0])
    assert not same(weights(critic), before[1])


def test_the_bias_starts_from_the_first_batch():
    encoder, critic = model()
    batch = Bent().draw(16, generator=torch.Generator().manual_seed(0))
    loop._balance(encoder, critic, NWJ(), batch)
    codes, others = encoder(batch.anchors).detach().double(), encoder(batch.positives).detach().double()
    dissimilarities = (codes[:, None] - others[None]).abs().sum(-1)
    mean = dissimilarities.neg().exp()[~torch.eye(16, dtype=torch.bool)].mean()
    torch.testing.assert_close(critic.bias.double().item(), mean.log().item(), rtol=1e-4, atol=1e-5)


def test_a_bias_that_would_not_be_finite_is_not_taken_over():
    encoder, critic = model()
    batch = Bent(spoil_anchors).draw(16, generator=torch.Generator())
    loop._balance(encoder, critic, NWJ(), batch)
    assert critic.bias.item() == 0.0


def test_a_model_without_extras_trains():
    records = fit(*model(offsets=False), loss=InfoNCE())
    assert len(records) == 8


def test_the_encoder_runs_in_the_smaller_dtype_and_everything_else_does_not(monkeypatch):
    monkeypatch.setattr(options, "_cpu_has_bfloat16", lambda: True)
    encoder, critic = model()
    seen = []
    encoder.hidden.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    critic.anchor_offset.hidden.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    records = fit(encoder, critic, chosen=TrainingOptions(steps=3, batch_size=16, autocast=True))
    assert {record.encoder_dtype for record in records} == {torch.bfloat16}
    assert set(seen) == {torch.bfloat16, torch.float32}
    torch.testing.assert_close(records[0].loss, fit(*model())[0].loss, rtol=0.02, atol=0)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda encoder, critic: [module.requires_grad_(False) for module in (encoder, critic)], DomainError),
        (lambda encoder, critic: encoder.hidden.to("meta"), DomainError),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused(spoil, error):
    encoder, critic = model()
    spoil(encoder, critic)
    with pytest.raises(error):
        fit(encoder, critic)


def test_a_seed_is_no_generator():
    with pytest.raises(DtypeError, match=r"must be a torch\.Generator, got int"):
        next(train(*model(), NCE(), Bent(), options=SHORT, generator=0))


def held_out_r2(encoder):
    latents = torch.rand(2000, 2, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    with torch.no_grad():
        codes = encoder(Bent.bend(latents.float())).double()
    design = torch.cat([codes, torch.ones(2000, 1, dtype=torch.float64)], 1)
    coefficients = torch.linalg.lstsq(design[:1000], latents[:1000]).solution
    residuals = (latents - design @ coefficients)[1000:]
    return (1 - residuals.square().sum(0) / (latents[1000:] - latents[1000:].mean(0)).square().sum(0)).min().item()


@pytest.mark.slow
def test_two_bent_latents_are_recovered():
    encoder, critic = model(widths=(64, 64))
    before = held_out_r2(encoder)
    fit(encoder, critic, InfoNCE(), chosen=TrainingOptions(steps=600, batch_size=256))
    assert held_out_r2(encoder) > 0.995 > before
