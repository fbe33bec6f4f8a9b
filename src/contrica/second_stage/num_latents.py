"""How many factors there are, from codes with dimensions to spare: what surplus codes hold depends on the exponent.

    exponent 2        isometric embeddings are affine, so the codes fill N directions of d: a rank
    1 < exponent != 2 axes keep disjoint supports (Lamperti 1958), so surplus codes repeat a factor, sum_j |c_ij|^p = 1

In the units of the dissimilarity the pair noise is equally large along every factor, whatever the variance and the
correlation of the factors. So the rank is read off Cov[h - h~], whose leading N eigenvalues are alike, and a code is
noise if both its pair noise and what its two views share are small against those of the others. Codes that repeat a
factor agree in level and in pair differences; two factors may agree in level, but hardly in both.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse.csgraph import connected_components

from contrica import _checks
from contrica.errors import DomainError, UnreliableScoreError
from contrica.second_stage.tables import ROWS_PER_CODE, SMALLEST_SPREAD, Rows, Table, read, same_pairs

Clusters: TypeAlias = tuple[tuple[int, ...], ...]

LEAST_GAP = 4.0
"""Variances of pair noise that are equal in theory differ by less than 2 when estimated from 20 rows per code or cut by
the walls of a box; code noise of 5 % lies below a quarter where pair noise exceeds 13 % of a factor's spread."""

SHARED_SHARE = 0.05
"""Noise that differs between the views has a shared variance of 0, smooth training error of 5 % one of .0025."""

LEVELS_AGREE = 0.9
"""Least correlation of two codes that repeat a factor, in what both views share: 1 but for sampling, free of noise."""

DIFFERENCES_AGREE = 0.25
"""Least correlation of their pair differences: 0 for two factors, 1 / (1 + code noise / pair noise) for repeats."""


@dataclass(frozen=True)
class NumLatents:
    """The number of factors that codes hold, and how it was read.

    Parameters
    ----------
    value : int
        Number of factors.
    clusters : tuple of tuple of int or None
        Codes that hold the same factor, one tuple per factor; None for exponent 2, where codes have no axes.
    surplus_codes : tuple of int
        Codes that hold no factor; empty for exponent 2.
    noise_variances : tuple of float
        Variance of pair differences: of the eigendirections for exponent 2, falling, else of the codes.
    words : str
        The rule and what it found.
    """

    value: int
    clusters: Clusters | None
    surplus_codes: tuple[int, ...]
    noise_variances: tuple[float, ...]
    words: str


def estimate_num_latents(codes: Rows, positive_codes: Rows, exponent: float) -> NumLatents:
    """Count the factors in codes that may be more than there are factors.

    Parameters
    ----------
    codes, positive_codes : array of shape (pairs, code_dim)
        Codes of both members of each pair, in the units of the dissimilarity they were trained with.
    exponent : float
        Exponent p >= 1 of that dissimilarity, ``sum |h_i - h~_i|^p``.

    Returns
    -------
    NumLatents
        For exponent 1 an upper bound: there a factor may also be split into monotone pieces such as ``max(s, 0)`` and
        ``min(s, 0)``, which are counted apart.

    Raises
    ------
    DomainError
        If the exponent is below 1, where nothing is known, if no code differs within pairs, or if codes and positives
        have so little in common that nothing tells a factor from noise.
    UnreliableScoreError
        If there are fewer than 20 rows per code.
    ShapeError, DtypeError
        If the arrays are not tables of equal shape.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.uniform(size=(500, 2))
    >>> pairs = factors, factors + 0.1 * rng.laplace(size=(500, 2))
    >>> repeated = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, 0.0]])
    >>> estimate_num_latents(pairs[0] @ repeated, pairs[1] @ repeated, 1.5).clusters
    ((0, 2), (1,))
    """
    if _checks.positive(exponent, "exponent") < 1.0:
        raise DomainError(f"exponent must be at least 1, got {exponent:g}: below 1 there is no norm; use 1 or more")
    anchors, positives = read(codes, "codes"), read(positive_codes, "positive_codes")
    same_pairs(anchors, positives)
    rows, dim = anchors.shape
    if rows < ROWS_PER_CODE * dim:
        raise UnreliableScoreError(
            f"covariances of {dim} codes need at least {ROWS_PER_CODE * dim} rows, got {rows}; pass more rows"
        )
    noise, shared = _covariances(anchors, positives)
    if np.trace(noise) <= SMALLEST_SPREAD:
        raise DomainError("some code must differ within pairs, got equal codes in all; pass pairs of different views")
    if np.diag(shared).max() <= SHARED_SHARE * np.diag(noise).max():
        raise DomainError(
            "the members of a pair must have something in common, but no code's covariance with its positive exceeds"
            f" {SHARED_SHARE:g} of its pair noise; pass row i of both tables from the same pair"
        )
    return _count_directions(noise, shared) if exponent == 2.0 else _count_clusters(noise, shared, float(exponent))


def rank_by_gap(variances: Table, *, least_gap: float = LEAST_GAP) -> int:
    """Return how many of the falling variances precede the first fall by a factor of ``least_gap``.

    Examples
    --------
    >>> rank_by_gap(np.array([1.1, 1.0, 0.8, 0.01, 1e-9]))
    3
    """
    values = np.asarray(variances, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all() or (np.diff(values) > 0).any():
        raise DomainError("variances must be a falling list of finite numbers; pass sorted eigenvalues")
    if values[0] <= 0:
        raise DomainError(f"the largest variance must be greater than 0, got {values[0]:g}; pass codes that vary")
    drops = np.flatnonzero(values[1:] * _checks.positive(least_gap, "least_gap") <= values[:-1])
    return int(drops[0]) + 1 if drops.size else len(values)


def _covariances(anchors: Table, positives: Table) -> tuple[Table, Table]:
    """Return the covariance of differences, and the symmetric part of that of codes with their positives."""
    anchors, positives = anchors - anchors.mean(axis=0), positives - positives.mean(axis=0)
    differences = anchors - positives
    crossed = anchors.T @ positives / len(anchors)
    return differences.T @ differences / len(anchors), 0.5 * (crossed + crossed.T)


def _count_directions(noise: Table, shared: Table) -> NumLatents:
    variances, directions = np.linalg.eigh(noise)
    variances, directions = np.maximum(variances[::-1], 0.0), directions[:, ::-1]
    rank = rank_by_gap(variances)
    common = np.einsum("ik,ij,jk->k", directions, shared, directions)
    # A narrow direction that both views share is a factor whose pair noise the codes underrate, not a surplus one.
    kept = int(np.sum(common[rank:] > SHARED_SHARE * np.median(common[:rank])))
    fall = (
        f"falls by {variances[rank - 1] / max(variances[rank], SMALLEST_SPREAD):.3g}" if rank < len(variances) else ""
    )
    words = f"pair noise {fall} after direction {rank}" if fall else f"pair noise falls nowhere by {LEAST_GAP:g}"
    words += f", and {kept} narrower directions are shared by both views" if kept else ""
    return NumLatents(rank + kept, None, (), tuple(variances.tolist()), f"{words}: {rank + kept} factors")


def _count_clusters(noise: Table, shared: Table, exponent: float) -> NumLatents:
    linked = (_correlations(shared) >= LEVELS_AGREE) & (_correlations(noise) >= DIFFERENCES_AGREE)
    labels = connected_components(linked, directed=False)[1]
    members = [tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
    # Standard deviations of repeats add up as l_p norms to that of the factor.
    noise_of = np.array([_merged(np.diag(noise)[list(group)], exponent) for group in members])
    shared_of = np.array([_merged(np.maximum(np.diag(shared)[list(group)], 0.0), exponent) for group in members])
    typical_noise, typical_shared = _typical(noise_of, shared_of)
    held = (noise_of * LEAST_GAP > typical_noise) | (shared_of > SHARED_SHARE * typical_shared)
    clusters = tuple(group for group, holds in zip(members, held, strict=True) if holds)
    surplus = tuple(code for group, holds in zip(members, held, strict=True) if not holds for code in group)
    words = (
        f"{len(clusters)} clusters of codes that agree in level and in pair differences, {len(surplus)} codes of noise"
    )
    if exponent == 1.0:
        words += "; an upper bound, because exponent 1 lets one factor be split into monotone pieces"
    return NumLatents(len(clusters), clusters, surplus, tuple(np.diag(noise).tolist()), words)


def _typical(noise_of: Table, shared_of: Table) -> tuple[float, float]:
    """Return the medians over clusters whose two views have at least half of their variance in common."""
    repeatable = shared_of >= 0.5 * noise_of
    if not repeatable.any():
        repeatable = shared_of == shared_of.max()
    return float(np.median(noise_of[repeatable])), float(np.median(shared_of[repeatable]))


def _merged(variances: Table, exponent: float) -> float:
    return float(np.sum(variances ** (exponent / 2.0)) ** (2.0 / exponent))


def _correlations(covariance: Table) -> Table:
    """Return absolute correlations, 0 with a constant column."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(deviation, deviation)
    correlations = np.eye(len(scale))
    np.divide(np.abs(covariance), scale, out=correlations, where=scale > 0)
    return correlations
