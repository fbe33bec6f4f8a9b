"""What the theory promises: (latent model, dissimilarity) -> what stays undetermined, under which conditions, by whom.

Let ``p(s~|s) = Q(s~)/Z(s) exp(-delta(s, s~))`` and the critic be ``-(delta'(f(x), f(x~)) + alpha(x) + alpha~(x~))``.
At the optimum of any of the four losses, with ``h = f o g``,

    delta'(h(s), h(s~)) + a(s) + b(s~) = delta(s, s~) + u(s) + v(s~)     for all s, s~.

Both dissimilarities are symmetric and vanish on the diagonal, so ``s~ = s`` shows that the nuisances cancel up to one
function w with ``delta' - delta = w(s) - w(s~)``; swapping the arguments makes w constant, hence
``delta'(h(s), h(s~)) = delta(s, s~)``: h preserves the dissimilarity. The rest is the geometry of such maps, which the
table below looks up. (Matthes, Han, Shen 2023; Zimmermann et al. 2021.)
"""

from dataclasses import dataclass
from enum import Enum

import torch

from contrica.dissimilarities import Dissimilarity, Mahalanobis, NormPower, PowerSum, SphereDot, SquaredEuclidean
from contrica.errors import NotIdentifiableError
from contrica.latents import LatentModel, ProjectedLaplaceConditional, ProjectedNormalConditional
from contrica.losses import InfoNCE, Loss
from contrica.spaces import Box, Space, Sphere

ISOMETRY = "Mazur, Ulam 1932; Mankiewicz 1972 (isometries between open connected sets of R^n are affine)"
LP_AXES = "Banach 1932; Lamperti 1958 (linear isometries of l_p, p != 2, are signed permutations)"
FRAMEWORK = "Matthes, Han, Shen 2023 (four losses, any marginal, offsets)"
BOX_AND_SPHERE = "Zimmermann, Sharma, Schneider, Bethge, Brendel 2021 (sphere, and l_p on convex bodies)"
LINEAR_SYSTEMS = "Gonzalez Laiz, Schmidt, Schneider 2025, theorem 1 (correlated normal noise is whitened)"


class Indeterminacy(Enum):
    """The transformations of the latents that no amount of data can exclude."""

    SIGNED_PERMUTATION = "order, sign and shift of the factors"
    SCALED_PERMUTATION = "order, sign, scale and shift of the factors"
    ORTHOGONAL = "a rotation or reflection, and a shift"
    AFFINE = "an invertible affine map"


@dataclass(frozen=True)
class Guarantee:
    """What is recovered at the optimum, and what that rests on.

    Parameters
    ----------
    indeterminacy : Indeterminacy
        What stays undetermined.
    because : str
        The step of the proof that singles the class out.
    conditions : tuple of str
        What must hold besides; nobody can check these from the latent model alone.
    citations : tuple of str
    """

    indeterminacy: Indeterminacy
    because: str
    conditions: tuple[str, ...]
    citations: tuple[str, ...]

    @property
    def axes_identified(self) -> bool:
        """Whether single codes may be read as single factors."""
        return self.indeterminacy in (Indeterminacy.SIGNED_PERMUTATION, Indeterminacy.SCALED_PERMUTATION)

    def __str__(self) -> str:
        """State the guarantee in plain words."""
        return "\n".join(
            [
                f"The factors are recovered up to {self.indeterminacy.value}, because {self.because}, provided that",
                *(f"  - {condition}" for condition in self.conditions),
                "See",
                *(f"  - {citation}" for citation in self.citations),
            ]
        )


@dataclass(frozen=True)
class _Family:
    """A dissimilarity by its geometry: ``weight-scaled ||t||_norm^power``, summed over factors where power = norm."""

    norm: float
    power: float
    isotropic: bool
    learned_exponent: bool = False
    name: str = ""


def guarantee(
    latent_model: LatentModel,
    dissimilarity: Dissimilarity,
    *,
    loss: Loss | None = None,
    anchor_offset: bool = True,
    candidate_offset: bool = True,
    code_space: Space | None = None,
    learned_extent: bool = False,
) -> Guarantee:
    """Return what is recovered at the optimum when pairs of ``latent_model`` are contrasted with ``dissimilarity``.

    Parameters
    ----------
    latent_model : LatentModel
        The law of the pairs.
    dissimilarity : Dissimilarity
        The critic's delta.
    loss : Loss, optional
        Which loss is minimised; only InfoNCE can do without an anchor offset. Any of the four if not given.
    anchor_offset, candidate_offset : bool
        Whether alpha and alpha~ are learned.
    code_space : Space, optional
        Where the encoder's outputs are confined to; unbounded if not given, or unit-length for a `SphereDot`.
    learned_extent : bool
        Whether the radius of that sphere or the sides of that box are learned.

    Raises
    ------
    NotIdentifiableError
        Naming the assumption that fails.

    >>> from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
    >>> model = LatentModel(UniformMarginal(Box(4)), LaplaceConditional(Box(4), 0.15))
    >>> guarantee(model, PowerSum(4, exponent=1.0)).indeterminacy.value
    'order, sign, scale and shift of the factors'
    """
    _nuisances_modelled(latent_model, loss, anchor_offset=anchor_offset, candidate_offset=candidate_offset)
    if isinstance(latent_model.space, Sphere) or isinstance(dissimilarity, SphereDot):
        return _on_sphere(latent_model, dissimilarity, code_space, learned_extent)
    truth = latent_model.conditional.dissimilarity
    if truth is None:
        raise NotIdentifiableError(
            "assumption 'a symmetric delta' fails: the pair law"
            f" {type(latent_model.conditional).__name__} has none; use another pair law"
        )
    _same_dimension(latent_model, dissimilarity)
    data, model = _family(truth, "pair law"), _family(dissimilarity, "model")
    conditions = (
        "the mixing is injective and both views go through one encoder with as many codes as factors",
        "the loss is at its global optimum over all encoders and offsets, on unlimited data",
    )
    if data.norm == 2.0 and model.norm == 2.0 and data.power == model.power:
        return _rotations(latent_model, data, model, conditions, code_space, learned_extent)
    if model.learned_exponent and data.norm == data.power != 2.0 and data.norm >= 1.0:
        return Guarantee(
            Indeterminacy.SCALED_PERMUTATION,
            f"the learned exponents can reach the pair law's, {data.norm:g}, which is not 2",
            (*conditions, "the learned exponents end on the right side of 2: start them on both and compare"),
            (FRAMEWORK, LP_AXES, "for exponents learned per factor the proof is a sketch"),
        )
    _families_match(data, model)
    sums = data.norm == data.power
    citations = (FRAMEWORK, BOX_AND_SPHERE, ISOMETRY, LP_AXES)
    return Guarantee(
        Indeterminacy.SCALED_PERMUTATION if sums else Indeterminacy.SIGNED_PERMUTATION,
        f"every map that preserves the l_{data.norm:g} distance permutes the axes",
        conditions,
        citations,
    )


def _rotations(
    latent_model: LatentModel,
    data: _Family,
    model: _Family,
    conditions: tuple[str, ...],
    code_space: Space | None,
    learned_extent: bool,
) -> Guarantee:
    boxed = isinstance(code_space, Box) and isinstance(latent_model.space, Box) and data.isotropic and model.isotropic
    if boxed and not learned_extent:
        return Guarantee(
            Indeterminacy.SIGNED_PERMUTATION,
            "a rotation that keeps a cube inside a cube of the same side permutes its axes",
            (*conditions, "the output box has the sides of the latent box in the units of the pair noise"),
            (FRAMEWORK, ISOMETRY),
        )
    if data.isotropic and model.isotropic:
        return Guarantee(
            Indeterminacy.ORTHOGONAL,
            "Euclidean distances know no axes: any rotation leaves them as they are"
            + (", and a box of learned sides can hold it: that it shrinks to the axes is experience" if boxed else ""),
            conditions,
            (FRAMEWORK, BOX_AND_SPHERE, ISOMETRY),
        )
    if data.power != 2.0:
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: anisotropic noise under a power of the Euclidean norm"
            " other than 2 has no known result; use NormPower on isotropic noise or SquaredEuclidean"
        )
    return Guarantee(
        Indeterminacy.AFFINE,
        "a quadratic form is a squared distance after a linear map, which the encoder absorbs",
        conditions,
        (FRAMEWORK, LINEAR_SYSTEMS, ISOMETRY),
    )


def _on_sphere(
    latent_model: LatentModel, model: Dissimilarity, code_space: Space | None, learned_extent: bool
) -> Guarantee:
    conditional = latent_model.conditional
    if isinstance(conditional, ProjectedLaplaceConditional):
        raise NotIdentifiableError(
            "assumption 'a symmetric delta' fails: Laplace noise that is scaled back to the sphere looks at the axes"
            " from s and from s~ in different ways; experiments find a rotation nevertheless"
            " (Zimmermann et al. 2021, table 1), but not by a theorem; use von Mises-Fisher pairs"
        )
    if isinstance(conditional, ProjectedNormalConditional):
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: normal noise scaled back to the sphere is close"
            " to von Mises-Fisher but not of its form; experiments find a rotation nevertheless"
            " (Zimmermann et al. 2021, table 1), but not by a theorem; use von Mises-Fisher pairs"
        )
    truth = conditional.dissimilarity
    if not (isinstance(latent_model.space, Sphere) and isinstance(truth, SphereDot) and isinstance(model, SphereDot)):
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: the sphere needs von Mises-Fisher pairs and"
            f" SphereDot, got {type(truth).__name__} pairs on {type(latent_model.space).__name__} and"
            f" {type(model).__name__}; change one of them"
        )
    if code_space is not None and code_space != latent_model.space:
        raise NotIdentifiableError(
            f"assumption 'codes on the sphere of the latents' fails: latents lie in {latent_model.space!r}, codes in"
            f" {code_space!r}; use SphereOutput({latent_model.dim})"
        )
    learned = learned_extent or any(parameter.requires_grad for parameter in model.parameters())
    if not learned and not torch.isclose(model.concentration.double(), truth.concentration.double(), rtol=1e-6):
        raise NotIdentifiableError(
            "assumption 'the model contains the pair law' fails: on a unit sphere the concentration cannot be absorbed,"
            f" the pairs have {truth.concentration.item():g} and the model {model.concentration.item():g}; learn it"
        )
    return Guarantee(
        Indeterminacy.ORTHOGONAL,
        "a map of the sphere that preserves inner products is orthogonal",
        (
            "the mixing is injective and both views go through one encoder with unit-length codes",
            "the loss is at its global optimum over all encoders and offsets, on unlimited data",
        ),
        (BOX_AND_SPHERE, FRAMEWORK),
    )


def _nuisances_modelled(
    latent_model: LatentModel, loss: Loss | None, *, anchor_offset: bool, candidate_offset: bool
) -> None:
    if latent_model.has_constant_nuisances:
        return
    needs_anchor = not (isinstance(loss, InfoNCE) and loss.direction == "rows")
    if not candidate_offset:
        raise NotIdentifiableError(
            "assumption 'p(s~)/Q(s~) is constant or learned' fails: the marginal of the candidates is not uniform"
            " (a box's walls alone see to that) and there is no alpha~; pass a candidate offset"
        )
    if needs_anchor and not anchor_offset:
        raise NotIdentifiableError(
            "assumption 'Z(s) is constant or learned' fails: the pair law's normaliser varies with the anchor and there"
            " is no alpha; pass an anchor offset, or use InfoNCE by rows"
        )


def _same_dimension(latent_model: LatentModel, dissimilarity: Dissimilarity) -> None:
    dim = getattr(dissimilarity, "dim", latent_model.dim)
    if dim != latent_model.dim:
        raise NotIdentifiableError(
            f"assumption 'as many codes as factors' fails: {latent_model.dim} factors, {dim} codes; match them"
        )


def _family(dissimilarity: Dissimilarity, name: str) -> _Family:
    match dissimilarity:
        case PowerSum():
            learned = dissimilarity.fixed_exponent is None and dissimilarity.log_exponent.requires_grad
            exponents = dissimilarity.exponent.detach()
            if not learned and dissimilarity.fixed_exponent is None:
                raise NotIdentifiableError(
                    f"assumption 'one norm' fails: the {name} mixes exponents {exponents.tolist()}; use a single one"
                )
            exponent = round(float(exponents[0]), 9)
            isotropic = not dissimilarity.log_weights.requires_grad and len(set(dissimilarity.weights.tolist())) == 1
            return _Family(exponent, exponent, isotropic, learned_exponent=learned, name=name)
        case SquaredEuclidean():
            return _Family(2.0, 2.0, isotropic=True, name=name)
        case Mahalanobis():
            return _Family(2.0, 2.0, isotropic=False, name=name)
        case NormPower():
            return _Family(dissimilarity.norm_exponent, dissimilarity.power, isotropic=True, name=name)
        case _:
            raise NotIdentifiableError(
                f"assumption 'a dissimilarity with a known isometry group' fails: the {name} uses"
                f" {type(dissimilarity).__name__}; use PowerSum, NormPower, SquaredEuclidean, Mahalanobis or SphereDot"
            )


def _families_match(data: _Family, model: _Family) -> None:
    if (data.norm, data.power) == (model.norm, model.power) and data.norm >= 1.0 and not model.learned_exponent:
        if data.norm != data.power and not (data.isotropic and model.isotropic):
            raise NotIdentifiableError(
                "assumption 'the model contains the pair law' fails: a power of a norm needs one scale for all factors"
            )
        return
    if data.norm < 1.0:
        raise NotIdentifiableError(
            f"assumption 'delta is an increasing function of a norm' fails: exponent {data.norm:g} < 1 gives no norm;"
            " the theorem is silent here"
        )
    if 2.0 in (data.norm, model.norm) and data.norm != model.norm:
        advice = "no axes: normal noise has none to give, and a normal model sees none"
    elif (data.norm < 2.0) != (model.norm < 2.0):
        advice = "worse than none: an exponent on the wrong side of 2 prefers mixed axes"
    else:
        advice = "axes that are right in calculations, on the same side of 2, but not by a theorem"
    raise NotIdentifiableError(
        f"assumption 'the model contains the pair law' fails: pairs have ||t||_{data.norm:g}^{data.power:g}, the model"
        f" ||t||_{model.norm:g}^{model.power:g}; expect {advice}; use the pair law's exponents or learn them"
    )
