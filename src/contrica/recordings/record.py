"""A recording record says what came out of a fit to a recording, in values that JSON can hold."""

import dataclasses
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from contrica.errors import RecordError


@dataclass(frozen=True)
class RecordingRecord:
    """What came out of a fit to a recording.

    Parameters
    ----------
    experiment : dict
        The experiment as plain values.
    curve : list of dict
        ``step`` and ``loss`` on held-out pairs, in nats.
    chance : float
        The loss of a critic that knows nothing, in nats.
    scores : dict of dict
        Codes -> score -> value on the test rows; the codes learned here come first, and their first score is the one
        that the nulls are of.
    nulls : list of dict
        As `contrica.diagnosis.NullTest.to_dict` gives them, with the ``text`` of each.
    agreement : dict of float
        Linear R2 of other codes by an affine map of these, fitted on training rows and scored on test rows.
    diagnosis : dict or None
        As `contrica.diagnosis.Diagnosis.to_dict` gives it; None where there are too few pairs.
    pictures : list of dict
        ``codes``, ``title``, ``kind``, ``points`` (rows of two), ``values`` and ``names``, see `View`.
    rows : dict of int
        How many rows have each role.
    seconds, processor_seconds : float
        Of the first fit alone.
    environment : dict
        Versions, machine, threads.
    """

    kind: ClassVar[str] = "recording"

    experiment: dict[str, Any]
    curve: list[dict[str, float]]
    chance: float
    scores: dict[str, dict[str, float]]
    nulls: list[dict[str, Any]]
    agreement: dict[str, float]
    diagnosis: dict[str, Any] | None
    pictures: list[dict[str, Any]]
    rows: dict[str, int]
    seconds: float
    processor_seconds: float
    environment: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values, with the kind of record that it is."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, found: object) -> Self:
        """Read what `to_dict` gave; entries that are no part of a record are left out.

        Raises
        ------
        RecordError
            If a part is missing.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(found, dict) or not fields <= found.keys():
            missing = ", ".join(sorted(fields - found.keys())) if isinstance(found, dict) else "everything"
            raise RecordError(f"the record is damaged: one of its recordings lacks {missing}; run again")
        return cls(**{name: found[name] for name in fields})
