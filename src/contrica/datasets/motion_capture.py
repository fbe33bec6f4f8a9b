"""Motion capture of people who exercise: six sequences of twelve joint channels at ten frames a second.

A mat file with ``DataBySeq``, six entries with ``X`` (frames, 12), ``TrueZ`` (frames,), the number of the action from
1, and ``filename``, subject and trial as "13_29"; ``ChannelNames`` and ``ActionNames`` name the columns and the
actions. (CMU motion capture, mocap.cs.cmu.edu, as prepared and annotated in michaelchughes/mocap6dataset; Fox et al.
2014, Ann. Appl. Stat. 8:1281.)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from contrica.datasets.location import recorded
from contrica.errors import FileFormatError

NAME = "mocap6.mat"

FRAMES_PER_SECOND = 10


@dataclass(frozen=True, eq=False)
class MotionSequence:
    """One sequence.

    Attributes
    ----------
    name : str
        Subject and trial, such as "13_29".
    channels : array of shape (frames, 12), float32
        Joint angles in degrees and the height of the root, centred.
    actions : array of shape (frames,), int64
        Numbers from 0, in ``action_names``.
    channel_names, action_names : tuple of str
    """

    name: str
    channels: npt.NDArray[np.float32]
    actions: npt.NDArray[np.int64]
    channel_names: tuple[str, ...]
    action_names: tuple[str, ...]


def motion_sequences(path: Path | None = None) -> tuple[MotionSequence, ...]:
    """Read the sequences, from ``path`` or from the folder of recorded data.

    Raises
    ------
    UnreadableFileError
        If there is no such file.
    FileFormatError
        If it does not hold them.
    """
    source = recorded(NAME) if path is None else path
    try:
        file = loadmat(source, simplify_cells=True)
        channel_names, action_names = (tuple(map(str, file[name])) for name in ("ChannelNames", "ActionNames"))
        return tuple(_sequence(entry, channel_names, action_names) for entry in file["DataBySeq"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, NotImplementedError, MatReadError) as error:
        raise FileFormatError(
            f"{source} must hold sequences of motion, and it does not ({error}); get it again"
        ) from error


def _sequence(entry: dict[str, Any], channel_names: tuple[str, ...], action_names: tuple[str, ...]) -> MotionSequence:
    channels = np.asarray(entry["X"], np.float32)
    actions = np.asarray(entry["TrueZ"], np.int64).ravel() - 1
    if channels.shape != (len(actions), len(channel_names)):
        raise ValueError(
            f"{len(actions)} actions and {len(channel_names)} names of channels for an array of {channels.shape}"
        )
    if len(actions) == 0 or not 0 <= actions.min() <= actions.max() < len(action_names):
        raise ValueError(f"actions that are not among the {len(action_names)} named ones")
    return MotionSequence(str(entry["filename"]), channels, actions, channel_names, action_names)
