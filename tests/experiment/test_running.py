import dataclasses
import json
import math

import pytest
import torch

from contrica.dissimilarities import BlockSum, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.encoders import BoxOutput, ProductOutput, SphereOutput, Unbounded
from contrica.experiment import (
    Experiment,
    FoldedMixing,
    MLPMixing,
    Neighbourhoods,
    Offsets,
    PhotographMixing,
    Selection,
    build_model,
    run,
)
from contrica.latents import (
    ExponentialTiltMarginal,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    ProductConditional,
    ProductMarginal,
    ProjectedLaplaceConditional,
    ProjectedNormalMarginal,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.losses import NCE, InfoNCE
from contrica.pairs import SimulatedPairs
from contrica.spaces import Box, Euclidean, Sphere
from contrica.training import TrainingOptions


def experiment(**changes):
    space = Box(2)
    settings = {
        "name": "small",
        "latents": LatentModel(ExponentialTiltMarginal(space, 3.0), LaplaceConditional(space, 0.15)),
        "mixing": MLPMixing(num_layers=2, candidates=100),
        "loss": InfoNCE(),
        "dissimilarity": PowerSum(2, exponent=1.0),
        "widths": (32, 32),
        "training": TrainingOptions(steps=20, batch_size=64),
        "num_test": 1000,
    }
    return Experiment(**(settings | changes))


@pytest.fixture(scope="module")
def record():
    return run(experiment())


@pytest.mark.slow
def test_the_same_experiment_gives_the_same_record_but_for_the_seconds(record):
    again = run(experiment())

    def timeless(one):
        curve = [{key: value for key, value in point.items() if key != "seconds"} for point in one.curve]
        return dataclasses.replace(one, seconds=0.0, processor_seconds=0.0, curve=curve)

    assert timeless(again) == timeless(record)


@pytest.mark.slow
def test_another_seed_gives_another_record(record):
    assert run(experiment(seed=1)).scores["r2"]["value"] != record.scores["r2"]["value"]


def test_a_record_is_json_without_nan_and_says_what_was_run(record):
    text = json.dumps(record.to_dict(), allow_nan=False)
    described = json.loads(text)["experiment"]
    assert described["loss"] == {"type": "InfoNCE", "direction": "rows", "several": "alone"}
    assert described["latents"]["conditional"]["type"] == "LaplaceConditional"
    assert described["training"]["steps"] == 20
    assert described["dissimilarity"].startswith("PowerSum(2, exponent=1")
    assert {"python", "torch", "contrica", "threads"} <= record.environment.keys()


def test_the_curve_starts_at_the_first_step_and_ends_at_the_last(record):
    assert record.curve[0]["step"] == 1
    assert record.curve[-1]["step"] == 20
    assert record.optimum["gap"] == pytest.approx(record.curve[-1]["loss"] - record.curve[-1]["best"])
    assert record.information["log_batch"] == math.log(64)
    assert record.information["mutual_information"] > 0.5
    assert 0.0 < record.curve[0]["seconds"] <= record.curve[-1]["seconds"] <= record.seconds
    assert record.processor_seconds > 0.0


@pytest.mark.slow
def test_a_step_is_seen_by_the_caller():
    seen = []
    run(experiment(training=TrainingOptions(steps=3, batch_size=16)), on_step=lambda step: seen.append(step.step))
    assert seen == [1, 2, 3]


@pytest.mark.slow
def test_the_guarantee_of_the_record_is_refused_where_an_offset_is_missing(record):
    assert record.guarantee["holds"]
    assert record.guarantee["axes"]
    bare = Offsets(anchor=False, candidate=False, bias=False)
    refused = run(experiment(loss=NCE(), offsets=bare)).guarantee
    assert not refused["holds"]
    assert "alpha~" in refused["text"]


@pytest.mark.slow
def test_streams_differ_by_name_and_by_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    states = {
        (seed, name): experiment(seed=seed).stream(name).initial_seed()
        for seed in (0, 1)
        for name in ("init", "pairs", "test")
    }
    run(experiment(training=TrainingOptions(steps=2, batch_size=16)))
    assert len(set(states.values())) == len(states)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
def test_what_was_learned_stands_in_the_order_of_the_matched_factors():
    space = Box(2)
    law = LatentModel(UniformMarginal(space), LaplaceConditional(space, [0.05, 0.3]))
    delta = PowerSum(2, exponent=1.0, weights=10.0, learnable_weights=True)
    made = run(
        experiment(
            latents=law,
            mixing=MLPMixing(num_layers=1, candidates=2),
            dissimilarity=delta,
            output=BoxOutput(space),
            training=TrainingOptions(steps=150, batch_size=256),
        )
    )
    first, second = made.learned["weights"]
    assert first > second


def test_nothing_is_learned_besides_where_nothing_asks_for_it(record):
    assert record.learned == {}
    assert record.second_stage is None
    assert record.selection is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 9))
def test_a_second_stage_that_nothing_supports_says_why_and_claims_nothing_even_of_bent_codes(seed):
    space = Euclidean(2)
    law = LatentModel(NormalMarginal(space), NormalConditional(space, 1.0))
    training = TrainingOptions(steps=20, batch_size=64)
    settings = {"latents": law, "dissimilarity": PowerSum(2, exponent=2.0), "training": training, "num_test": 8192}
    made = run(experiment(**settings, second_stage=True, seed=seed))
    assert made.second_stage["holds"] is False
    assert made.second_stage["scores"] is None
    assert "nothing identifies the axes" in made.second_stage["text"]


@pytest.mark.slow
def test_a_dissimilarity_that_is_selected_from_the_pairs_replaces_the_one_that_was_given():
    space = Euclidean(2)
    law = LatentModel(NormalMarginal(space), LaplaceConditional(space, 0.1))
    selection = Selection(TrainingOptions(steps=60, batch_size=64), exponents=(1.0, 2.0), num_held_out=400)
    made = run(experiment(latents=law, dissimilarity=PowerSum(2, exponent=2.0), selection=selection))
    assert made.selection["chosen"] == "exponent 1"
    assert made.guarantee["axes"] is True
    assert made.experiment["dissimilarity"].startswith("PowerSum(2, exponent=2")
    assert made.scores == run(experiment(latents=law)).scores


@pytest.mark.slow
def test_the_second_stage_finds_axes_that_normal_noise_leaves_free():
    space = Box(3)
    law = LatentModel(UniformMarginal(space), NormalConditional(space, 0.1))
    training = TrainingOptions(steps=300, batch_size=256)
    made = run(experiment(latents=law, dissimilarity=PowerSum(3, exponent=2.0), training=training, second_stage=True))
    assert made.scores["r2"]["value"] > 0.98
    assert made.second_stage["scores"]["mcc_pearson"]["value"] > 0.98 > made.scores["mcc_pearson"]["value"]


@pytest.mark.parametrize("coordinates", ["codes", "observations"])
@pytest.mark.slow
def test_neighbourhoods_are_cut_anew_when_due_and_the_run_can_be_repeated(coordinates):
    cells = Neighbourhoods(cell_size=8, first_pool_size=32, pool_size=64, coordinates=coordinates, plain_steps=2)
    assert cells.pool_sizes(9, 16) == {2: 32, 4: 64}
    made = experiment(loss=InfoNCE(), training=TrainingOptions(steps=9, batch_size=16), neighbourhoods=cells)
    first, again = run(made), run(made)
    assert first.scores == again.scores
    assert first.experiment["neighbourhoods"]["cell_size"] == 8
    assert first.scores != run(dataclasses.replace(made, neighbourhoods=None)).scores


@pytest.mark.slow
def test_calibration_is_one_and_the_gap_closes_where_the_model_contains_the_truth():
    trained = run(experiment(training=TrainingOptions(steps=500, batch_size=256), widths=(64, 64), num_test=4000))
    assert trained.scores["mcc_pearson"]["value"] > 0.995
    assert trained.calibration == pytest.approx(1.0, abs=0.06)
    assert -0.01 < trained.optimum["gap"] < 0.05


BRIEF = TrainingOptions(steps=3, batch_size=32)


@pytest.mark.slow
def test_codes_live_where_the_output_says_and_each_run_trains_a_copy():
    sphere, output = Sphere(3), SphereOutput(3, learnable_radius=True)
    latents = LatentModel(UniformMarginal(sphere), VonMisesFisherConditional(sphere, 10.0))
    made = experiment(latents=latents, dissimilarity=SphereDot(), output=output, training=BRIEF)
    record = run(made)
    assert record.guarantee["holds"]
    assert not record.guarantee["axes"]
    assert record.experiment["output"] == "SphereOutput(3, learnable_radius=True)"
    assert output.log_radius.item() == 0.0


@pytest.mark.slow
def test_a_box_of_codes_is_part_of_what_is_promised():
    normal = LatentModel(UniformMarginal(Box(2)), NormalConditional(Box(2), 0.1))
    made = experiment(latents=normal, dissimilarity=SquaredEuclidean(weight=50.0), training=BRIEF)
    assert not run(made).guarantee["axes"]
    assert run(dataclasses.replace(made, output=BoxOutput(Box(2)))).guarantee["axes"]
    learned = dataclasses.replace(made, output=BoxOutput(Box(2), learnable_sides=True))
    assert not run(learned).guarantee["axes"]


@pytest.mark.slow
@pytest.mark.parametrize("mixing", [MLPMixing(num_layers=1, candidates=10), PhotographMixing()])
def test_the_rectifiers_of_the_encoder_have_the_slope_that_is_asked_for_and_the_description_says(mixing):
    for slope, settings in ((0.01, {}), (0.2, {"negative_slope": 0.2})):
        made = experiment(mixing=mixing, widths=(4, 4), **settings)
        source = SimulatedPairs(made.latents, mixing.build(2, made.stream("mixing")))
        encoder, _ = build_model(made, source)
        rectifiers = [layer for layer in encoder.hidden if isinstance(layer, torch.nn.LeakyReLU)]
        assert [layer.negative_slope for layer in rectifiers] == [slope, slope]
        assert made.describe()["negative_slope"] == slope


@pytest.mark.slow
def test_the_number_of_codes_is_that_of_the_output():
    made = experiment(output=Unbounded(3), dissimilarity=PowerSum(3, exponent=1.0), training=BRIEF)
    assert made.code_dim == 3
    assert experiment().code_dim == 2
    record = run(made)
    assert "monotone pieces" in record.guarantee["text"]
    assert record.scores["mcc_pearson"]["value"] > 0.2
    fewer = run(experiment(output=Unbounded(1), dissimilarity=PowerSum(1, exponent=1.0), training=BRIEF))
    assert "as many codes as factors" in fewer.guarantee["text"]


@pytest.mark.slow
def test_a_folded_mixing_and_noise_are_run_described_and_refused_a_guarantee():
    mixing = MLPMixing(num_layers=1, candidates=50)
    folded = run(experiment(mixing=FoldedMixing(mixing, factors=(1,)), training=BRIEF))
    assert "injective" in folded.guarantee["text"]
    assert folded.mixing["condition_number"] is None
    assert folded.experiment["mixing"] == {
        "type": "FoldedMixing",
        "mixing": {"type": "MLPMixing", "num_layers": 1, "candidates": 50},
        "factors": [1],
        "crease": 0.5,
    }
    noisy = experiment(mixing=mixing, training=BRIEF, observation_noise=0.1, latent_noise=0.05)
    record, plain = run(noisy), run(dataclasses.replace(noisy, observation_noise=0.0, latent_noise=0.0))
    assert "functions of their latents" in record.guarantee["text"]
    assert (record.experiment["observation_noise"], record.experiment["latent_noise"]) == (0.1, 0.05)
    assert record.curve[-1]["loss"] > plain.curve[-1]["loss"]
    assert record.optimum["best"] == plain.optimum["best"]


def test_a_pair_law_without_a_dissimilarity_has_no_calibration_and_no_optimum():
    sphere = Sphere(3)
    latents = LatentModel(ProjectedNormalMarginal(sphere, 1.0), ProjectedLaplaceConditional(sphere, 0.05))
    record = run(
        experiment(
            latents=latents, dissimilarity=SphereDot(), output=SphereOutput(3), training=BRIEF, offsets=Offsets()
        )
    )
    assert record.calibration is None
    assert record.optimum["gap"] is None
    assert record.information["mutual_information"] is None
    assert json.loads(json.dumps(record.to_dict(), allow_nan=False))["experiment"]["latents"]["conditional"] == {
        "type": "ProjectedLaplaceConditional",
        "space": {"type": "Sphere", "dim": 3},
        "scale": 0.05,
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SquaredEuclidean(weight=1.0), SquaredEuclidean(weight=2.0)),
        (NormPower(norm_exponent=1.0, power=2.0), NormPower(norm_exponent=3.0, power=2.0)),
        (NormPower(norm_exponent=1.0, power=2.0), NormPower(norm_exponent=1.0, power=2.0, weight=0.5)),
        (SphereDot(concentration=1.0), SphereDot(concentration=1.0, learnable_concentration=True)),
        (PowerSum(2, weights=0.33333333), PowerSum(2, weights=0.33333331)),
    ],
)
def test_descriptions_of_different_dissimilarities_differ(one, other):
    assert experiment(dissimilarity=one).describe() != experiment(dissimilarity=other).describe()


@pytest.mark.slow
def test_a_direction_beside_a_position_is_one_experiment():
    sphere, box = Sphere(3), Box(2)
    latents = LatentModel(
        ProductMarginal(UniformMarginal(sphere), UniformMarginal(box)),
        ProductConditional(VonMisesFisherConditional(sphere, 10.0), LaplaceConditional(box, 0.15)),
    )
    record = run(
        experiment(
            latents=latents,
            dissimilarity=BlockSum([SphereDot(concentration=10.0), PowerSum(2, exponent=1.0)], sizes=[3, 2]),
            output=ProductOutput(SphereOutput(3), Unbounded(2)),
            training=BRIEF,
        )
    )
    assert record.guarantee["holds"]
    assert record.optimum["gap"] > 0
    assert "SphereDot(concentration=10)" in record.experiment["dissimilarity"]
    assert "SphereOutput(3" in record.experiment["output"]
