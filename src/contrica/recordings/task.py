"""What is asked of a recording: rows with a role each, what makes pairs of them, and what their codes are to tell.

Codes are learned from the training rows alone, a decoder is fitted on the codes of training rows, and scored on those
of test rows. Validation rows are for the choice of settings and for the held-out loss. A null is the same task after
what ties pairs or labels to the observations was shuffled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from contrica.pairs import PairSource

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]

Decode = Callable[[Array, Rows, Rows], dict[str, float]]
"""From codes of all rows, the rows to fit on and the rows to score, to named scores, the decisive one first."""

Kind = Literal["plane", "circle", "classes"]
"""What a colour stands for: a place in the unit square, an angle in degrees, or the number of a class."""


@dataclass(frozen=True, eq=False)
class View:
    """What the codes are coloured by in a picture.

    Parameters
    ----------
    title : str
    kind : Kind
    values : array of shape (rows, 2) in [0, 1], or (rows,)
    names : tuple of str
        Of the classes.
    discriminant : bool
        Whether codes are shown along the two directions that tell the classes apart best on training rows (Fisher
        1936), rather than along their principal axes.
    """

    title: str
    kind: Kind
    values: Array
    names: tuple[str, ...] = ()
    discriminant: bool = False


@dataclass(frozen=True, eq=False)
class Null:
    """What is shuffled, and the task that comes of it.

    Parameters
    ----------
    words : str
        What was shuffled, as read after "times": "labels of trials shuffled".
    num_units : int
        How many things change places.
    task : callable
        From the unit that comes to stand in the place of each, shape (num_units,), to the task of the shuffled data.
    refits : bool
        Whether codes are learned anew; where only labels of the decoder change, the same codes are decoded.
    shuffle : "rows" or "shifts"
        See `contrica.diagnosis.null_test`.
    groups : array of shape (num_units,), optional
        Units are turned around within these.
    """

    words: str
    num_units: int
    task: Callable[[Rows], "Task"]
    refits: bool = True
    shuffle: Literal["rows", "shifts"] = "rows"
    groups: Array | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """Rows, roles, pairs, a decoder, nulls and views.

    Parameters
    ----------
    inputs : Tensor of shape (rows, ...), float32
        What the encoder sees; with ``widths``, rows as `contrica.pairs.stack_recordings` writes them.
    roles : array of shape (rows,) of str
        "train", "validation", "test", or anything else for rows that are not used.
    pairs : callable
        From rows, in order, to a source of pairs of these.
    decode : callable
        From codes of all rows, the rows to fit on and the rows to score, to named scores; the first one is what the
        null tests look at, larger for more.
    nulls : tuple of Null
    views : tuple of View
    given : dict of str to array of shape (rows, columns)
        Codes that came with the recording, to be decoded alike.
    widths : tuple of int, optional
        Columns of each recording where there are several, with an encoder each.
    halves : pair of arrays of rows, optional
        Training rows that have nothing in common, for the agreement of codes learned from either.
    """

    inputs: Tensor
    roles: Array
    pairs: Callable[[Rows], PairSource]
    decode: Decode
    nulls: tuple[Null, ...] = ()
    views: tuple[View, ...] = ()
    given: Mapping[str, Array] = field(default_factory=dict)
    widths: tuple[int, ...] | None = None
    halves: tuple[Rows, Rows] | None = None

    def rows(self, role: str) -> Rows:
        """Return the rows of a role, in order."""
        return np.flatnonzero(self.roles == role)


def roles_of(pieces: Array, *, seed: int) -> Array:
    """Give three fifths of the pieces to training, a fifth to validation and a fifth to the test.

    >>> roles_of(np.array([0, 0, 1, 2, 3, 4, 4]), seed=1).tolist()
    ['train', 'train', 'train', 'validation', 'test', 'train', 'train']
    """
    names, piece = np.unique(pieces, return_inverse=True)
    rank = np.argsort(np.random.default_rng(seed).permutation(len(names)))
    share = np.where(rank < 0.6 * len(names), "train", np.where(rank < 0.8 * len(names), "validation", "test"))
    return np.asarray(share[piece])
