"""Are codes bent? In straight ones, how pairs move along an axis depends on the place along that axis alone.

    e_i = d_i - E[d_i | y_i],  d = y~ - y:    e_i^2 independent of y_j given y_i,    e_i e_j of y_i, y_j,    j != i
    rho^2 = mean of corr(e_i^2, f(y_j) | y_i)^2, f(y) = y, y^2, and of corr(e_i e_j, f)^2, f = y_i, y_j, y_i y_j,
            less the same with a random sign for each row

That holds wherever each factor of the positive depends on that factor of the anchor alone, p(s~|s) = prod_i
p_i(s_i~|s_i), whatever the marginal: own walls and an own drift are let be. A bent code turns and stretches the noise
from place to place. It also makes normal factors look other than normal, so that ICA finds axes that are none. E[. |
y_i] is the mean within one of ``CELLS`` cells of as many rows. Random signs leave what has mean 0 given all places at
mean 0, and its variance at every place as it is (the wild bootstrap; Wu 1986, Annals of Statistics 14:1261-1295).
"""

import numpy as np
import numpy.typing as npt

from contrica.second_stage.evidence import LEVEL, Evidence
from contrica.second_stage.tables import Table

CELLS = 20

FLIPS = 299
"""The smallest p-value is 1/300, three times below the level."""

LARGEST_BEND = 0.0125
"""Fits that have ended leave rho below this, .009 at ten factors and R2 .993, and their axes are right; axes that ICA
claims of normal factors after 20 to 200 steps come with .017 and more."""


def straightness(components: Table, positive_components: Table, *, generator: np.random.Generator) -> Evidence:
    """Test that how pairs move along each axis depends on the place along that axis alone.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.normal(size=(2000, 2))
    >>> def bent(s):
    ...     return s + 0.2 * s[:, ::-1] ** 2
    >>> straightness(bent(factors), bent(factors + 0.3 * rng.normal(size=(2000, 2))), generator=rng).holds
    False
    """
    rows, dim = components.shape
    cells = [np.argsort(np.argsort(column)) * CELLS // rows for column in components.T]
    places = _standardised(components)
    moves = positive_components - components
    noise = np.stack([_within(moves[:, [axis]], cells[axis])[:, 0] for axis in range(dim)], axis=1)
    signs = generator.choice([-1.0, 1.0], size=(FLIPS, rows))
    observed, flipped, count = 0.0, np.zeros(FLIPS), 0
    for axis in range(dim):
        others = np.delete(places, axis, axis=1)
        elsewhere = _within(np.concatenate([others, np.square(others)], axis=1), cells[axis])
        terms = [_standardised(_within(np.square(noise[:, [axis]]), cells[axis])) * _standardised(elsewhere)]
        for other in range(axis):
            both = places[:, [axis, other]]
            here = np.concatenate([both, both.prod(axis=1, keepdims=True)], axis=1)
            terms.append(_standardised(noise[:, [axis]] * noise[:, [other]]) * _standardised(here))
        table = np.concatenate(terms, axis=1)
        observed += float(np.square(table.mean(axis=0)).sum())
        flipped += np.square(signs @ table / rows).sum(axis=1)
        count += table.shape[1]
    p_value = (1 + int((flipped >= observed).sum())) / (1 + FLIPS)
    bend = float(np.sqrt(max(0.0, observed - flipped.mean()) / count))
    seen = f"moves of pairs correlate with the place along other axes by {bend:.3f} (p = {p_value:.2g}"
    if bend <= LARGEST_BEND or p_value > LEVEL:
        return Evidence("bend", bend, LARGEST_BEND, True, f"no bend of the codes is seen: {seen})")
    words = f"codes are bent, or a factor's noise depends on another factor: {seen}, {LARGEST_BEND:g} at most needed)"
    return Evidence("bend", bend, LARGEST_BEND, False, words)


def _within(table: Table, cells: npt.NDArray[np.intp]) -> Table:
    """Return ``table`` less the mean of each column within the cell of the row."""
    sums = np.stack([np.bincount(cells, column, minlength=CELLS) for column in table.T], axis=1)
    return np.asarray(table - (sums / np.bincount(cells, minlength=CELLS)[:, None])[cells])


def _standardised(table: Table) -> Table:
    """Return columns of mean 0 and deviation 1, or of zeros where nothing varies."""
    centred = table - table.mean(axis=0)
    deviations = centred.std(axis=0)
    return np.asarray(np.divide(centred, deviations, out=np.zeros_like(centred), where=deviations > 0))
