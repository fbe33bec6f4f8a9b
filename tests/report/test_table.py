import dataclasses

from contrica.report.numbers import below_one
from contrica.report.outcome import Outcome
from contrica.report.table import table
from synthetic_records import record


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_there_is_a_row_per_experiment_and_one_per_floor():
    outcomes = [Outcome.of(record("first")), Outcome.of(record("second", rotate=True))]
    lines = table(outcomes).splitlines()
    names = [cells(line)[0] for line in lines[2:]]
    assert names == [
        "first",
        "second",
        "floor: codes of noise",
        "floor: factors, rotated",
        "floor: observations themselves",
        "floor: ICA of the observations",
    ]
    assert len({line.count("|") for line in lines}) == 1


def test_a_row_holds_the_scores_of_its_record():
    made = record("only")
    row = cells(table([Outcome.of(made)]).splitlines()[2])
    for cell, metric in zip(row[1:5], ("r2", "mcc_pearson", "smallest_matched", "leakage"), strict=True):
        score = made.scores[metric]
        assert cell == f"{below_one(score['value'])} [{below_one(score['low'])}, {below_one(score['high'])}]"
    assert row[5:] == ["0.004", "1.03", "36.2"]


def test_a_bar_in_a_name_does_not_split_the_row():
    line = table([Outcome.of(record("a|b\nc"))]).splitlines()[2]
    assert line.startswith("| a\\|b c |")


def test_a_floor_that_could_not_be_scored_is_a_dash():
    made = record()
    broken = {**made.scores, "floors": {"ica": {"scores": None, "note": "too few rows", "converged": False}}}
    line = table([Outcome.of(dataclasses.replace(made, scores=broken))]).splitlines()[-1]
    assert cells(line)[1:5] == ["\N{EN DASH}"] * 4
