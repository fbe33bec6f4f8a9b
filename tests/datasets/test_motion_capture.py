import numpy as np
import pytest
from scipy.io import savemat

from contrica.datasets import motion_sequences
from contrica.errors import FileFormatError
from recorded_data import needs_recordings

CHANNELS = ["root.ty", "rtibia.rx", "ltibia.rx"]
ACTIONS = ["Jog", "Squat"]


def cells(values):
    held = np.empty((1, len(values)), dtype=object)
    held[0, :] = values
    return held


def written(path, lengths=(4, 6), **changes):
    entries = np.empty((len(lengths), 1), dtype=object)
    for number, frames in enumerate(lengths):
        channels = np.arange(frames * 3.0).reshape(frames, 3) + number
        actions = (np.arange(frames)[:, None] % 2 + 1).astype(np.uint8)
        entries[number, 0] = {"X": channels, "TrueZ": actions, "filename": f"13_{number}", "framerate": 10} | changes
    savemat(path, {"DataBySeq": entries, "ChannelNames": cells(CHANNELS), "ActionNames": cells(ACTIONS)})
    return path


def test_sequences_are_read_with_their_names(tmp_path):
    first, second = motion_sequences(written(tmp_path / "motion.mat"))
    assert (first.name, second.name) == ("13_0", "13_1")
    assert first.channel_names == tuple(CHANNELS)
    assert second.action_names == tuple(ACTIONS)
    np.testing.assert_array_equal(second.channels, np.arange(18.0).reshape(6, 3) + 1)
    np.testing.assert_array_equal(first.actions, [0, 1, 0, 1])


@pytest.mark.parametrize(
    "changes", [{"TrueZ": np.array([[1], [2]])}, {"TrueZ": np.full((4, 1), 3)}, {"X": np.zeros((4, 2))}]
)
def test_sequences_that_do_not_fit_are_refused(changes, tmp_path):
    with pytest.raises(FileFormatError, match=r"motion\.mat must hold sequences"):
        motion_sequences(written(tmp_path / "motion.mat", (4, 4), **changes))


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "motion.mat").write_bytes(b"")
    with pytest.raises(FileFormatError, match="get it again"):
        motion_sequences(tmp_path / "motion.mat")


@needs_recordings
def test_the_recorded_sequences_are_six_of_twelve_channels_with_twelve_actions():
    sequences = motion_sequences()
    assert [one.name for one in sequences] == ["13_29", "13_30", "13_31", "14_06", "14_14", "14_20"]
    assert {one.channels.shape[1] for one in sequences} == {12}
    assert sum(len(one.actions) for one in sequences) == 2058
    assert set(np.concatenate([one.actions for one in sequences])) == set(range(12))
