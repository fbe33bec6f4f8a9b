import dataclasses
import math

import pytest

from contrica.experiment import run
from contrica.losses import NCE, SCL
from contrica.optima import in_nats
from contrica.report.outcome import Outcome
from contrica.report.shortfall import shortfall
from small_table import table
from synthetic_records import record


def reason(*, r2=0.97, mcc=0.97, excess=0.02, noise=0.005, information=4.0, batch=512, holds=True, axes=True):
    made = Outcome.of(record(holds=holds, axes=axes))
    scores = {
        name: dataclasses.replace(score, value={"r2": r2, "mcc_pearson": mcc}.get(name, score.value))
        for name, score in made.scores.items()
    }
    changes = {"excess": excess, "noise": noise, "mutual_information": information, "log_batch": math.log(batch)}
    return shortfall(dataclasses.replace(made, scores=scores, **changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mcc": 0.991, "excess": None}, ""),
        ({"mcc": 0.7, "r2": 0.991, "axes": False}, ""),
        ({"holds": False}, "not promised, 0.020 nats above the optimum"),
        ({"batch": 32}, "saturation: a pair shares 0.5 nats more than the logarithm of the batch, 0.020 nats above"),
        ({"noise": 0.3}, "variance: 0.300 nats from batch to batch, 0.020 nats above the optimum"),
        ({}, "distance: 0.020 nats above the optimum, 4.0 times the noise of a batch"),
        ({"excess": None}, "the optimum is not known"),
    ],
)
def test_the_first_reason_that_holds_is_named_with_its_nats(changes, says):
    found = reason(**changes)
    assert found.startswith(says)
    assert bool(found) is bool(says)


def test_scl_is_told_in_nats_by_its_log_form():
    # with the best bias, SCL is minus the square of E+[e^-d] over E-[e^-2d], whose log is the log form
    plus, minus = 3.0, 4.0
    assert in_nats(SCL(), -(plus**2) / minus) == pytest.approx(math.log(minus) - 2.0 * math.log(plus))
    assert in_nats(SCL(log_form=True), 0.3) == 0.3
    assert in_nats(SCL(), 0.0) is None


@pytest.mark.slow
def test_excess_and_noise_are_those_of_batches_of_their_own():
    (small,) = table(1)
    found = run(dataclasses.replace(small, loss=NCE())).optimum
    assert found["noise"] > 0.0
    # both are the same distance, taken on different pairs
    assert abs(found["excess"] - found["gap"]) < 4.0 * found["noise"]
