"""Latents in blocks, ``delta = sum_B delta_B``: when a map that preserves the sum preserves each term.

Near the diagonal delta_B of a step v falls like |v|^d_B: its degree, the power of the norm, 2 on the sphere. Let h be
differentiable. Along a step that leaves all blocks of smaller degree where they are, the block of the next degree is
what is left of ``delta(h(s), h(s + v)) = delta(s, s + v)`` at small v, so its code depends on its own latents alone,
and is a local isometry of them, hence a global one. What is then left of the identity holds for the other blocks. So
blocks of different degrees separate.

Among blocks of degree 2 spheres separate from each other and from one flat block: together they are a Euclidean space,
h is affine on it, and no linear map of a flat direction into a sphere stays on the sphere. Flat blocks of one degree do
not separate by this; equal powers k != 2 of Euclidean norms do, up to their order (Behrends et al. 1977).
"""

from collections import Counter

from contrica.dissimilarities import BlockSum, Dissimilarity, NormPower
from contrica.errors import NotIdentifiableError
from contrica.identifiability.families import family
from contrica.identifiability.flat import on_flat_space
from contrica.identifiability.spheres import on_sphere
from contrica.identifiability.statement import CONDITIONS, FRAMEWORK, Guarantee, Indeterminacy
from contrica.latents import LatentModel, ProductConditional, ProductMarginal
from contrica.spaces import Euclidean, ProductSpace, Space, Sphere

SEPARATION = (
    "terms of different degree, and spheres beside one flat block, separate (derived here, for smooth encoders)"
)
HILBERT_SUMS = "Behrends et al. 1977 (L^p-structure: isometries of an l_k sum of Hilbert spaces permute the summands)"
SMOOTH = "the encoder is differentiable"


def on_product(
    latent_model: LatentModel, dissimilarity: Dissimilarity, code_space: Space | None, *, learned_extent: bool
) -> Guarantee:
    """Return what is recovered of latents in blocks; or raise."""
    space, marginal, conditional = latent_model.space, latent_model.marginal, latent_model.conditional
    assert isinstance(space, ProductSpace)
    assert isinstance(marginal, ProductMarginal)
    assert isinstance(conditional, ProductConditional)
    if not isinstance(dissimilarity, BlockSum) or dissimilarity.sizes != space.sizes:
        raise NotIdentifiableError(
            f"assumption 'the model contains the pair law' fails: the latents come in blocks of {space.sizes}, the"
            f" model is {type(dissimilarity).__name__} of blocks {getattr(dissimilarity, 'sizes', None)}; use a"
            " BlockSum of those sizes"
        )
    codes = _code_blocks(space, code_space)
    _degrees_separate(space, conditional)
    promises = []
    for number, (block, code) in enumerate(zip(conditional.blocks, codes, strict=True)):
        part = dissimilarity.parts[number]
        assert isinstance(part, Dissimilarity)
        lookup = on_sphere if isinstance(block.space, Sphere) else on_flat_space
        alone = LatentModel(marginal.blocks[number], block)
        promises.append(lookup(alone, part, code, learned_extent=learned_extent))
    kinds = "; ".join(f"block {number} up to {promise.indeterminacy.value}" for number, promise in enumerate(promises))
    citations = [citation for promise in promises for citation in promise.citations]
    axes = all(promise.axes_identified for promise in promises)
    return Guarantee(
        Indeterminacy.SCALED_PERMUTATION if axes else Indeterminacy.BLOCKS,
        f"the blocks separate, and within each its own geometry decides: {kinds}",
        (
            *CONDITIONS,
            SMOOTH,
            "codes come in the same blocks: on the sphere for spheres, unbounded or in a box otherwise",
        ),
        tuple(dict.fromkeys([FRAMEWORK, SEPARATION, *([HILBERT_SUMS] if _hilbert(conditional) else []), *citations])),
    )


def _code_blocks(space: ProductSpace, code_space: Space | None) -> tuple[Space | None, ...]:
    if code_space is None:
        return tuple(block if isinstance(block, Sphere) else Euclidean(block.dim) for block in space.blocks)
    if not isinstance(code_space, ProductSpace) or code_space.sizes != space.sizes:
        raise NotIdentifiableError(
            f"assumption 'codes in the blocks of the latents' fails: latents lie in {space!r}, codes in {code_space!r};"
            " use a ProductOutput of the same sizes"
        )
    for latents, codes in zip(space.blocks, code_space.blocks, strict=True):
        if isinstance(latents, Sphere) != isinstance(codes, Sphere):
            raise NotIdentifiableError(
                f"assumption 'codes in the blocks of the latents' fails: a block of latents lies in {latents!r}, its"
                f" codes in {codes!r}; use SphereOutput for spheres and no other block"
            )
    return code_space.blocks


def _degrees_separate(space: ProductSpace, conditional: ProductConditional) -> None:
    if _hilbert(conditional):
        return
    flat = [
        family(delta, "pair law")
        for block, delta in zip(space.blocks, _deltas(conditional), strict=True)
        if not isinstance(block, Sphere)
    ]
    for degree, count in Counter(term.power for term in flat).items():
        if count > 1:
            raise NotIdentifiableError(
                f"assumption 'blocks of different degree' fails: {count} flat blocks have terms of degree {degree:g},"
                " which can mix; make them one block"
            )
    if len(flat) < len(space.blocks) and any(term.power == 2.0 != term.norm for term in flat):
        raise NotIdentifiableError(
            "assumption 'blocks of different degree' fails: beside a sphere, a squared norm must be Euclidean to"
            " separate from it; use another power"
        )


def _hilbert(conditional: ProductConditional) -> bool:
    """Tell whether all blocks are one power other than 2 of Euclidean norms."""
    deltas = _deltas(conditional)
    forms = {(delta.norm_exponent, delta.power) if isinstance(delta, NormPower) else None for delta in deltas}
    form = forms.pop()
    return not forms and form is not None and form[0] == 2.0 and form[1] >= 1.0 and form[1] != 2.0


def _deltas(conditional: ProductConditional) -> list[Dissimilarity]:
    deltas = [block.dissimilarity for block in conditional.blocks]
    return [delta for delta in deltas if delta is not None]
