"""Ladders of positives: which rows they hold, and that each rung is least at the log ratio of neighbouring laws."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.dissimilarities import PowerSum
from contrica.encoders import MLP
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.evaluation import mcc
from contrica.latents import (
    ExponentialTiltMarginal,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    UniformMarginal,
)
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.mixing import InvertibleMLP
from contrica.pairs import (
    ChangedPairs,
    Dropout,
    MixedPairs,
    NeighbourhoodPairs,
    PairBatch,
    SimulatedLadder,
    SimulatedPairs,
    TemporalLadder,
)
from contrica.spaces import Box
from contrica.testing import check_pair_source
from contrica.training import TrainingOptions, train
from contrica.training.queue import CandidateQueue, queued_loss

RING = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
"""Steps between three states on a ring: sum_j c^-delta is the same for every state."""

LINE = torch.tensor([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
"""Steps between three states on a line, where it is not."""

BASES = {"ring": (4, 3, 2), "line": (4, 2)}
"""p_k(j|i) is in proportion to base^-delta(i, j), the narrowest law first."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def population(steps, bases, *, coupled=False):
    """Return anchors and their positives of each law, as often as they occur, independent of each other or sorted."""
    rows = []
    for distances in steps:
        drawn = [torch.arange(3).repeat_interleave(base ** (int(distances.max()) - distances)) for base in bases]
        if coupled:
            size = math.lcm(*map(len, drawn))
            rows.append(torch.stack([states.repeat_interleave(size // len(states)) for states in drawn], 1))
        else:
            rows.append(torch.cartesian_prod(*drawn))
    anchors = torch.arange(3).repeat_interleave(torch.tensor([len(row) for row in rows]))
    return [states.double()[:, None] for states in (anchors, *torch.cat(rows).T)]


class Table(nn.Module):
    """A free number for every two states, which are their own codes."""

    def __init__(self):
        super().__init__()
        self.values = nn.Parameter(torch.zeros(3, 3, dtype=torch.float64))

    def forward(self, left, right):
        return self.values[left.long().squeeze(-1), right.long().squeeze(-1)]


class Offset(nn.Module):
    """A free number for every state."""

    def __init__(self):
        super().__init__()
        self.values = nn.Parameter(torch.zeros(3, dtype=torch.float64))

    def forward(self, states):
        return self.values[states.long().squeeze(-1)]


def fitted_logits(loss, batch, *, offset=None):
    """Return the logits of all pairs of states at the least loss: of every rung, and of all rungs together."""
    critic = Critic(Table(), candidate_offset=offset, bias=True, num_rungs=len(batch.ladder)).double()
    optimizer = torch.optim.LBFGS(
        critic.parameters(), max_iter=400, tolerance_grad=1e-10, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def cost():
        optimizer.zero_grad()
        value = pair_loss(nn.Identity(), critic, loss, batch)
        value.backward()
        return value

    optimizer.step(cost)
    left, right = torch.cartesian_prod(*[torch.arange(3).double()] * 2).T[..., None]
    with torch.no_grad():
        rungs = critic.rung_logits(left, right)
        last = critic.paired_logits(critic.anchors(left, left), critic.candidates(right, right))
    logits = torch.cat((rungs, last[None]))
    return torch.cat((logits, logits.sum(0, keepdim=True))).reshape(-1, 3, 3)


def log_ratios(steps, bases, strangers):
    """Return log p_1/p_2, ..., log p_K/p and their sum log p_1/p, from the law p of strangers."""
    powers = torch.stack([base ** -steps.double() for base in bases])
    laws = torch.cat((powers / powers.sum(2, keepdim=True), strangers.expand(1, 3, 3))).log()
    return torch.cat((laws[:-1] - laws[1:], laws[:1] - laws[-1:]))


def off_on_the_ring(loss, *, coupled=False):
    """Return how far off the logits are from the log ratios, where strangers are given apart."""
    anchors, positives, *wider = population(RING, BASES["ring"], coupled=coupled)
    batch = PairBatch(anchors, positives, negatives=torch.arange(3.0).double()[:, None], wider=tuple(wider))
    uniform = torch.full((3,), 1 / 3, dtype=torch.float64)
    return float((fitted_logits(loss, batch) - log_ratios(RING, BASES["ring"], uniform)).abs().max())


def off_on_the_line(loss, *, coupled=False):
    """Return how far off they are up to a function of the anchor, where strangers are the others' widest positives."""
    anchors, positives, *wider = population(LINE, BASES["line"], coupled=coupled)
    logits = fitted_logits(loss, PairBatch(anchors, positives, wider=tuple(wider)), offset=Offset())
    strangers = torch.bincount(wider[-1].long().squeeze(-1)) / len(anchors)
    error = logits - log_ratios(LINE, BASES["line"], strangers.double())
    return float((error - error.mean(2, keepdim=True)).abs().max())


@pytest.mark.slow
@pytest.mark.parametrize("loss", [NCE(), NWJ(), SCL()], ids=repr)
@pytest.mark.parametrize("coupled", [False, True], ids=["independent", "coupled"])
def test_every_rung_ends_at_the_log_ratio_of_neighbouring_laws_and_their_sum_at_that_of_all(loss, coupled):
    assert off_on_the_ring(loss, coupled=coupled) < 1e-5


def test_infonce_ends_there_up_to_a_function_of_the_anchor_whatever_the_normalisers():
    assert off_on_the_line(InfoNCE()) < 1e-5


def test_a_bias_cannot_take_up_normalisers_that_depend_on_the_anchor():
    assert off_on_the_line(NCE()) > 0.01


@pytest.mark.slow
def test_infonce_is_misled_by_positives_that_depend_on_each_other():
    assert off_on_the_line(InfoNCE(), coupled=True) > 0.1


def test_the_loss_is_the_sum_over_rungs_and_the_contrast_of_the_widest():
    stream = generator()
    views = [torch.randn(6, 2, generator=stream, dtype=torch.float64) for _ in range(4)]
    critic = Critic(PowerSum(2), bias=True, num_rungs=3).double()
    with torch.no_grad():
        critic.bias.fill_(0.3)
        critic.rung_log_weights.copy_(torch.tensor([2.0, 3.0]).double().log())
        critic.rung_biases.copy_(torch.tensor([-0.5, 0.25]))
    value = pair_loss(nn.Identity(), critic, NCE(), PairBatch(views[0], views[1], wider=tuple(views[2:])))
    x, *ladder = (view.numpy() for view in views)
    expected = 0.0
    for k, (weight, bias) in enumerate(((2.0, -0.5), (3.0, 0.25))):
        narrow, wide = (-weight * np.abs(x - ladder[j]).sum(1) - bias for j in (k, k + 1))
        expected += np.log1p(np.exp(-narrow)).mean() + np.log1p(np.exp(wide)).mean()
    logits = -np.abs(x[:, None] - ladder[-1][None]).sum(2) - 0.3
    strangers = logits[~np.eye(6, dtype=bool)]
    expected += np.log1p(np.exp(-np.diag(logits))).mean() + np.log1p(np.exp(strangers)).mean()
    torch.testing.assert_close(value.item(), expected, rtol=1e-12, atol=0)


def simulated(scales=(0.05, 0.1, 0.2), dim=2, mixing=None, **settings):
    space = Box(dim)
    conditionals = [LaplaceConditional(space, scale) for scale in scales]
    return SimulatedLadder(UniformMarginal(space), conditionals, mixing or nn.Identity(), **settings)


def recording(rows=60):
    """Two trials of 40 and of 20 rows that take turns; the value of a row is 1000 * trial + time."""
    trials = np.arange(rows) % 3 == 2
    time = np.where(trials, np.cumsum(trials), np.cumsum(~trials)) - 1
    return torch.from_numpy(1000.0 * trials + time)[:, None], torch.from_numpy(trials.astype(np.int64))


def temporal(lags=(1, 3, 9)):
    observations, trials = recording()
    return TemporalLadder(observations, lags=lags, trials=trials)


@pytest.mark.parametrize("source", [simulated(), simulated(num_strangers=5), temporal()], ids=["", "strangers", "time"])
def test_ladders_keep_the_contract_of_a_pair_source(source):
    check_pair_source(source)


def test_each_simulated_positive_has_its_own_law_and_is_independent_of_the_others():
    batch = simulated().draw(20_000, generator=generator())
    steps = [(positives - batch.anchors).double() for positives in batch.ladder]
    for scale, found in zip((0.05, 0.1, 0.2), steps, strict=True):
        law = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), scale))
        latents, positives = law.sample(20_000, generator=generator(1))
        expected = (positives - latents).double().abs()
        noise = (expected.var() * 2 / expected.numel()).sqrt()
        assert (found.abs().mean() - expected.mean()).abs() < 4 * noise
    inner = (batch.anchors > 0.4).all(1) & (batch.anchors < 0.6).all(1)  # where walls make no step depend on x
    correlation = torch.corrcoef(torch.stack([found[inner, 0] for found in steps]))
    assert (correlation - torch.eye(3, dtype=torch.float64)).abs().max() < 4 / math.sqrt(int(inner.sum()))


def test_strangers_have_the_law_of_the_widest_positives():
    laws = [NormalConditional(Box(2), scale) for scale in (0.05, 0.5)]
    skewed = ExponentialTiltMarginal(Box(2), 3.0)
    batch = SimulatedLadder(skewed, laws, nn.Identity(), num_strangers=9000).draw(9000, generator=generator())
    assert kstest(batch.negatives[:, 0].numpy(), batch.ladder[-1][:, 0].numpy()).pvalue > 1e-3
    assert kstest(batch.negatives[:, 0].numpy(), batch.anchors[:, 0].numpy()).pvalue < 1e-6


def test_temporal_positives_follow_their_anchor_by_each_lag_in_its_trial_and_anchors_are_all_that_fit():
    batch = temporal().draw(4000, generator=generator())
    for lag, positives in zip((1, 3, 9), batch.ladder, strict=True):
        torch.testing.assert_close(positives, batch.anchors + lag)
    values, counts = batch.anchors.unique(return_counts=True)
    assert values.tolist() == [*range(31), *range(1000, 1011)]
    assert (counts - 4000 / 42).abs().max() < 5 * math.sqrt(4000 / 42)


@pytest.mark.slow
def test_a_ladder_recovers_factors_behind_a_mixing():
    stream = generator(3)
    mixing = InvertibleMLP(4, generator=stream)
    pairs, encoder = simulated(dim=4, mixing=mixing, num_strangers=64), MLP(4, 4, widths=(64, 64), generator=stream)
    encoder.start_from(pairs.draw(1024, generator=stream).anchors)
    options = TrainingOptions(steps=300, batch_size=256, optimizer="soap", learning_rate=2e-2)
    critic = Critic(PowerSum(4), bias=True, num_rungs=3)
    for _ in train(encoder, critic, NCE(), pairs, options=options, generator=stream):
        pass
    latents = UniformMarginal(Box(4)).sample(4000, generator=stream)
    with torch.no_grad():
        assert mcc(encoder(mixing(latents)).double(), latents.double()).mean.value > 0.98


def test_a_critic_needs_as_many_rungs_as_an_anchor_has_positives():
    for rungs, batch in ((1, simulated().draw(4, generator=generator())), (3, PairBatch(*torch.zeros(2, 4, 2)))):
        with pytest.raises(DomainError, match=f"got {rungs} for"):
            pair_loss(nn.Identity(), Critic(PowerSum(2), num_rungs=rungs), NCE(), batch)


def test_candidates_cannot_choose_among_the_anchors_of_a_ladder():
    batch = simulated().draw(4, generator=generator())
    with pytest.raises(DomainError, match="direction 'symmetric'"):
        pair_loss(nn.Identity(), Critic(PowerSum(2), num_rungs=3), InfoNCE(direction="symmetric"), batch)


def test_infonce_refuses_positives_that_are_known_to_depend_on_each_other():
    batch = TemporalLadder(torch.arange(99.0)[:, None], lags=(1, 2, 4)).draw(4, generator=generator())
    with pytest.raises(DomainError, match="got chained ones"):
        pair_loss(nn.Identity(), Critic(PowerSum(1), num_rungs=3), InfoNCE(), batch.to("cpu"))
    assert torch.isfinite(pair_loss(nn.Identity(), Critic(PowerSum(1), num_rungs=3), NCE(), batch))


def test_sources_over_a_ladder_change_all_of_it_or_refuse():
    changed = ChangedPairs(simulated(), Dropout(0.5)).draw(200, generator=generator())
    assert all(0.3 < float((positives == 0).float().mean()) < 0.7 for positives in changed.ladder)
    stream = generator()
    with pytest.raises(DomainError, match="wider positives"):
        MixedPairs({simulated(): 0.5, simulated(): 0.5}).draw(8, generator=stream)
    with pytest.raises(DomainError, match="wider positives"):
        NeighbourhoodPairs(simulated(), nn.Identity(), cell_size=16, pool_size=64).refresh(generator=stream)
    batch = simulated().draw(8, generator=stream)
    with pytest.raises(DomainError, match="wider positives"):
        queued_loss(nn.Identity(), Critic(PowerSum(2), num_rungs=3), NCE(), batch, CandidateQueue(8))


@pytest.mark.parametrize(
    ("wider", "error"),
    [
        ([torch.zeros(3, 2)], DtypeError),
        ((torch.zeros(4, 2),), ShapeError),
        ((torch.zeros(3, 1),), ShapeError),
        ((torch.zeros(3, 2).double(),), DtypeError),
        ((None,), DtypeError),
    ],
    ids=["a list", "more rows", "other columns", "another dtype", "none"],
)
def test_wider_positives_are_a_tuple_of_observations_like_the_anchors(wider, error):
    with pytest.raises(error):
        PairBatch(torch.zeros(3, 2), torch.zeros(3, 2), wider=wider)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: simulated(scales=(0.1,)), DomainError, "at least 2"),
        (lambda: SimulatedLadder(UniformMarginal(Box(2)), 0.1, nn.Identity()), DtypeError, "sequence"),
        (lambda: SimulatedLadder(UniformMarginal(Box(2)), (0.1, 0.2), nn.Identity()), DtypeError, "conditionals"),
        (lambda: SimulatedLadder(0, (0.1, 0.2), nn.Identity()), DtypeError, "marginal"),
        (lambda: simulated(mixing=3), DtypeError, "callable"),
        (
            lambda: SimulatedLadder(UniformMarginal(Box(3)), [NormalConditional(Box(2), 0.1)] * 2, nn.Identity()),
            DomainError,
            "one space",
        ),
        (lambda: temporal(lags=(3, 1)), DomainError, "must grow"),
        (lambda: temporal(lags=(-1, 1)), DomainError, "a lag"),
        (lambda: temporal(lags=(1, 40)), DomainError, "shorter"),
        (lambda: temporal(lags=1), DtypeError, "sequence"),
    ],
)
def test_a_ladder_that_cannot_be_drawn_is_refused(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_simulated_pairs_of_the_narrowest_law_have_no_wider_ones():
    law = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.1))
    batch = SimulatedPairs(law, nn.Identity()).draw(4, generator=generator())
    assert batch.wider == ()
    assert len(batch.ladder) == 1
