import pytest

from contrica.report import over_seeds, page
from contrica.report.outcome import Outcome
from synthetic_records import record, run_of

NOISES = (0.02, 0.4, 0.1)


def three():
    return [Outcome.of(record("one", noise=noise, gap=noise)) for noise in NOISES]


def test_a_single_outcome_is_returned_as_it_is():
    (only,) = over_seeds([Outcome.of(record())])
    assert only == Outcome.of(record())


def test_of_several_seeds_the_middle_is_shown_with_the_ends():
    outcomes = three()
    (merged,) = over_seeds(outcomes)
    values = sorted(outcome.scores["r2"].value for outcome in outcomes)
    shown = merged.scores["r2"]
    assert (shown.low, shown.value, shown.high) == tuple(values)
    assert merged.gap == pytest.approx(0.1)
    assert merged.correlations == outcomes[2].correlations


def test_experiments_keep_their_order():
    names = ["b", "a", "b", "c", "a"]
    merged = over_seeds([Outcome.of(record(name)) for name in names])
    assert [outcome.name for outcome in merged] == ["b", "a", "c"]


def test_the_page_has_one_row_for_all_seeds_and_says_what_the_ends_are():
    records = [record("one", noise=noise) for noise in NOISES]
    for seed, made in enumerate(records):
        made.experiment["seed"] = seed
    text = page(run_of(*records, seeds=(0, 1, 2)))
    assert text.count("<tbody><tr>") == 1
    assert "the least and the greatest of 3 seeds" in text
    assert "one, seed 2" in text
    assert "seed 0-2" in text
