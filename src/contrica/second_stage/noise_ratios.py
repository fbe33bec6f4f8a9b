"""Axes from second moments: each factor has its own ratio of pair noise to variance, and no two are equal.

    Cov[h - h~] w_i = r_i Cov[h] w_i,    r_i = Var[s_i - s~_i] / Var[s_i]

With uncorrelated factors and uncorrelated pair noise both covariances are diagonal in the factors, so w_i are the rows
of A^-1 up to scale, unless r_i = r_j, which leaves the rotation of i and j open. Cov[h] is taken over both members.
Reference: Tong, Soon, Huang and Liu, AMUSE, 1990; Molgedey and Schuster, Physical Review Letters 72, 1994.

Two neighbouring ratios are told apart by the plane that they span: with R_b the whitened noise covariance of bootstrap
resample b in the axes found,

    H0: r_i = r_j:    T = g^2 (M^-1)_11 ~ chi^2_2,    g = r_j - r_i,    M = Cov_b[(R_jj - R_ii, 2 R_ij)],

because equal ratios are two conditions on the plane, not one: sample ratios repel each other, and a gap that is
compared with its standard error alone is called significant far too often.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from contrica.second_stage.axes import Axes
from contrica.second_stage.evidence import LEVEL, Evidence, refuse_unless_all_hold
from contrica.second_stage.stability import stability
from contrica.second_stage.tables import RandomState, Rows, Table, generator_from, read_pairs
from contrica.second_stage.whitening import Whitening, inverse_root

Groups: TypeAlias = tuple[tuple[int, ...], ...]

ASSUMPTION = "factors differ in their ratio of pair noise to variance"
ASSUMED = (
    "the codes are an affine map of the factors",
    "the pairs are independent draws",
    "factors are uncorrelated and so is their pair noise: two covariances can always be diagonalised together, so"
    " correlated factors give wrong axes here without a sign of it",
)
RESAMPLES = 200
"""A standard error from 200 resamples is itself off by 5 %."""


@dataclass(frozen=True, eq=False)
class NoiseRatios:
    """Noise over variance along the axes of both covariances, and which of them the pairs tell apart.

    Parameters
    ----------
    ratios : array of shape (code_dim,)
        In rising order; 0 never changes within a pair, 2 has nothing in common between the members of a pair.
    standard_errors : array of shape (code_dim,)
        Bootstrap standard errors of ``ratios``.
    gap_p_values : array of shape (code_dim - 1,)
        Of the hypothesis that a ratio equals the next one.
    groups : tuple of tuple of int
        Axes whose ratios cannot be told apart: within a group only a rotation is known.
    unmixing : array of shape (code_dim, code_dim)
        Row i gives the component of ratio i.
    resampled : tuple of arrays
        The unmixing of each bootstrap resample.
    """

    ratios: Table
    standard_errors: Table
    gap_p_values: Table
    groups: Groups
    unmixing: Table
    resampled: tuple[Table, ...]


def noise_ratios(codes: Rows, positive_codes: Rows, *, random_state: RandomState) -> NoiseRatios:
    """Measure the ratios and tell which differ; parameters and errors are those of ``axes_from_noise_ratios``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.normal(size=(4000, 3))
    >>> found = noise_ratios(factors, factors + rng.normal(size=(4000, 3)) * [1.0, 0.2, 0.2], random_state=0)
    >>> found.groups
    ((0, 1), (2,))
    """
    anchors, positives = read_pairs(codes, positive_codes)
    generator = generator_from(random_state)
    whitening = Whitening.fit(np.concatenate([anchors, positives]), "codes")
    anchors, positives = whitening.apply(anchors), whitening.apply(positives)
    ratios, axes = np.linalg.eigh(_relative_noise(anchors, positives, np.ones(len(anchors), dtype=np.intp)))
    anchors, positives = anchors @ axes, positives @ axes
    pairs = len(anchors)
    resamples = np.array(
        [
            _relative_noise(anchors, positives, np.bincount(generator.integers(pairs, size=pairs), minlength=pairs))
            for _ in range(RESAMPLES)
        ]
    )
    p_values = np.array([_equal_ratio_p_value(resamples, ratios, first) for first in range(len(ratios) - 1)])
    unmixing = axes.T @ whitening.matrix
    return NoiseRatios(
        ratios,
        np.diagonal(resamples, axis1=1, axis2=2).std(axis=0, ddof=1),
        p_values,
        _groups(p_values),
        unmixing,
        tuple(np.linalg.eigh(each)[1].T @ unmixing for each in resamples),
    )


def axes_from_noise_ratios(codes: Rows, positive_codes: Rows, *, random_state: RandomState) -> Axes:
    """Find the axes of both covariances, or refuse where two ratios cannot be told apart.

    Parameters
    ----------
    codes, positive_codes : array of shape (pairs, code_dim)
        Codes of both members of each pair, by one encoder that is affine in the factors.
    random_state : int or numpy.random.Generator
        Decides the resamples.

    Returns
    -------
    Axes
        With components in rising order of their ratio, the most repeatable first.

    Raises
    ------
    NotIdentifiableError
        Naming the groups of equal ratios.
    UnreliableScoreError
        If there are too few rows for the tests.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal shape with at least two columns that vary.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.normal(size=(4000, 2))
    >>> axes = axes_from_noise_ratios(factors, factors + rng.normal(size=(4000, 2)) * [0.2, 1.0], random_state=0)
    >>> bool(np.abs(np.corrcoef(axes.transform(factors).T, factors.T)[[0, 1], [2, 3]]).min() > 0.99)
    True
    """
    anchors, positives = read_pairs(codes, positive_codes)
    found = noise_ratios(anchors, positives, random_state=random_state)
    evidence = (_apart(found), stability(found.unmixing, found.resampled, "pairs"))
    refuse_unless_all_hold(ASSUMPTION, evidence, "use pairs whose noise differs from factor to factor, or more pairs")
    return Axes.along(found.unmixing, anchors, "noise ratios", evidence, ASSUMED)


def _apart(found: NoiseRatios) -> Evidence:
    p_value = min(1.0, float(found.gap_p_values.max()) * len(found.gap_p_values))
    shared = [group for group in found.groups if len(group) > 1]
    listed = ", ".join(f"{r:.3f}+-{e:.3f}" for r, e in zip(found.ratios, found.standard_errors, strict=True))
    if not shared:
        words = f"the noise ratios {listed} differ from each other (p = {p_value:.2g})"
    else:
        named = " and ".join("{" + ", ".join(map(str, group)) + "}" for group in shared)
        words = f"among the noise ratios {listed} those of {named} cannot be told apart (p = {p_value:.2g})"
        words += ", so only a rotation is known within"
    return Evidence("largest p-value of two equal ratios", p_value, LEVEL, not shared, words)


def _relative_noise(anchors: Table, positives: Table, counts: npt.NDArray[np.intp]) -> Table:
    """Return ``C^-1/2 N C^-1/2``, N the covariance of differences, C that of all codes, rows counted so often."""
    weights = (counts / counts.sum())[:, None]
    anchors, positives = anchors - (weights * anchors).sum(axis=0), positives - (weights * positives).sum(axis=0)
    differences = anchors - positives
    noise = differences.T @ (weights * differences)
    spread = 0.5 * (anchors.T @ (weights * anchors) + positives.T @ (weights * positives))
    root = inverse_root(*np.linalg.eigh(spread))
    return np.asarray(root @ noise @ root)


def _equal_ratio_p_value(resamples: Table, ratios: Table, first: int) -> float:
    """Return P(T >= observed) by Hotelling's law for a covariance that was estimated from the resamples."""
    second = first + 1
    plane = np.stack(
        [resamples[:, second, second] - resamples[:, first, first], 2.0 * resamples[:, first, second]], axis=1
    )
    gap = np.array([ratios[second] - ratios[first], 0.0])
    if not gap[0] > 0:
        return 1.0
    covariance = np.cov(plane.T)
    if np.linalg.matrix_rank(covariance) < 2:
        return 1.0
    statistic = float(gap @ np.linalg.solve(covariance, gap))
    return float((1.0 + statistic / (len(plane) - 1)) ** (-(len(plane) - 2) / 2))


def _groups(p_values: Table) -> Groups:
    groups: list[list[int]] = [[0]]
    for second, p_value in enumerate(p_values, start=1):
        if p_value * len(p_values) > LEVEL:
            groups[-1].append(second)
        else:
            groups.append([second])
    return tuple(tuple(group) for group in groups)
