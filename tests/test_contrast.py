import importlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import oracles
from contrica.contrast import contrast, pair_loss, set_bias
from contrica.critics import Critic, Side
from contrica.dissimilarities import NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import ContricaError, DomainError, DtypeError, ShapeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.losses.reduction import LogSumExp, SoftplusSum
from contrica.pairs.batch import PairBatch
from contrica.pairwise import PairPlan, reduce_pairs

# the package exports the function by the name of its module
pairwise = importlib.import_module("contrica.pairwise.tiles")

LOSSES = {
    "nce": NCE(),
    "info_nce": InfoNCE(),
    "nwj": NWJ(),
    "nwj_log_form": NWJ(log_form=True),
    "scl": SCL(),
    "scl_log_form": SCL(log_form=True),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
TILES = [(1 << 18, 2048), (7, 3), (5, 100)]
every_tiling = pytest.mark.parametrize("tiles", TILES, ids=str)


def numbers(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def tiled(monkeypatch, tiles):
    monkeypatch.setattr(pairwise, "TILE_ELEMENTS", tiles[0])
    monkeypatch.setattr(pairwise, "TILE_WIDTH", tiles[1])


def learnable_critic(dtype=torch.float64, dim=2):
    """Return a critic whose exponent, weights and bias all learn."""
    delta = PowerSum(
        dim,
        exponent=[0.7, 2.5, 1.0][:dim],
        weights=[0.4, 1.3, 0.8][:dim],
        learnable_exponent=True,
        learnable_weights=True,
    )
    critic = Critic(delta, bias=True).to(dtype)
    with torch.no_grad():
        critic.bias.fill_(0.3)
    return critic


def sides(critic, batch, *others, dtype=torch.float64, dim=2):
    """Return leaves and the sides built of them: anchors, positives, more candidates; the bias is on the first."""
    leaves, built = [], []
    for index, rows in enumerate((batch, batch, *others)):
        codes = numbers(rows, dim, seed=10 * index, dtype=dtype).requires_grad_()
        offsets = (0.5 * numbers(rows, seed=10 * index + 1, dtype=dtype)).requires_grad_()
        leaves += [codes, offsets]
        built.append(Side(codes, offsets + critic.bias if index == 0 and critic.bias is not None else offsets))
    return [*leaves, *critic.parameters()], built


def dense(loss, critic, anchors, candidates, positives, weights):
    """Return the loss of the whole matrix of logits at once, by autograd through plain tensor operations."""
    delta = critic.dissimilarity
    matrix = (delta.weights * (anchors.codes[:, None] - candidates.codes[None]).abs() ** delta.exponent).sum(-1)
    paired = (delta.weights * (anchors.codes - positives.codes).abs() ** delta.exponent).sum(-1)
    logits = -(matrix + anchors.offsets[:, None] + candidates.offsets[None])
    own = -(paired + anchors.offsets + positives.offsets)
    return dense_loss(loss, own, logits, weights)


def dense_loss(name, own, logits, weights):
    """Transcribe appendix B for autograd, in no particular care of overflow."""
    total = weights.sum()
    if name == "nce":
        return (1.0 + (-own).exp()).log().mean() + (weights * (1.0 + logits.exp()).log()).sum() / total
    if name == "info_nce":
        return ((own.exp() + (weights * logits.exp()).sum(1)).log() - own).mean()
    mean = (weights * logits.exp()).sum() / total
    mean_square = (weights * (2.0 * logits).exp()).sum() / total
    return {
        "nwj": mean - own.mean(),
        "nwj_log_form": mean.log() + 1.0 - own.mean(),
        "scl": mean_square - 2.0 * own.exp().mean(),
        "scl_log_form": mean_square.log() - 2.0 * own.exp().mean().log(),
    }[name]


def all_but_the_own(batch, dtype=torch.float64):
    return 1.0 - torch.eye(batch, dtype=dtype)


def assert_equal_with_gradients(found, expected, leaves, **tolerance):
    torch.testing.assert_close(found, expected, **tolerance)
    by_tiles = torch.autograd.grad(found, leaves, allow_unused=True)
    at_once = torch.autograd.grad(expected, leaves, allow_unused=True)
    for one, other in zip(by_tiles, at_once, strict=True):
        if other is None or one is None:
            for gradient in (one, other):  # a part that does not enter may say so by None or by zeros
                assert gradient is None or not gradient.any()
        else:
            torch.testing.assert_close(one, other, **tolerance)


EXACT = {"rtol": 1e-10, "atol": 1e-12}


@pytest.mark.slow
@every_tiling
@every_loss
def test_the_contrast_and_all_its_gradients_are_those_of_the_dense_formula(name, tiles, monkeypatch):
    tiled(monkeypatch, tiles)
    critic = learnable_critic()
    leaves, (anchors, positives) = sides(critic, 9)
    found = contrast(LOSSES[name], critic, anchors, positives)
    expected = dense(name, critic, anchors, positives, positives, all_but_the_own(9))
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


@every_loss
def test_the_contrast_is_the_oracle_of_the_logits(name):
    critic = learnable_critic()
    _, (anchors, positives) = sides(critic, 9)
    logits = critic.logits(anchors, positives).detach().numpy()
    expected = oracles.LOSSES[name](np.diag(logits), logits, 1.0 - np.eye(9))
    found = contrast(LOSSES[name], critic, anchors, positives).detach()
    torch.testing.assert_close(found, torch.tensor(float(expected), dtype=torch.float64), **EXACT)


@every_loss
def test_in_float32_the_contrast_and_its_gradients_agree_with_float64(name, monkeypatch):
    tiled(monkeypatch, (50, 7))
    wide, narrow = learnable_critic(torch.float64), learnable_critic(torch.float32)
    wide.load_state_dict(narrow.state_dict())
    wide_leaves, (anchors, positives) = sides(wide, 30)
    narrow_leaves, (narrow_anchors, narrow_positives) = sides(narrow, 30, dtype=torch.float32)
    with torch.no_grad():
        for one, other in zip(wide_leaves, narrow_leaves, strict=True):
            one.copy_(other)
    anchors = Side(anchors.codes, wide_leaves[1] + wide.bias)
    found = contrast(LOSSES[name], narrow, narrow_anchors, narrow_positives)
    expected = contrast(LOSSES[name], wide, anchors, positives)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    gradients = torch.autograd.grad(expected, wide_leaves)
    # a gradient is a sum of terms that cancel, all of them where a loss ignores a constant: 1e-5 of the largest
    tolerance = 1e-5 * max(gradient.abs().max().item() for gradient in gradients)
    for one, other in zip(torch.autograd.grad(found, narrow_leaves), gradients, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("direction", ["rows", "columns", "symmetric"])
@every_tiling
def test_infonce_asks_in_the_direction_it_says(direction, tiles, monkeypatch):
    tiled(monkeypatch, tiles)
    critic = learnable_critic()
    leaves, (anchors, positives) = sides(critic, 9)
    found = contrast(InfoNCE(direction), critic, anchors, positives)
    rows = dense("info_nce", critic, anchors, positives, positives, all_but_the_own(9))
    columns = dense("info_nce", critic, positives, anchors, anchors, all_but_the_own(9))
    expected = {"rows": rows, "columns": columns, "symmetric": (rows + columns) / 2.0}[direction]
    assert not torch.isclose(rows, columns, rtol=1e-3)
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


def every_plan(batch, candidates):
    """Return plans with the weights that each stands for, worked out pair by pair."""
    left = torch.arange(batch) % 4
    right = torch.arange(candidates) % 4
    dyed_left, dyed_right = torch.arange(batch) % 3, (torch.arange(candidates) + 1) % 3
    weights = numbers(batch, candidates, seed=99).clamp_min(0.0)
    equal = torch.tensor([[float(a == b) for b in right.tolist()] for a in left.tolist()], dtype=torch.float64)
    dyed = torch.tensor([[float(a == b) for b in dyed_right.tolist()] for a in dyed_left.tolist()], dtype=torch.float64)
    return {
        "exclude": (PairPlan(exclude=(left, right)), 1.0 - equal),
        "within": (PairPlan(within=(dyed_left, dyed_right)), dyed),
        "weights": (PairPlan(weights=weights), weights),
        "mask": (PairPlan(weights=weights > 0), (weights > 0).double()),
        "all": (
            PairPlan(exclude=(left, right), within=(dyed_left, dyed_right), weights=weights),
            (1.0 - equal) * dyed * weights,
        ),
        "none": (PairPlan(), torch.ones(batch, candidates, dtype=torch.float64)),
    }


@pytest.mark.parametrize("plan", ["exclude", "within", "weights", "mask", "all", "none"])
@every_tiling
@every_loss
def test_a_plan_admits_and_weighs_the_pairs_it_says(name, tiles, plan, monkeypatch):
    tiled(monkeypatch, tiles)
    critic = learnable_critic()
    leaves, (anchors, positives) = sides(critic, 10)
    chosen, weights = every_plan(10, 10)[plan]
    found = contrast(LOSSES[name], critic, anchors, positives, plan=chosen)
    expected = dense(name, critic, anchors, positives, positives, weights)
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


@pytest.mark.parametrize("plan", ["exclude", "within", "weights", "all"])
def test_a_plan_is_turned_round_where_candidates_ask(plan, monkeypatch):
    tiled(monkeypatch, (12, 4))
    critic = learnable_critic()
    leaves, (anchors, positives) = sides(critic, 10)
    chosen, weights = every_plan(10, 10)[plan]
    found = contrast(InfoNCE("columns"), critic, anchors, positives, plan=chosen)
    expected = dense("info_nce", critic, positives, anchors, anchors, weights.T)
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


@pytest.mark.parametrize("plan", [None, "exclude", "within", "weights", "all"])
@every_tiling
@every_loss
def test_separate_negatives_replace_the_other_positives(name, tiles, plan, monkeypatch):
    tiled(monkeypatch, tiles)
    critic = learnable_critic()
    leaves, (anchors, positives, negatives) = sides(critic, 6, 11)
    chosen, weights = (None, torch.ones(6, 11, dtype=torch.float64)) if plan is None else every_plan(6, 11)[plan]
    found = contrast(LOSSES[name], critic, anchors, positives, negatives=negatives, plan=chosen)
    expected = dense(name, critic, anchors, negatives, positives, weights)
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


@pytest.mark.slow
@given(
    batch=st.integers(2, 12),
    dim=st.integers(1, 3),
    name=st.sampled_from(sorted(LOSSES)),
    elements=st.integers(1, 40),
    width=st.integers(1, 13),
)
def test_no_shape_and_no_tiling_changes_the_loss(batch, dim, name, elements, width):
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiled(monkeypatch, (elements, width))
        critic = learnable_critic(dim=dim)
        leaves, (anchors, positives) = sides(critic, batch, dim=dim)
        found = contrast(LOSSES[name], critic, anchors, positives)
        expected = dense(name, critic, anchors, positives, positives, all_but_the_own(batch))
        assert_equal_with_gradients(found, expected, leaves, **EXACT)


@given(rows=st.integers(1, 30), columns=st.integers(1, 30), elements=st.integers(1, 50), width=st.integers(1, 31))
def test_tiles_cover_each_pair_once(rows, columns, elements, width):
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiled(monkeypatch, (elements, width))
        covered = torch.zeros(rows, columns)
        for above, across in pairwise._tiles(rows, columns):
            covered[above, across] += 1
            assert covered[above, across].numel() <= max(elements, min(width, columns))
    torch.testing.assert_close(covered, torch.ones(rows, columns))


@every_loss
def test_gradients_agree_with_finite_differences(name, monkeypatch):
    tiled(monkeypatch, (8, 3))
    critic = learnable_critic()
    leaves, _ = sides(critic, 5)

    def value(codes, offsets, positive_codes, positive_offsets, *_):
        return contrast(
            LOSSES[name], critic, Side(codes, offsets + critic.bias), Side(positive_codes, positive_offsets)
        )

    assert torch.autograd.gradcheck(value, leaves, fast_mode=True)


@pytest.mark.parametrize(
    "delta",
    [
        SquaredEuclidean(),
        NormPower(norm_exponent=1.0, power=2.0),
        SphereDot(learnable_concentration=True),
        lambda left, right: (left - right).abs().sum(-1),
    ],
    ids=["squared", "norm", "sphere", "function"],
)
def test_any_dissimilarity_is_streamed(delta, monkeypatch):
    tiled(monkeypatch, (12, 4))
    critic = Critic(delta).double()
    leaves, (anchors, positives) = sides(critic, 9)
    found = contrast(InfoNCE(), critic, anchors, positives)
    logits = critic.logits(anchors, positives)
    expected = dense_loss("info_nce", logits.diagonal(), logits, all_but_the_own(9))
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


class Recording(nn.Module):
    """The l_1 dissimilarity, with the number of pairs of its largest call."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def forward(self, left, right):
        values = (left - right).abs().sum(-1)
        self.largest = max(self.largest, values.numel())
        return values


@pytest.mark.parametrize("direction", ["rows", "symmetric"])
def test_no_tile_is_larger_than_it_may_be_forwards_or_backwards(direction, monkeypatch):
    tiled(monkeypatch, (600, 50))
    critic = Critic(Recording())
    leaves, (anchors, positives) = sides(critic, 100)
    contrast(InfoNCE(direction), critic, anchors, positives).backward()
    assert critic.dissimilarity.largest == 600
    assert leaves[0].grad is not None


def test_what_is_kept_for_the_gradient_grows_with_the_rows_not_with_the_pairs(monkeypatch):
    tiled(monkeypatch, (600, 50))
    critic = Critic(Recording())

    def kept(batch):
        sizes = []
        _, (anchors, positives) = sides(critic, batch)
        with torch.autograd.graph.saved_tensors_hooks(lambda saved: sizes.append(saved.numel()) or saved, lambda s: s):
            contrast(InfoNCE(), critic, anchors, positives)
        return sum(sizes)

    assert kept(2 * 64) <= 2.1 * kept(64)


@every_loss
def test_an_anchor_never_meets_its_own_positive_as_a_negative(name):
    """Every other positive is far away, so an own one among them would be the loudest."""
    codes = 50.0 * torch.arange(4.0, dtype=torch.float64)[:, None]
    critic = Critic(PowerSum(1))
    side = critic.anchors(codes, codes)
    perfect = {"nce": math.log(2.0), "info_nce": 0.0, "nwj": 0.0, "scl": -2.0}
    value = contrast(LOSSES[name], critic, side, side).item()
    if name in perfect:
        assert value == pytest.approx(perfect[name], abs=1e-15)
    else:
        assert value < -40.0


def batch_of_observations(groups=None, negatives=None):
    return PairBatch(numbers(8, 2), numbers(8, 2, seed=1), groups, negatives)


def encoder():
    network = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad():
        network.weight.copy_(numbers(2, 2, seed=7))
    return network


def smooth_critic():
    """Return a critic whose plain powers have a slope where an anchor meets itself."""
    critic = learnable_critic()
    with torch.no_grad():
        critic.dissimilarity.log_exponent.copy_(torch.tensor([1.7, 2.5]).log())
    return critic


def weights_of(groups):
    ids = list(range(8)) if groups is None else groups.tolist()
    return torch.tensor([[float(a != b) for b in ids] for a in ids], dtype=torch.float64)


@pytest.mark.parametrize("negatives", ["positives", "anchors", "anchors_including_self"])
@pytest.mark.parametrize("groups", [None, torch.tensor([0, 0, 1, 2, 2, 2, 3, 1])], ids=["ungrouped", "grouped"])
@every_loss
def test_the_loss_of_a_batch_is_that_of_the_pairs_it_admits(name, groups, negatives):
    batch, network, critic = batch_of_observations(groups), encoder(), smooth_critic()
    leaves = [*network.parameters(), *critic.parameters()]
    found = pair_loss(network, critic, LOSSES[name], batch, negatives=negatives)
    anchors = critic.anchors(network(batch.anchors), batch.anchors)
    positives = critic.candidates(network(batch.positives), batch.positives)
    others = positives if negatives == "positives" else critic.candidates(network(batch.anchors), batch.anchors)
    weights = torch.ones(8, 8, dtype=torch.float64) if negatives == "anchors_including_self" else weights_of(groups)
    expected = dense(name, critic, anchors, others, positives, weights)
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


@every_loss
def test_an_anchor_among_its_own_negatives_changes_the_loss(name):
    batch, network, critic = batch_of_observations(), encoder(), smooth_critic()
    masked = pair_loss(network, critic, LOSSES[name], batch, negatives="anchors")
    met = pair_loss(network, critic, LOSSES[name], batch, negatives="anchors_including_self")
    assert abs(float((met - masked).detach())) > 1e-3


@every_loss
def test_a_batch_with_negatives_of_its_own_uses_those(name):
    batch = batch_of_observations(negatives=numbers(5, 2, seed=2))
    network, critic = encoder(), smooth_critic()
    leaves = [*network.parameters(), *critic.parameters()]
    found = pair_loss(network, critic, LOSSES[name], batch)
    anchors = critic.anchors(network(batch.anchors), batch.anchors)
    positives = critic.candidates(network(batch.positives), batch.positives)
    others = critic.candidates(network(batch.negatives), batch.negatives)
    expected = dense(name, critic, anchors, others, positives, torch.ones(8, 5, dtype=torch.float64))
    assert_equal_with_gradients(found, expected, leaves, **EXACT)


@pytest.mark.parametrize("weights", [None, "some"])
@pytest.mark.parametrize("loss", [NWJ(), SCL()], ids=str)
def test_setting_the_bias_minimises_the_loss_over_it(loss, weights):
    critic = learnable_critic()
    leaves, _ = sides(critic, 9)
    plan = None if weights is None else PairPlan(weights=numbers(9, 9, seed=5).clamp_min(0.0))

    def cost():
        anchors, positives = Side(leaves[0], leaves[1] + critic.bias), Side(leaves[2], leaves[3])
        return anchors, positives, contrast(loss, critic, anchors, positives, plan=plan)

    anchors, positives, before = cost()
    set_bias(critic, anchors, positives, loss, plan)
    _, _, after = cost()
    assert after < before
    (slope,) = torch.autograd.grad(after, critic.bias)
    assert abs(slope.item()) < 1e-12


def test_setting_the_bias_normalises_the_ratio_for_nce_and_leaves_infonce_alone():
    critic = learnable_critic()
    leaves, (anchors, positives) = sides(critic, 9)
    set_bias(critic, anchors, positives, InfoNCE())
    assert critic.bias.item() == pytest.approx(0.3)
    set_bias(critic, anchors, positives, NCE())
    logits = critic.logits(Side(leaves[0], leaves[1] + critic.bias), positives)
    off = logits[~torch.eye(9, dtype=torch.bool)]
    assert off.exp().mean().item() == pytest.approx(1.0)


def test_a_critic_without_a_bias_has_none_to_set():
    critic = Critic(PowerSum(2))
    _, (anchors, positives) = sides(critic, 4)
    set_bias(critic, anchors, positives, NCE())
    assert critic.bias is None


@pytest.mark.parametrize("reduction", [LogSumExp(), LogSumExp(2), SoftplusSum()], ids=str)
@every_tiling
def test_reduced_pairs_come_with_the_weight_that_went_into_them(reduction, tiles, monkeypatch):
    tiled(monkeypatch, tiles)
    critic = learnable_critic()
    _, (anchors, candidates) = sides(critic, 10)
    for plan, weights in every_plan(10, 10).values():
        summaries, counts = reduce_pairs(reduction, critic.dissimilarity, anchors, candidates, plan)
        torch.testing.assert_close(counts, weights.sum(1))
        logits = critic.logits(anchors, candidates)
        torch.testing.assert_close(summaries, reduction(logits, weights))


@every_loss
def test_an_anchor_without_candidates_has_no_undefined_gradient(name, monkeypatch):
    tiled(monkeypatch, (12, 4))
    critic = learnable_critic()
    leaves, (anchors, positives) = sides(critic, 9)
    weights = numbers(9, 9, seed=5).clamp_min(0.0)
    weights[4] = 0.0
    found = contrast(LOSSES[name], critic, anchors, positives, plan=PairPlan(weights=weights))
    expected = dense(name, critic, anchors, positives, positives, weights)
    assert_equal_with_gradients(found, expected, leaves, **EXACT)
    leaves, (anchors, positives) = sides(critic, 9)
    again = contrast(LOSSES[name], critic, anchors, positives, plan=PairPlan(weights=weights))
    for gradient in torch.autograd.grad(again, leaves):
        assert torch.isfinite(gradient).all()


def test_what_is_frozen_stays_out_of_the_gradient():
    critic = learnable_critic()
    critic.dissimilarity.log_exponent.requires_grad_(False)
    leaves, (anchors, positives) = sides(critic, 6)
    contrast(InfoNCE(), critic, anchors, positives).backward()
    assert critic.dissimilarity.log_exponent.grad is None
    assert critic.dissimilarity.log_weights.grad.abs().sum() > 0
    assert leaves[0].grad.abs().sum() > 0


def test_without_gradients_the_value_is_the_same():
    critic = learnable_critic()
    _, (anchors, positives) = sides(critic, 6)
    with torch.no_grad():
        value = contrast(NCE(), critic, anchors, positives)
    assert not value.requires_grad
    torch.testing.assert_close(value, contrast(NCE(), critic, anchors, positives).detach())


def test_parameters_that_a_function_hides_are_refused():
    scale = torch.ones((), requires_grad=True)
    critic = Critic(lambda left, right: scale * (left - right).abs().sum(-1))
    _, (anchors, positives) = sides(critic, 4)
    with pytest.raises(DtypeError, match=r"must be an nn\.Module that holds them"):
        contrast(NCE(), critic, anchors, positives)


def test_candidates_cannot_choose_among_anchors_where_negatives_are_separate():
    critic = Critic(PowerSum(2))
    _, (anchors, positives, negatives) = sides(critic, 4, 5)
    for direction in ("columns", "symmetric"):
        with pytest.raises(DomainError, match="use direction='rows'"):
            contrast(InfoNCE(direction), critic, anchors, positives, negatives=negatives)


def test_rows_that_are_no_pairs_are_refused():
    critic = Critic(PowerSum(2))
    one, other = Side(numbers(4, 2), numbers(4)), Side(numbers(5, 2), numbers(5))
    with pytest.raises(ShapeError, match="anchors has 4 rows, positives has 5"):
        contrast(NCE(), critic, one, other)


def test_a_contrast_with_nothing_is_refused():
    critic = Critic(PowerSum(2))
    pair = Side(numbers(1, 2), numbers(1))
    many = Side(numbers(4, 2), numbers(4))
    ids = torch.zeros(4, dtype=torch.int64)
    for arguments, options in (
        ((pair, pair), {}),
        ((many, many), {"negatives": Side(numbers(0, 2), numbers(0))}),
        ((many, many), {"plan": PairPlan(exclude=(ids, ids))}),
        ((many, many), {"plan": PairPlan(within=(ids, ids + 1))}),
        ((many, many), {"plan": PairPlan(weights=torch.zeros(4, 4))}),
        ((Side(numbers(0, 2), numbers(0)),) * 2, {}),
    ):
        with pytest.raises(ShapeError):
            contrast(NCE(), critic, *arguments, **options)


bad_ids = st.sampled_from([None, 3, torch.arange(3), torch.arange(5), torch.zeros(4, 1), torch.zeros(())])


@pytest.mark.slow
@given(left=bad_ids, right=bad_ids)
def test_ids_that_do_not_number_the_rows_are_refused(left, right):
    critic = Critic(PowerSum(2))
    side = Side(numbers(4, 2), numbers(4))
    for ids in ({"exclude": (left, right)}, {"within": (left, right)}, {"exclude": left}):
        if ids == {"exclude": None}:
            continue
        with pytest.raises(ContricaError):
            contrast(NCE(), critic, side, side, plan=PairPlan(**ids))
        with pytest.raises(ContricaError):
            set_bias(Critic(PowerSum(2), bias=True), side, side, NCE(), PairPlan(**ids))


@given(
    bad=st.sampled_from(
        [
            -torch.ones(4, 4),
            torch.full((4, 4), torch.nan),
            torch.full((4, 4), torch.inf),
            torch.ones(4, 5),
            torch.ones(4),
            torch.ones(1, 1),
            torch.ones(4, 4, requires_grad=True),
            np.ones((4, 4)),
            1.0,
        ]
    )
)
def test_weights_that_mean_nothing_are_refused(bad):
    critic = Critic(PowerSum(2))
    side = Side(numbers(4, 2), numbers(4))
    with pytest.raises(ContricaError):
        contrast(NCE(), critic, side, side, plan=PairPlan(weights=bad))


@given(
    bad=st.sampled_from(
        [
            None,
            numbers(4, 2),
            Side(numbers(4), numbers(4)),
            Side(numbers(4, 2), numbers(4, 1)),
            Side(numbers(4, 2), numbers(3)),
            Side(numbers(4, 2).long(), numbers(4)),
            Side(numbers(4, 3), numbers(4)),
            Side(None, None),
        ]
    )
)
def test_what_is_no_side_is_refused(bad):
    critic, good = Critic(PowerSum(2)), Side(numbers(4, 2), numbers(4))
    with pytest.raises(ContricaError):
        contrast(NCE(), critic, bad, good)
    with pytest.raises(ContricaError):
        contrast(NCE(), critic, good, bad)
    if bad is not None:
        with pytest.raises(ContricaError):
            contrast(NCE(), critic, good, good, negatives=bad)


def test_what_is_no_loss_or_critic_is_refused():
    side = Side(numbers(4, 2), numbers(4))
    with pytest.raises(DtypeError, match="a Loss and a Critic"):
        contrast("nce", Critic(PowerSum(2)), side, side)
    with pytest.raises(DtypeError, match="a Loss and a Critic"):
        contrast(NCE(), PowerSum(2), side, side)


@given(bad=st.sampled_from(["", "anchor", "all", None, 3]))
def test_an_unknown_source_of_negatives_is_refused(bad):
    with pytest.raises(ContricaError, match="negatives must be one of"):
        pair_loss(encoder(), learnable_critic(), NCE(), batch_of_observations(), negatives=bad)


@pytest.mark.parametrize(
    "network",
    [lambda x: x[:-1], lambda x: x[:, 0], lambda x: x[..., None], lambda x: x.long(), lambda x: None],
    ids=["fewer rows", "one axis", "three axes", "whole numbers", "nothing"],
)
def test_an_encoder_that_returns_no_code_per_observation_is_refused(network):
    with pytest.raises(ContricaError, match="codes"):
        pair_loss(network, learnable_critic(), NCE(), batch_of_observations())
