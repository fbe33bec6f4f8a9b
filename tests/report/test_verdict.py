import dataclasses

import pytest

from contrica.report.outcome import Outcome
from contrica.report.verdict import Kind, verdict
from synthetic_records import record


def judged(**settings):
    return verdict(Outcome.of(record(**settings)))


def with_scores(r2, mcc, **settings):
    outcome = Outcome.of(record(**settings))
    scores = {name: dataclasses.replace(score) for name, score in outcome.scores.items()}
    scores["r2"] = dataclasses.replace(scores["r2"], value=r2)
    scores["mcc_pearson"] = dataclasses.replace(scores["mcc_pearson"], value=mcc)
    return verdict(dataclasses.replace(outcome, scores=scores))


def test_good_codes_are_recovered_and_owe_no_reason():
    found = judged(noise=0.005)
    assert found.kind is Kind.RECOVERED
    assert found.reason == ""


def test_rotated_codes_are_recovered_only_up_to_a_linear_map():
    assert judged(noise=0.005, rotate=True).kind is Kind.MIXED


def test_noisy_codes_are_not_recovered():
    found = judged(noise=0.4, gap=0.61)
    assert found.kind is Kind.MISSED
    assert found.sentence.startswith("Failed")
    assert "0.610 nats above its optimum" in found.reason


@pytest.mark.parametrize(
    ("r2", "mcc", "axes", "kind"),
    [
        (0.99, 0.99, True, Kind.RECOVERED),
        (0.9899, 0.99, True, Kind.NEARLY),
        (0.99, 0.95, True, Kind.NEARLY),
        (0.99, 0.9499, True, Kind.MIXED),
        (0.97, 0.9499, True, Kind.MISSED),
        (0.97, 0.70, False, Kind.NEARLY),
        (0.9499, 0.97, False, Kind.MISSED),
    ],
)
def test_each_threshold_belongs_to_the_better_side(r2, mcc, axes, kind):
    assert with_scores(r2, mcc, axes=axes).kind is kind


def test_a_refused_guarantee_is_named_as_the_reason():
    assert "promised nothing" in judged(noise=0.4, gap=0.6, holds=False, axes=False).reason


def test_a_rotation_is_no_failure_where_no_axes_are_promised():
    assert "all that the theory promises" in judged(noise=0.005, rotate=True, axes=False).reason


def test_a_failure_on_a_photograph_names_what_may_look_alike():
    found = judged(dim=2, noise=0.3, gap=0.6, image="china.jpg")
    assert "sky" in found.reason
    assert "not injective" in found.reason
    assert "cannot tell the two apart" in found.reason


def test_a_mixing_that_is_known_to_be_invertible_is_not_blamed():
    reason = judged(noise=0.4, gap=0.6).reason
    assert "stays 0.600 nats" in reason
    assert "not injective" not in reason


def test_a_small_gap_is_not_blamed_on_the_mixing():
    assert "injective" not in judged(noise=0.4, gap=0.002).reason


def test_an_unknown_optimum_is_said_to_be_unknown():
    unknown = dataclasses.replace(
        record(noise=0.4), optimum={"best": None, "standard_error": None, "loss": 1.0, "gap": None}
    )
    assert "not known" in verdict(Outcome.of(unknown)).reason
