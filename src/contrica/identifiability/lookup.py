"""The lookup: assumptions first, then the geometry of the space that the latents live in."""

from contrica.dissimilarities import Dissimilarity, SphereDot
from contrica.identifiability.assumptions import (
    nuisances_are_modelled,
    pair_law_has_a_delta,
    support_is_connected,
    views_show_the_latents,
)
from contrica.identifiability.flat import on_flat_space
from contrica.identifiability.products import on_product
from contrica.identifiability.spheres import on_sphere
from contrica.identifiability.statement import Guarantee
from contrica.latents import LatentModel
from contrica.losses import Loss
from contrica.spaces import ProductSpace, Space, Sphere


def guarantee(
    latent_model: LatentModel,
    dissimilarity: Dissimilarity,
    *,
    loss: Loss | None = None,
    anchor_offset: bool = True,
    candidate_offset: bool = True,
    code_space: Space | None = None,
    learned_extent: bool = False,
    injective: bool = True,
    noise: bool = False,
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
        Where the encoder's outputs are confined to, and how many there are; if not given, the sphere for latents on
        one, and otherwise as many unbounded codes as the dissimilarity is made for; likewise for each block of a
        product.
    learned_extent : bool
        Whether the radius of that sphere or the sides of that box are learned.
    injective : bool
        Whether the mixing is known to be, or believed to be, one to one.
    noise : bool
        Whether something that is no function of the latents is added to a view.

    Raises
    ------
    NotIdentifiableError
        Naming the assumption that fails, with what to expect instead.

    >>> from contrica.dissimilarities import PowerSum
    >>> from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
    >>> from contrica.spaces import Box
    >>> model = LatentModel(UniformMarginal(Box(4)), LaplaceConditional(Box(4), 0.15))
    >>> guarantee(model, PowerSum(4, exponent=1.0)).indeterminacy.value
    'order, sign, scale and shift of the factors'
    """
    views_show_the_latents(injective=injective, noise=noise)
    pair_law_has_a_delta(latent_model.conditional)
    nuisances_are_modelled(latent_model, loss, anchor_offset=anchor_offset, candidate_offset=candidate_offset)
    support_is_connected(latent_model.space)
    if isinstance(latent_model.space, ProductSpace):
        return on_product(latent_model, dissimilarity, code_space, learned_extent=learned_extent)
    if isinstance(latent_model.space, Sphere) or isinstance(dissimilarity, SphereDot):
        return on_sphere(latent_model, dissimilarity, code_space, learned_extent=learned_extent)
    return on_flat_space(latent_model, dissimilarity, code_space, learned_extent=learned_extent)
