import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.pairs.timeline import Timeline

TRIALS = st.lists(st.integers(-3, 3), min_size=2, max_size=30).map(np.array)


@given(TRIALS)
def test_rows_of_a_trial_stand_together_and_in_order(trials):
    time = Timeline(len(trials), trials)
    for first, length in zip(time.firsts, time.lengths, strict=True):
        rows = time.rows[first : first + length]
        assert (np.diff(rows) > 0).all()
        assert (np.flatnonzero(trials == trials[rows[0]]) == rows).all()


@given(TRIALS, st.one_of(st.integers(0, 40), st.just("trial")))
def test_surroundings_are_the_places_that_are_near_in_the_same_trial(trials, separation):
    time = Timeline(len(trials), trials)
    first, last = time.surroundings(separation)
    reach = len(trials) if separation == "trial" else separation
    for place in range(len(trials)):
        near = [
            other
            for other in range(len(trials))
            if trials[time.rows[other]] == trials[time.rows[place]] and abs(other - place) <= reach
        ]
        assert near == list(range(first[place], last[place] + 1))


def test_lags_are_counted_within_a_trial_only():
    time = Timeline(5, np.array([0, 1, 0, 1, 0]))
    lags, together = time.lags(torch.tensor([0, 4, 1, 0]), torch.tensor([4, 2, 3, 1]))
    assert lags.tolist() == [2, -1, 1, 0]
    assert together.tolist() == [True, True, True, False]
