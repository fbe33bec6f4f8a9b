"""Every recipe, with tiny steps: it builds, runs and makes a page, and what it names exists."""

import dataclasses
import math

import pytest

from contrica.experiment import MLPMixing
from contrica.recipes import RECIPES, recipe, run_all
from contrica.recordings import Figures, RecordingExperiment
from contrica.report import Curves, RunRecord, page
from contrica.report.numbers_of import NUMBERS
from contrica.report.outcome import METRICS
from recorded_data import needs_recordings

MOST_RUN = 8
"""A table with more experiments is gone through in strides."""

NAMES = [made.name for made in RECIPES]
RECORDED = {made.name for made in RECIPES if isinstance(made.build(seed=0)[0], RecordingExperiment)}


def tiny(experiment):
    """The experiment with so few steps, rows and candidates that only its form is left."""
    training = dataclasses.replace(experiment.training, steps=2, batch_size=64)
    if isinstance(experiment, RecordingExperiment):
        return tiny_recording(experiment, training)
    small = {"training": training, "num_test": 1200}
    if isinstance(experiment.mixing, MLPMixing):
        small |= {"mixing": dataclasses.replace(experiment.mixing, candidates=10), "widths": (8,)}
    if experiment.neighbourhoods is not None:
        small["neighbourhoods"] = dataclasses.replace(
            experiment.neighbourhoods, cell_size=32, pool_size=64, first_pool_size=64, plain_steps=1
        )
    return dataclasses.replace(experiment, **small)


def tiny_recording(experiment, training):
    recording = experiment.recording
    if isinstance(recording, Figures):
        recording = dataclasses.replace(recording, num_pairs=600)
    return dataclasses.replace(experiment, training=training, recording=recording, num_shuffles=2)


@pytest.mark.parametrize("name", NAMES)
def test_experiments_have_names_of_their_own_that_no_seed_changes(name):
    made = {seed: [experiment.name for experiment in recipe(name).build(seed=seed)] for seed in (0, 1)}
    assert made[0] == made[1]
    assert len(set(made[0])) == len(made[0])
    assert all(experiment.seed == 1 for experiment in recipe(name).build(seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_steps_that_are_asked_for_are_those_of_every_experiment(name):
    assert {experiment.training.steps for experiment in recipe(name).build(seed=0, steps=7)} == {7}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_published_values_and_charts_are_of_experiments_that_there_are(name):
    found = recipe(name)
    names = {experiment.name for experiment in found.build(seed=0)}
    assert {value.experiment for value in found.published} <= names
    for chart in found.charts():
        assert chart.number in NUMBERS
        drawn = (
            [point for line in chart.lines for _, point in line.points]
            if isinstance(chart, Curves)
            else [cell for row in chart.cells for cell in row if cell]
        )
        assert set(drawn) <= names


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_recordings if name in RECORDED else ()) for name in NAMES]
)
def test_every_experiment_runs_and_the_page_shows_it(name):
    found = recipe(name)
    experiments = [tiny(experiment) for experiment in found.build(seed=0)]
    records = dict(run_all(experiments[:: math.ceil(len(experiments) / MOST_RUN)], jobs=1))
    run = RunRecord(
        recipe=found.name,
        title=found.title,
        summary=found.summary,
        options={},
        seeds=(0,),
        steps=2,
        jobs=1,
        date="2000-01-01T00:00:00+00:00",
        records=tuple(records.values()),
        published=found.published,
        charts=found.charts(),
    )
    text = page(RunRecord.from_json(run.to_json()))
    for record in run.simulated:
        assert record.experiment["name"].replace("'", "&#x27;") in text
        assert all(record.scores[metric]["value"] is not None for metric in METRICS)
    for record in run.recordings:
        assert record.experiment["name"] in text
        assert all(null["text"] in text for null in record.nulls)
        assert record.nulls
