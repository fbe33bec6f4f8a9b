"""Integrals of positive one-dimensional functions by adaptive Gauss-Legendre panels, in logs, many at a time.

    log int f(x) dx  over [edges[0], edges[-1]],      one integrand per row ("owner") of the edges

A panel is halved as long as its two halves disagree with it by more than a share of the owner's total, so a kink or an
algebraic singularity costs a few tiny panels, and a peak that the first panels only touch is found by climbing it.
Only differences to the largest term are exponentiated. (Davis, Rabinowitz 1984, section 6.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ORDER = 16
"""Gauss-Legendre nodes per panel: exact for polynomials of degree 31."""

TOLERANCE = 1e-13
"""Largest error of one panel, as a share of its owner's integral; grows with |log integral|, whose rounding it is."""

LEVELS = 48
"""Halvings at most: the panels that are left are 2^-48 of the first ones."""

LADDER_FACTOR, LADDER_RUNGS = 4.0, 31
"""Rungs at width * 4^j, j = 0..30, reach 1e18 widths from a landmark."""

_ABSCISSAE, _WEIGHTS = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(ORDER))

Landmark = tuple[float | Tensor, float]
"""A place where an integrand changes fast, one for all owners or one each, and the width of the change."""

LogIntegrand = Callable[[Tensor, Tensor], Tensor]
"""Maps nodes of shape (panels, nodes) and each panel's owner, of shape (panels, 1), to log f at the nodes."""


@dataclass(frozen=True)
class Mesh:
    """Nodes at which the integrand is resolved, and ``log(weight f)`` there, for functions as smooth as f.

    Parameters
    ----------
    owners : Tensor of shape (panels,)
        Which integral each panel belongs to.
    nodes, log_terms : Tensor of shape (panels, nodes)
    num_owners : int
    """

    owners: Tensor
    nodes: Tensor
    log_terms: Tensor
    num_owners: int

    def log_integrals(self) -> Tensor:
        """Return the log of each owner's integral, of shape (owners,)."""
        return _log_sum_by_owner(torch.logsumexp(self.log_terms, 1), self.owners, self.num_owners)


def ladder(landmarks: Sequence[Landmark], *, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Return ascending edges on [low, high]: each landmark (place, width) and rungs at width * 4^j on either side.

    Places and ends may be tensors of shape (owners,); the result has shape (owners, edges). An infinite side ends with
    its last rung.
    """
    steps = LADDER_FACTOR ** torch.arange(LADDER_RUNGS, dtype=torch.float64)
    steps = torch.cat([-steps.flip(0), torch.zeros(1, dtype=torch.float64), steps])
    places = torch.broadcast_tensors(
        *[torch.as_tensor(place, dtype=torch.float64).reshape(-1) for place, _ in landmarks]
    )
    rungs = [place[:, None] + width * steps for place, (_, width) in zip(places, landmarks, strict=True)]
    least, most = (torch.as_tensor(end, dtype=torch.float64).reshape(-1, 1) for end in (low, high))
    return torch.cat(rungs, 1).clamp(least, most).sort(dim=1).values


def refine(log_integrand: LogIntegrand, edges: Tensor) -> Mesh:
    """Return a mesh that resolves ``exp(log_integrand)`` between the edges, which have shape (owners, edges)."""
    num_owners = len(edges)
    owners, columns = torch.nonzero(edges[:, 1:] > edges[:, :-1], as_tuple=True)
    left, right = edges[owners, columns], edges[owners, columns + 1]
    _, terms = _panels(log_integrand, owners, left, right)
    done: list[tuple[Tensor, Tensor, Tensor]] = []
    settled = torch.full((num_owners,), -torch.inf, dtype=torch.float64)
    for level in range(LEVELS):
        if len(owners) == 0:
            break
        middle = 0.5 * (left + right)
        halves = [_panels(log_integrand, owners, left, middle), _panels(log_integrand, owners, middle, right)]
        coarse = torch.logsumexp(terms, 1)
        fine = torch.logaddexp(*[torch.logsumexp(half, 1) for _, half in halves])
        pending = _log_sum_by_owner(torch.maximum(fine, coarse), owners, num_owners)
        total = torch.logaddexp(settled, pending)[owners]
        error = (torch.exp(fine - total) - torch.exp(coarse - total)).abs()
        converged = ~(error > TOLERANCE * (1.0 + total.abs())) | torch.tensor(level == LEVELS - 1)
        kept = owners[converged]
        done += [(kept, half_nodes[converged], half[converged]) for half_nodes, half in halves]
        settled = torch.logaddexp(settled, _log_sum_by_owner(fine[converged], kept, num_owners))
        rest = ~converged
        terms = torch.cat([half[rest] for _, half in halves])
        owners = owners[rest].repeat(2)
        left, right = torch.cat([left[rest], middle[rest]]), torch.cat([middle[rest], right[rest]])
    kept_owners, kept_nodes, kept_terms = (torch.cat(parts) for parts in zip(*done, strict=True))
    return Mesh(kept_owners, kept_nodes, kept_terms, num_owners)


def _panels(log_integrand: LogIntegrand, owners: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    half = 0.5 * (right - left)[:, None]
    nodes = left[:, None] + half * (1.0 + _ABSCISSAE)
    terms = log_integrand(nodes, owners[:, None]) + (half * _WEIGHTS).log()
    return nodes, torch.where(terms.isnan(), -torch.inf, terms)


def _log_sum_by_owner(values: Tensor, owners: Tensor, num_owners: int) -> Tensor:
    top = torch.full((num_owners,), -torch.inf, dtype=torch.float64).scatter_reduce(0, owners, values, "amax")
    shift = torch.where(torch.isfinite(top), top, 0.0)
    sums = torch.zeros(num_owners, dtype=torch.float64).index_add(0, owners, torch.exp(values - shift[owners]))
    return sums.log() + shift
