import math

import pytest

from contrica.dissimilarities import PowerSum
from contrica.experiment import Experiment, MLPMixing, build_model, run
from contrica.experiment.optimum import excess, information, known_ratio
from contrica.latents import (
    FrozenConditional,
    GaussianCopulaMarginal,
    LaplaceConditional,
    LatentModel,
    SampledRatio,
    UniformMarginal,
)
from contrica.losses import NCE, InfoNCE
from contrica.pairs import SimulatedPairs
from contrica.report.details import details
from contrica.report.outcome import Outcome
from contrica.spaces import Box
from contrica.training import TrainingOptions

BOX = Box(2)
EXACT = LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, 0.15))
CORRELATED = LatentModel(GaussianCopulaMarginal(UniformMarginal(BOX), 0.5), LaplaceConditional(BOX, 0.15))


def experiment(latents=EXACT, loss=None):
    return Experiment(
        name="small",
        latents=latents,
        mixing=MLPMixing(num_layers=2, candidates=100),
        loss=loss or InfoNCE(),
        dissimilarity=PowerSum(2, exponent=1.0),
        widths=(16,),
        training=TrainingOptions(steps=2, batch_size=128),
        num_test=1000,
    )


@pytest.mark.slow
@pytest.mark.parametrize("loss", [InfoNCE(), NCE()], ids=repr)
def test_beside_a_ratio_of_draws_excess_and_information_are_those_beside_the_exact_one(loss):
    asked = experiment(loss=loss)
    mixing = asked.mixing.build(2, asked.stream("mixing"))
    source = SimulatedPairs(asked.latents, mixing)
    model = build_model(asked, source)
    exact, sampled = (
        excess(asked, *model, source, ratio)["excess"]
        for ratio in (EXACT, SampledRatio(EXACT, generator=asked.stream("ratio")))
    )
    assert math.isclose(exact, sampled, abs_tol=0.05)
    found = information(asked, SampledRatio(EXACT, generator=asked.stream("ratio")))
    error = found["information_standard_error"]
    assert abs(found["mutual_information"] - EXACT.mutual_information()) < 4 * error < 0.2


def test_the_exact_ratio_is_taken_where_there_is_one_and_none_where_nothing_knows_it():
    assert known_ratio(experiment()) is EXACT
    assert isinstance(known_ratio(experiment(CORRELATED)), SampledRatio)
    frozen = LatentModel(UniformMarginal(BOX), FrozenConditional(LaplaceConditional(BOX, 0.15), (0,)))
    assert known_ratio(experiment(frozen)) is None


@pytest.mark.slow
def test_a_record_of_correlated_factors_says_excess_and_information_and_how_sure_they_are():
    record = run(experiment(CORRELATED))
    assert record.optimum["best"] is None
    assert record.optimum["gap"] is None
    assert record.optimum["excess"] > 0.0
    assert record.optimum["noise"] > 0.0
    said = details(Outcome.of(record))
    assert f"nats of information, give or take {record.information['information_standard_error']:.2f}." in said
