"""The path of a rat that forages in a square box of one metre, ten minutes at 50 positions a second.

An npz file with ``t`` (rows,), seconds, and ``pos`` (rows, 2), metres, as Sargolini et al. recorded it (2006, Science
312:758) and RatInABox ships it; over gaps of a few frames in tracking `OpenFieldPath.every` draws straight lines.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contrica import _checks
from contrica.datasets.location import recorded
from contrica.errors import ContricaError, DomainError, FileFormatError, ShapeError
from contrica.files import read

NAME = "rat_open_field_path.npz"


@dataclass(frozen=True, eq=False)
class OpenFieldPath:
    """Where an animal was, and when.

    Attributes
    ----------
    times : array of shape (rows,)
        Seconds, increasing.
    positions : array of shape (rows, 2)
        Metres.

    Raises
    ------
    ShapeError, DomainError
        If the two do not describe the same at least 2 moments, or time does not increase.

    Examples
    --------
    >>> walk = OpenFieldPath(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.5]]))
    >>> walk.every(1.0).positions
    array([[0.5 , 0.  ],
           [1.  , 0.25]])
    """

    times: npt.NDArray[np.float64]
    positions: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse what is no path."""
        times, positions = _checks.array(self.times, "times", least_rows=2), _checks.array(self.positions, "positions")
        if times.shape[1] != 1 or positions.shape != (len(times), 2):
            raise ShapeError(
                f"times must be one number and positions two per moment, got {times.shape} and {positions.shape};"
                " pass arrays of equal length"
            )
        if not (np.diff(times[:, 0]) > 0).all():
            raise DomainError("times must increase from row to row, got some that do not; sort them")

    def every(self, seconds: float) -> "OpenFieldPath":
        """Return the positions at the middle of bins of that width, on straight lines between the known ones.

        Raises
        ------
        DomainError, DtypeError
            If ``seconds`` is not positive, or leaves fewer than 2 bins.
        """
        width = _checks.positive(seconds, "seconds")
        bins = int((self.times[-1] - self.times[0]) / width)
        if bins < 2:
            raise DomainError(f"bins must be shorter than half of the path, got {seconds} seconds; pass fewer")
        middles = self.times[0] + width * (np.arange(bins) + 0.5)
        places = [np.interp(middles, self.times, self.positions[:, axis]) for axis in range(2)]
        return OpenFieldPath(middles, np.stack(places, axis=1))


def open_field_path(path: Path | None = None) -> OpenFieldPath:
    """Read the path, from ``path`` or from the folder of recorded data.

    Raises
    ------
    UnreadableFileError
        If there is no such file.
    FileFormatError
        If it does not hold such a path.
    """
    source = recorded(NAME) if path is None else path
    try:
        times, positions = (read(f"{source}:{name}").values.astype(np.float64) for name in ("t", "pos"))
        return OpenFieldPath(times, positions)
    except ContricaError as error:
        raise FileFormatError(
            f"{source} must hold t and pos of a path, and it does not ({error}); get it again"
        ) from error
