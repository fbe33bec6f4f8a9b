import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrica.second_stage.stability import stability

MIXING = np.random.default_rng(0).normal(size=(4, 4))


@given(st.permutations(range(4)), st.lists(st.sampled_from([-2.0, 1e-9, 3.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_change_nothing(order, scales):
    found = stability(MIXING, [MIXING[order] * np.array(scales)[:, None]], "codes")
    assert found.value == pytest.approx(1.0)
    assert found.holds


def test_a_turn_of_two_axes_is_its_cosine_and_names_the_axis():
    turn = np.eye(4)
    turn[np.ix_([1, 3], [1, 3])] = [[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]]
    found = stability(MIXING, [turn @ MIXING, turn.T @ MIXING], "codes")
    assert found.value == pytest.approx(np.cos(0.4))
    assert not found.holds
    assert "axis 1" in found.words or "axis 3" in found.words


def test_the_mean_over_resamples_is_taken_per_axis():
    turn = np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
    assert stability(np.eye(2), [np.eye(2), turn], "codes").value == pytest.approx((1 + np.cos(0.4)) / 2)


def test_random_axes_of_a_plane_do_not_pass():
    angles = np.random.default_rng(0).uniform(0, np.pi, size=200)
    turns = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in angles]
    assert stability(np.eye(2), turns, "codes").value == pytest.approx(0.90, abs=0.02)
