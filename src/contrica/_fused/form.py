"""The dissimilarities that the compiled pass knows, each brought to one of three forms.

    s_ij = -( sum_k weights_k |left_ik - right_jk|^exponent + row_offsets_i + column_offsets_j )       a sum of powers
    s_ij = -( weight (sum_k |left_ik - right_jk|^exponent)^q + row_offsets_i + column_offsets_j )      a power of one
    s_ij =    sum_k weights_k  left_ik  right_jk            - row_offsets_i - column_offsets_j         bilinear

PowerSum with one fixed exponent and SquaredEuclidean are the first as they stand; Mahalanobis is, with p = 2, of the
codes times its factor; NormPower is the second, with q = k/p; SphereDot is the third with its concentration added to
the row offsets. All of this is ordinary differentiable arithmetic on whatever is learned.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from contrica.critics import DissimilarityFunction, Side
from contrica.dissimilarities import GRADIENT_FLOOR, Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean


class Form(NamedTuple):
    """Codes of shapes (rows, dim) and (columns, dim), offsets, weights (dim,); exponent None means bilinear.

    ``raised`` is q of a power of a sum, whose weight stands in each of the weights, and the least sum that has a slope.
    """

    left: Tensor
    right: Tensor
    row_offsets: Tensor
    column_offsets: Tensor
    weights: Tensor
    exponent: float | None
    raised: tuple[float, float] | None = None

    def negated(self) -> "Form":
        """Return the form whose logits are those of this one with the other sign."""
        return self._replace(row_offsets=-self.row_offsets, column_offsets=-self.column_offsets, weights=-self.weights)

    def within_range(self, power: int) -> bool:
        """Return whether all is finite and no logit, power or slope comes near the end of the type's range.

        The bound is the square root of the largest number, on the widest difference there can be, on its power and on
        the logit; a NaN fails it. Codes whose sum of powers is below the least normal number count as equal: if it is
        to be raised, they must be nearer than the rounding of the widest difference and change no logit by more, and no
        slope may be multiplied with more than the largest number to the power .8.
        """
        left, right = ([float(end) for end in codes.detach().aminmax()] for codes in (self.left, self.right))
        offsets = [float(tensor.detach().abs().amax()) for tensor in (self.row_offsets, self.column_offsets)]
        if not math.isfinite(sum(left) + sum(right) + sum(offsets)):
            return False
        kind = torch.finfo(self.left.dtype)
        limit = 0.5 * math.log(kind.max)
        if self.exponent is None:
            reach = math.log1p(max(map(abs, left))) + math.log1p(max(map(abs, right)))
        else:
            widest = max(left[1] - right[0], right[1] - left[0])
            reach = max(1.0, self.exponent) * math.log1p(widest)
        weight = power * float(self.weights.detach().abs().sum())
        if self.raised is not None and self.exponent is not None:
            q, least = self.raised
            reach = max(reach, q * (reach + math.log(self.left.shape[1])))
            too_steep = (q - 1.0) * math.log(least) > 1.6 * limit
            if too_steep or kind.tiny ** (1.0 / self.exponent) > kind.eps * widest or weight * kind.tiny**q > kind.eps:
                return False
        return math.isfinite(weight) and max(reach + math.log1p(weight), math.log1p(power * sum(offsets))) < limit


def fast_form(dissimilarity: DissimilarityFunction, anchors: Side, candidates: Side) -> Form | None:
    """Return the form of this dissimilarity between the two sides, or None if it has none or the sides do not fit it.

    For p < 1 the weights' gradient comes as a by-product of the codes' gradient, which is cut near equality; learned
    weights with such an exponent therefore have no fast form, nor have norms, cut by their largest coordinate.
    """
    tensors = (*anchors, *candidates)
    left, right = anchors.codes, candidates.codes
    kinds = {(tensor.dtype, tensor.device.type) for tensor in tensors}
    if kinds not in ({(torch.float32, "cpu")}, {(torch.float64, "cpu")}) or left.shape[1] != right.shape[1]:
        return None
    dim, offsets = left.shape[1], (anchors.offsets, candidates.offsets)
    if type(dissimilarity) is PowerSum and dissimilarity.dim == dim and dissimilarity.fixed_exponent is not None:
        weights, exponent = dissimilarity.weights.to(left.dtype), dissimilarity.fixed_exponent
        return None if exponent < 1.0 and weights.requires_grad else Form(left, right, *offsets, weights, exponent)
    if type(dissimilarity) is SquaredEuclidean:
        return Form(left, right, *offsets, left.new_ones(dim) * dissimilarity.weight, 2.0)
    if type(dissimilarity) is NormPower and dissimilarity.norm_exponent >= 1.0:
        weights, p, k = left.new_ones(dim) * dissimilarity.weight, dissimilarity.norm_exponent, dissimilarity.power
        least = max(torch.finfo(left.dtype).tiny, GRADIENT_FLOOR**p if k < 1.0 else 0.0)
        return Form(left, right, *offsets, weights, p, None if k == p else (k / p, least))
    if type(dissimilarity) is Mahalanobis and dissimilarity.dim == dim:
        factor = dissimilarity.factor.to(left.dtype)
        return Form(left @ factor, right @ factor, *offsets, left.new_ones(dim), 2.0)
    if type(dissimilarity) is SphereDot:
        concentration = dissimilarity.concentration.to(left.dtype)
        return Form(left, right, offsets[0] + concentration, offsets[1], concentration.expand(dim), None)
    return None
