"""A smooth function on an interval by piecewise Chebyshev interpolation, halved where it is not yet resolved.

    f(x) = sum_k c_k T_k(u),      u in [-1, 1] on the panel of x

A panel is accepted when its last coefficients are below the tolerance, which bounds the error of the accepted panel.
(Trefethen 2013, chapters 3 and 8.)
"""

from collections.abc import Callable

import torch
from torch import Tensor

DEGREE = 15

TOLERANCE = 1e-11
"""Largest of the last two Chebyshev coefficients of a panel, relative to 1 + its largest coefficient."""

LEVELS = 40
"""Halvings at most, beyond which a panel is accepted as it stands."""

_ANGLES = torch.pi * (torch.arange(DEGREE + 1, dtype=torch.float64) + 0.5) / (DEGREE + 1)
_TRANSFORM = torch.cos(torch.outer(torch.arange(DEGREE + 1, dtype=torch.float64), _ANGLES)) * (2.0 / (DEGREE + 1))
_TRANSFORM[0] *= 0.5


class PiecewiseChebyshev:
    """Interpolates ``function``, which maps (points,) to (points,), between ascending ``edges``.

    >>> sine = PiecewiseChebyshev(torch.sin, torch.tensor([0.0, 1.0], dtype=torch.float64))
    >>> float((sine(torch.tensor([0.5], dtype=torch.float64)) - torch.sin(torch.tensor(0.5))).abs()) < 1e-7
    True
    """

    def __init__(self, function: Callable[[Tensor], Tensor], edges: Tensor) -> None:
        left, right = edges[:-1][edges[1:] > edges[:-1]], edges[1:][edges[1:] > edges[:-1]]
        pieces: list[tuple[Tensor, Tensor, Tensor]] = []
        for level in range(LEVELS):
            nodes = left[:, None] + 0.5 * (right - left)[:, None] * (1.0 + torch.cos(_ANGLES))
            coefficients = function(nodes.reshape(-1)).reshape(nodes.shape) @ _TRANSFORM.T
            size = 1.0 + coefficients.abs().amax(1)
            resolved = coefficients[:, -2:].abs().amax(1) <= TOLERANCE * size
            if level == LEVELS - 1:
                resolved[:] = True
            pieces.append((left[resolved], right[resolved], coefficients[resolved]))
            middle = 0.5 * (left + right)
            rest = ~resolved
            left, right = torch.cat([left[rest], middle[rest]]), torch.cat([middle[rest], right[rest]])
            if len(left) == 0:
                break
        lefts, rights, coefficients = (torch.cat(parts) for parts in zip(*pieces, strict=True))
        order = torch.argsort(lefts)
        self._left, self._right, self._coefficients = lefts[order], rights[order], coefficients[order]
        self.low, self.high = float(self._left[0]), float(self._right[-1])

    def __call__(self, points: Tensor) -> Tensor:
        """Return the interpolant at points of any shape within [low, high]."""
        panel = torch.bucketize(points.detach().contiguous(), self._left[1:], right=True)
        left, right = self._left[panel], self._right[panel]
        place = (2.0 * points - left - right) / (right - left)
        rows = self._coefficients[panel].unbind(-1)
        next_term, after = torch.zeros_like(place), torch.zeros_like(place)
        for coefficient in reversed(rows[1:]):
            next_term, after = coefficient + 2.0 * place * next_term - after, next_term
        return rows[0] + place * next_term - after
