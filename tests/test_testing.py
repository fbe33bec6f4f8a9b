import random

import numpy as np
import pytest
import torch

from contrica.dissimilarities import PowerSum
from contrica.errors import ContractError, DomainError, DtypeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.losses.reduction import softplus
from contrica.pairs.batch import PairBatch
from contrica.pairs.given import GivenPairs
from contrica.spaces import Sphere
from contrica.testing import check_dissimilarity, check_loss, check_pair_source


def l1(left, right):
    return (left - right).abs().sum(-1)


BROKEN_DISSIMILARITIES = {
    "must be symmetric": lambda a, b: (a - b).abs().sum(-1) * (1.0 + a[..., 0].square()),
    r"delta\(a, a\) must be 0": lambda a, b: l1(a, b) + 0.1,
    "must be positive, got 0 ": lambda a, b: (a - b)[..., 0].clamp_min(0.0),
    "must be positive, got -": lambda a, b: -l1(a, b),
    "must be positive, got nan": lambda a, b: (a - b).sum(-1).sqrt(),
    "must give": lambda a, b: (a - b).abs(),
    r"got \(12,\) and \(12,\)": lambda a, b: l1(a, b) if a.ndim == 2 else l1(a[:, 0], b[0, 0]),
    "on its diagonal": lambda a, b: l1(a, b) if a.ndim == 2 else l1(a, b.flip(1)),
    "got torch.float64": lambda a, b: l1(a.double(), b.double()),
    "gradients must be finite": lambda a, b: (a - b).square().sum(-1).sqrt(),
    "gradients must be finite and exist": lambda a, b: (a.detach() - b).abs().sum(-1) + 0.0 * b.sum(-1),
}


@pytest.mark.parametrize("says", BROKEN_DISSIMILARITIES)
def test_a_broken_dissimilarity_is_told_what_it_breaks(says):
    with pytest.raises(ContractError, match=says):
        check_dissimilarity(BROKEN_DISSIMILARITIES[says], 3)


def test_a_power_below_one_without_a_guard_is_found():
    with pytest.raises(ContractError, match="gradients must be finite"):
        check_dissimilarity(lambda a, b: (a - b).abs().pow(0.5).sum(-1), 2)


def test_a_function_of_ones_own_is_a_dissimilarity():
    check_dissimilarity(l1, 4)
    check_dissimilarity(lambda a, b: torch.log1p((a - b).square()).sum(-1), 2)


def test_the_chord_is_a_dissimilarity_on_the_sphere_only():
    def chord(a, b):
        return 1.0 - (a * b).sum(-1)

    check_dissimilarity(chord, 3, space=Sphere(3))
    with pytest.raises(ContractError):
        check_dissimilarity(chord, 3)


def test_a_violation_is_an_assertion_and_names_the_input():
    with pytest.raises(AssertionError, match=r"at a = \(.*\), b = \("):
        check_dissimilarity(lambda a, b: -l1(a, b), 2)


def test_the_generator_that_is_passed_is_the_one_that_is_used():
    generator = torch.Generator().manual_seed(3)
    state = generator.get_state()
    check_dissimilarity(PowerSum(2), 2, generator=generator)
    assert not torch.equal(generator.get_state(), state)


def test_what_is_no_part_at_all_is_refused():
    with pytest.raises(DtypeError, match="callable"):
        check_dissimilarity(3, 2)
    with pytest.raises(DomainError, match="dim"):
        check_dissimilarity(PowerSum(2), 0)
    with pytest.raises(DtypeError, match="generator"):
        check_dissimilarity(PowerSum(2), 2, generator=0)
    with pytest.raises(DtypeError, match="callable"):
        check_loss("nce")
    with pytest.raises(DtypeError, match="method draw"):
        check_pair_source(3)
    with pytest.raises(DomainError, match="batch_size"):
        check_pair_source(pairs(), batch_size=1)


@pytest.mark.parametrize(
    ("loss", "freedom"),
    [
        (NCE(), "none"),
        (InfoNCE(), "anchor"),
        (NWJ(), "none"),
        (NWJ(log_form=True), "constant"),
        (SCL(), "none"),
        (SCL(log_form=True), "constant"),
    ],
    ids=str,
)
def test_each_loss_keeps_its_contract_and_leaves_open_what_it_says(loss, freedom):
    assert check_loss(loss) == freedom


def summed_nce(positive, negative):
    return softplus(-positive).mean() + softplus(negative).sum(1).mean()


def info_nce_with_an_epsilon(positive, negative):
    odds = positive.exp() / (positive.exp() + negative.exp().sum(1))
    return -(odds + 1e-8).log().mean()


def test_a_loss_of_ones_own_is_a_loss():
    assert check_loss(lambda positive, negative: softplus(-positive).mean() + softplus(negative).mean()) == "none"


BROKEN_LOSSES = {
    "0-d": lambda positive, negative: softplus(negative[:, 0] - positive),
    "0-d and finite": lambda positive, negative: softplus(negative[:, 0] - positive).mean() / 0.0,
    "average over pairs": lambda positive, negative: softplus(-positive).sum() + softplus(negative).sum(),
    "larger logits are closer": lambda positive, negative: NCE()(-positive, -negative),
    "fall with every positive": lambda positive, negative: NCE()(positive, negative[:, :1]),
    "200 nats": info_nce_with_an_epsilon,
    "with independent pairs": lambda positive, negative: softplus(1.0 - positive).mean() + softplus(negative).mean(),
}


@pytest.mark.parametrize("says", BROKEN_LOSSES)
def test_a_broken_loss_is_told_what_it_breaks(says):
    with pytest.raises(ContractError, match=says):
        check_loss(BROKEN_LOSSES[says])


def test_a_ranking_loss_whose_minimiser_is_not_the_ratio_is_found():
    """A hinge on differences pulls and pushes, and knows independence, but stops at a margin."""

    def smooth_hinge(positive, negative):
        return softplus(3.0 * (negative - positive[:, None])).square().mean()

    with pytest.raises(ContractError, match="with dependent pairs"):
        check_loss(smooth_hinge)


def test_a_loss_that_ignores_weights_is_found():
    class Deaf(NCE):
        def __call__(self, positive_logits, negative_logits, *, weights=None):
            return super().__call__(positive_logits, negative_logits)

    with pytest.raises(ContractError, match="weight 0"):
        check_loss(Deaf())


def pairs(rows=40):
    values = torch.arange(float(rows))[:, None]
    return GivenPairs(values, values + 0.5)


class Drawing:
    """A pair source that draws with the function it is given."""

    def __init__(self, draw):
        self._draw = draw

    def draw(self, batch_size, *, generator):
        return self._draw(batch_size, generator)


def normal(batch_size, generator, columns=2):
    return torch.randn(batch_size, columns, generator=generator)


def test_pairs_in_memory_keep_the_contract():
    check_pair_source(pairs())
    check_pair_source(pairs(), batch_size=2)


BROKEN_SOURCES = {
    "wrap the tensors": lambda n, g: (normal(n, g), normal(n, g)),
    "must return 8 pairs, got 9": lambda n, g: PairBatch(normal(n + 1, g), normal(n + 1, g)),
    "leave global generators alone": lambda n, g: PairBatch(normal(n, g), torch.randn(n, 2)),
    "global generators": lambda n, g: PairBatch(normal(n, g) + random.random(), normal(n, g)),
    "advanced one": lambda n, g: PairBatch(normal(n, g) + np.random.random(), normal(n, g)),  # noqa: NPY002
    "same generator state": lambda n, g: PairBatch(
        normal(n, g), normal(n, torch.Generator().manual_seed(next(COUNTER)))
    ),
    "an advanced generator": lambda n, g: PairBatch(*torch.ones(2, n, 2)),
    "record no gradients": lambda n, g: PairBatch(normal(n, g).requires_grad_(), normal(n, g)),
    "must be finite": lambda n, g: PairBatch(normal(n, g), normal(n, g) / 0.0),
    "one shape": lambda n, g: PairBatch(normal(n, g, n), normal(n, g, n)),
}
COUNTER = iter(range(100))


@pytest.mark.parametrize("says", BROKEN_SOURCES)
def test_a_broken_source_is_told_what_it_breaks(says):
    with pytest.raises(ContractError, match=says):
        check_pair_source(Drawing(BROKEN_SOURCES[says]))


def test_a_draw_of_all_pairs_repeats_itself_only_in_order():
    check_pair_source(pairs(8), batch_size=8)
