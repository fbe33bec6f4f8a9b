"""Latents on the unit sphere, where a quadratic delta is a von Mises-Fisher law, one concentration per axis or for all.

    sum_i lambda_i (s_i - s~_i)^2 = |Lambda^(1/2)(s - s~)|^2,        kappa (1 - <s, s~>) = kappa/2 |s - s~|^2

h preserves the distance of the ellipsoids Lambda^(1/2) S and Lambda'^(1/2) S. Such a map extends to a linear isometry;
it takes one ellipsoid to the other, hence principal axes to principal axes of the same length.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from contrica.dissimilarities import Dissimilarity, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.identifiability.statement import (
    ANISOTROPIC_SPHERE,
    BOX_AND_SPHERE,
    FRAMEWORK,
    GLOBAL_OPTIMUM,
    Guarantee,
    Indeterminacy,
)
from contrica.latents import LatentModel
from contrica.spaces import Space, Sphere

SAME = 1e-6
"""Concentrations that differ by less than this share are one."""


class _Ellipsoid(NamedTuple):
    """Squared lengths of the axes, ascending, of shape (dim,); whether all are learned, or one factor of all."""

    weights: Tensor
    learned: bool
    scaled: bool

    @property
    def is_round(self) -> bool:
        return bool((self.weights[-1] - self.weights[0]) <= SAME * self.weights[-1])


def on_sphere(
    latent_model: LatentModel, dissimilarity: Dissimilarity, code_space: Space | None, *, learned_extent: bool
) -> Guarantee:
    """Return what is recovered of latents on a sphere, by codes on a sphere or without bounds; or raise."""
    truth = latent_model.conditional.dissimilarity
    data = None if truth is None else _ellipsoid(truth, latent_model.dim)
    model = _ellipsoid(dissimilarity, latent_model.dim)
    if data is None or model is None or not isinstance(latent_model.space, Sphere):
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: the sphere needs pairs and a model of von Mises-Fisher"
            f" or of quadratic form, got {type(truth).__name__} pairs on {type(latent_model.space).__name__} and"
            f" {type(dissimilarity).__name__}; change one of them"
        )
    bounded = code_space is None or isinstance(code_space, Sphere)
    if not bounded and isinstance(dissimilarity, SphereDot):
        raise NotIdentifiableError(
            f"assumption 'codes on the sphere of the latents' fails: SphereDot compares directions, codes lie in"
            f" {code_space!r}; use SphereOutput({latent_model.dim})"
        )
    if code_space is not None and code_space.dim != latent_model.dim:
        raise NotIdentifiableError(
            f"assumption 'as many codes as factors' fails: latents lie in {latent_model.space!r}, codes in"
            f" {code_space!r}; match their dimensions"
        )
    if not bounded:
        return _unbounded(data, model)
    model = model._replace(scaled=model.scaled or learned_extent)
    _model_contains(data, model)
    return _ellipsoids(data)


def _ellipsoids(data: _Ellipsoid) -> Guarantee:
    conditions = (
        "the mixing is injective and both views go through one encoder with unit-length codes",
        GLOBAL_OPTIMUM,
    )
    if data.is_round:
        return Guarantee(
            Indeterminacy.ORTHOGONAL,
            "a map of the sphere that preserves inner products is orthogonal",
            conditions,
            (BOX_AND_SPHERE, FRAMEWORK),
        )
    distinct = bool(((data.weights[1:] - data.weights[:-1]) > SAME * data.weights[-1]).all())
    return Guarantee(
        Indeterminacy.SIGNED_PERMUTATION if distinct else Indeterminacy.BLOCKS,
        "a linear map of one ellipsoid to another takes axes to axes of the same length"
        + ("" if distinct else ": axes of equal concentration form a block"),
        conditions,
        (ANISOTROPIC_SPHERE, FRAMEWORK),
    )


def _unbounded(data: _Ellipsoid, model: _Ellipsoid) -> Guarantee:
    round_model = model.is_round and not model.learned
    return Guarantee(
        Indeterminacy.ORTHOGONAL if data.is_round and round_model else Indeterminacy.AFFINE,
        "an isometry of a sphere or ellipsoid into a Euclidean space of its dimension is affine",
        (
            "the mixing is injective and both views go through one encoder with as many codes as coordinates",
            GLOBAL_OPTIMUM,
        ),
        (BOX_AND_SPHERE, FRAMEWORK),
    )


def _model_contains(data: _Ellipsoid, model: _Ellipsoid) -> None:
    if model.learned:
        return
    ratios = model.weights / data.weights
    if bool((ratios.max() - ratios.min()) > SAME * ratios.max()):
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: the factors have concentrations in the proportion"
            f" {_shown(data.weights)} and the model {_shown(model.weights)}; learn one per dimension, with"
            " PowerSum(dim, exponent=2, learnable_weights=True)"
        )
    if not model.scaled and bool((ratios - 1.0).abs().max() > SAME):
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: on a unit sphere the concentration cannot be absorbed,"
            f" the pairs have {_shown(2.0 * data.weights)} and the model {_shown(2.0 * model.weights)}; learn it"
        )


def _ellipsoid(dissimilarity: Dissimilarity, dim: int) -> _Ellipsoid | None:
    """Return the quadratic form as an ellipsoid of the sphere; None if it is no diagonal quadratic form."""
    match dissimilarity:
        case SphereDot():
            weights = (0.5 * dissimilarity.concentration.detach().double()).expand(dim)
            return _Ellipsoid(weights, learned=False, scaled=dissimilarity.log_concentration.requires_grad)
        case SquaredEuclidean():
            weights = torch.full((dim,), dissimilarity.weight, dtype=torch.float64)
            return _Ellipsoid(weights, learned=False, scaled=False)
        case PowerSum() if dissimilarity.dim == dim and dissimilarity.fixed_exponent == 2.0:
            weights = dissimilarity.weights.detach().double().sort().values
            return _Ellipsoid(weights, learned=dissimilarity.log_weights.requires_grad, scaled=False)
        case _:
            return None


def _shown(values: Tensor) -> str:
    numbers = [f"{value:g}" for value in values.tolist()]
    return numbers[0] if len(set(numbers)) == 1 else f"({', '.join(numbers)})"
