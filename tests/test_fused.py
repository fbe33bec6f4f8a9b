import math
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from contrica import _fused
from contrica._fused import fused_sums
from contrica._fused.counts import admissible_counts
from contrica._fused.form import fast_form
from contrica.critics import Side
from contrica.dissimilarities import Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import DomainError
from contrica.losses.reduction import LogitSum, LogSumExp, SoftplusSum
from contrica.pairwise import PairPlan, reduce_pairs

pytest.importorskip("numba")

DIM = 3
WEIGHTS = (0.5, 1.0, 2.0)
SUM, TWICE, SOFTPLUS = LogSumExp(), LogSumExp(2), SoftplusSum()
NEGATED, LOGITS = SoftplusSum(negated=True), LogitSum()


@pytest.fixture(autouse=True)
def _however_few_the_pairs(monkeypatch):
    monkeypatch.setattr(_fused, "LEAST_TERMS", 0)


def powers(exponent, *, learnable=True):
    return PowerSum(DIM, exponent=exponent, weights=WEIGHTS, learnable_weights=learnable)


DISSIMILARITIES = {
    "1": lambda: powers(1.0),
    "2": lambda: powers(2.0),
    "3": lambda: powers(3.0),
    "4": lambda: powers(4.0),
    "1.5": lambda: powers(1.5),
    "0.7": lambda: powers(0.7, learnable=False),
    "squared": lambda: SquaredEuclidean(weight=2.0),
    "mahalanobis": lambda: Mahalanobis(DIM),
    "dot": lambda: SphereDot(concentration=3.0, learnable_concentration=True),
    "||.||_3": lambda: NormPower(norm_exponent=3.0, power=1.0, weight=2.0),
    "||.||_1^2": lambda: NormPower(norm_exponent=1.0, power=2.0, weight=0.5),
    "||.||_1.5^0.5": lambda: NormPower(norm_exponent=1.5, power=0.5),
    "||.||_3^3": lambda: NormPower(norm_exponent=3.0, power=3.0),
}
NORMS = {
    "||.||_3": (3.0, 1.0, 2.0),
    "||.||_1^2": (1.0, 2.0, 0.5),
    "||.||_1.5^0.5": (1.5, 0.5, 1.0),
    "||.||_3^3": (3.0, 3.0, 1.0),
}

# Each (form, type) is compiled for a second or two on a fresh checkout: the everyday tests see two of them.
EVERYDAY = [
    ("1", torch.float64, SUM),
    ("1", torch.float64, SOFTPLUS),
    ("1", torch.float64, NEGATED),
    ("1", torch.float32, SUM),
]
NORM_CASES = {
    *((name, torch.float64, SUM) for name in NORMS),
    *(("||.||_3", torch.float64, reduction) for reduction in (TWICE, SOFTPLUS, NEGATED, LOGITS)),
    *(("||.||_3", torch.float32, reduction) for reduction in (SUM, SOFTPLUS)),
    ("||.||_1^2", torch.float32, SUM),
}
ALL = [
    pytest.param(name, dtype, reduction, marks=() if (name, dtype, reduction) in EVERYDAY else pytest.mark.slow)
    for name in DISSIMILARITIES
    for dtype in (torch.float32, torch.float64)
    for reduction in (SUM, TWICE, SOFTPLUS, NEGATED, LOGITS)
    if name not in NORMS or (name, dtype, reduction) in NORM_CASES
]


def plain_delta(name, parameters, u, v):
    """The docstrings' formulas, all pairs at once; where u = v the power is put as 0, of slope 0."""
    t = u[:, None] - v[None]
    if name == "squared":
        return 2.0 * (t**2).sum(-1)
    if name == "mahalanobis":
        factor = torch.tril(parameters["lower"], -1) + torch.diag(torch.exp(parameters["log_diagonal"]))
        return torch.einsum("ijk,kl,ml,ijm->ij", t, factor, factor, t)
    if name == "dot":
        return torch.exp(parameters["log_concentration"]) * (1.0 - torch.einsum("ik,jk->ij", u, v))
    if name in NORMS:
        p, k, weight = NORMS[name]
        same = t == 0
        sums = torch.where(same, 0.0, torch.where(same, 1.0, t).abs() ** p).sum(-1)
        return weight * torch.where(sums == 0, 0.0, torch.where(sums == 0, 1.0, sums) ** (k / p))
    weights = torch.exp(parameters["log_weights"]) if parameters else torch.tensor(WEIGHTS, dtype=t.dtype)
    equal = t == 0
    return (weights * torch.where(equal, 0.0, torch.where(equal, 1.0, t).abs() ** float(name))).sum(-1)


def plain_sums(reduction, logits, admissible):
    if reduction in (SOFTPLUS, NEGATED):
        costs = torch.logaddexp(-logits if reduction == NEGATED else logits, torch.zeros_like(logits))
        return torch.where(admissible, costs, 0.0).sum(1)
    if reduction == LOGITS:
        return torch.where(admissible, logits, 0.0).sum(1)
    scaled = torch.where(admissible, reduction.power * logits, -torch.inf)
    empty = ~admissible.any(1)
    return torch.where(empty, -torch.inf, torch.where(empty[:, None], 0.0, scaled).logsumexp(1))


def plain_mask(plan, rows, columns):
    admissible = torch.ones(rows, columns, dtype=torch.bool)
    if plan.exclude is not None:
        admissible &= plan.exclude[0][:, None] != plan.exclude[1]
    if plan.within is not None:
        admissible &= plan.within[0][:, None] == plan.within[1]
    return admissible


def sides(rows, columns, dtype, *, scale=1.0, dim=DIM, seed=0):
    """Return codes on a coarse grid in half the rows, so that some are equal, and offsets, each a leaf."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)

    u, v = draw(rows, dim), draw(columns, dim)
    u[::2], v[::2] = (u[::2] / scale * 2).round() * scale / 2, (v[::2] / scale * 2).round() * scale / 2
    return [tensor.to(dtype).requires_grad_() for tensor in (u, v, draw(rows), draw(columns))]


def both_masks(rows, columns):
    generator = torch.Generator().manual_seed(3)
    return PairPlan(
        exclude=(torch.arange(rows) % 7, torch.arange(columns) % 9),
        within=(
            torch.randint(0, 5, (rows,), generator=generator),
            torch.randint(0, 4, (columns,), generator=generator),
        ),
    )


def fused_values(dissimilarity, reduction, leaves, plan):
    """Return sums, counts and all gradients by the compiled pass, which must not decline."""
    u, v, r, c = leaves
    fused = fused_sums(reduction, dissimilarity, Side(u, r), Side(v, c), exclude=plan.exclude, within=plan.within)
    assert fused is not None
    sums, counts = fused
    assert sums.dtype == counts.dtype == u.dtype
    return sums, counts, gradients(sums, [*leaves, *dissimilarity.parameters()])


def gradients(sums, leaves):
    """Differentiate a mixture of the rows with different weights of one sign.

    Weights of both signs would make a scalar's gradient a sum that cancels fiftyfold, and the comparison one of that.
    """
    mixture = (1.5 + torch.cos(torch.arange(len(sums), dtype=torch.float64))).to(sums.dtype)
    total = torch.where(torch.isfinite(sums), sums * mixture, 0.0).sum()
    return torch.autograd.grad(total, leaves)


def check(name, reduction, leaves, plan):
    dtype = leaves[0].dtype
    dissimilarity = DISSIMILARITIES[name]().to(dtype)
    sums, counts, slopes = fused_values(dissimilarity, reduction, leaves, plan)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    learned = {key: value.detach().double().requires_grad_() for key, value in dissimilarity.named_parameters()}
    u, v, r, c = doubles
    logits = -(plain_delta(name, learned, u, v) + r[:, None] + c)
    admissible = plain_mask(plan, len(u), len(v))
    expected = plain_sums(reduction, logits, admissible)
    torch.testing.assert_close(counts.double(), admissible.sum(1).double(), atol=0, rtol=0)
    # In float32 a logit s is rounded by eps |s|, which is a relative error of its exponential, whatever the algorithm.
    widest = float(logits.detach().abs().max()) * getattr(reduction, "power", 1)
    bound = 1e-10 if dtype == torch.float64 else max(1e-5, torch.finfo(dtype).eps * widest)
    agree([sums.detach(), *slopes], [expected.detach(), *gradients(expected, [*doubles, *learned.values()])], bound)


def agree(values, expected, bound):
    """Each tensor agrees with its oracle to ``bound`` of its largest entry."""
    for value, wanted in zip(values, expected, strict=True):
        finite = wanted[torch.isfinite(wanted)]
        scale = float(finite.abs().max()) if finite.numel() else 0.0
        torch.testing.assert_close(value.double(), wanted, rtol=0, atol=bound * scale + 1e-30)


def test_a_value_beyond_the_bound_is_noticed():
    with pytest.raises(AssertionError):
        agree([torch.tensor([1.0, 2.0001])], [torch.tensor([1.0, 2.0]).double()], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype", "reduction"), ALL)
def test_values_and_gradients_are_those_of_the_plain_form(name, dtype, reduction):
    check(name, reduction, sides(37, 301, dtype), PairPlan())


@pytest.mark.parametrize(("name", "dtype", "reduction"), ALL)
def test_masked_values_and_gradients_are_those_of_the_plain_form(name, dtype, reduction):
    check(name, reduction, sides(130, 515, dtype), both_masks(130, 515))


@pytest.mark.parametrize(("name", "dtype", "reduction"), ALL)
def test_logits_of_hundreds_of_nats_keep_their_values_and_gradients(name, dtype, reduction):
    scale = 6.0 if name in ("3", "4", "||.||_3^3") else 20.0
    check(name, reduction, sides(61, 270, dtype, scale=scale), both_masks(61, 270))


@given(rows=st.integers(1, 40), columns=st.integers(1, 600), masked=st.booleans(), softplus=st.booleans())
def test_every_size_agrees_with_the_plain_form(rows, columns, masked, softplus):
    plan = both_masks(rows, columns) if masked else PairPlan()
    check("1", SOFTPLUS if softplus else SUM, sides(rows, columns, torch.float64), plan)


@pytest.mark.parametrize("dim", [1, 2, 5, 12])
def test_every_number_of_dimensions_agrees_with_the_tiles(dim, monkeypatch):
    leaves = sides(45, 300, torch.float64, dim=dim)
    dissimilarity = PowerSum(dim, learnable_weights=True).double()
    plan = both_masks(45, 300)
    sums, counts, slopes = fused_values(dissimilarity, SUM, leaves, plan)
    expected, expected_counts = by_tiles(monkeypatch, dissimilarity, SUM, leaves, plan)
    torch.testing.assert_close(counts, expected_counts, atol=0, rtol=0)
    wanted = [expected.detach(), *gradients(expected, [*leaves, *dissimilarity.parameters()])]
    agree([sums.detach(), *slopes], wanted, 1e-10)


def by_tiles(monkeypatch, dissimilarity, reduction, leaves, plan):
    u, v, r, c = leaves
    with monkeypatch.context() as without:
        without.setattr(_fused, "available", lambda: False)
        return reduce_pairs(reduction, dissimilarity, Side(u, r), Side(v, c), plan)


def test_the_reduction_of_a_contrast_is_the_compiled_one(monkeypatch):
    leaves, plan = sides(30, 40, torch.float64), both_masks(30, 40)
    u, v, r, c = leaves
    reduced = reduce_pairs(SUM, powers(1.0).double(), Side(u, r), Side(v, c), plan)[0]
    fused = fused_values(powers(1.0).double(), SUM, leaves, plan)[0]
    torch.testing.assert_close(reduced, fused, atol=0, rtol=0)
    expected = by_tiles(monkeypatch, powers(1.0).double(), SUM, leaves, plan)[0]
    torch.testing.assert_close(reduced, expected, rtol=1e-10, atol=1e-10)


def test_a_row_without_candidates_has_an_empty_sum_and_no_gradient():
    leaves = sides(6, 9, torch.float64)
    plan = PairPlan(within=(torch.tensor([0, 0, 0, 1, 5, 5]), torch.tensor([0, 1] * 4 + [0])))
    for reduction, empty in ((SUM, -torch.inf), (SOFTPLUS, 0.0)):
        sums, counts, slopes = fused_values(powers(1.0).double(), reduction, leaves, plan)
        assert sums[4:].tolist() == [empty, empty]
        assert counts.tolist() == [5.0, 5.0, 5.0, 4.0, 0.0, 0.0]
        assert not slopes[0][4:].any()
        assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize(("reduction", "size"), [(SUM, 90), (SOFTPLUS, 90), (SUM, 302)])
def test_candidates_of_other_cells_are_passed_over(reduction, size, monkeypatch):
    # Of cells of 302, one fills the first tile of 256, and the other's first rows share a block of four with it.
    leaves = sides(700, 900, torch.float64)
    plan = PairPlan(
        exclude=(torch.arange(700), torch.arange(900)), within=(torch.arange(700) // size, torch.arange(900) // size)
    )
    delta = powers(1.0).double()
    sums, _, slopes = fused_values(delta, reduction, leaves, plan)
    expected = by_tiles(monkeypatch, delta, reduction, leaves, plan)[0]
    torch.testing.assert_close(sums, expected, rtol=1e-10, atol=1e-10)
    agree(slopes, list(gradients(expected, [*leaves, *delta.parameters()])), 1e-10)


def test_equal_codes_have_gradient_zero():
    codes = torch.ones(50, DIM, dtype=torch.float64, requires_grad=True)
    zeros = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    _, _, slopes = fused_values(powers(1.0).double(), SUM, [codes, codes, zeros, zeros], PairPlan())
    assert not slopes[0].any()


@pytest.mark.slow
def test_a_steep_power_has_no_slope_below_the_floor_as_in_the_plain_dissimilarity(monkeypatch):
    left = torch.tensor([[0.0] * DIM, [1.0] * DIM], dtype=torch.float64)
    leaves = [left, left + 0.5e-6, left[:, 0].clone(), left[:, 0].clone()]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    delta = powers(0.7, learnable=False)
    slopes = fused_values(delta, SUM, leaves, PairPlan())[2]
    expected = gradients(by_tiles(monkeypatch, delta, SUM, leaves, PairPlan())[0], leaves)
    agree(slopes, list(expected), 1e-10)


@pytest.mark.slow
def test_a_norm_raised_below_one_has_no_slope_below_the_floor_as_in_the_plain_dissimilarity(monkeypatch):
    left = torch.tensor([[0.0] * DIM, [1.0] * DIM], dtype=torch.float64)
    delta = NormPower(norm_exponent=2.0, power=0.5)
    for distance, steep in ((0.9e-6, True), (1.1e-6, False)):
        leaves = [left, left + distance / DIM**0.5, left[:, 0].clone(), left[:, 0].clone()]
        leaves = [leaf.clone().requires_grad_() for leaf in leaves]
        slopes = fused_values(delta, SUM, leaves, PairPlan())[2]
        expected = gradients(by_tiles(monkeypatch, delta, SUM, leaves, PairPlan())[0], leaves)
        agree(slopes, list(expected), 1e-10)
        assert (slopes[0].abs().max() < 10.0) == steep


@pytest.mark.slow
@pytest.mark.parametrize("name", NORMS)
def test_equal_codes_have_gradient_zero_under_a_norm(name):
    codes = torch.ones(50, DIM, dtype=torch.float64).requires_grad_()
    zeros = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    other = (codes.detach() + torch.eye(50, DIM, dtype=torch.float64)).requires_grad_()
    delta = DISSIMILARITIES[name]()
    alone = fused_values(delta, SUM, [codes[:1].detach().requires_grad_(), other, zeros[:1], zeros], PairPlan())[2]
    assert torch.isfinite(alone[0]).all()
    assert not alone[1][DIM:].any()
    assert alone[1][:DIM].any()


@pytest.mark.parametrize(
    ("delta", "scale"),
    [
        (NormPower(norm_exponent=3.0, power=1.0), 1e-14),
        (NormPower(norm_exponent=8.0, power=1.0), 1.0),
        (NormPower(norm_exponent=3.0, power=0.2), 1.0),
        (NormPower(norm_exponent=6.0, power=1.0), 1e3),
        (NormPower(norm_exponent=4.0, power=8.0), 1e4),
        (NormPower(norm_exponent=1.0, power=2.0, weight=1e15), 1e3),
        (NormPower(norm_exponent=1.0, power=2.0, weight=1e60), 1.0),
        (SquaredEuclidean(weight=1e60), 1.0),
    ],
)
def test_a_dissimilarity_whose_powers_could_leave_the_range_is_left_to_the_tiles(delta, scale):
    u, v, r, c = sides(5, 6, torch.float32)
    form = fast_form(delta, Side(scale * u, r), Side(scale * v, c))
    assert form is not None
    assert not form.within_range(1)


def test_ids_beyond_32_bits_are_told_apart():
    leaves = sides(20, 30, torch.float64)
    ids = torch.arange(20) * 2**40, torch.arange(30) * 2**40
    near = torch.arange(20), torch.arange(30)
    far, small = (fused_values(powers(1.0).double(), SUM, leaves, PairPlan(exclude=pair))[0] for pair in (ids, near))
    torch.testing.assert_close(far, small, atol=0, rtol=0)


def test_counts_know_both_masks():
    plan = both_masks(50, 70)
    counts = admissible_counts(plan.exclude, plan.within, 70)
    torch.testing.assert_close(counts, plain_mask(plan, 50, 70).sum(1))


@pytest.mark.parametrize("reduction", [SUM, SOFTPLUS])
def test_any_number_of_threads_gives_the_same_bits(reduction, monkeypatch):
    monkeypatch.setattr("contrica._fused.chunks.TERMS_PER_THREAD", 1)
    leaves, plan = sides(700, 500, torch.float64), both_masks(700, 500)
    before = torch.get_num_threads()
    outcomes = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            sums, _, slopes = fused_values(powers(1.0).double(), reduction, leaves, plan)
            outcomes.append([sums, *slopes])
    finally:
        torch.set_num_threads(before)
    for outcome in outcomes[1:]:
        torch.testing.assert_close(outcome, outcomes[0], atol=0, rtol=0)


def test_a_failure_on_another_thread_reaches_the_caller(monkeypatch):
    from contrica._fused.chunks import run_chunks

    def kernel(chunk):
        if chunk == 5:
            raise ArithmeticError("chunk 5")

    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    with pytest.raises(ArithmeticError, match="chunk 5"):
        run_chunks(kernel, 8, terms=1 << 30)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # warned of in general; what is tested is this case
def test_a_forked_process_gets_the_same_bits(monkeypatch):
    monkeypatch.setattr("contrica._fused.chunks.TERMS_PER_THREAD", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    leaves = sides(300, 300, torch.float64)
    here = fused_values(powers(1.0).double(), SUM, leaves, PairPlan())[0].tolist()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def send():
        sender.send(fused_values(powers(1.0).double(), SUM, leaves, PairPlan())[0].tolist())

    process = context.Process(target=send)
    process.start()
    assert receiver.poll(60)
    assert receiver.recv() == here
    process.join(60)
    assert process.exitcode == 0


SLOPES_OF_TWO_FORMS = """
import torch
import contrica._fused as fused
from contrica._fused import kernels
from contrica.critics import Side
from contrica.dissimilarities import NormPower, PowerSum
from contrica.losses.reduction import LogSumExp
fused.LEAST_TERMS = 0
generator = torch.Generator().manual_seed(0)
codes = torch.randn(512, 5, generator=generator)
for dissimilarity in (PowerSum(5), NormPower(norm_exponent=3.0, power=1.0)):
    left, right = codes.clone().requires_grad_(), (codes + 0.3).requires_grad_()
    sides = Side(left, torch.zeros(512)), Side(right, torch.zeros(512))
    sums, _ = fused.fused_sums(LogSumExp(), dissimilarity, *sides, exclude=None, within=None)
    sums.mean().backward()
    print([tensor.detach().numpy().tobytes().hex() for tensor in (sums, left.grad, right.grad)])
print(sum(kernels.differentiate_exp.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_a_process_that_compiles_gets_the_bits_of_one_that_loads_what_was_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    command = [sys.executable, "-c", SLOPES_OF_TWO_FORMS]
    printed = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n") for _ in range(2)]
    assert [lines[2] for lines in printed] == ["0", "2"]
    assert printed[0][:2] == printed[1][:2]


def slopes_at(distances, reduction, dtype, upstream):
    """Return both sides' gradients for rows at the origin, whose sums have the gradients ``upstream``."""
    rows, columns = (torch.zeros(len(values), dtype=dtype) for values in (upstream, distances))
    left = torch.zeros(len(upstream), 1, dtype=dtype, requires_grad=True)
    right = torch.tensor(distances, dtype=dtype)[:, None].requires_grad_()
    sides = Side(left, rows), Side(right, columns)
    sums, _ = fused_sums(reduction, PowerSum(1).to(dtype), *sides, exclude=None, within=None)
    slopes = torch.autograd.grad(sums, (left, right), torch.tensor(upstream, dtype=dtype))
    return [slope.flatten().double() for slope in slopes]


@pytest.mark.parametrize(
    ("reduction", "dtype", "near", "far"), [(SUM, torch.float32, 50.0, 60.0), (SOFTPLUS, torch.float64, 660.0, 690.0)]
)
def test_a_slope_whose_products_could_be_subnormal_is_zero(reduction, dtype, near, far):
    _, (_, kept, cut) = slopes_at([0.0, near, far], reduction, dtype, [1.0])
    assert kept.item() == pytest.approx(-math.exp(-near), rel=1e-5, abs=0.0)
    assert cut.item() == 0.0


def test_slopes_are_cut_in_proportion_to_the_largest_gradient_of_a_row():
    plain = slopes_at([1.0, 30.0], SUM, torch.float32, [1.0])
    for small, slope in zip(slopes_at([1.0, 30.0], SUM, torch.float32, [1e-25]), plain, strict=True):
        torch.testing.assert_close(small, 1e-25 * slope, rtol=1e-6, atol=0.0)
    assert slopes_at([1.0, 30.0], SUM, torch.float32, [1.0, 1e-30])[0].tolist() == [*plain[0].tolist(), 0.0]


def test_a_second_derivative_is_refused():
    leaves = sides(5, 6, torch.float64)
    u, v, r, c = leaves
    sums = fused_sums(SUM, powers(1.0).double(), Side(u, r), Side(v, c), exclude=None, within=None)[0]
    with pytest.raises(DomainError, match="first derivatives only"):
        torch.autograd.grad(sums.sum(), u, create_graph=True)


class Louder(PowerSum):
    def forward(self, left, right):
        return 2.0 * super().forward(left, right)


@pytest.mark.parametrize(
    "dissimilarity",
    [
        PowerSum(DIM, exponent=[1.0, 2.0, 1.0]),
        PowerSum(DIM, learnable_exponent=True),
        PowerSum(DIM, exponent=0.7, learnable_weights=True),
        PowerSum(DIM + 1),
        NormPower(norm_exponent=0.7, power=2.0),
        Louder(DIM),
        lambda left, right: (left - right).abs().sum(-1),
        nn.PairwiseDistance(),
    ],
    ids=[
        "exponents",
        "learned exponent",
        "steep and learned",
        "other dim",
        "steep norm",
        "subclass",
        "function",
        "module",
    ],
)
def test_a_dissimilarity_without_a_fast_form_is_left_to_the_tiles(dissimilarity):
    u, v, r, c = sides(5, 6, torch.float32)
    assert fast_form(dissimilarity, Side(u, r), Side(v, c)) is None


def test_types_other_than_one_of_single_and_double_are_left_to_the_tiles():
    u, v, r, c = sides(5, 6, torch.float32)
    assert fast_form(powers(1.0), Side(u, r), Side(v, c)) is not None
    assert fast_form(powers(1.0), Side(u, r), Side(v, c.double())) is None
    assert fast_form(powers(1.0), Side(u.bfloat16(), r.bfloat16()), Side(v.bfloat16(), c.bfloat16())) is None


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e30])
@pytest.mark.parametrize("place", range(4))
def test_values_that_plain_arithmetic_must_carry_to_the_loss_are_left_to_the_tiles(value, place):
    leaves = [leaf.detach() for leaf in sides(5, 6, torch.float32)]
    leaves[place].view(-1)[2] = value
    u, v, r, c = leaves
    assert fused_sums(SUM, powers(1.0), Side(u, r), Side(v, c), exclude=None, within=None) is None


def test_few_pairs_are_not_worth_a_start(monkeypatch):
    monkeypatch.setattr(_fused, "LEAST_TERMS", 5 * 6 * DIM + 1)
    u, v, r, c = sides(5, 6, torch.float32)
    assert fused_sums(SUM, powers(1.0), Side(u, r), Side(v, c), exclude=None, within=None) is None


def test_without_numba_the_tiles_serve(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "contrica._fused.kernels", raising=False)
    _fused.available.cache_clear()
    u, v, r, c = sides(8, 9, torch.float64)
    try:
        assert not _fused.available()
        sums, _ = reduce_pairs(SUM, powers(1.0).double(), Side(u, r), Side(v, c), PairPlan())
    finally:
        _fused.available.cache_clear()
    logits = -(plain_delta("1", {}, u, v) + r[:, None] + c)
    torch.testing.assert_close(sums, logits.logsumexp(1), rtol=1e-6, atol=1e-6)  # weights are float32 by default


def test_a_folder_that_cannot_be_written_costs_the_cache_and_nothing_else(monkeypatch):
    from contrica._fused import kernels

    plain = kernels.njit

    def without_cache(*args, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return plain(*args, **options)

    monkeypatch.setattr(kernels, "njit", without_cache)
    assert kernels.entry_point(lambda count: count + 1)(1) == 2


IN_A_FRESH_PROCESS = """
import sys, torch
import contrica._fused as fused
from contrica.pairwise import PairPlan, reduce_pairs
from contrica.critics import Side
from contrica.dissimilarities import PowerSum
from contrica.losses.reduction import LogSumExp
assert "numba" not in sys.modules
fused.LEAST_TERMS = 0
codes, offsets = torch.ones(8, 2, requires_grad=True), torch.zeros(8)
sums, _ = reduce_pairs(LogSumExp(), PowerSum(2), Side(codes, offsets), Side(codes, offsets), PairPlan())
sums.sum().backward()
assert "numba" in sys.modules
assert sums.grad_fn.name().startswith("_FusedReduction")
"""


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["as it is", "nowhere"])
def test_numba_is_imported_at_first_use_without_any_warning(cache, monkeypatch):
    if cache == "nowhere":
        monkeypatch.setenv("NUMBA_CACHE_DIR", "/dev/null/nowhere")
        monkeypatch.setenv("NUMBA_CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    command = [sys.executable, "-W", "error", "-c", IN_A_FRESH_PROCESS]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "units"), [(np.float32, 3.0), (np.float64, 3.0)])
def test_the_elementary_functions_are_exact_to_a_few_units_of_the_last_place(dtype, units):
    from numba import njit

    from contrica._fused import elementary

    @njit
    def values(exponents, numbers, fractions):
        exps, logs, log1ps = np.empty_like(exponents), np.empty_like(numbers), np.empty_like(fractions)
        for index in range(exponents.size):
            exps[index] = elementary.exp(exponents[index])
            logs[index] = elementary.log(numbers[index])
            log1ps[index] = elementary.log1p(fractions[index])
        return exps, logs, log1ps

    rng = np.random.default_rng(0)
    exponents = rng.uniform(-86.0, 86.0, 10_000).astype(dtype)
    numbers = np.exp(rng.uniform(-80.0, 80.0, 10_000)).astype(dtype)
    fractions = rng.uniform(0.0, 1.0, 10_000).astype(dtype)
    wide = [array.astype(np.longdouble) for array in (exponents, numbers, fractions)]
    expected = np.exp(wide[0]), np.log(wide[1]), np.log1p(wide[2])
    for value, wanted in zip(values(exponents, numbers, fractions), expected, strict=True):
        # log is used as an exponent only: what counts near 1 is its absolute error
        error = np.abs(value - wanted) / np.maximum(np.abs(wanted), np.finfo(dtype).tiny)
        assert np.max(np.where(np.abs(wanted) > 0.1, error, 0.0)) <= units * np.finfo(dtype).eps
