"""FastICA: the rotation of whitened rows whose components are farthest from normal, by scikit-learn's solver.

    w <- E[z g(w'z)] - E[g'(w'z)] w,    W <- (W W^T)^-1/2 W,    g = tanh

Reference: Hyvärinen, Fast and robust fixed-point algorithms for independent component analysis, IEEE Transactions on
Neural Networks 10, 1999. A solver that stops early is no error here: on normal data there is nothing to converge to,
and on other data ``stability`` shows whether the answer can be relied on.
"""

import warnings

import numpy as np
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from contrica.second_stage.tables import Table
from contrica.second_stage.whitening import Whitening

ITERATIONS = 200
"""Separable data need fewer than 30; what is not done by then wanders on a flat contrast."""

TOLERANCE = 1e-5
"""Largest change of a cosine in the last step; the convergence is cubic, so the error left is far smaller."""


def unmixing_of(table: Table, name: str, *, generator: np.random.Generator) -> Table:
    """Return the matrix of shape (dim, dim) that gives components of centred rows, from a random start.

    Raises
    ------
    NotIdentifiableError
        If the columns are linearly dependent.
    """
    whitening = Whitening.fit(table, name)
    dim = table.shape[1]
    start = np.linalg.qr(generator.normal(size=(dim, dim)))[0]
    solver = FastICA(whiten=False, fun="logcosh", max_iter=ITERATIONS, tol=TOLERANCE, w_init=start, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit(whitening.apply(table))
    return np.asarray(solver.components_ @ whitening.matrix, dtype=np.float64)
