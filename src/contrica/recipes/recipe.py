"""A recipe says what it shows and returns the experiments that show it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contrica import _checks
from contrica.errors import UnknownNameError
from contrica.experiment import Experiment
from contrica.recordings import RecordingExperiment
from contrica.report import AnyRecord, Chart, PublishedValue

AnyExperiment = Experiment | RecordingExperiment

__all__ = ["AnyExperiment", "AnyRecord", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """Experiments under one name, with what is to be expected of them.

    Parameters
    ----------
    name : str
        As typed at the command line.
    title : str
        Heading of the page.
    summary : str
        What is shown and what to expect, in plain sentences.
    experiments : callable
        ``experiments(seed=..., steps=..., **options)`` returns a tuple of `Experiment` or of
        `contrica.recordings.RecordingExperiment`; ``steps`` is None for the recipe's own number.
    published : tuple of PublishedValue
        What papers report.
    charts : callable
        ``charts()`` returns what is drawn across the experiments.
    options : dict of str to str
        What else may be asked for, with the value that it has when nobody asks.
    """

    name: str
    title: str
    summary: str
    experiments: Callable[..., tuple[AnyExperiment, ...]]
    options: Mapping[str, str] = field(default_factory=dict)
    published: tuple[PublishedValue, ...] = ()
    charts: Callable[[], tuple[Chart, ...]] = tuple

    def with_defaults(self, asked: Mapping[str, str]) -> dict[str, str]:
        """Return all options, those in ``asked`` as asked.

        Raises
        ------
        UnknownNameError
            If the recipe has no option of that name.
        """
        for name in asked:
            if name not in self.options:
                known = ", ".join(f"--{option}" for option in self.options) or "none"
                raise UnknownNameError(
                    f"recipe {self.name} has no option --{name}; it has {known} besides seed and steps: leave it out"
                )
        return {**self.options, **asked}

    def build(
        self, *, seed: int, steps: int | None = None, options: Mapping[str, str] | None = None
    ) -> tuple[AnyExperiment, ...]:
        """Return the experiments of a seed.

        Raises
        ------
        DomainError, DtypeError, UnknownNameError
            For a negative seed, fewer than one step, or an option that the recipe does not have.
        """
        _checks.count(seed, "seed", least=0)
        if steps is not None:
            _checks.count(steps, "steps")
        return self.experiments(seed=seed, steps=steps, **self.with_defaults(options or {}))
