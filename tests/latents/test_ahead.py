import copy
import sys
import threading

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


class SameTwice(LatentModel):
    def sample(self, num_pairs, *, generator):
        latents, _ = super().sample(num_pairs, generator=generator)
        return latents, latents


class Still(LaplaceConditional):
    def _draw(self, latents, generator):
        return latents


class Ordered(NormalMarginal):
    def _draw(self, num_samples, generator):
        return super()._draw(num_samples, generator).sort(0).values


@pytest.mark.parametrize(
    "model",
    [
        SameTwice(UniformMarginal(BOX), LaplaceConditional(BOX, 0.1)),
        LatentModel(UniformMarginal(BOX), Still(BOX, 0.1)),
        LatentModel(Ordered(Euclidean(3)), LaplaceConditional(Euclidean(3), 1.0)),
    ],
    ids=["model", "conditional", "marginal"],
)
def test_a_law_that_draws_in_a_way_of_its_own_is_asked_every_time(model):
    pairs, streams = PairsAhead(model), tuple(generators())
    for _ in range(5):
        assert_next_batch_is_the_models(pairs, model, 64, streams)


def test_threads_that_share_a_source_get_what_their_generators_say():
    model = MODELS["uniform box"]
    pairs, wrong = PairsAhead(model), []

    def draw(seed):
        streams = tuple(generators(seed))
        for _ in range(20):
            here = pairs.sample(64, generator=streams[0])
            there = model.sample(64, generator=streams[1])
            if not all(map(torch.equal, here, there)):
                wrong.append(seed)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_copy_holds_the_model_alone_and_draws_on():
    model = MODELS["uniform box"]
    pairs, streams = PairsAhead(model), tuple(generators())
    for _ in range(3):
        assert_next_batch_is_the_models(pairs, model, 64, streams)
    other = copy.deepcopy(pairs)
    assert pairs._waiting
    assert not other._waiting
    for _ in range(3):
        assert_next_batch_is_the_models(other, model, 64, streams)


def test_a_batch_does_not_keep_those_drawn_with_it():
    pairs, (stream, _) = PairsAhead(MODELS["uniform box"]), generators()
    batches = [pairs.sample(64, generator=stream) for _ in range(3)]
    assert all(values.untyped_storage().nbytes() == 64 * 3 * 4 for values in batches[-1])
