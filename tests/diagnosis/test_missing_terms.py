import numpy as np
import pytest
import torch
from torch import nn

from contrica import Box, InfoNCE, LaplaceConditional, LatentModel, PairBatch, UniformMarginal
from contrica.diagnosis.held_out import hold_out
from contrica.diagnosis.missing_terms import (
    choice,
    collected,
    located_scores_of,
    product_scores_of,
    scores_of,
    yes_or_no,
)
from exact_models import drawn, exact_critic

LAW = LatentModel(UniformMarginal(Box(2)), LaplaceConditional(Box(2), 0.2))


def held_out_of(pairs, block_rows=512):
    return hold_out(lambda x: 1.3 * x, exact_critic(LAW), InfoNCE(), pairs, block_rows=block_rows)


@pytest.fixture(scope="module")
def block():
    return held_out_of(drawn(LAW, 120)).blocks[0]


@pytest.fixture(scope="module")
def values():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((120, 3), (120, 120, 3))]


def choice_cost(positive, others):
    """The sum over rows of the cost of a choice, written out."""
    return sum(torch.log(p.exp() + o.exp().sum()) - p for p, o in zip(positive, others, strict=True))


def yes_or_no_cost(positive, others):
    """The sum over pairs of the cost of telling positives from K others a row, written out."""
    total = 0.0
    for p, o in zip(positive, others, strict=True):
        admissible = o[~torch.isneginf(o)]
        count = len(admissible)
        total = total + torch.log(1 + count * (-p).exp()) + torch.log(1 + admissible.exp() / count).sum()
    return total


@pytest.mark.parametrize(("posterior", "cost"), [(choice, choice_cost), (yes_or_no, yes_or_no_cost)])
def test_scores_and_information_are_the_derivatives_of_the_cost(block, values, posterior, cost):
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    total = cost(block.positive_logits + values[0] @ theta, block.other_logits + values[1] @ theta)
    (slope,) = torch.autograd.grad(total, theta, create_graph=True)
    curvature = torch.stack([torch.autograd.grad(part, theta, retain_graph=True)[0] for part in slope])
    found = scores_of(block, posterior(block), *values)
    torch.testing.assert_close(found.rows.sum(0), -slope.detach())
    torch.testing.assert_close(found.information, curvature.diagonal())


@pytest.mark.parametrize("posterior", [choice, yes_or_no])
def test_a_candidate_adds_the_derivative_by_its_weight(block, values, posterior):
    """Candidates weighed by 1 + e: what the sum of scores gains per e."""
    found = scores_of(block, posterior(block), *values)
    weigh = 1e-6
    for candidate in (0, 57):
        totals = []
        for sign in (1, -1):
            weights = torch.ones(120, dtype=torch.float64)
            weights[candidate] += sign * weigh
            own, apart = posterior(block).positive, weights * posterior(block).others
            if posterior is choice:
                norm = own + apart.sum(1)
                own, apart = own / norm, apart / norm[:, None]
            score = values[0] - own[:, None] * values[0] - torch.einsum("ij,ijm->im", apart, values[1])
            totals.append(score.sum(0))
        torch.testing.assert_close(
            found.columns[candidate], (totals[0] - totals[1]) / (2 * weigh), rtol=1e-5, atol=1e-8
        )


def test_terms_times_functions_of_the_row_are_those_terms(block, values):
    weights = torch.randn(120, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = located_scores_of(block, choice(block), *values, weights)
    for m in range(3):
        for w in range(2):
            positive = values[0][:, m] * weights[:, w]
            others = values[1][:, :, m] * weights[:, None, w]
            plain = scores_of(block, choice(block), positive[:, None], others[:, :, None])
            torch.testing.assert_close(found.rows[:, m, w], plain.rows[:, 0])
            torch.testing.assert_close(found.columns[:, m, w], plain.columns[:, 0])
            torch.testing.assert_close(found.information[m, w], plain.information[0])


def test_products_of_terms_are_those_terms(block, values):
    found = product_scores_of(block, choice(block), *values)
    for m in range(3):
        for w in range(3):
            product = [value[..., m] * value[..., w] for value in values]
            plain = scores_of(block, choice(block), product[0][:, None], product[1][:, :, None])
            torch.testing.assert_close(found.rows[:, m, w], plain.rows[:, 0])
            torch.testing.assert_close(found.columns[:, m, w], plain.columns[:, 0])
            torch.testing.assert_close(found.information[m, w], plain.information[0])


def terms_of(pairs, *, right, posterior=choice, block_rows=100):
    held_out = hold_out(
        nn.Identity() if right else lambda x: 0.8 * x, exact_critic(LAW), InfoNCE(), pairs, block_rows=block_rows
    )

    def scores():
        for block in held_out.blocks:
            left, own, apart = (
                side.codes[rows].double()
                for side, rows in (
                    (held_out.anchors, block.rows),
                    (held_out.positives, block.rows),
                    (held_out.others, block.columns),
                )
            )
            apart = (left[:, None] - apart).abs()
            yield scores_of(block, posterior(block), (left - own).abs(), apart)

    return collected(held_out, scores())


@pytest.mark.slow
@pytest.mark.parametrize("posterior", [choice, yes_or_no])
def test_scores_of_a_right_model_have_mean_0_and_the_error_that_is_claimed(posterior):
    found = [terms_of(drawn(LAW, 200, seed), right=True, posterior=posterior) for seed in range(200)]
    gradients = np.stack([terms.gradients for terms in found])
    spread = gradients.std(0, ddof=1)
    assert (np.abs(gradients.mean(0)) < 4 * spread / 200**0.5).all()
    claimed = np.mean([terms.errors for terms in found], 0)
    assert (claimed > 0.9 * spread).all()
    assert (claimed < 1.3 * spread).all()  # the second-order part is counted twice, which errs on the safe side


def test_a_step_is_the_coefficient_to_first_order():
    """Codes at .8 of their scale lack a fifth of |t| / .2, which is 1 per unit of the code's |t|, to first order .8."""
    found = terms_of(drawn(LAW, 4000), right=False, block_rows=512)
    assert (found.steps < -0.6).all()
    assert (found.steps > -1.6).all()
    assert (np.abs(found.steps / found.step_errors) > 5).all()
    np.testing.assert_allclose(found.gains, 0.5 * found.gradients**2 / found.information)


def test_repeated_pairs_of_one_group_make_no_error_smaller():
    pairs = drawn(LAW, 400)
    twice = PairBatch(pairs.anchors.repeat(2, 1), pairs.positives.repeat(2, 1), torch.arange(400).repeat(2))
    one, both = (terms_of(each, right=True, block_rows=1000) for each in (pairs, twice))
    np.testing.assert_allclose(both.errors, one.errors, rtol=0.02)


def test_separate_negatives_are_units_of_their_own():
    pairs = drawn(LAW, 400)
    errors = [
        terms_of(PairBatch(pairs.anchors, pairs.positives, negatives=drawn(LAW, count, 1).positives), right=True).errors
        for count in (10, 1000)
    ]
    assert (errors[0] > 1.1 * errors[1]).all()
