"""What a recipe left behind: its records beside everything needed to repeat them, as one JSON object.

The object says what it is (``format``) and in which version of the form (``format_version``), so that a reader can
tell a run from any other file and a newer run from a damaged one.
"""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contrica.errors import RecordError
from contrica.record import Record
from contrica.recordings import RecordingRecord
from contrica.report.charts import Chart, chart_from_dict, chart_to_dict
from contrica.report.published import PublishedValue
from contrica.report.seeds import seeds_in_words

AnyRecord = Record | RecordingRecord


def record_of(found: object) -> AnyRecord:
    """Read a record of either kind.

    Raises
    ------
    RecordError
        If a part is missing.
    """
    is_recording = isinstance(found, dict) and found.get("kind") == RecordingRecord.kind
    return RecordingRecord.from_dict(found) if is_recording else Record.from_dict(found)


FORMAT = "contrica-run"
FORMAT_VERSION = 2
"""1 held one seed under ``seed``; 2 holds ``seeds``. Both are read."""


@dataclass(frozen=True)
class RunRecord:
    """One run of a recipe.

    Parameters
    ----------
    recipe, title, summary : str
        Which recipe ran, and its own words about what it shows.
    options : dict of str to str
        What the recipe was asked for besides seed and steps.
    seeds : tuple of int
        Each experiment of the recipe ran with each of them.
    steps : int or None
        Updates per experiment where they were asked for; None for the recipe's own number.
    jobs : int or None
        Processes side by side where they were asked for; the number of threads in each follows from it.
    date : str
        When the run ended, UTC, ISO 8601.
    records : tuple of Record or RecordingRecord
        One per seed and experiment, seed by seed, in the recipe's order.
    published : tuple of PublishedValue
        What papers report.
    charts : tuple of Curves or Grid
        What is drawn across experiments.
    """

    recipe: str
    title: str
    summary: str
    options: dict[str, str]
    seeds: tuple[int, ...]
    steps: int | None
    jobs: int | None
    date: str
    records: tuple[AnyRecord, ...]
    published: tuple[PublishedValue, ...] = ()
    charts: tuple[Chart, ...] = ()

    @property
    def simulated(self) -> tuple[Record, ...]:
        """The records of simulated pairs."""
        return tuple(record for record in self.records if isinstance(record, Record))

    @property
    def recordings(self) -> tuple[RecordingRecord, ...]:
        """The records of fits to recordings."""
        return tuple(record for record in self.records if isinstance(record, RecordingRecord))

    @property
    def command(self) -> str:
        """The command line that repeats this run.

        >>> RunRecord("photo", "", "", {"image": "china.jpg"}, (3,), None, None, "", ()).command
        'contrica run photo --seed 3 --image china.jpg'
        """
        words = ["contrica", "run", self.recipe, "--seed", seeds_in_words(self.seeds)]
        if self.steps is not None:
            words += ["--steps", str(self.steps)]
        if self.jobs is not None:
            words += ["--jobs", str(self.jobs)]
        for name, value in self.options.items():
            words += [f"--{name}", value]
        return shlex.join(words)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; numbers that JSON cannot hold (NaN, infinity) become None."""
        plain = _finite(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "recipe": self.recipe,
                "title": self.title,
                "summary": self.summary,
                "options": self.options,
                "seeds": list(self.seeds),
                "steps": self.steps,
                "jobs": self.jobs,
                "command": self.command,
                "date": self.date,
                "published": [value.to_dict() for value in self.published],
                "charts": [chart_to_dict(chart) for chart in self.charts],
                "runs": [record.to_dict() for record in self.records],
            }
        )
        assert isinstance(plain, dict)
        return plain

    def to_json(self) -> str:
        """Return the text of ``record.json``."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """Read the text of a ``record.json``.

        Raises
        ------
        RecordError
            If it is no JSON, not of a run, of a newer version, or if parts are missing.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecordError(
                f"a record must be JSON, got text that breaks off or is none ({error}); run again"
            ) from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise RecordError(
                f'a record must say "format": "{FORMAT}", and this one does not; pass a folder left by contrica run'
            )
        version = found.get("format_version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise RecordError(f"format_version must be a positive whole number, got {version!r}; run again")
        if version > FORMAT_VERSION:
            raise RecordError(
                f"this contrica reads records up to version {FORMAT_VERSION}, this one has {version}; update contrica"
            )
        return cls(
            **{name: _entry(found, name, str) for name in ("recipe", "title", "summary", "date")},
            options={name: str(value) for name, value in _entry(found, "options", dict).items()},
            seeds=_seeds(found, version),
            **{name: _entry(found, name, int, optional=True) for name in ("steps", "jobs")},
            records=tuple(record_of(run) for run in _entry(found, "runs", list)),
            published=tuple(
                PublishedValue.from_dict(value) for value in _entry(found, "published", list, optional=True) or ()
            ),
            charts=tuple(chart_from_dict(chart) for chart in _entry(found, "charts", list, optional=True) or ()),
        )


def _entry(found: Mapping[str, Any], name: str, kind: type, *, optional: bool = False) -> Any:
    value = found.get(name)
    if optional and value is None:
        return None
    if not isinstance(value, kind):
        raise RecordError(f"the record is damaged: {name} is missing or not of type {kind.__name__}; run again")
    return value


def _seeds(found: Mapping[str, Any], version: int) -> tuple[int, ...]:
    if version == 1:
        return (_entry(found, "seed", int),)
    seeds = _entry(found, "seeds", list)
    if not seeds or not all(isinstance(seed, int) for seed in seeds):
        raise RecordError("the record is damaged: seeds is no list of whole numbers; run again")
    return tuple(seeds)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
