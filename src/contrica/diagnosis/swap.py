"""Whether time has a direction: members of a pair exchanged, against pairs as they are.

    log p(x, x~) - log p(x~, x) = w(x) - w(x~)      for pairs of the form A(x) B(x~) exp(-delta(x, x~)), delta symmetric

So a pair is told from its exchange by a function of one member at a time, or not at all. A logistic regression on
differences of such functions is fitted, splines and products of codes, and antisymmetric terms

    b_p(h) b_q(h~) - b_q(h) b_p(h~),     b: codes and their squares

are added as missing terms, apart from their regression on the differences. Rotation, flow along a cycle and every other
drift that no potential explains shows in them; mean reversion and walls do not. Critic and loss play no part.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import SplineTransformer

from contrica.diagnosis.check import Check, Quantity, Verdict, judge
from contrica.diagnosis.held_out import HeldOut
from contrica.diagnosis.missing_terms import squares_around

Table = npt.NDArray[np.float64]

TOLERANCE = 0.1
"""``g / sqrt(J)``: 5e-3 nats by which a term helps to tell pairs from their exchanges. A rotation by an angle a of two
normal factors within pairs whose noise has the share r of their spread reaches a / r of it, or so."""

KNOTS = 6
"""Per code, at quantiles, with cubic pieces between."""

RIDGE = 1.0
"""Inverse strength of the penalty on splines in units of their spread; it keeps separable ends finite."""


def check_swap(held_out: HeldOut) -> Check:
    """Tell whether the order of the members of a pair shows in more than each of them by itself."""
    expected = "members of a pair that could be exchanged, but for a function of each: no term to gain from"
    anchors, positives = (side.codes.double().numpy() for side in (held_out.anchors, held_out.positives))
    middle, spread = anchors.mean(0), np.maximum(anchors.std(0), np.finfo(np.float32).tiny)
    first, second = ((codes - middle) / spread for codes in (anchors, positives))
    additive = _potentials(first, second)
    terms, names = _antisymmetric(first, second)
    if not names:
        return Check(
            "order", (), expected, Verdict.FINE, "one code alone has no drift that a potential does not explain"
        )
    chances = _chance_of_order(additive)
    gradients, errors, information = _scores(terms, additive, chances, held_out.units.numpy())
    sizes, size_errors = (values / np.sqrt(np.maximum(information, TINY)) for values in (gradients, errors))
    verdict = judge(sizes, size_errors, TOLERANCE)
    worst = int(np.argmax(np.abs(sizes)))
    measured = (
        Quantity(
            f"nats to gain if {names[worst]} go one way round",
            float(sizes[worst] ** 2 / 2),
            float(np.abs(sizes[worst]) * size_errors[worst]),
        ),
        Quantity("terms looked at", float(len(names))),
    )
    if verdict is Verdict.FINE:
        return Check("order", measured, expected, verdict, "pairs look alike in both directions of time")
    if verdict is Verdict.CANNOT_TELL:
        sentence = "these rows leave open whether pairs look alike in both directions of time"
        return Check("order", measured, expected, verdict, sentence, "hold out more pairs")
    sentence = f"{names[worst]} go one way round: no symmetric dissimilarity can describe such pairs"
    advice = "draw lags of both signs, so that pairs are exchangeable, or predict the drift before codes are compared"
    return Check("order", measured, expected, verdict, sentence, advice)


TINY = 1e-300


def _potentials(first: Table, second: Table) -> Table:
    """Return differences of functions of one member: splines of each code, and products of two codes."""
    splines = SplineTransformer(n_knots=KNOTS, knots="quantile", extrapolation="linear", include_bias=False)
    splines.fit(np.concatenate((first, second)))
    pairs = np.triu_indices(first.shape[1], 1)
    sides = [
        np.concatenate((splines.transform(side), side[:, pairs[0]] * side[:, pairs[1]]), 1) for side in (first, second)
    ]
    differences = sides[0] - sides[1]
    return np.asarray(differences / np.maximum(differences.std(0), np.finfo(np.float32).tiny))


def _antisymmetric(first: Table, second: Table) -> tuple[Table, list[str]]:
    left, right = (np.concatenate((side, side**2 - 1.0), 1) for side in (first, second))
    count = first.shape[1]
    labels = [f"code {code}" for code in range(count)] + [f"the square of code {code}" for code in range(count)]
    columns, names = [], []
    for p in range(2 * count):
        for q in range(p + 1, 2 * count):
            columns.append(left[:, p] * right[:, q] - left[:, q] * right[:, p])
            names.append(f"{labels[p]} and {labels[q]}")
    return np.stack(columns, 1), names


def _chance_of_order(additive: Table) -> Table:
    """Return the chance of each pair to be in the order it is in, rather than exchanged, by its members alone."""
    rows, exchanged = np.concatenate((additive, -additive)), np.repeat([1, 0], len(additive))
    fitted = LogisticRegression(C=RIDGE, fit_intercept=False, max_iter=1000).fit(rows, exchanged)
    return np.asarray(expit(additive @ fitted.coef_[0]))


def _scores(terms: Table, additive: Table, chances: Table, units: npt.NDArray[np.int64]) -> tuple[Table, Table, Table]:
    """Return gradients, their errors and the information of terms apart from their regression on what is fitted."""
    weights = chances * (1.0 - chances)
    scaled = np.sqrt(weights)[:, None]
    slopes = np.linalg.lstsq(scaled * additive, scaled * terms, rcond=1e-8)[0]
    apart = terms - additive @ slopes
    by_row = apart * (1.0 - chances)[:, None]
    by_unit = np.zeros((int(units.max()) + 1, by_row.shape[1]))
    np.add.at(by_unit, units, by_row)
    errors = np.sqrt(squares_around(by_unit, np.bincount(units))) / len(by_row)
    return by_row.mean(0), errors, (weights[:, None] * apart**2).mean(0)
