"""Latents in an open connected part of R^n: isometries of a norm are affine, and permute axes unless it is Euclidean.

With more codes than factors the isometry is an embedding. Into a strictly convex space, l_p with 1 < p < infinity, it
is affine all the same; for p != 2 the images of two axes share no code, so that surplus codes repeat a factor or stay
constant. In l_1 one factor may be split into monotone pieces. (Framework, sections 1.3, 1.4, 5.2.)
"""

from contrica.dissimilarities import Dissimilarity
from contrica.errors import NotIdentifiableError
from contrica.identifiability.families import Family, families_match, family
from contrica.identifiability.statement import (
    BOX_AND_SPHERE,
    EMBEDDING,
    FRAMEWORK,
    GLOBAL_OPTIMUM,
    ISOMETRY,
    LINEAR_SYSTEMS,
    LP_AXES,
    ONE_ENCODER,
    Guarantee,
    Indeterminacy,
)
from contrica.latents import LatentModel
from contrica.spaces import Box, Space, Sphere


def on_flat_space(
    latent_model: LatentModel, dissimilarity: Dissimilarity, code_space: Space | None, *, learned_extent: bool
) -> Guarantee:
    """Return what is recovered of latents in an open connected part of R^n; or raise."""
    truth = latent_model.conditional.dissimilarity
    if truth is None:
        raise NotIdentifiableError(
            f"assumption 'a symmetric delta' fails: the pair law {type(latent_model.conditional).__name__} has none;"
            " use another pair law"
        )
    surplus = _surplus(latent_model, dissimilarity, code_space)
    _codes_have_room(latent_model.space, code_space)
    data, model = family(truth, "pair law"), family(dissimilarity, "model")
    number = "more codes than factors" if surplus else "as many codes as factors"
    conditions = (f"{ONE_ENCODER} with {number}", GLOBAL_OPTIMUM)
    if data.norm == 2.0 and model.norm == 2.0 and data.power == model.power:
        boxed = isinstance(code_space, Box) and isinstance(latent_model.space, Box) and not surplus
        return _rotations(data, model, conditions, boxed=boxed, learned_extent=learned_extent)
    learned = model.learned_exponent and data.is_sum and data.norm != 2.0 and data.norm >= 1.0
    if not learned:
        families_match(data, model)
    if surplus:
        return _embedded(data, conditions)
    if learned:
        return Guarantee(
            Indeterminacy.SCALED_PERMUTATION,
            f"the learned exponents can reach the pair law's, {data.norm:g}, which is not 2",
            (*conditions, "the learned exponents end on the right side of 2: start them on both and compare"),
            (FRAMEWORK, LP_AXES, "for exponents learned per factor the proof is a sketch"),
        )
    return Guarantee(
        Indeterminacy.SCALED_PERMUTATION if data.is_sum else Indeterminacy.SIGNED_PERMUTATION,
        f"every map that preserves the l_{data.norm:g} distance permutes the axes",
        conditions,
        (FRAMEWORK, BOX_AND_SPHERE, ISOMETRY, LP_AXES),
    )


def _rotations(
    data: Family, model: Family, conditions: tuple[str, ...], *, boxed: bool, learned_extent: bool
) -> Guarantee:
    isotropic = data.isotropic and model.isotropic
    if boxed and isotropic and not learned_extent:
        return Guarantee(
            Indeterminacy.SIGNED_PERMUTATION,
            "a rotation that keeps a cube inside a cube of the same side permutes its axes",
            (*conditions, "the output box has the sides of the latent box in the units of the pair noise"),
            (FRAMEWORK, ISOMETRY),
        )
    if isotropic:
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


def _embedded(data: Family, conditions: tuple[str, ...]) -> Guarantee:
    if data.norm == 1.0:
        raise NotIdentifiableError(
            "assumption 'codes in a strictly convex space' fails: with more codes than factors l_1 lets a factor be"
            " split into monotone pieces such as max(s, 0) and min(s, 0); use as many codes as factors"
        )
    return Guarantee(
        Indeterminacy.REPEATED_FACTORS,
        f"in l_{data.norm:g} the images of two axes share no code: a surplus code repeats a factor or stays constant",
        conditions,
        (FRAMEWORK, EMBEDDING, LP_AXES),
    )


def _surplus(latent_model: LatentModel, dissimilarity: Dissimilarity, code_space: Space | None) -> bool:
    asked = getattr(dissimilarity, "dim", None)
    codes = (asked or latent_model.dim) if code_space is None else code_space.dim
    if asked is not None and asked != codes:
        raise NotIdentifiableError(
            f"assumption 'a dissimilarity of the codes' fails: it is made for {asked} codes, the code space has"
            f" {codes}; match them"
        )
    if codes < latent_model.dim:
        raise NotIdentifiableError(
            f"assumption 'as many codes as factors' fails: {latent_model.dim} factors, {codes} codes; no encoder"
            " reaches the best loss: expect the factors of most information, mixed; add codes"
        )
    return codes > latent_model.dim


def _codes_have_room(latent_space: Space, code_space: Space | None) -> None:
    if isinstance(code_space, Sphere) or (isinstance(code_space, Box) and not latent_space.is_bounded):
        raise NotIdentifiableError(
            f"assumption 'codes have room for the latents' fails: latents lie in {latent_space!r}, codes in"
            f" {code_space!r}, which holds no copy of it that preserves distances; use Unbounded codes"
        )
