"""Codes that know the factors not at all, or only up to a mixture: what a score is read beside.

    noise          h ~ N(0, 1), independent of everything                        chance
    rotation       h = standardised factors times a random orthogonal matrix     what an affine guarantee gives
    observations   h = x, or its leading principal components                    what was there before training
    ICA            h = FastICA of x                                              what a linear method gets

A matched correlation is far from 0 for a rotation: independent uniform factors give .91 (2 factors), .83 (3), .72 (5)
and .58 (10) on average, the last with standard deviation .035. Reference for FastICA: Hyvarinen, IEEE Transactions on
Neural Networks 10, 1999.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA, FastICA
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, ShapeError
from contrica.evaluation.halves import RandomState, generator_of
from contrica.evaluation.tables import Rows, Table, centre, read, standardise

MOST_COMPONENTS = 64
"""Observations wider than this are replaced by as many principal components; an affine map of 64 asks for 1300 rows."""

LEAST_SHARE = 1e-10
"""Principal components with less than this share of the first one's variance are rounding and are dropped."""

WIDEST_EXACT = 512
"""Up to this many columns the covariance is decomposed exactly; beyond, by a randomised range finder."""

ICA_ROWS = 10_000
"""FastICA is fitted on at most this many rows and applied to all: its error is of order 1/sqrt(rows), 1 % here."""

ICA_STEPS = 200
"""Iterations after which FastICA is stopped and reported as not converged."""


@dataclass(frozen=True, eq=False)
class ReferenceCodes:
    """Codes of known worth, to be scored like any others.

    Parameters
    ----------
    codes : array of shape (rows, code_dim)
        One row for each row of the data.
    note : str
        What a reader of the score must know; empty if nothing.
    converged : bool
        False if an iteration stopped early; the codes are then its last state.
    """

    codes: Table
    note: str = ""
    converged: bool = True


def noise_codes(rows: int, code_dim: int, *, random_state: RandomState) -> ReferenceCodes:
    """Independent standard normal codes: the chance level of a metric at this shape.

    Examples
    --------
    >>> noise_codes(5, 2, random_state=0).codes.shape
    (5, 2)
    """
    shape = (_checks.count(rows, "rows", least=2), _checks.count(code_dim, "code_dim"))
    return ReferenceCodes(generator_of(random_state).normal(size=shape))


def rotated_factors(factors: Rows, code_dim: int, *, random_state: RandomState) -> ReferenceCodes:
    """Standardised factors turned by a uniformly random rotation: the score of a mixture that lost nothing.

    With more codes than factors they are embedded at random; with fewer, projected, which does lose something.

    Parameters
    ----------
    factors : array of shape (rows, factor_dim)
        True factors.
    code_dim : int
        Number of codes wanted.
    random_state : int or numpy.random.Generator
        Decides the rotation.

    Examples
    --------
    >>> factors = np.random.default_rng(0).normal(size=(100, 2))
    >>> turned = rotated_factors(factors, 3, random_state=0).codes
    >>> turned.shape, round(float(np.square(turned).sum()))   # lengths are kept
    ((100, 3), 200)
    """
    table = read(factors, "factors")
    dim = max(table.shape[1], _checks.count(code_dim, "code_dim"))
    orthogonal, triangular = np.linalg.qr(generator_of(random_state).normal(size=(dim, dim)))
    orthogonal *= np.where(np.diagonal(triangular) < 0, -1.0, 1.0)  # uniform on the orthogonal group (Mezzadri 2007)
    return ReferenceCodes(standardise(table) @ orthogonal[: table.shape[1], :code_dim])


def observation_codes(
    observations: Rows, *, components: int = MOST_COMPONENTS, random_state: RandomState
) -> ReferenceCodes:
    """Observations as they are, or whitened principal components of them where they are wider than ``components``.

    Parameters
    ----------
    observations : array of shape (rows, ...)
        What the encoder sees; images are flattened.
    components : int
        Most columns that are wanted.
    random_state : int or numpy.random.Generator
        Decides the randomised decomposition of very wide observations.

    Raises
    ------
    DomainError
        If the observations are constant.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(size=(50, 8, 8))
    >>> found = observation_codes(images, components=5, random_state=0)
    >>> found.codes.shape, found.note
    ((50, 5), '5 whitened principal components of 64 columns')
    """
    table = flat(observations)
    if table.shape[1] <= _checks.count(components, "components"):
        return ReferenceCodes(table, f"{table.shape[1]} columns as they are")
    codes = _principal(table, components, random_state=random_state)
    return ReferenceCodes(codes, f"{codes.shape[1]} whitened principal components of {table.shape[1]} columns")


def ica_codes(observations: Rows, code_dim: int, *, random_state: RandomState) -> ReferenceCodes:
    """FastICA of the leading ``code_dim`` principal components of the observations.

    Parameters
    ----------
    observations : array of shape (rows, ...)
        What the encoder sees; images are flattened.
    code_dim : int
        Number of components; fewer where the observations have a smaller rank.
    random_state : int or numpy.random.Generator
        Decides the start of the iteration.

    Returns
    -------
    ReferenceCodes
        With ``converged`` False, and a note, if the iteration did not settle, as on Gaussian components it cannot.

    Raises
    ------
    DomainError
        If the observations are constant, or if the iteration diverges.

    Examples
    --------
    >>> sources = np.random.default_rng(0).uniform(size=(1000, 2))
    >>> found = ica_codes(sources @ np.array([[1.0, 1.0], [0.0, 1.0]]), 2, random_state=0)
    >>> found.codes.shape, found.converged
    ((1000, 2), True)
    """
    generator = generator_of(random_state)
    whitened = _principal(flat(observations), _checks.count(code_dim, "code_dim"), random_state=generator)
    chosen = generator.permutation(len(whitened))[:ICA_ROWS]
    ica = FastICA(whiten=False, max_iter=ICA_STEPS, random_state=int(generator.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the result says what the warnings would
        codes = ica.fit(whitened[chosen]).transform(whitened)
    if not np.isfinite(codes).all():
        raise DomainError("FastICA needs components that it can separate, but it diverged; leave this floor out")
    converged = bool(ica.n_iter_ < ICA_STEPS)
    return ReferenceCodes(codes, "" if converged else f"FastICA did not converge in {ICA_STEPS} steps", converged)


def flat(observations: Rows) -> Table:
    """Return observations as a table, one row each, images flattened."""
    try:
        values = observations if isinstance(observations, Tensor) else np.asarray(observations)
    except ValueError as error:
        raise ShapeError("observations must be a rectangular array, got rows of unequal size; pad them") from error
    if values.ndim > 2:
        values = values.reshape(len(values), -1)
    return read(values, "observations")


def _principal(table: Table, components: int, *, random_state: RandomState) -> Table:
    centred = centre(table)
    if not centred.any():
        raise DomainError("observations must vary, but all rows are the same; pass what the encoder saw")
    count = min(components, *table.shape)
    exact = table.shape[1] <= WIDEST_EXACT
    seed = int(generator_of(random_state).integers(2**31))
    pca = PCA(count, svd_solver="covariance_eigh" if exact else "randomized", whiten=True, random_state=seed)
    kept = pca.fit(centred).explained_variance_ > LEAST_SHARE * pca.explained_variance_[0]
    return np.asarray(pca.transform(centred)[:, kept])
