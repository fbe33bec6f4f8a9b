import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contrica import (
    Box,
    ExponentialTiltMarginal,
    GeneralisedNormalConditional,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    UniformMarginal,
)
from contrica.diagnosis import shared_information

LINE = Box(1)
LAWS = {
    "3 nats": LatentModel(UniformMarginal(LINE), GeneralisedNormalConditional(LINE, 3.0, 0.02)),
    "1.4 nats": LatentModel(UniformMarginal(LINE), LaplaceConditional(LINE, 0.05)),
    "skewed": LatentModel(ExponentialTiltMarginal(LINE, 3.0), NormalConditional(LINE, 0.1)),
    "0.2 nats": LatentModel(UniformMarginal(LINE), LaplaceConditional(LINE, 0.3)),
    "next to none": LatentModel(UniformMarginal(LINE), LaplaceConditional(LINE, 2.0)),
}


def estimate(law, num_pairs, seed):
    drawn = law.sample(num_pairs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return shared_information(*(side[:, 0].numpy() for side in drawn), np.arange(num_pairs))


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_it_is_that_of_the_law(name):
    exact = LAWS[name].mutual_information()
    found = np.array([estimate(LAWS[name], 2000, seed) for seed in range(12)])
    assert abs(found[:, 0].mean() - exact) < 0.04
    assert (np.abs(found[:, 0] - exact) < 4 * found[:, 1] + 0.03).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_the_standard_error_is_the_spread_of_the_estimates(name):
    found = np.array([estimate(LAWS[name], 1000, seed) for seed in range(60)])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(ddof=1), rel=0.35)


def test_more_pairs_come_closer():
    law = LAWS["1.4 nats"]
    errors = [
        abs(np.mean([estimate(law, n, seed)[0] for seed in range(6)]) - law.mutual_information()) for n in (300, 6000)
    ]
    assert errors[1] < 0.5 * errors[0]


@settings(max_examples=10)
@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.sampled_from([1.0, -1.0]))
def test_units_sign_and_order_of_the_members_do_not_matter(scale, shift, sign):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=300)
    others, units = codes + rng.normal(size=300), np.arange(300)
    first = shared_information(codes, others, units)[0]
    assert shared_information(sign * scale * codes + shift * scale, others, units)[0] == pytest.approx(first, abs=0.02)
    assert shared_information(others, codes, units)[0] == pytest.approx(first, abs=1e-9)


def test_a_constant_code_and_codes_with_copies_have_finite_information():
    units = np.arange(200)
    assert shared_information(np.zeros(200), np.arange(200.0), units) == (0.0, 0.0)
    value, error = shared_information(np.repeat(np.arange(20.0), 10), np.repeat(np.arange(20.0), 10), units)
    assert np.isfinite(value)
    assert value > 1
    assert np.isfinite(error)
