import pytest
import torch

from contrica.latents import (
    ExponentialTiltMarginal,
    LaplaceConditional,
    LatentModel,
    NormalConditional,
    NormalMarginal,
    NormPowerConditional,
    UniformMarginal,
    VonMisesFisherConditional,
)
from contrica.latents.ahead import PairsAhead
from contrica.spaces import Box, BoxGrid, Euclidean, Sphere

BOX, GRID = Box(3), BoxGrid(3, cells=2, gap=0.1)

MODELS = {
    "uniform box": LatentModel(UniformMarginal(BOX), LaplaceConditional(BOX, 0.1)),
    "grid of boxes": LatentModel(UniformMarginal(GRID), LaplaceConditional(GRID, 0.1)),
    "skewed": LatentModel(ExponentialTiltMarginal(BOX, 3.0), NormalConditional(BOX, [0.1, 0.2, 0.3])),
    "line": LatentModel(NormalMarginal(Euclidean(3)), LaplaceConditional(Euclidean(3), 1.0)),
    "sphere": LatentModel(UniformMarginal(Sphere(3)), VonMisesFisherConditional(Sphere(3), 5.0)),
    "rejection": LatentModel(UniformMarginal(BOX), NormPowerConditional(BOX, norm_exponent=3.0, power=1.0, scale=0.05)),
}


def generators(seed=0):
    return (torch.Generator().manual_seed(seed) for _ in range(2))


def assert_next_batch_is_the_models(pairs, model, num_pairs, streams):
    here, there = streams
    for drawn, expected in zip(
        pairs.sample(num_pairs, generator=here), model.sample(num_pairs, generator=there), strict=True
    ):
        assert torch.equal(drawn, expected)
        assert drawn.stride() == expected.stride()
    assert torch.equal(here.get_state(), there.get_state())


@pytest.mark.parametrize("num_pairs", [37, 4000])
@pytest.mark.parametrize("name", MODELS)
def test_each_batch_is_the_one_that_the_model_draws_in_its_turn(name, num_pairs):
    pairs, streams = PairsAhead(MODELS[name]), tuple(generators())
    for _ in range(7):
        assert_next_batch_is_the_models(pairs, MODELS[name], num_pairs, streams)


def test_a_generator_that_was_used_in_between_gets_what_it_asks_for():
    model = MODELS["uniform box"]
    pairs, streams = PairsAhead(model), tuple(generators())
    for turn in range(12):
        for stream in streams if turn in (3, 4, 8) else ():
            torch.rand(2, generator=stream)
        assert_next_batch_is_the_models(pairs, model, 64, streams)


def test_two_generators_may_take_turns_and_sizes_may_change():
    model = MODELS["uniform box"]
    pairs, both = PairsAhead(model), (tuple(generators(1)), tuple(generators(2)))
    for turn, num_pairs in enumerate([64, 64, 64, 65, 65, 64, 64, 64, 64, 64]):
        assert_next_batch_is_the_models(pairs, model, num_pairs, both[turn in (5, 6)])


@pytest.mark.parametrize(("name", "num_pairs", "calls"), [("line", 64, 1), ("line", 10_000, 6), ("sphere", 64, 6)])
def test_small_batches_of_laws_that_map_uniforms_are_drawn_ahead_and_others_are_not(
    name, num_pairs, calls, monkeypatch
):
    made, sample = [], LatentModel.sample
    monkeypatch.setattr(LatentModel, "sample", lambda *here, **named: made.append(here) or sample(*here, **named))
    pairs, (stream, _) = PairsAhead(MODELS[name]), generators()
    for _ in range(6):
        pairs.sample(num_pairs, generator=stream)
    assert len(made) == calls
