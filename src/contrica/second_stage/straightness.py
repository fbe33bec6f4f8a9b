"""Are codes bent? In straight ones, how pairs move along an axis depends on the place along that axis alone.

    e_i = d_i - E[d_i | y_i],  d = y~ - y:    E[e_i^2 | y] = E[e_i^2 | y_i],    E[e_i e_j | y] constant,    j != i
    rho^2 = mean of corr(e_i^2, f(y_j) | y_i)^2, f(y) = y, y^2, and of corr(e_i e_j, f)^2, f = y_i, y_j, y_i y_j,
            less the same with a random sign for each row

That holds wherever each factor of the positive depends on that factor of the anchor alone, p(s~|s) = prod_i
p_i(s_i~|s_i), whatever the marginal: own walls and an own drift are let be. A bent code turns and stretches the noise
from place to place. It also makes normal factors look other than normal, so that ICA finds axes that are none. E[. |
y_i] is the straight line that fits best within each of up to ``CELLS`` cells of as many rows. Random signs leave what
has mean 0 given all places at mean 0, and its variance at every place as it is (the wild bootstrap; Wu 1986, Annals of
Statistics 14:1261-1295). rho is a mean over all axes: a bend of two among fifty may hide in it.
"""

import numpy as np
import numpy.typing as npt

from contrica.second_stage.evidence import LEVEL, Evidence
from contrica.second_stage.tables import Table

CELLS, ROWS_PER_CELL = 20, 50
"""A line takes two of the rows of its cell; of fewer rows it would take a share that chance alone does not."""

FLIPS = 299
"""The smallest p-value is 1/300, three times below the level."""

MOST_ROWS = 16384
"""A bend of .0125 is 1.6 standard errors of a single correlation here; more rows cost memory and show smaller ones."""

LEAST_MOVE = 1e-3
"""Share of a component's variance below which its moves are taken for what estimated axes let through of others'."""

LARGEST_BEND = 0.0125
"""Fits that have ended leave rho below this, .009 at ten factors and R2 .993, and their axes are right; axes that ICA
claims of normal factors after 20 to 200 steps come with .018 and more."""


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
    if len(components) > MOST_ROWS:
        chosen = generator.choice(len(components), MOST_ROWS, replace=False)
        components, positive_components = components[chosen], positive_components[chosen]
    rows, dim = components.shape
    num_cells = max(2, min(CELLS, rows // ROWS_PER_CELL))
    places = _standardised(components)
    lines = [_Lines(place, num_cells) for place in places.T]
    moves = (positive_components - components) / components.std(axis=0)
    noise = np.concatenate([lines[axis].less(moves[:, [axis]]) for axis in range(dim)], axis=1)
    noise[:, np.square(noise).mean(axis=0) < LEAST_MOVE] = 0.0
    signs = generator.choice([-1.0, 1.0], size=(FLIPS, rows))
    observed, flipped, count = 0.0, np.zeros(FLIPS), 0
    for axis in range(dim):
        others = np.delete(places, axis, axis=1)
        elsewhere = lines[axis].less(np.concatenate([others, np.square(others)], axis=1))
        terms = [_standardised(lines[axis].less(np.square(noise[:, [axis]]))) * _standardised(elsewhere)]
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
    if p_value > LEVEL:
        return Evidence("bend", bend, LARGEST_BEND, True, f"no bend of the codes is seen: {seen})")
    if bend <= LARGEST_BEND:
        return Evidence("bend", bend, LARGEST_BEND, True, f"codes are bent no more than fits end with: {seen})")
    words = (
        "codes are bent, or where a factor of the positive lies depends on other factors of the anchor:"
        f" {seen}, {LARGEST_BEND:g} at most needed)"
    )
    return Evidence("bend", bend, LARGEST_BEND, False, words)


class _Lines:
    """Straight lines along a place, one in each cell of as many rows."""

    def __init__(self, place: Table, num_cells: int) -> None:
        self._cells = np.argsort(np.argsort(place, kind="stable"), kind="stable") * num_cells // len(place)
        self._sizes = np.bincount(self._cells)
        self._place = self._centred(place[:, None])
        self._spreads = self._sums(np.square(self._place))

    def less(self, table: Table) -> Table:
        """Return ``table`` less the line that fits each column best in the cell of the row."""
        centred = self._centred(table)
        products = self._sums(self._place * centred)
        slopes = np.divide(products, self._spreads, out=np.zeros_like(products), where=self._spreads > 0)
        return np.asarray(centred - self._place * slopes[self._cells])

    def _centred(self, table: Table) -> Table:
        return np.asarray(table - (self._sums(table) / self._sizes[:, None])[self._cells])

    def _sums(self, table: Table) -> npt.NDArray[np.float64]:
        return np.stack([np.bincount(self._cells, column, len(self._sizes)) for column in table.T], axis=1)


def _standardised(table: Table) -> Table:
    """Return columns of mean 0 and deviation 1, or of zeros where nothing varies."""
    centred = table - table.mean(axis=0)
    deviations = centred.std(axis=0)
    return np.asarray(np.divide(centred, deviations, out=np.zeros_like(centred), where=deviations > 0))
