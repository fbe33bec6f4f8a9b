"""The recipes reach what they promise; three seeds of each stand in benchmarks/results."""

import pytest

from contrica.experiment import run
from contrica.recipes import recipe
from contrica.report.outcome import Outcome
from contrica.report.verdict import Kind, verdict

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIRST_LOOK = {experiment.name: experiment for experiment in recipe("first-look").build(seed=0)}


@pytest.mark.parametrize(("name", "bar"), [("InfoNCE", 0.995), ("NCE", 0.995), ("NWJ", 0.995), ("SCL", 0.99)])
def test_with_all_terms_every_loss_recovers_skewed_factors(name, bar):
    scores = run(FIRST_LOOK[f"{name}, all terms"]).scores
    assert scores["mcc_pearson"]["value"] >= bar
    assert scores["r2"]["value"] >= 0.99


def test_without_the_offsets_nce_recovers_less():
    scores = run(FIRST_LOOK["NCE, unmodified"]).scores
    assert scores["mcc_pearson"]["value"] < 0.98


def test_the_position_of_a_camera_is_recovered_from_pixels():
    (experiment,) = recipe("photo").build(seed=0)
    scores = run(experiment).scores
    assert scores["mcc_pearson"]["value"] >= 0.995
    assert scores["r2"]["value"] >= 0.995


def test_a_sky_that_looks_nearly_alike_from_many_places_is_reported_as_a_failure():
    (experiment,) = recipe("photo").build(seed=0, options={"image": "china.jpg"})
    record = run(experiment)
    judged = verdict(Outcome.of(record))
    assert judged.kind is not Kind.RECOVERED
    assert "nats above its optimum" in judged.reason
    assert record.optimum["gap"] > 0.05
