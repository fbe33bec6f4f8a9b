"""What all four losses and both log forms promise alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import oracles
from contrica.errors import ContricaError, DomainError, DtypeError, ShapeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE

LOSSES = {
    "nce": NCE(),
    "info_nce": InfoNCE(),
    "nwj": NWJ(),
    "nwj_log_form": NWJ(log_form=True),
    "scl": SCL(),
    "scl_log_form": SCL(log_form=True),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def logits(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def expected(name, positive, negative, weights=None):
    weights = torch.ones_like(negative) if weights is None else weights
    arguments = [argument.detach().double().numpy() for argument in (positive, negative, weights)]
    return torch.tensor(float(oracles.LOSSES[name](*arguments)), dtype=torch.float64)


def slopes(loss, positive, negative, weights=None):
    positive, negative = positive.clone().requires_grad_(), negative.clone().requires_grad_()
    return torch.autograd.grad(loss(positive, negative, weights=weights), (positive, negative))


@pytest.mark.slow
@every_loss
@given(batch=st.integers(1, 6), negatives=st.integers(1, 7), seed=st.integers(0, 999), spread=st.floats(0.1, 8.0))
def test_a_loss_is_its_formula(name, batch, negatives, seed, spread):
    positive, negative = spread * logits(batch, seed=seed), spread * logits(batch, negatives, seed=seed + 1)
    torch.testing.assert_close(LOSSES[name](positive, negative), expected(name, positive, negative))


@every_loss
@given(seed=st.integers(0, 999))
def test_a_weighted_loss_is_its_formula(name, seed):
    positive, negative = logits(5, seed=seed), logits(5, 4, seed=seed + 1)
    weights = logits(5, 4, seed=seed + 2).clamp_min(0.0)
    weights[0, 0] = 0.5
    value = LOSSES[name](positive, negative, weights=weights)
    torch.testing.assert_close(value, expected(name, positive, negative, weights))


@every_loss
def test_weights_may_be_a_mask(name):
    positive, negative = logits(5), logits(5, 4, seed=1)
    mask = logits(5, 4, seed=2) > 0
    value = LOSSES[name](positive, negative, weights=mask)
    torch.testing.assert_close(value, expected(name, positive, negative, mask))


@every_loss
def test_what_stands_at_weight_zero_is_never_seen(name):
    positive, negative = logits(5), logits(5, 4, seed=1)
    weights = torch.ones_like(negative)
    weights[:, 2] = 0.0
    loud = negative.clone()
    loud[:, 2] = 1e4
    torch.testing.assert_close(
        LOSSES[name](positive, loud, weights=weights), LOSSES[name](positive, negative, weights=weights)
    )
    for quiet, found in zip(
        slopes(LOSSES[name], positive, negative, weights), slopes(LOSSES[name], positive, loud, weights), strict=True
    ):
        torch.testing.assert_close(quiet, found)
        assert torch.isfinite(found).all()


@every_loss
def test_an_anchor_without_candidates_has_no_undefined_gradient(name):
    weights = torch.ones(4, 3, dtype=torch.float64)
    weights[1] = 0.0
    positive, negative = logits(4), logits(4, 3, seed=1)
    torch.testing.assert_close(
        LOSSES[name](positive, negative, weights=weights), expected(name, positive, negative, weights)
    )
    pull, push = slopes(LOSSES[name], positive, negative, weights)
    assert torch.isfinite(pull).all()
    torch.testing.assert_close(push[1], torch.zeros(3, dtype=torch.float64))
    assert (push[0] > 0).all()


@every_loss
def test_gradients_agree_with_finite_differences(name):
    positive, negative = logits(4).requires_grad_(), logits(4, 3, seed=1).requires_grad_()
    weights = logits(4, 3, seed=2).abs()
    weights[2, 1] = 0.0
    assert torch.autograd.gradcheck(LOSSES[name], (positive, negative))
    assert torch.autograd.gradcheck(lambda p, n: LOSSES[name](p, n, weights=weights), (positive, negative))


@pytest.mark.slow
@every_loss
@given(seed=st.integers(0, 999))
def test_the_order_of_pairs_and_of_candidates_does_not_matter(name, seed):
    positive, negative = logits(5, seed=seed), logits(5, 4, seed=seed + 1)
    rows = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    columns = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    shuffled = LOSSES[name](positive[rows], negative[rows][:, columns])
    torch.testing.assert_close(shuffled, LOSSES[name](positive, negative))


@pytest.mark.parametrize(("own", "other"), [(-200.0, 0.0), (0.0, 200.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_loss
def test_a_pair_that_loses_by_200_nats_keeps_its_gradient(name, dtype, own, other):
    """Among pairs that are easy, so that no average carries it; in SCL it lives on the side of the larger logit."""
    positive, negative = torch.zeros(8, dtype=dtype), torch.full((8, 5), -5.0, dtype=dtype)
    positive[3], negative[3] = own, other
    value = LOSSES[name](positive, negative)
    pull, push = slopes(LOSSES[name], positive, negative)
    assert torch.isfinite(value)
    assert torch.isfinite(pull).all()
    assert torch.isfinite(push).all()
    assert pull[3].abs() + push[3].sum() > 0.1 / 8
    if not name.startswith("scl"):
        assert pull[3] < -0.4 / 8


@pytest.mark.parametrize("ratio", [40.0, 39.9])
@every_loss
def test_a_log_ratio_of_40_overflows_nowhere_and_float32_agrees_with_float64(name, ratio):
    positive, negative = logits(6) + ratio - 3.0, 3.0 * logits(6, 5, seed=1) - 5.0
    positive[0] = negative[0, 0] = ratio
    # both dtypes start from the same numbers
    positive, negative = positive.float(), negative.float()
    narrow, wide = LOSSES[name](positive, negative), LOSSES[name](positive.double(), negative.double())
    torch.testing.assert_close(wide, expected(name, positive, negative))
    # the log forms are differences of numbers of size 80, each rounded to 4e-6
    torch.testing.assert_close(narrow.double(), wide, rtol=1e-5, atol=1e-5 if "log_form" in name else 0.0)
    for one, other in zip(
        slopes(LOSSES[name], positive, negative),
        slopes(LOSSES[name], positive.double(), negative.double()),
        strict=True,
    ):
        torch.testing.assert_close(one.double(), other, rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize("size", [1e3, 1e6])
@every_loss
def test_logits_of_any_size_give_finite_gradients_and_up_to_3000_finite_values(name, size):
    for own, other in ((size, -size), (-size, size), (size, size), (-size, -size)):
        positive, negative = torch.full((3,), own), torch.full((3, 2), other)
        assert torch.isfinite(LOSSES[name](positive, negative)) or size > 3e3
        for slope in slopes(LOSSES[name], positive, negative):
            assert torch.isfinite(slope).all()


@every_loss
def test_the_balancing_bias_takes_and_gives_scalars(name):
    positive = logits(4)
    scalar = torch.tensor(0.3, dtype=torch.float64)
    assert LOSSES[name].balancing_bias(positive, scalar, 2 * scalar).shape == ()


@every_loss
@given(
    positive_shape=st.lists(st.integers(0, 3), max_size=3),
    negative_shape=st.lists(st.integers(0, 3), max_size=3),
)
def test_logits_of_shapes_that_do_not_fit_are_refused(name, positive_shape, negative_shape):
    fits = len(positive_shape) == 1 and len(negative_shape) == 2 and positive_shape[0] == negative_shape[0]
    if fits and negative_shape[0] * negative_shape[1] > 0:
        assert LOSSES[name](torch.zeros(positive_shape), torch.zeros(negative_shape)).shape == ()
        return
    with pytest.raises(ShapeError):
        LOSSES[name](torch.zeros(positive_shape), torch.zeros(negative_shape))


@every_loss
@given(bad=st.sampled_from([None, 3.0, "logits", [0.0, 0.0], np.zeros(2), torch.zeros(2, dtype=torch.int64)]))
def test_what_is_no_floating_tensor_is_refused(name, bad):
    with pytest.raises(DtypeError):
        LOSSES[name](bad, torch.zeros(2, 3))
    with pytest.raises(DtypeError):
        LOSSES[name](torch.zeros(2), bad)


@every_loss
def test_weights_that_mean_nothing_are_refused(name):
    positive, negative = torch.zeros(2), torch.zeros(2, 3)
    for bad in (-torch.ones(2, 3), torch.full((2, 3), torch.nan), torch.full((2, 3), torch.inf), torch.zeros(2, 3)):
        with pytest.raises(DomainError):
            LOSSES[name](positive, negative, weights=bad)
    for bad in (torch.ones(3, 2), torch.ones(3), torch.ones(())):
        with pytest.raises(ShapeError, match="weights must have the shape"):
            LOSSES[name](positive, negative, weights=bad)
    for bad in (np.ones((2, 3)), 1.0):
        with pytest.raises(ContricaError):
            LOSSES[name](positive, negative, weights=bad)
