import dataclasses
import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contrica.dissimilarities import Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.experiment import Experiment, MLPMixing, Neighbourhoods, Offsets
from contrica.latents import BimodalMarginal, LaplaceConditional, LatentModel, NormalConditional, UniformMarginal
from contrica.losses import NCE, InfoNCE
from contrica.recipes import RECIPES, RecordCache, cache, default_cache_folder
from contrica.recipes.cache import content_key
from contrica.spaces import Box
from contrica.training import TrainingOptions
from synthetic_records import record


def experiment(**changes):
    space = Box(2)
    settings = {
        "name": "small",
        "latents": LatentModel(UniformMarginal(space), LaplaceConditional(space, 0.15)),
        "mixing": MLPMixing(),
        "loss": InfoNCE(),
        "dissimilarity": PowerSum(2, exponent=1.0),
    }
    return Experiment(**(settings | changes))


@pytest.fixture
def said():
    return []


@pytest.fixture
def kept(tmp_path, said):
    return RecordCache(tmp_path / "cache", say=said.append)


def entry_of(kept):
    (path,) = kept.folder.rglob("*.json")
    return path


def test_what_was_kept_is_found_unchanged_for_the_same_experiment_only(kept, said):
    kept.keep(experiment(), record())
    assert kept.find(experiment()) == record()
    assert kept.find(experiment(seed=1)) is None
    assert (kept.num_found, said) == (1, [])


def variants():
    """Experiments that differ from the first in one public setting each, some below what a description rounds to."""
    space = Box(2)
    marginal, noise = UniformMarginal(space), LaplaceConditional(space, 0.15)
    narrow = LaplaceConditional(space, 0.15 + 1e-12)
    bimodal = [BimodalMarginal(space, centres=(0.2, 0.8), scale=0.1, first_weight=w) for w in (0.5, 0.6)]
    deltas = [
        PowerSum(2, exponent=1.0 + 1e-9),
        PowerSum(2, exponent=1.0, weights=1.0 + 1e-9),
        PowerSum(2, exponent=1.0, learnable_weights=True),
        PowerSum(2, exponent=1.0, learnable_exponent=True),
        SquaredEuclidean(),
        SquaredEuclidean(weight=1.0 + 1e-9),
        NormPower(norm_exponent=1.0, power=2.0),
        NormPower(norm_exponent=1.0, power=2.0, weight=2.0),
        NormPower(norm_exponent=2.0, power=2.0),
        SphereDot(concentration=1.0),
        SphereDot(concentration=1.0, learnable_concentration=True),
        Mahalanobis(2),
    ]
    laws = [LatentModel(marginal, law) for law in (narrow, NormalConditional(space, 0.15))]
    laws += [LatentModel(law, noise) for law in bimodal]
    return [
        experiment(),
        *(experiment(dissimilarity=delta) for delta in deltas),
        *(experiment(latents=law) for law in laws),
        experiment(loss=NCE()),
        experiment(loss=InfoNCE(direction="symmetric")),
        experiment(offsets=Offsets(tied=True)),
        experiment(widths=(8,)),
        experiment(negative_slope=0.2),
        experiment(name="other"),
        experiment(seed=1),
        experiment(turn_steps=(5,)),
        experiment(neighbourhoods=Neighbourhoods()),
        experiment(training=TrainingOptions(steps=1000, batch_size=512, learning_rate=1e-2 + 1e-12)),
    ]


def test_experiments_that_differ_have_keys_that_differ():
    keys = [content_key(made) for made in variants()]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert [content_key(made) for made in variants()] == keys


@pytest.mark.slow
def test_every_experiment_of_the_recipes_has_a_key_that_using_it_does_not_change():
    for made in RECIPES:
        simulated = [one for one in made.build(seed=0) if isinstance(one, Experiment)]
        for one in simulated:
            key = content_key(one)
            assert key is not None
            one.latents.sample(2, generator=torch.Generator().manual_seed(0))
            assert content_key(one) == key


def test_what_is_not_contricas_own_is_run_and_not_kept(kept):
    foreign = experiment(dissimilarity=torch.nn.Identity())
    kept.keep(foreign, record())
    assert kept.find(foreign) is None
    assert not kept.folder.exists()


def test_other_numbers_have_another_key(monkeypatch):
    before = content_key(experiment())
    monkeypatch.setattr(cache, "NUMBERS", cache.NUMBERS + 1)
    assert content_key(experiment()) != before


def damaged(path, how):
    text = path.read_text()
    changed = {
        "empty": "",
        "torn": text[: len(text) // 2],
        "a digit": text.replace("1.25", "1.26"),
        "another form": text.replace(cache.FORM, "something-else"),
        "a list": "[]",
        "no record": json.dumps({**json.loads(text), "record": None}),
        "deep": "[" * 100_000,
    }[how]
    assert changed != text
    path.write_text(changed)


@pytest.mark.parametrize("how", ["empty", "torn", "a digit", "another form", "a list", "no record", "deep"])
def test_a_damaged_entry_is_passed_over_with_a_sentence_and_replaced(how, kept, said):
    kept.keep(experiment(), record())
    damaged(entry_of(kept), how)
    assert kept.find(experiment()) is None
    assert len(said) == 1
    assert "damaged" in said[0]
    assert "computed anew" in said[0]
    kept.keep(experiment(), record())
    assert kept.find(experiment()) == record()


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0, max_value=10**6), byte=st.integers(min_value=0, max_value=255))
def test_no_changed_byte_gives_another_record(place, byte, kept):
    kept.keep(experiment(), record(dim=2))
    path = entry_of(kept)
    text = bytearray(path.read_bytes())
    text[place % len(text)] = byte
    path.write_bytes(text)
    assert kept.find(experiment()) in (None, record(dim=2))


def test_an_entry_moved_to_another_key_is_not_taken_for_it(kept, said):
    kept.keep(experiment(), record())
    moved = kept._path(content_key(experiment(seed=1)))
    moved.parent.mkdir(parents=True)
    entry_of(kept).rename(moved)
    assert kept.find(experiment(seed=1)) is None
    assert "not what its name says" in said[0]


def test_a_folder_that_cannot_be_written_is_said_and_costs_no_record(tmp_path, said):
    (tmp_path / "file").write_text("")
    RecordCache(tmp_path / "file", say=said.append).keep(experiment(), record())
    assert "could not be kept" in said[0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_writing_that_fails_leaves_nothing_behind(kept, monkeypatch, said):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", refuse)
    kept.keep(experiment(), record())
    assert "No space left" in said[0]
    assert not [path for path in kept.folder.rglob("*") if path.is_file()]


def test_numbers_that_are_not_finite_come_back_as_they_were(kept):
    odd = dataclasses.replace(record(), calibration=float("inf"))
    kept.keep(experiment(), odd)
    assert kept.find(experiment()) == odd


def test_the_folder_is_named_by_the_variable_or_lies_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CONTRICA_CACHE", str(tmp_path))
    assert default_cache_folder() == tmp_path
    monkeypatch.delenv("CONTRICA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "xdg"))
    assert default_cache_folder().is_relative_to(tmp_path / "xdg" / "contrica")
