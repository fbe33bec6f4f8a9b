"""Is the structure real, or did labels or slowness print it? The same fit on shuffled data, many times.

    p = (1 + #{null scores >= observed}) / (1 + number of shuffles)

Codes that were trained with labels separate labels on noise too, and so do codes of slow signals with labels that are
slow themselves. What the procedure makes of data in which the relation is broken and all else is as it was says how
much of a score is its own. With the data itself counted among its shuffles the chance of p <= a is at most a, for every
score and every number of shuffles, if the shuffles leave the law of the data as it is where there is no relation.
(Phipson and Smyth 2010; Elber-Dorozko and Loewenstein 2018 and Harris 2020 for series.)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from contrica import _checks
from contrica.diagnosis.shuffles import Shuffle, Shuffles
from contrica.errors import DomainError, DtypeError, NonFiniteError, ShapeError
from contrica.evaluation.halves import RandomState, generator_of

LARGEST_P = 0.05
"""A test that cannot reach this tells nothing."""


@dataclass(frozen=True)
class NullTest:
    """A score beside those of shuffled data.

    Parameters
    ----------
    observed : float
        Score of the data as they are.
    null : tuple of float
        Scores of shuffled data.
    p_value : float
        Chance, at most, of a score as high as the observed one if there is nothing to find.
    smallest_p : float
        What ``p_value`` can be at the least, by the number of shuffles.
    shuffled : str
        What was shuffled, and how.
    """

    observed: float
    null: tuple[float, ...]
    p_value: float
    smallest_p: float
    shuffled: str

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {**vars(self), "null": list(self.null)}

    def __str__(self) -> str:
        """Return the finding in plain words."""
        finding = "the structure is real"
        if self.p_value > LARGEST_P:
            finding = "as much is found where there is nothing to find"
        least = " (the least that so many can give)" if self.p_value == self.smallest_p else ""
        return (
            f"{finding}: a score of {self.observed:.3g}, beside {np.mean(self.null):.3g} on average and"
            f" {max(self.null):.3g} at most over {len(self.null)} times {self.shuffled}; p = {self.p_value:.3g}{least}"
        )


def null_test(
    fit_and_score: Any,
    X: Any,
    y: Any = None,
    *,
    X_pos: Any = None,
    groups: npt.ArrayLike | None = None,
    shuffle: Literal["rows", "blocks", "shifts", "trials"] = "blocks",
    block_length: int | None = None,
    num_shuffles: int = 99,
    test_fraction: float = 0.3,
    jobs: int = 1,
    random_state: RandomState = 0,
) -> NullTest:
    """Compare a score with those of the same procedure on shuffled data.

    Parameters
    ----------
    fit_and_score : callable or estimator
        Called as ``fit_and_score(X)``, or ``fit_and_score(X, y)``, with ``X_pos`` and ``groups`` as keywords where they
        are given; returns one finite number, larger for more structure. It is to do all of the fitting itself, held
        out or not: whatever it does to the data it does to shuffled data too. An estimator with ``fit`` and ``score``
        is cloned, fitted on the first rows or groups, and scored on the others.
    X : array of shape (rows, ...)
        Observations in order of time; they stay as they are where there is something else to shuffle.
    y : array of shape (rows, ...), optional
        Labels. They are shuffled if they are given.
    X_pos : array of shape (rows, ...), optional
        Given positives, which are shuffled if there are no labels. With neither of the two the order of the rows of X
        is shuffled, and the test is of structure in time.
    groups : array of shape (rows,), optional
        Trials. Rows are shuffled within their trial only, for all but "trials".
    shuffle : {"rows", "blocks", "shifts", "trials"}
        "rows": each row by itself. Right for rows that are independent draws, and for no others: labels that change
        slowly beside a slow signal go along with it by chance for a while, single rows do not, and the test calls
        that chance real, far more often than its level says.
        "blocks": stretches of ``block_length`` rows. Keeps what lies within blocks as it was, so blocks are to be
        several times as long as labels or signals remember. Of the order of rows it tests structure over more rows
        than a block has.
        "shifts": labels of each trial are turned around, the end of them following on the start. Keeps all of a
        stationary series but for that one seam, and needs no length; the sharpest one for long trials.
        "trials": labels of whole trials change places, among trials of equal length. Right for trials that are
        alike in law, whatever goes on within them.
    block_length : int, optional
        Rows of a block, for "blocks"; a twentieth of the rows of the longest trial if not given.
    num_shuffles : int
        No p-value is below 1 / (1 + num_shuffles): 19 suffice for .05, 99 for .01.
    test_fraction : float
        Share of rows, or groups, that an estimator is scored on.
    jobs : int
        Fits at the same time, in processes of their own; needs ``contrica[parallel]`` beyond 1.
    random_state : int or numpy.random.Generator
        Decides the shuffles.

    Returns
    -------
    NullTest

    Raises
    ------
    DomainError
        If data can be arranged in fewer than 20 ways, so that no p-value can reach .05; if numbers are out of range.
    ShapeError, DtypeError
        If arrays do not have one entry per row, or ``fit_and_score`` cannot be called.
    NonFiniteError
        If a score is not a finite number.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.normal(size=200)
    >>> def correlation(X, y):
    ...     return abs(np.corrcoef(X, y)[0, 1])
    >>> null_test(correlation, signal, signal + rng.normal(size=200), shuffle="rows").p_value
    0.01
    >>> null_test(correlation, signal, rng.normal(size=200), shuffle="rows").p_value > 0.05
    True
    """
    num_rows = _rows(X, "X")
    for name, value in (("y", y), ("X_pos", X_pos)):
        if value is not None and _rows(value, name) != num_rows:
            raise ShapeError(
                f"{name} must have one entry per row of X, {num_rows}, got {_rows(value, name)}; pass as many"
            )
    trials = np.zeros(num_rows, np.int64) if groups is None else _trials(groups, num_rows)
    count = _checks.count(num_shuffles, "num_shuffles")
    what = "y" if y is not None else "X_pos" if X_pos is not None else "X"
    generator = generator_of(random_state)
    shuffles = Shuffles.of(trials, _known(shuffle, what), block_length)
    if shuffles.log_ways < math.log(1 / LARGEST_P):
        raise DomainError(
            f"data must be arranged in at least 20 ways for a p-value of .05, but {shuffles.words} there are"
            f" {math.exp(shuffles.log_ways):.0f}; pass shorter blocks, another shuffle, or more rows"
        )
    score = _scoring(fit_and_score, trials, groups is not None, test_fraction)
    given = {"X": X, "y": y, "X_pos": X_pos, "groups": None if groups is None else np.asarray(groups)}
    orders = [np.arange(num_rows), *(shuffles.draw(generator) for _ in range(count))]
    run = partial(_score_of, score, given, what)
    if _checks.count(jobs, "jobs") == 1:
        scores = [run(order) for order in orders]
    else:
        from joblib import Parallel, delayed

        scores = Parallel(n_jobs=jobs)(delayed(run)(order) for order in orders)
    observed, null = scores[0], tuple(scores[1:])
    p_value = (1 + sum(value >= observed for value in null)) / (1 + count)
    names = {"y": "labels", "X_pos": "positives", "X": "the order of rows"}
    return NullTest(observed, null, p_value, 1 / (1 + count), f"{names[what]} shuffled {shuffles.words}")


def _known(shuffle: Shuffle, what: str) -> Shuffle:
    _checks.choice(shuffle, "shuffle", ("rows", "blocks", "shifts", "trials"))
    if what == "X" and shuffle in ("shifts", "trials"):
        raise DomainError(
            f"shuffle={shuffle!r} leaves the order of rows as it is and breaks only what ties labels to them, but there"
            " are no labels; pass y, or shuffle='blocks'"
        )
    return shuffle


def _scoring(fit_and_score: Any, trials: npt.NDArray[np.int64], by_trial: bool, share: float) -> Callable[..., float]:
    if hasattr(fit_and_score, "fit") and hasattr(fit_and_score, "score"):
        if not 0.0 < _checks.finite(share, "test_fraction") < 1.0:
            raise DomainError(f"test_fraction must lie in (0, 1), got {share!r}; pass for example 0.3")
        where = trials if by_trial else np.arange(len(trials))
        first = where < (1.0 - share) * (where.max() + 1)
        if first.all() or not first.any():
            raise DomainError("some rows must be fitted and some scored, got one side only; pass more rows or groups")
        return partial(_fit_then_score, fit_and_score, np.flatnonzero(first), np.flatnonzero(~first))
    if not callable(fit_and_score):
        name = type(fit_and_score).__name__
        raise DtypeError(f"fit_and_score must be callable, or have fit and score, got {name}; pass a function")
    return fit_and_score  # type: ignore[no-any-return]


def _fit_then_score(
    estimator: Any, fitted: npt.NDArray[np.int64], scored: npt.NDArray[np.int64], *data: Any, **more: Any
) -> float:
    sides = [
        ([_taken(each, rows) for each in data], {name: _taken(each, rows) for name, each in more.items()})
        for rows in (fitted, scored)
    ]
    model = clone(estimator).fit(*sides[0][0], **sides[0][1])
    return float(model.score(*sides[1][0], **sides[1][1]))


def _score_of(score: Callable[..., float], given: dict[str, Any], what: str, order: npt.NDArray[np.int64]) -> float:
    data = {name: value for name, value in given.items() if value is not None}
    data[what] = _taken(data[what], order)
    leading = [data.pop(name) for name in ("X", "y") if name in data]
    value = score(*leading, **data)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DtypeError(f"a score must be one number, got {type(value).__name__}; return a float") from error
    if not math.isfinite(number):
        raise NonFiniteError(f"a score must be finite, got {number}; return a number for shuffled data too")
    return number


def _taken(values: Any, rows: npt.NDArray[np.int64]) -> Any:
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    return np.asarray(values)[rows] if isinstance(values, (list, tuple)) else values[rows]


def _rows(values: Any, name: str) -> int:
    shape = getattr(values, "shape", None) if not isinstance(values, (list, tuple)) else (len(values),)
    if not shape:
        raise DtypeError(f"{name} must be an array with one entry per row, got {type(values).__name__}; pass an array")
    return int(shape[0])


def _trials(groups: npt.ArrayLike, num_rows: int) -> npt.NDArray[np.int64]:
    """Return the trial of each row, numbered from 0 in the order in which trials come."""
    labels = np.asarray(groups)
    if labels.shape != (num_rows,):
        raise ShapeError(f"groups must have shape ({num_rows},), one per row, got {labels.shape}; pass a 1-D array")
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], np.int64)
