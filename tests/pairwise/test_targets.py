"""Several weighted positives per anchor: each loss is its formula, on every path that the sums can take."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica import _fused
from contrica.contrast import contrast
from contrica.critics import Critic, Side
from contrica.dissimilarities import Mahalanobis, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.losses.loss import Loss
from contrica.pairwise import PairPlan, listed, tiles

ONE = torch.ones((), dtype=torch.float64)

LOSSES = [
    NCE(),
    InfoNCE(),
    InfoNCE(several="each"),
    InfoNCE(several="any"),
    InfoNCE("columns", several="each"),
    InfoNCE("symmetric", several="any"),
    NWJ(),
    NWJ(log_form=True),
    SCL(),
    SCL(log_form=True),
]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)

PATHS = {
    "at once": (1 << 18, 1 << 62, 1 << 18),
    "tiles": (7, 1 << 62, 1 << 18),
    "listed": (1 << 18, 1, 1 << 18),
    "listed in parts": (1 << 18, 1, 5),
}
every_path = pytest.mark.parametrize("path", PATHS)


def take(patch, path):
    elements, worth, at_once = PATHS[path]
    patch.setattr(tiles, "TILE_ELEMENTS", elements)
    patch.setattr(tiles, "TILE_WIDTH", 3 if elements < 100 else 2048)
    patch.setattr(listed, "WORTH_LISTING", worth)
    patch.setattr(listed, "WORTH_LISTING_WEIGHTS", worth)
    patch.setattr(listed, "PAIRS_AT_ONCE", at_once)
    patch.setattr(listed, "PAIRS_PER_ROW", 1 << 20)


def oracle(loss, s, T, A):
    """The docstrings' formulas, on the whole matrix of logits and in no care of overflow."""
    mean = lambda values: (T * values).sum() / T.sum()  # noqa: E731
    match loss:
        case NCE():
            return mean((1 + (-s).exp()).log()) + (A * (1 + s.exp()).log()).sum() / A.sum()
        case InfoNCE(direction="columns"):
            return oracle(InfoNCE(several=loss.several), s.T, T.T, A.T)
        case InfoNCE(direction="symmetric"):
            return (
                oracle(InfoNCE(several=loss.several), s, T, A)
                + oracle(loss.__class__("columns", loss.several), s, T, A)
            ) / 2
        case InfoNCE(several="alone"):
            return mean(((s.exp() + (A * s.exp()).sum(1, keepdim=True)) / s.exp()).log())
        case InfoNCE(several="each"):
            return mean(((A * s.exp()).sum(1, keepdim=True) / s.exp()).log())
        case InfoNCE():
            asked = T.sum(1) > 0
            return ((A * s.exp()).sum(1)[asked] / (T * s.exp()).sum(1)[asked]).log().mean()
    first, second = ((A * (power * s).exp()).sum() / A.sum() for power in (1, 2))
    return {
        NWJ(): first - mean(s),
        NWJ(log_form=True): first.log() + 1 - mean(s),
        SCL(): second - 2 * mean(s.exp()),
        SCL(log_form=True): second.log() - 2 * mean(s.exp()).log(),
    }[loss]


def plans(rows, columns):
    """Return targets of every kind, each with the matrix that it stands for, worked out pair by pair."""
    generator = torch.Generator().manual_seed(5)
    dense = torch.rand(rows, columns, generator=generator, dtype=torch.float64)
    sparse = torch.where(dense > 0.8, dense, 0.0)
    sparse[0, 0] = 1.0
    left, right = torch.arange(rows) % 3, (torch.arange(columns) + 1) % 3
    same = torch.tensor([[float(a == b) for b in right.tolist()] for a in left.tolist()], dtype=torch.float64)
    other = torch.tensor([[float(a != b) for b in range(columns)] for a in range(rows)], dtype=torch.float64)
    own = (torch.arange(rows), torch.arange(columns))
    return {
        "kernel": (PairPlan(weights=dense), dense),
        "few": (PairPlan(weights=sparse), sparse),
        "classes": (PairPlan(within=(left, right)), same),
        "classes but the own row": (PairPlan(within=(left, right), exclude=own), same * other),
        "all kinds": (PairPlan(within=(left, right), exclude=own, weights=dense), same * other * dense),
    }


KINDS = list(plans(3, 4))


def matrix(rows, columns, dtype=torch.float64, delta=None, dim=2):
    """Return leaves, sides, a critic whose parts all learn, and the matrix of logits of the docstrings' formula."""
    generator = torch.Generator().manual_seed(rows + 100 * columns)
    shapes = [(rows, dim), (columns, dim), (rows,), (columns,)]
    u, v, r, c = (torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)
    leaves = [leaf.requires_grad_() for leaf in (u, v, r, c)]
    critic = Critic(delta or PowerSum(dim, exponent=1.0, weights=[0.7, 1.2][:dim], learnable_weights=True)).to(dtype)
    return [*leaves, *critic.parameters()], (Side(u, r), Side(v, c)), critic


def logits_of(leaves):
    u, v, r, c, log_weights = leaves
    return -((log_weights.exp() * (u[:, None] - v[None]).abs()).sum(-1) + r[:, None] + c[None])


def admitted(rows, columns):
    own = (torch.arange(rows), torch.arange(columns))
    A = torch.tensor([[float(a != b) for b in range(columns)] for a in range(rows)], dtype=torch.float64)
    return own, A


def assert_same_with_gradients(found, expected, leaves, rtol=1e-10, atol=1e-12):
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)
    pairs = (torch.autograd.grad(value, leaves, allow_unused=True) for value in (found, expected))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=atol)


def check(loss, kind, rows, columns, *, admit="all"):
    leaves, sides, critic = matrix(rows, columns)
    targets, T = plans(rows, columns)[kind]
    own, A = admitted(rows, columns)
    if admit == "all":
        own, A = None, torch.ones_like(A)
    found = contrast(loss, critic, *sides, plan=PairPlan(exclude=own, targets=targets))
    assert_same_with_gradients(found, oracle(loss, logits_of(leaves), T, A), leaves)


@pytest.mark.slow
@every_path
@pytest.mark.parametrize("kind", KINDS)
@every_loss
def test_every_loss_and_all_its_gradients_are_those_of_the_formula(loss, kind, path, monkeypatch):
    take(monkeypatch, path)
    check(loss, kind, 7, 10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classes", "classes but the own row"])
@every_loss
def test_so_are_they_in_the_compiled_pass(loss, kind, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(_fused, "LEAST_TERMS", 0)
    monkeypatch.setattr(listed, "WORTH_LISTING", 1 << 62)
    check(loss, kind, 9, 300)


@pytest.mark.slow
@given(
    rows=st.integers(2, 9),
    columns=st.integers(2, 9),
    loss=st.sampled_from(LOSSES),
    kind=st.sampled_from(["kernel", "few"]),
    path=st.sampled_from(sorted(PATHS)),
    admit=st.sampled_from(["all", "others"]),
)
def test_no_shape_and_no_path_changes_the_loss(rows, columns, loss, kind, path, admit):
    with pytest.MonkeyPatch.context() as patch:
        take(patch, path)
        check(loss, kind, rows, columns, admit=admit)


@pytest.mark.slow
@every_path
@every_loss
def test_in_float32_values_and_gradients_agree_with_float64(loss, path, monkeypatch):
    take(monkeypatch, path)
    single, sides, critic = matrix(13, 17, dtype=torch.float32)
    targets, T = plans(13, 17)["all kinds"]
    _, A = admitted(13, 17)
    found = contrast(loss, critic, *sides, plan=PairPlan(targets=targets))
    double = [leaf.detach().double().requires_grad_() for leaf in single]
    expected = oracle(loss, logits_of(double), T, torch.ones_like(A))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    gradients = torch.autograd.grad(expected, double)
    # a gradient is a sum of terms that cancel: 1e-5 of the largest
    tolerance = 1e-5 * max(float(gradient.abs().max()) for gradient in gradients)
    for one, other in zip(torch.autograd.grad(found, single), gradients, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    "delta",
    [SquaredEuclidean(weight=0.5), Mahalanobis(2), SphereDot(concentration=2.0, learnable_concentration=True)],
    ids=["squared", "mahalanobis", "dot"],
)
@every_path
def test_every_dissimilarity_takes_every_path(delta, path, monkeypatch):
    take(monkeypatch, path)
    leaves, sides, critic = matrix(8, 11, delta=delta)
    targets, T = plans(8, 11)["classes"]
    loss = InfoNCE(several="each")
    found = contrast(loss, critic, *sides, plan=PairPlan(targets=targets))
    expected = oracle(loss, critic.logits(*sides), T, torch.ones_like(T))
    assert_same_with_gradients(found, expected, leaves)


@pytest.mark.parametrize("loss", [NCE(), InfoNCE(), InfoNCE("symmetric"), NWJ(), NWJ(True), SCL(), SCL(True)], ids=repr)
def test_one_positive_of_weight_1_each_is_the_loss_without_targets(loss):
    leaves, sides, critic = matrix(8, 8)
    own, _ = admitted(8, 8)
    plan = PairPlan(exclude=own, targets=PairPlan(within=own))
    assert_same_with_gradients(
        contrast(loss, critic, *sides, plan=plan), contrast(loss, critic, *sides, plan=PairPlan(exclude=own)), leaves
    )


@every_loss
def test_only_the_proportions_of_the_targets_count(loss):
    """In the form "any" a common factor adds its logarithm."""
    _, sides, critic = matrix(6, 8)
    T = plans(6, 8)["kernel"][1]
    once, thrice = (contrast(loss, critic, *sides, plan=PairPlan(targets=PairPlan(weights=k * T))) for k in (1, 3))
    shift = math.log(3) if isinstance(loss, InfoNCE) and loss.several == "any" else 0.0
    torch.testing.assert_close(thrice, once - shift)


def test_an_anchor_without_positives_pulls_nothing():
    leaves, sides, critic = matrix(4, 5)
    T = torch.ones(4, 5, dtype=torch.float64)
    T[2] = 0.0
    for several in ("alone", "each", "any"):
        value = contrast(InfoNCE(several=several), critic, *sides, plan=PairPlan(targets=PairPlan(weights=T)))
        gradient = torch.autograd.grad(value, leaves[0])[0]
        assert not gradient[2].any()
        assert torch.isfinite(gradient).all()


def test_a_positive_without_negatives_costs_nothing_alone():
    leaves, sides, critic = matrix(3, 3)
    A = torch.ones(3, 3, dtype=torch.float64)
    A[1] = 0.0
    plan = PairPlan(weights=A, targets=PairPlan(weights=torch.eye(3, dtype=torch.float64)))
    value = contrast(InfoNCE(), critic, *sides, plan=plan)
    logits = logits_of(leaves).detach()
    expected = sum(math.log1p(float(logits[i].exp().sum() / logits[i, i].exp())) for i in (0, 2)) / 3
    assert value.item() == pytest.approx(expected)
    gradient = torch.autograd.grad(value, leaves[0])[0]
    assert torch.isfinite(gradient).all()
    for several in ("each", "any"):
        with pytest.raises(DomainError, match="got an anchor with none"):
            contrast(InfoNCE(several=several), critic, *sides, plan=plan)


def test_pulls_and_pushes_of_hundreds_of_nats_keep_their_gradients():
    codes = (300.0 * torch.arange(3, dtype=torch.float64)[:, None]).requires_grad_()
    side = Side(codes, torch.zeros(3, dtype=torch.float64))
    T = torch.tensor([[0.0, 1, 1], [0, 0, 1], [1, 1, 0]], dtype=torch.float64)
    for loss in (InfoNCE(), InfoNCE(several="each"), InfoNCE(several="any"), NCE()):
        value = contrast(loss, Critic(PowerSum(1)), side, side, plan=PairPlan(targets=PairPlan(weights=T)))
        gradient = torch.autograd.grad(value, codes)[0]
        assert torch.isfinite(value)
        assert gradient.abs().max() > 0.1


# ---- published forms, restated from their formulas ----


def unit(rows, dim=3):
    codes = torch.randn(rows, dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return codes / codes.norm(dim=1, keepdim=True)


def cosine(codes, temperature):
    return Critic(SphereDot(concentration=1 / temperature)).double(), Side(codes, torch.zeros(len(codes)).double())


def test_supervised_contrast_outside_and_inside_the_logarithm():
    """Khosla et al. 2020, equations 2 and 3: P(i) the others of the class, A(i) all others, temperature 0.2."""
    z, y = unit(8), torch.tensor([0, 0, 1, 1, 1, 2, 2, 2])
    critic, side = cosine(z, 0.2)
    rows = torch.arange(8)
    shares = 1.0 / (y[:, None] == y).sum(1).sub(1).double()
    T = ((y[:, None] == y) & (rows[:, None] != rows)) * shares[:, None]
    outside, inside = 0.0, 0.0
    for i in range(8):
        terms = [math.exp(float(z[i] @ z[a]) / 0.2) for a in range(8)]
        others = sum(terms) - terms[i]
        mine = [p for p in range(8) if p != i and y[p] == y[i]]
        outside += -sum(math.log(terms[p] / others) for p in mine) / len(mine) / 8
        inside += -math.log(sum(terms[p] / others for p in mine) / len(mine)) / 8
    plan = PairPlan(exclude=(rows, rows), targets=PairPlan(weights=T))
    assert contrast(InfoNCE(several="each"), critic, side, side, plan=plan).item() == pytest.approx(outside, rel=1e-12)
    assert contrast(InfoNCE(several="any"), critic, side, side, plan=plan).item() == pytest.approx(inside, rel=1e-12)


def test_a_kernel_of_labels_as_targets():
    """y-Aware with rows that sum to 1: -sum_ij K_ij / K_i log softmax_j!=i(s_ij), averaged over i."""
    z, y = unit(7), torch.linspace(0, 1, 7, dtype=torch.float64)
    critic, side = cosine(z, 0.5)
    K = (-((y[:, None] - y) ** 2) / (2 * 0.3**2)).exp() - torch.eye(7, dtype=torch.float64)
    s = (z @ z.T) / 0.5 - torch.diag(torch.full((7,), torch.inf, dtype=torch.float64))
    log_softmax = s.log_softmax(1)
    expected = -torch.stack([(K[i] / K[i].sum())[j] * log_softmax[i, j] for i in range(7) for j in range(7) if i != j])
    rows = torch.arange(7)
    plan = PairPlan(exclude=(rows, rows), targets=PairPlan(weights=K / K.sum(1, keepdim=True)))
    found = contrast(InfoNCE(several="each"), critic, side, side, plan=plan)
    torch.testing.assert_close(found, expected.sum() / 7, rtol=1e-12, atol=0)


@pytest.mark.slow
def test_pairing_views_at_random_is_on_average_the_loss_of_all_of_them():
    """One-hot targets over all bijections of three views of an instance, against targets over all nine pairs."""
    u, w, instance = unit(6), unit(6).flip(0), torch.tensor([0, 0, 0, 1, 1, 1])
    critic, left = cosine(u, 0.3)
    right = cosine(w, 0.3)[1]
    loss = InfoNCE("symmetric", several="each")
    values = []
    for first, second in itertools.product(itertools.permutations(range(3)), repeat=2):
        T = torch.zeros(6, 6, dtype=torch.float64)
        T[range(6), [*first, *(3 + k for k in second)]] = 1.0
        values.append(contrast(loss, critic, left, right, plan=PairPlan(targets=PairPlan(weights=T))))
    plan = PairPlan(targets=PairPlan(within=(instance, instance)))
    torch.testing.assert_close(contrast(loss, critic, left, right, plan=plan), torch.stack(values).mean())


# ---- memory, and refusals ----


def test_what_is_kept_for_the_gradient_grows_with_the_listed_pairs_not_with_the_matrix(monkeypatch):
    monkeypatch.setattr(listed, "PAIRS_AT_ONCE", 64)

    def kept(rows):
        sizes = []
        _, sides, critic = matrix(rows, rows)
        groups = torch.arange(rows) // 4
        plan = PairPlan(within=(groups, groups))
        with torch.autograd.graph.saved_tensors_hooks(lambda saved: sizes.append(saved.numel()) or saved, lambda s: s):
            pairs = listed.listed_pairs(plan, rows, rows, ONE)
            listed.reduce_listed(NCE().reduction, critic.dissimilarity, *sides, pairs)
        return sum(sizes)

    assert kept(512) <= 2.1 * kept(256)


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 99))
def test_the_listed_pairs_are_those_that_the_tile_admits(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda size: torch.randint(0, 4, (size,), generator=generator)  # noqa: E731
    weights = torch.rand(rows, columns, generator=generator).double() * (draw(rows)[:, None] > 1)
    with pytest.MonkeyPatch.context() as patch:
        take(patch, "listed")
        for plan in (
            PairPlan(within=(draw(rows), draw(columns))),
            PairPlan(within=(draw(rows), draw(columns)), exclude=(draw(rows), draw(columns))),
            PairPlan(weights=weights),
            PairPlan(weights=weights, within=(draw(rows), draw(columns)), exclude=(draw(rows), draw(columns))),
        ):
            found = listed.listed_pairs(plan, rows, columns, ONE)
            drawn = torch.zeros(rows, columns, dtype=torch.float64)
            drawn[found.rows, found.columns] = 1.0 if found.weights is None else found.weights
            torch.testing.assert_close(drawn, plan.tile(slice(None), slice(None), ONE), atol=0, rtol=0)
            assert (found.rows.diff() >= 0).all()


def test_a_plan_that_makes_no_sense_is_refused():
    _, (anchors, positives), critic = matrix(3, 4)
    T = torch.ones(3, 4, dtype=torch.float64)
    with pytest.raises(DtypeError, match="targets must be a PairPlan"):
        PairPlan(targets=T)
    with pytest.raises(DomainError, match="no targets of their own"):
        PairPlan(targets=PairPlan(targets=PairPlan()))
    for targets, error, words in (
        (PairPlan(weights=T.T), ShapeError, r"targets\.weights must have shape \(3, 4\)"),
        (PairPlan(weights=-T), DomainError, r"targets\.weights must be finite and at least 0"),
        (PairPlan(weights=T.requires_grad_()), DomainError, r"targets\.weights are data"),
        (PairPlan(within=(torch.arange(4), torch.arange(3))), ShapeError, r"targets\.within needs one id"),
        (PairPlan(within=(torch.arange(3), 9 + torch.arange(4))), ShapeError, "at least one positive"),
        (PairPlan(weights=torch.zeros(3, 4)), ShapeError, "at least one positive"),
    ):
        with pytest.raises(error, match=words):
            contrast(NCE(), critic, anchors, positives, plan=PairPlan(targets=targets))
    with pytest.raises(DomainError, match="got separate negatives"):
        contrast(
            NCE(), critic, anchors, positives, negatives=positives, plan=PairPlan(targets=PairPlan(weights=T.detach()))
        )


def test_a_loss_of_ones_own_without_such_a_form_says_so():
    class Own(Loss):
        reduction = NCE().reduction
        combine = NCE.combine
        balancing_bias = NCE.balancing_bias

    _, sides, critic = matrix(3, 3)
    with pytest.raises(DomainError, match="Own has no form for targets"):
        contrast(Own(), critic, *sides, plan=PairPlan(targets=PairPlan()))


def test_unknown_words_are_refused():
    with pytest.raises(DomainError, match="several must be one of alone, each, any"):
        InfoNCE(several="both")
