"""What each code holds: its spread, its pair noise, the scale that was fitted, and the information of the pair.

pair noise    D_k = h_k - h~_k
fitted scale  a_k = weight_k^(-1/p_k), that of a density exp(-(|t|/a)^p)
found scale   (p_k mean |D_k|^p_k)^(1/p_k), its maximum likelihood without walls
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from contrica.critics import DissimilarityFunction
from contrica.diagnosis.check import number
from contrica.diagnosis.held_out import HeldOut
from contrica.diagnosis.information import shared_information
from contrica.dissimilarities import PowerSum, SquaredEuclidean


@dataclass(frozen=True)
class Factor:
    """One code of a fitted model.

    Parameters
    ----------
    code : int
        Its column.
    spread : float
        Standard deviation over anchors, in units of the code.
    noise_share : float
        Standard deviation of the difference within pairs over ``spread``: 0 is frozen, sqrt(2) has nothing in common.
    fitted_scale, found_scale : float or None
        Scale of the pair noise by the dissimilarity and by the pairs, in units of the code; None where the
        dissimilarity is no sum over codes. They agree but for what walls cut off.
    information, information_error : float
        Nats that the two members of a pair share through this code, and the standard error.
    """

    code: int
    spread: float
    noise_share: float
    fitted_scale: float | None
    found_scale: float | None
    information: float
    information_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, said: Any) -> Self:
        """Return what `to_dict` described; raise KeyError, TypeError or ValueError if that was something else."""
        code, *numbers = (number(said[field.name]) for field in fields(cls))
        if code is None or any(numbers[place] is None for place in (0, 1, 4, 5)):
            raise ValueError("a number is missing")
        return cls(int(code), *numbers)  # type: ignore[arg-type]  # the optional ones are optional

    def __str__(self) -> str:
        scales = [f"{'-':>9}" if value is None else f"{value:9.3g}" for value in (self.fitted_scale, self.found_scale)]
        shown = f"{self.information:6.2f} +- {self.information_error:.2f}"
        return f"{self.code:>4}{self.spread:9.3g}{self.noise_share:9.3f}{''.join(scales)}  {shown}"


def factors_of(held_out: HeldOut) -> tuple[Factor, ...]:
    """Summarise every code."""
    anchors, positives = (side.codes.double() for side in (held_out.anchors, held_out.positives))
    differences = anchors - positives
    scales = power_scales(held_out.dissimilarity, held_out.code_dim)
    found = []
    for code in range(held_out.code_dim):
        columns = [side[:, code].numpy() for side in (anchors, positives)]
        spread, noise = float(anchors[:, code].std()), float(differences[:, code].square().mean().sqrt())
        fitted_scale = found_scale = None
        if scales is not None:
            exponent, fitted_scale = scales[code]
            found_scale = float((exponent * differences[:, code].abs().pow(exponent).mean()) ** (1 / exponent))
        found.append(
            Factor(
                code,
                spread,
                noise / spread if spread > 0 else 0.0,
                fitted_scale,
                found_scale,
                *shared_information(columns[0], columns[1], held_out.units.numpy()),
            )
        )
    return tuple(found)


def power_scales(dissimilarity: DissimilarityFunction, code_dim: int) -> list[tuple[float, float]] | None:
    """Return the exponent and the scale of each code where delta is a sum of powers, else None."""
    match dissimilarity:
        case PowerSum():
            exponents, weights = (
                values.double().tolist() for values in (dissimilarity.exponent, dissimilarity.weights)
            )
            return [(p, weight ** (-1 / p)) for p, weight in zip(exponents, weights, strict=True)]
        case SquaredEuclidean():
            return [(2.0, dissimilarity.weight**-0.5)] * code_dim
        case _:
            return None


def parts_of(dissimilarity: DissimilarityFunction, left: Tensor, right: Tensor) -> Tensor:
    """Return the summands of delta in float64, (..., code_dim), or (..., 1) for all of it where it is no sum."""
    scales = power_scales(dissimilarity, left.shape[-1])
    if scales is None:
        return dissimilarity(left, right).double()[..., None]
    exponents, widths = torch.tensor(np.array(scales).T, dtype=torch.float64)
    steps: Tensor = (left - right).double().abs() / widths
    if bool((exponents == 1.0).all()):
        return steps
    return steps.square() if bool((exponents == 2.0).all()) else steps.pow(exponents)
