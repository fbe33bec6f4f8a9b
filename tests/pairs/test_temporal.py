import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs import TemporalPairs
from contrica.testing import check_pair_source
from row_laws import assert_law, drawn_table


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(num_rows):
    """A recording whose observation is the number of the row."""
    return torch.arange(float(num_rows))[:, None]


def law_by_enumeration(trials, chances):
    """p(t, s) = sum_k q(k) [t and s are k apart in a trial] / |A_k|, by going through all pairs of rows."""
    law = np.zeros((len(trials), len(trials)))
    times = {row: [r for r in range(len(trials)) if trials[r] == trials[row]] for row in range(len(trials))}
    for lag, chance in chances.items():
        admissible = [
            (t, s)
            for t in range(len(trials))
            for s in range(len(trials))
            if trials[t] == trials[s] and times[s].index(s) - times[t].index(t) == lag
        ]
        for pair in admissible:
            law[pair] += chance / len(admissible)
    return law


ONE, MIXED = [0] * 9, [5, 5, -1, 5, 2, -1, 2, 5, -1, -1, 8, 5]


@pytest.mark.parametrize(
    ("trials", "lags", "chances"),
    [
        (ONE, 3, {3: 1.0}),
        (ONE, -2, {-2: 1.0}),
        (ONE, range(1, 6), dict.fromkeys(range(1, 6), 0.2)),
        (ONE, {1: 0.6, 8: 0.1, -4: 0.3, 7: 0.0}, {1: 0.6, 8: 0.1, -4: 0.3}),
        (MIXED, 1, {1: 1.0}),
        (MIXED, 3, {3: 1.0}),
        (MIXED, {1: 0.5, 2: 0.2, 4: 0.1, -3: 0.2}, {1: 0.5, 2: 0.2, 4: 0.1, -3: 0.2}),
    ],
)
def test_the_drawn_law_is_the_enumerated_one(trials, lags, chances):
    source = TemporalPairs(numbered(len(trials)), lags=lags, trials=np.array(trials))
    assert_law(source, law_by_enumeration(trials, chances))


def test_a_law_that_is_slightly_off_is_found():
    source = TemporalPairs(numbered(9), lags={1: 0.6, 2: 0.4})
    with pytest.raises(AssertionError, match="chi-square"):
        assert_law(source, law_by_enumeration(ONE, {1: 0.65, 2: 0.35}))


@given(st.lists(st.integers(0, 4), min_size=6, max_size=40), st.integers(1, 6), st.integers(0, 99))
def test_a_pair_is_a_lag_apart_and_never_crosses_a_trial(trials, lag, seed):
    trials = np.array(trials)
    if np.maximum(np.bincount(trials) - lag, 0).sum() < 2:
        return
    source = TemporalPairs(numbered(len(trials)), lags=lag, trials=torch.from_numpy(trials))
    anchors, positives = source.draw_rows(50, generator=generator(seed))
    assert (trials[anchors] == trials[positives]).all()
    between = [np.sum(trials[a:p] == trials[a]) for a, p in zip(anchors, positives, strict=True)]
    assert set(between) == {lag}


def test_rows_of_a_draw_are_the_observations_of_the_batch():
    source = TemporalPairs(numbered(50), lags=range(1, 9))
    rows, batch = source.draw_rows(20, generator=generator()), source.draw(20, generator=generator())
    assert torch.equal(batch.anchors[:, 0].long(), rows[0])
    assert torch.equal(batch.positives[:, 0].long(), rows[1])
    assert batch.groups is None


def test_trials_that_are_too_short_are_dropped_and_counted():
    source = TemporalPairs(numbered(12), lags={2: 0.5, 3: 0.5}, trials=np.array(MIXED))
    assert (source.num_dropped_trials, source.num_dropped_rows) == (2, 3)
    assert drawn_table(source, 2000)[[4, 6, 10]].sum() == 0


def test_draws_of_a_source_with_many_trials_and_lags_keep_no_table_of_both():
    lengths = np.arange(1, 1001)
    source = TemporalPairs(numbered(lengths.sum()), lags=range(1, 1000), trials=np.repeat(lengths, lengths))
    assert not any(np.size(value) > 500_500 for value in vars(source).values() if isinstance(value, np.ndarray))
    anchors, positives = source.draw_rows(1000, generator=generator())
    lags, together = source.time_lags(anchors, positives)
    assert bool(together.all())
    assert 400 < float(lags.double().mean()) < 600


def linked_by_enumeration(rows, trials, within):
    """Groups as sets of pairs, from all pairs of pairs and their chains."""
    places = {row: int(np.sum(trials[:row] == trials[row])) for row in range(len(trials))}

    def near(left, right):
        return any(trials[a] == trials[b] and abs(places[a] - places[b]) <= within for a in left for b in right)

    groups = []
    for number, pair in enumerate(rows):
        touched = [group for group in groups if any(near(pair, rows[other]) for other in group)]
        groups = [group for group in groups if group not in touched] + [set.union({number}, *touched)]
    return {frozenset(group) for group in groups}


@given(st.integers(0, 6), st.integers(1, 9), st.integers(0, 99))
def test_no_negative_is_within_the_excluded_time(within, lag, seed):
    trials = np.arange(300) // 7 % 3
    source = TemporalPairs(numbered(300), lags=lag, trials=trials, exclude_within=within)
    rows = torch.stack(source.draw_rows(9, generator=generator(seed)), 1).tolist()
    expected = linked_by_enumeration(rows, trials, within)
    if len(expected) == 1:
        with pytest.raises(DomainError, match="all 9 are linked"):
            source.draw(9, generator=generator(seed))
        return
    groups = source.draw(9, generator=generator(seed)).groups
    assert {frozenset(torch.nonzero(groups == group).flatten().tolist()) for group in groups.unique()} == expected


def test_pairs_of_one_trial_can_be_kept_from_being_negatives():
    trials = np.array([3, 3, 3, 9, 9, 9, 4, 4, 4, 4])
    source = TemporalPairs(numbered(10), lags=1, trials=trials, exclude_within="trial")
    batch = source.draw(30, generator=generator())
    drawn = trials[batch.anchors[:, 0].long()]
    assert ((batch.groups[:, None] == batch.groups).numpy() == (drawn[:, None] == drawn)).all()


def test_a_batch_without_any_negative_left_is_refused():
    source = TemporalPairs(numbered(20), lags=1, exclude_within=20)
    with pytest.raises(DomainError, match="lower exclude_within"):
        source.draw(4, generator=generator())


@pytest.mark.parametrize(
    "source",
    [
        TemporalPairs(numbered(500), lags=1),
        TemporalPairs(numbered(500).numpy(), lags={1: 0.5, 40: 0.5}, exclude_within=1),
        TemporalPairs(numbered(500), lags=range(1, 5), trials=np.arange(500) // 50, exclude_within="trial"),
    ],
)
def test_it_is_a_pair_source(source):
    check_pair_source(source)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lags": 0}, DomainError, "must not be 0"),
        ({"lags": range(3)}, DomainError, "must not be 0"),
        ({"lags": range(3, 3)}, DomainError, "at least 1 lag"),
        ({"lags": 10}, DomainError, "longest trial, which has 10 rows"),
        ({"lags": -10}, DomainError, "longest trial, which has 10 rows"),
        ({"lags": 5, "trials": np.array([0] * 6 + [1] * 4)}, DomainError, "at least 2 pairs"),
        ({"lags": 6, "trials": np.array([0] * 6 + [1] * 4)}, DomainError, "which has 6 rows"),
        ({"lags": {1: 0.5, 2: 0.4}}, DomainError, "must sum to 1"),
        ({"lags": {1: 1.5, 2: -0.5}}, DomainError, "at least 0"),
        ({"lags": {1: float("nan")}}, DomainError, "finite"),
        ({"lags": {}}, DomainError, "sum to 1"),
        ({"lags": {1.5: 1.0}}, DtypeError, "whole number"),
        ({"lags": 1.0}, DtypeError, "whole number"),
        ({"lags": None}, DtypeError, "whole number"),
        ({"lags": 1, "trials": np.zeros(9, int)}, ShapeError, "trials must have shape"),
        ({"lags": 1, "trials": np.zeros(10)}, DtypeError, "integers"),
        ({"lags": 1, "trials": [0] * 10}, DtypeError, "integers"),
        ({"lags": 1, "exclude_within": -1}, DomainError, "at least 0"),
        ({"lags": 1, "exclude_within": "day"}, DomainError, "'trial'"),
        ({"lags": 1, "exclude_within": "trial"}, DomainError, "at least 2 trials"),
    ],
)
def test_what_makes_no_pairs_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        TemporalPairs(numbered(10), **arguments)


@pytest.mark.parametrize(
    ("size", "stream", "error"), [(1, generator(), DomainError), (2.5, generator(), DtypeError), (2, None, DtypeError)]
)
def test_a_draw_that_cannot_be_made_is_refused(size, stream, error):
    with pytest.raises(error):
        TemporalPairs(numbered(10), lags=1).draw(size, generator=stream)
