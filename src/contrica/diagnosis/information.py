"""Information that the two members of a pair share through one code, by distances to the k-th neighbour.

    I = psi(k) + psi(n) - mean_i [ psi(a_i + 1) + psi(b_i + 1) ]

With e_i the distance, in the larger of both coordinates, from (h_i, h~_i) to its k-th neighbour among n pairs, a_i and
b_i count the other h within e_i of h_i and the other h~ within e_i of h~_i. It knows nothing of critic, offsets or
batch size, so that log N does not bound it, and it changes little where a code is bent. For factors that are
independent in anchor and noise the sum over codes is the information of the pair. (Kraskov, Stoegbauer, Grassberger
2004, first estimator; the standard error from disjoint parts as in Holmes, Nemenman 2019.)
"""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.special import digamma

NEIGHBOURS = 4
"""The variance falls with k and the bias grows; 4 are of little bias up to 3 nats at 2000 pairs."""

PARTS = 10
"""Disjoint parts whose estimates give the standard error, which is itself off by a quarter."""

Column = npt.NDArray[np.float64]


def shared_information(codes: Column, positive_codes: Column, units: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the information in nats, and its standard error.

    Parameters
    ----------
    codes, positive_codes : array of shape (n,)
        One code of both members of each pair; row i belongs to row i, and pairs are independent draws.
    units : array of shape (n,)
        Rows of equal number, from 0 on, stay in one part.

    Notes
    -----
    On 2000 pairs of uniform and tilted factors with Laplace, normal and generalised normal noise the mean error was
    below .03 nats at 0 to 3 nats, and the standard deviation .014 to .027. Constant codes have 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.normal(size=2000)
    >>> found = shared_information(codes, 0.8 * codes + 0.6 * rng.normal(size=2000), np.arange(2000))[0]
    >>> abs(found - 0.51) < 0.06   # - log(1 - .8^2) / 2
    True
    """
    if codes.std() == 0 or positive_codes.std() == 0:
        return 0.0, 0.0
    left, right = codes / codes.std(), positive_codes / positive_codes.std()
    parts = [units % PARTS == part for part in range(PARTS)]
    values = [_estimate(left[part], right[part]) for part in parts if part.sum() > 2 * NEIGHBOURS]
    return _estimate(left, right), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _estimate(left: Column, right: Column) -> float:
    tree = cKDTree(np.stack((left, right), 1))
    reach = tree.query(tree.data, k=NEIGHBOURS + 1, p=np.inf)[0][:, -1]
    counts = []
    for column in (left, right):
        ordered = np.sort(column)
        above = np.searchsorted(ordered, column + reach, side="left")
        below = np.searchsorted(ordered, column - reach, side="right")
        counts.append(np.maximum(above - below - 1, 0))  # where all k neighbours are copies, the reach is 0
    total = digamma(NEIGHBOURS) + digamma(len(left))
    return float(total - np.mean(digamma(counts[0] + 1) + digamma(counts[1] + 1)))
