import numpy as np
import pytest
import torch

from contrica.recordings import Figures, Motion, MotorCortex, OpenField
from contrica.recordings.decoders import class_scores, direction_scores, place_scores, probe
from contrica.recordings.figures import change_few
from contrica.recordings.motor_cortex import _exchanged
from contrica.recordings.task import roles_of
from recorded_data import needs_recordings


def test_pieces_have_one_role_each_in_the_shares_that_are_said():
    pieces = np.repeat(np.arange(50), 7)
    roles = roles_of(pieces, seed=3)
    assert {name: int((roles == name).sum()) for name in ("train", "validation", "test")} == {
        "train": 210,
        "validation": 70,
        "test": 70,
    }
    assert all(len(set(roles[pieces == piece])) == 1 for piece in range(50))


def test_decoders_read_what_is_there_and_nothing_where_nothing_is():
    rng = np.random.default_rng(0)
    fit, test = np.arange(600), np.arange(600, 900)
    places = rng.uniform(size=(900, 2))
    noise = rng.normal(size=(900, 2))
    assert place_scores(places, places @ [[2, 1], [0, 1]], fit, test)["affine R2"] == pytest.approx(1.0)
    assert place_scores(places, noise, fit, test)["k-NN R2"] < 0.05
    degrees = rng.uniform(0, 360, size=900)
    circle = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
    assert direction_scores(degrees, circle, fit, test)["median error, degrees"] < 2
    assert direction_scores(degrees, noise, fit, test)["within 22.5 degrees"] < 0.25
    classes = (degrees // 90).astype(int)
    assert class_scores(classes, circle, fit, test, name="class")["class"] > 0.95
    assert probe(classes, circle, fit, test) > 0.9
    assert probe(classes, noise, fit, test) < 0.4


def test_directions_around_north_do_not_cancel_out():
    degrees = np.tile([359.0, 1.0], 50)
    codes = np.zeros((100, 1)) + np.arange(100)[:, None] * 1e-6
    scores = direction_scores(degrees, codes, np.arange(80), np.arange(80, 100))
    assert scores["median error, degrees"] < 3


def test_few_factors_change_and_all_are_equally_likely_to():
    generator = torch.Generator().manual_seed(0)
    from contrica.datasets import draw_factors

    before = draw_factors(20_000, generator=generator)
    changed = change_few(before, 2, generator=generator) != before
    assert set(changed.sum(1).tolist()) == {1, 2}
    torch.testing.assert_close(
        changed.double().mean(0), torch.full((9,), 1.5 / 9, dtype=torch.float64), atol=0.01, rtol=0
    )


def test_exchanged_trials_keep_their_lengths_and_get_the_directions_of_others():
    trial = np.array([0, 0, 0, 1, 1])
    directions = np.array([10.0, 20.0, 30.0, 200.0, 210.0])
    assert _exchanged(directions, trial, np.array([1, 0])).tolist() == [200.0, 200.0, 210.0, 10.0, 30.0]
    assert _exchanged(directions, trial, np.array([0, 1])).tolist() == directions.tolist()


@needs_recordings
def test_five_seeds_test_each_trial_once_and_none_that_settings_were_chosen_on():
    tasks = [MotorCortex().task(seed) for seed in range(5)]
    tested = np.sum([task.roles == "test" for task in tasks], axis=0)
    validated = tasks[0].roles == "validation"
    assert all((task.roles == "validation").tolist() == validated.tolist() for task in tasks)
    assert (tested == ~validated).all()


@needs_recordings
@pytest.mark.parametrize(
    "recording",
    [
        OpenField(),
        MotorCortex(),
        MotorCortex("both", "both"),
        MotorCortex("before", "after"),
        Motion(),
        Motion("action"),
    ],
)
def test_training_rows_make_pairs_and_the_identity_is_no_shuffle(recording):
    task = recording.task(0)
    for null in task.nulls:
        same = null.task(np.arange(null.num_units))
        codes = np.arange(len(task.inputs), dtype=float)[:, None]
        rows = task.rows("train"), task.rows("test")
        assert same.decode(codes, *rows) == task.decode(codes, *rows)
        drawn = [
            one.pairs(rows[0]).draw(64, generator=torch.Generator().manual_seed(0)).positives for one in (task, same)
        ]
        torch.testing.assert_close(*drawn)


@needs_recordings
def test_the_decoder_of_one_session_reads_the_other_from_rows_of_its_own_alone():
    task = MotorCortex("before", "after").task(0)
    alone = MotorCortex("before", "before").task(0)
    assert len(task.rows("train")) == len(alone.rows("train"))
    assert task.rows("test").min() > task.rows("train").max()


@needs_recordings
@pytest.mark.slow
def test_figures_of_a_pair_differ_and_partners_are_shuffled_within_the_training_alone():
    task = Figures(num_pairs=60).task(0)
    train, test = task.rows("train"), task.rows("test")
    other = task.nulls[0].task(np.roll(np.arange(len(train)), 1))
    for rows, same in ((test, True), (train, False)):
        drawn = [one.pairs(rows).draw(len(rows), generator=torch.Generator().manual_seed(0)) for one in (task, other)]
        torch.testing.assert_close(drawn[0].anchors, drawn[1].anchors)
        assert torch.equal(drawn[0].positives, drawn[1].positives) is same
