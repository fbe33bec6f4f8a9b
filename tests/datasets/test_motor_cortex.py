import numpy as np
import pytest
from scipy.io import savemat

from contrica.datasets import motor_cortex_sessions
from contrica.errors import FileFormatError
from recorded_data import needs_recordings

ANGLES = np.arange(0, 360, 45)


def cell(angle, trials, *, units=5, seed=0):
    """Bins of trials of six: three at rest, then the direction turns; ahead of them two bins that are of none."""
    turns = np.concatenate(
        [[9.0, 4.0], *([[0.0, 0.0, 0.0, 2.0, 5.0, 9.0 + trial]] for trial in range(trials))], axis=None
    )
    radians = np.radians(angle + turns)
    generator = np.random.default_rng(seed + angle)
    spikes = generator.poisson(2.0, (units, len(turns))).astype(np.uint8)
    return spikes, np.stack([np.cos(radians), np.sin(radians)]), generator.normal(size=(10, len(turns)))


def session(**changes):
    cells = [cell(int(angle), 3) for angle in ANGLES]
    columns = {"spikes": 0, "cursorToTargetDirection": 1, "factorActivity": 2}
    clouds = {"angles": ANGLES.astype(np.uint16)}
    for name, part in columns.items():
        held = np.empty((1, 8), dtype=object)
        held[0, :] = [one[part] for one in cells]
        clouds[name] = held
    return {"name": "Data", "clouds": clouds | changes}


def written(path, before, after):
    savemat(path, {"beforeLearning": before, "afterLearning": after})
    return path


@pytest.fixture
def file(tmp_path):
    return written(tmp_path / "monkey.mat", session(), session())


def test_both_sessions_are_read_bin_by_bin(file):
    before, after = motor_cortex_sessions(file)
    assert (before.name, after.name) == ("before learning", "after learning")
    assert before.spikes.shape == (8 * 20, 5)
    assert before.factors.shape == (8 * 20, 10)
    np.testing.assert_array_equal(before.spikes[20:40], cell(45, 3)[0].T)
    np.testing.assert_array_equal(before.sectors, np.repeat(ANGLES, 20))


def test_directions_are_degrees_near_their_sector(file):
    before, _ = motor_cortex_sessions(file)
    apart = np.abs((before.directions - before.sectors + 180) % 360 - 180)
    assert apart.max() < 22.5
    np.testing.assert_allclose(before.directions[20:22], [54.0, 49.0])


def test_a_trial_begins_where_the_cursor_rests_and_strays_belong_to_the_one_before(file):
    before, _ = motor_cortex_sessions(file)
    assert before.trials.max() == 23
    np.testing.assert_array_equal(before.trials[:20], [0] * 8 + [1] * 6 + [2] * 6)
    np.testing.assert_array_equal(np.bincount(before.trials), [8, 6, 6] * 8)


def test_two_bins_alike_are_no_rest(tmp_path):
    clouds = session()["clouds"]
    towards = clouds["cursorToTargetDirection"][0, 0]
    towards[:, 7] = towards[:, 6]
    before, _ = motor_cortex_sessions(written(tmp_path / "monkey.mat", {"name": "", "clouds": clouds}, session()))
    assert before.trials.max() == 23


def test_a_file_that_is_none_is_refused_and_named(tmp_path):
    (tmp_path / "monkey.mat").write_bytes(b"nothing of the kind")
    with pytest.raises(FileFormatError, match=r"monkey\.mat must hold two sessions"):
        motor_cortex_sessions(tmp_path / "monkey.mat")


def test_sessions_that_do_not_fit_are_refused(tmp_path):
    short = session()["clouds"]["spikes"].copy()
    short[0, 3] = short[0, 3][:, :-1]
    for before in (session(spikes=short), {"name": "Data"}, session(angles=ANGLES[:5])):
        with pytest.raises(FileFormatError, match="get it again"):
            motor_cortex_sessions(written(tmp_path / "monkey.mat", before, session()))


@needs_recordings
def test_the_recorded_sessions_have_fifty_trials_each():
    for recorded in motor_cortex_sessions():
        assert recorded.spikes.shape == (552, 86)
        assert len(np.unique(recorded.trials)) == 50
        assert np.bincount(recorded.trials).min() >= 6
        per_sector = [len(np.unique(recorded.trials[recorded.sectors == angle])) for angle in ANGLES]
        assert set(per_sector) == {6, 7}
