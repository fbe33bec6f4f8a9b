"""The theorems that the losses rest on, with the package's own losses on exact populations.

A population is a table: ``joint[i, j]`` is the probability of anchor i with positive j, and logits are a free table.
"""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import oracles
from contrica.critics import Critic, Side
from contrica.dissimilarities import NormPower, PowerSum
from contrica.losses import NCE, NWJ, SCL, InfoNCE

FOUR = {"nce": NCE(), "info_nce": InfoNCE(), "scl": SCL(), "nwj": NWJ()}

LOG_COPIES = 30.0
"""InfoNCE with e^30 negatives: the positive's own share of its denominator is below rounding."""


def minimum(cost, *starts, gradient=1e-9, bound=-math.inf):
    """Return the smallest value of ``cost`` from the starts, and where it is; no start is tried beyond ``bound``."""

    def value_and_slope(point):
        leaf = torch.tensor(point, requires_grad=True)
        value = cost(leaf)
        value.backward()
        return value.item(), leaf.grad.numpy()

    options = {"maxiter": 4000, "maxfun": 6000, "ftol": 1e-15, "gtol": gradient, "maxcor": 40}
    best = None
    for start in starts:
        found = minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=options)
        best = found if best is None or found.fun < best.fun else best
        if best.fun < bound:
            break
    return best.fun, torch.from_numpy(best.x)


# ---- free tables of logits: the minimiser is the log density ratio ----

COUNTS = (
    np.random.default_rng(0).multinomial(24, np.random.default_rng(1).dirichlet(np.full(20, 0.6))).reshape(4, 5) + 1
)
"""A random joint of 4 anchors and 5 positives, in pairs, so that positives can be repeated to their probability."""

JOINT = COUNTS / COUNTS.sum()
RATIO = torch.from_numpy(oracles.log_ratio(JOINT))


def pairs():
    """Return anchor and positive of each pair, as often as it counts."""
    cells = torch.cartesian_prod(torch.arange(4), torch.arange(5))
    return cells.repeat_interleave(torch.from_numpy(COUNTS).flatten(), 0).T


def cost_of_table(loss):
    """Return the population cost: repeated positives, and all candidates with their marginal probability."""
    anchors, positives = pairs()
    marginal = torch.from_numpy(JOINT.sum(0))

    def cost(point):
        logits = point.reshape(4, 5)
        return loss(logits[anchors, positives], logits[anchors], weights=marginal.expand(len(anchors), 5))

    return cost


def enumerated(counts, negatives, candidate_counts=None):
    """Return anchor, positive and all tuples of negatives, each as often as its probability asks."""
    cells = torch.cartesian_prod(*(torch.arange(size) for size in counts.shape))
    anchors, positives = cells.repeat_interleave(torch.from_numpy(counts).flatten(), 0).T
    candidate_counts = counts.sum(0) if candidate_counts is None else candidate_counts
    draws = torch.arange(counts.shape[1]).repeat_interleave(torch.from_numpy(candidate_counts))
    tuples = torch.cartesian_prod(*[draws] * negatives).reshape(-1, negatives)
    times = len(tuples)
    return anchors.repeat_interleave(times), positives.repeat_interleave(times), tuples.repeat(len(anchors), 1)


def info_nce_of_table(logits, counts, negatives, candidate_counts=None):
    anchors, positives, others = enumerated(counts, negatives, candidate_counts)
    return InfoNCE()(logits[anchors, positives], logits[anchors[:, None], others])


def assert_equal_up_to_rows(table, expected):
    error = table - expected
    torch.testing.assert_close(error, error.mean(1, keepdim=True).expand_as(error), rtol=0.0, atol=1e-5)


def test_the_joint_is_far_from_independent():
    assert oracles.mutual_information(JOINT) > 0.05
    assert RATIO.max() - RATIO.min() > 1.5


@pytest.mark.parametrize(
    ("loss", "optimum"),
    [
        (NCE(), 2.0 * math.log(2.0) - 2.0 * oracles.jensen_shannon(JOINT)),
        (NWJ(), 1.0 - oracles.mutual_information(JOINT)),
        (SCL(), -(1.0 + oracles.chi_square(JOINT))),
    ],
    ids=["nce", "nwj", "scl"],
)
def test_nce_nwj_and_scl_end_at_the_log_ratio_and_at_their_divergence(loss, optimum):
    value, point = minimum(cost_of_table(loss), np.zeros(20))
    assert value == pytest.approx(optimum, abs=1e-9)
    torch.testing.assert_close(point.reshape(4, 5), RATIO, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "optimum"),
    [
        (NWJ(log_form=True), 1.0 - oracles.mutual_information(JOINT)),
        (SCL(log_form=True), -math.log(1.0 + oracles.chi_square(JOINT))),
    ],
    ids=["nwj", "scl"],
)
def test_the_log_forms_end_at_the_log_ratio_up_to_one_constant(loss, optimum):
    start = np.random.default_rng(2).normal(size=20)
    value, point = minimum(cost_of_table(loss), start)
    assert value == pytest.approx(optimum, abs=1e-9)
    error = point.reshape(4, 5) - RATIO
    torch.testing.assert_close(error, error.mean().expand(4, 5), rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("choices", [2, 3])
def test_infonce_ends_at_the_log_ratio_up_to_a_function_of_the_anchor(choices):
    start = np.random.default_rng(3).normal(size=20)
    value, point = minimum(lambda table: info_nce_of_table(table.reshape(4, 5), COUNTS, choices - 1), start)
    table = point.reshape(4, 5)
    assert_equal_up_to_rows(table, RATIO)
    assert value == pytest.approx(info_nce_of_table(RATIO, COUNTS, choices - 1).item(), abs=1e-9)
    assert 0.0 < math.log(choices) - value <= oracles.mutual_information(JOINT)
    error = table - RATIO
    assert (error - error.mean(0)).abs().max() > 0.1  # it is the anchor's function that is free, not the candidate's


@pytest.mark.parametrize("choices", [2, 3])
def test_symmetric_infonce_ends_at_the_log_ratio_up_to_one_constant(choices):
    def cost(table):
        rows = info_nce_of_table(table.reshape(4, 5), COUNTS, choices - 1)
        columns = info_nce_of_table(table.reshape(4, 5).T, COUNTS.T, choices - 1)
        return (rows + columns) / 2.0

    _, point = minimum(cost, np.random.default_rng(4).normal(size=20))
    error = point.reshape(4, 5) - RATIO
    torch.testing.assert_close(error, error.mean().expand(4, 5), rtol=0.0, atol=1e-5)


def test_negatives_of_another_law_change_the_ratio_to_that_law():
    other = np.array([1, 9, 2, 4, 3])
    _, point = minimum(lambda table: info_nce_of_table(table.reshape(4, 5), COUNTS, 2, other), np.zeros(20))
    assert_equal_up_to_rows(point.reshape(4, 5), torch.from_numpy(np.log(JOINT / JOINT.sum(1, keepdims=True) / other)))
    with pytest.raises(AssertionError):
        assert_equal_up_to_rows(point.reshape(4, 5), RATIO)


def test_infonce_with_many_negatives_is_log_k_less_the_information():
    value, point = minimum(
        lambda table: population(InfoNCE(), table.reshape(4, 5), torch.from_numpy(JOINT)), np.zeros(20)
    )
    assert value == pytest.approx(-oracles.mutual_information(JOINT), abs=1e-9)
    assert_equal_up_to_rows(point.reshape(4, 5), RATIO)


@pytest.mark.parametrize(
    ("loss", "weights"),
    [
        (NCE(), lambda joint, product, ratio: product * ratio / (1.0 + ratio)),
        (NWJ(), lambda joint, product, ratio: joint),
        (SCL(), lambda joint, product, ratio: 2.0 * joint * ratio),
    ],
    ids=["nce", "nwj", "scl"],
)
def test_errors_of_the_ratio_weigh_as_much_as_each_loss_says(loss, weights):
    """Half the curvature at the optimum: r/(1+r) of independent pairs, joint pairs, r of joint pairs."""
    joint = torch.from_numpy(JOINT)
    product = torch.outer(joint.sum(1), joint.sum(0))
    curvature = torch.autograd.functional.hessian(cost_of_table(loss), RATIO.flatten())
    torch.testing.assert_close(curvature, weights(joint, product, RATIO.exp()).flatten().diag())


# ---- closed forms ----


def test_nwj_with_the_bias_profiled_out_is_its_log_form():
    table = np.random.default_rng(5).normal(size=20)
    logits, product = torch.from_numpy(table), torch.from_numpy(np.outer(JOINT.sum(1), JOINT.sum(0))).flatten()
    profiled, bias = minimum(lambda bias: cost_of_table(NWJ())(logits - bias), np.zeros(1))
    assert profiled == pytest.approx(cost_of_table(NWJ(log_form=True))(logits).item(), abs=1e-10)
    log_mean = (product * logits.exp()).sum().log()
    assert bias.item() == pytest.approx(log_mean.item(), abs=1e-5)
    assert NWJ().balancing_bias(logits, log_mean, log_mean).item() == pytest.approx(bias.item(), abs=1e-5)


def test_scl_with_the_bias_profiled_out_is_minus_exp_of_minus_its_log_form():
    table = np.random.default_rng(5).normal(size=20)
    logits = torch.from_numpy(table)
    product = torch.from_numpy(np.outer(JOINT.sum(1), JOINT.sum(0))).flatten()
    profiled, bias = minimum(lambda bias: cost_of_table(SCL())(logits - bias), np.zeros(1))
    assert profiled == pytest.approx(-math.exp(-cost_of_table(SCL(log_form=True))(logits).item()), abs=1e-10)
    anchors, positives = pairs()
    log_mean_twice = (product * (2.0 * logits).exp()).sum().log()
    found = SCL().balancing_bias(logits.reshape(4, 5)[anchors, positives], torch.zeros(()), log_mean_twice)
    assert found.item() == pytest.approx(bias.item(), abs=1e-5)


def test_nwj_with_the_anchor_offset_profiled_out_is_infonce_with_many_negatives():
    logits, joint = torch.from_numpy(np.random.default_rng(5).normal(size=(4, 5))), torch.from_numpy(JOINT)
    profiled, _ = minimum(lambda offset: population(NWJ(), logits - offset[:, None], joint), np.zeros(4))
    assert profiled == pytest.approx(population(InfoNCE(), logits, joint).item() + 1.0, abs=1e-10)


# ---- the positive in the denominator ----


def decoupled(logits, counts, negatives):
    """Transcribe InfoNCE without the positive in its denominator."""
    anchors, positives, others = enumerated(counts, negatives)
    return (torch.logsumexp(logits[anchors[:, None], others], 1) - logits[anchors, positives]).mean()


def most_exposed_set(negatives):
    """Return the largest P(A|x) - (1 - (1-P(A))^M) over anchors x and sets A of candidates, with its x and A."""
    marginal, given = JOINT.sum(0), JOINT / JOINT.sum(1, keepdims=True)
    sets = [list(chosen) for size in range(1, 5) for chosen in combinations(range(5), size)]
    return max(
        (given[x, chosen].sum() - (1.0 - (1.0 - marginal[chosen].sum()) ** negatives), x, chosen)
        for x in range(4)
        for chosen in sets
    )


@pytest.mark.parametrize("negatives", [1, 2])
def test_without_the_positive_in_the_denominator_the_loss_has_no_floor_where_a_set_is_exposed(negatives):
    excess, anchor, chosen = most_exposed_set(negatives)
    assert excess > 0.0
    direction = torch.zeros(4, 5, dtype=torch.float64)
    direction[anchor, chosen] = 1.0
    near, far = (decoupled(height * direction, COUNTS, negatives) for height in (1e3, 1e6))
    slope = ((far - near) / (1e6 - 1e3)).item()
    assert slope == pytest.approx(-excess * JOINT.sum(1)[anchor], rel=1e-6)
    for height in (1e3, 1e6):
        assert info_nce_of_table(height * direction, COUNTS, negatives) >= 0.0
    floor, _ = minimum(lambda table: info_nce_of_table(table.reshape(4, 5), COUNTS, negatives), np.zeros(20))
    assert floor >= math.log(1.0 + negatives) - oracles.mutual_information(JOINT)


def test_without_the_positive_in_the_denominator_the_loss_has_a_floor_where_no_set_is_exposed():
    counts = np.array([[3, 2], [2, 3]])
    exposed = 3 / 5 - (1.0 - (1.0 - 0.5) ** 2)
    assert exposed < 0.0
    value, point = minimum(lambda table: decoupled(table.reshape(2, 2), counts, 2), np.zeros(4))
    assert value > 0.0
    assert point.abs().max() < 10.0


# ---- exact populations with probabilities of any size ----


def population(loss, logits, joint):
    """Return the exact population cost of a table of logits; InfoNCE with e^30 negatives, less the 30 nats."""
    log_copies = LOG_COPIES if isinstance(loss, InfoNCE) else 0.0
    weights = (math.exp(log_copies) * joint.sum(0)).expand_as(logits)
    summaries, counts = loss.reduction(logits, weights), weights.sum(1)

    def cost_of_one(own, summary, count):
        return loss.combine(own[None], summary[None], count[None])

    each = torch.vmap(torch.vmap(cost_of_one, in_dims=(0, None, None)))(logits, summaries, counts)
    return (joint * each).sum() - log_copies


# ---- what the critic's offsets are for: a free code of a one-dimensional latent ----

NOISE = 0.15
LATENT = np.linspace(0.0, 1.0, 25)
MARGINALS = {
    "uniform": np.ones(25),
    "skewed": np.exp(-3.0 * LATENT),
    "bimodal": 0.03 + np.exp(-((LATENT - 0.25) ** 2) / 0.01) + np.exp(-((LATENT - 0.75) ** 2) / 0.01),
}
NORMAL = PowerSum(1, exponent=2.0, weights=1.0 / (2.0 * NOISE**2))


def joint_of(points, marginal, delta):
    """Return p(s) p(s~|s) with p(s~|s) proportional to exp(-delta) on the points."""
    points = torch.from_numpy(points)
    closeness = (-delta(points[:, None], points[None])).exp()
    marginal = torch.as_tensor(marginal / marginal.sum())
    return marginal[:, None] * closeness / closeness.sum(1, keepdim=True)


def fitted(loss, marginal, terms, *, tries=4):
    """Return the loss above the optimum and the least and largest slope of the best code, in units of the truth."""
    joint = joint_of(LATENT[:, None], MARGINALS[marginal], NORMAL)
    critic = Critic(NORMAL)
    fixed = torch.zeros(25, dtype=torch.float64)

    def cost(point):
        codes, anchor, candidate = point[:25, None], point[25:50], point[50:75]
        anchor = anchor if "alpha" in terms else point[75:] + fixed if "bias" in terms else fixed
        candidate = candidate if "alpha~" in terms else fixed
        return population(loss, critic.logits(Side(codes, anchor), Side(codes, candidate)), joint)

    random = np.random.default_rng(0)
    bent = [scale * LATENT + 0.02 * random.normal(size=25) for scale in (0.6, 0.8, 1.0)]
    starts = [np.concatenate([codes, np.zeros(51)]) for codes in (0.5 * LATENT, *bent)][:tries]
    # no critic does better than the log ratio, so the first start that reaches it is the last
    optimum = population(loss, torch.from_numpy(oracles.log_ratio(joint.numpy())), joint).item()
    value, point = minimum(cost, *starts, gradient=1e-7, bound=optimum + 1e-8)
    slopes = np.diff(point[:25].numpy()) / np.diff(LATENT)
    slopes *= np.sign(slopes.sum())
    return value - optimum, slopes.min(), slopes.max()


@pytest.mark.parametrize(
    "marginal",
    ["uniform", pytest.param("skewed", marks=pytest.mark.slow), pytest.param("bimodal", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", FOUR)
def test_with_both_offsets_every_loss_recovers_the_latent_isometrically(name, marginal):
    gap, least, most = fitted(FOUR[name], marginal, ("alpha", "alpha~"))
    assert gap == pytest.approx(0.0, abs=1e-6)
    assert (least, most) == (pytest.approx(1.0, abs=0.01), pytest.approx(1.0, abs=0.01))


@pytest.mark.slow
@pytest.mark.parametrize("marginal", MARGINALS)
def test_infonce_needs_the_candidate_offset_alone(marginal):
    gap, least, most = fitted(InfoNCE(), marginal, ("alpha~",))
    assert gap == pytest.approx(0.0, abs=1e-6)
    assert (least, most) == (pytest.approx(1.0, abs=0.01), pytest.approx(1.0, abs=0.01))


DISTORTED = [
    ("uniform", (), {"nce": (0.154, 0.25, 0.78), "info_nce": (0.003, 0.79, 1.05), "scl": (1.03, 0.13, 0.66)}),
    ("uniform", (), {"nwj": (0.355, 0.20, 0.76)}),
    ("uniform", ("bias",), {"nce": (0.0043, 0.55, 1.06), "scl": (0.105, 0.26, 1.17), "nwj": (0.017, 0.44, 1.08)}),
    ("uniform", ("alpha~",), {"nce": (0.0030, 0.64, 1.04), "scl": (0.043, 0.53, 1.13), "nwj": (0.009, 0.59, 1.05)}),
    ("skewed", (), {"nce": (0.119, 0.18, 0.82), "info_nce": (0.044, 0.68, 1.07), "scl": (1.07, 0.09, 0.78)}),
    ("skewed", (), {"nwj": (0.287, 0.14, 0.81)}),
    ("skewed", ("bias",), {"nce": (0.033, 0.29, 1.21), "scl": (0.611, 0.13, 1.52), "nwj": (0.101, 0.20, 1.25)}),
    ("skewed", ("bias",), {"info_nce": (0.044, 0.68, 1.07)}),
    ("skewed", ("alpha~",), {"scl": (0.040, 0.44, 1.20), "nwj": (0.011, 0.53, 1.05)}),
]
"""Loss above the optimum and least and largest slope without all offsets: what each loss then takes for granted."""


@pytest.mark.parametrize(
    ("marginal", "terms", "expected"),
    [pytest.param(*row, marks=[pytest.mark.slow] if "alpha~" in row[1] else []) for row in DISTORTED],
)
def test_without_the_offsets_the_code_is_stretched_as_the_marginal_says(marginal, terms, expected):
    for name, (gap, least, most) in expected.items():
        found = fitted(FOUR[name], marginal, terms, tries=2)
        # the gap to 1 in its last digit, the slopes to theirs
        assert found[0] == pytest.approx(gap, rel=0.01, abs=6e-4)
        assert found[1:] == (pytest.approx(least, abs=0.006), pytest.approx(most, abs=0.006))


@pytest.mark.parametrize("name", FOUR)
def test_without_the_offsets_a_bimodal_marginal_tears_the_code(name):
    """The gap between the modes is where the code is stretched least."""
    gap, least, most = fitted(FOUR[name], "bimodal", (), tries=2)
    assert gap > 0.01
    assert least < 0.3
    assert most > 1.05


# ---- which rotations the loss can tell ----

GRID = np.linspace(0.0, 1.0, 15)
SQUARE = np.stack(np.meshgrid(GRID, GRID, indexing="ij"), -1).reshape(-1, 2)


def power_sum(exponent):
    return PowerSum(2, exponent=exponent, weights=NOISE**-exponent / exponent)


def loss_of_rotated_latents(truth, model, degrees):
    """Return InfoNCE above its optimum for exact latents that are rotated, with scale and candidate offset refitted."""
    joint = joint_of(SQUARE, np.ones(len(SQUARE)), truth)
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    codes = torch.from_numpy(SQUARE @ turn)
    distances = model(codes[:, None], codes[None])  # scaling the codes scales these, since models are homogeneous

    def cost(point):
        return population(InfoNCE(), -(point[0].exp() * distances + point[None, 1:]), joint)

    value, _ = minimum(cost, np.zeros(1 + len(SQUARE)), gradient=1e-6)
    return value + (joint * torch.from_numpy(oracles.log_ratio(joint.numpy()))).sum().item()


L1_SQUARED = NormPower(norm_exponent=1.0, power=2.0, weight=1.0 / (2.0 * NOISE**2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "model", "expected"),
    [
        (power_sum(1.0), power_sum(1.0), (0.0, 0.032, 0.073, 0.094)),
        (power_sum(2.0), power_sum(2.0), (0.0, 0.0, 0.0, 0.0)),
        (power_sum(3.0), power_sum(3.0), (0.0, 0.007, 0.020, 0.027)),
        (L1_SQUARED, L1_SQUARED, (0.0, 0.056, 0.120, 0.152)),
        (power_sum(1.0), power_sum(2.0), (0.109, 0.109, 0.109, 0.109)),
        (power_sum(1.0), power_sum(3.0), (0.254, 0.241, 0.215, 0.202)),
        (power_sum(3.0), power_sum(1.0), (0.183, 0.163, 0.142, 0.137)),
    ],
    ids=["1", "2", "3", "l1 squared", "2 for 1", "3 for 1", "1 for 3"],
)
def test_rotated_latents_cost_what_the_exponent_says(truth, model, expected):
    """On the right side of 2 the axes are best, at 2 nothing tells them, on the wrong side 45 degrees are."""
    found = [loss_of_rotated_latents(truth, model, degrees) for degrees in (0.0, 15.0, 30.0, 45.0)]
    assert found == pytest.approx(expected, abs=6e-4)
