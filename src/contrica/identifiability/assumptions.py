"""The assumptions that stand before any geometry: what the views are, how pairs move, which offsets are learned.

Each is refused under its name, with what to expect instead and what to do. (Framework, sections 1.5, 4.3, 5.5, 5.6.)
"""

from contrica.errors import NotIdentifiableError
from contrica.latents import (
    FrozenConditional,
    HeteroscedasticConditional,
    LatentModel,
    LinearNormalConditional,
    ProductConditional,
    ProjectedLaplaceConditional,
    ProjectedNormalConditional,
    RestrictedConditional,
)
from contrica.latents.conditionals import Conditional
from contrica.losses import InfoNCE, Loss
from contrica.spaces import Space


def views_show_the_latents(*, injective: bool, noise: bool) -> None:
    """Refuse a mixing that folds, and views that are more than functions of their latents."""
    if not injective:
        raise NotIdentifiableError(
            "assumption 'the mixing is injective' fails: latents that look alike get one code; expect what the"
            " observations determine, and averages of the rest; observe more, such as a window of time"
        )
    if noise:
        raise NotIdentifiableError(
            "assumption 'the views are functions of their latents' fails: the loss sees the law of noisy latents, whose"
            " pair noise is wider and rounder; expect a smaller scale of the codes and, as noise grows beside the pair"
            " noise, axes that fade; record with less noise or take pairs that are farther apart"
        )


def pair_law_has_a_delta(conditional: Conditional) -> None:
    """Refuse pair laws that no symmetric delta gives, or none that a critic here can have."""
    match conditional:
        case ProductConditional(blocks=blocks):
            for block in blocks:
                pair_law_has_a_delta(block)
        case RestrictedConditional(conditional=noise):
            pair_law_has_a_delta(noise)
        case FrozenConditional():
            raise NotIdentifiableError(
                "assumption 'every factor differs within pairs' fails:"
                f" {'factor' if len(conditional.factors) == 1 else 'factors'}"
                f" {', '.join(map(str, conditional.factors))} never change; expect codes that stretch along what is"
                " frozen until it alone tells pairs from others, and the moving factors distorted (Zaliaduonis et al."
                " 2026, table 7); let every factor move, or draw negatives that share what is frozen"
            )
        case HeteroscedasticConditional(growth=growth) if growth != 0.0:
            raise NotIdentifiableError(
                "assumption 'a symmetric delta' fails: the scale of the pair noise belongs to the anchor, and the pair"
                " looks different from its two sides; expect codes stretched where noise is small; no offset absorbs"
                " this; transform the factors so that noise is even, or take pairs with even noise"
            )
        case LinearNormalConditional(is_reversible=False):
            raise NotIdentifiableError(
                "assumption 'a symmetric delta' fails: the pairs drift, and tell which view came first; expect a"
                " distorted code without a predictor of the next one (Gonzalez Laiz, Schmidt, Schneider 2025); take"
                " both orders of each pair, or shorter lags"
            )
        case ProjectedLaplaceConditional():
            raise NotIdentifiableError(
                "assumption 'a symmetric delta' fails: Laplace noise that is scaled back to the sphere looks at the"
                " axes from s and from s~ in different ways; experiments find a rotation nevertheless"
                " (Zimmermann et al. 2021, table 1), but not by a theorem; use von Mises-Fisher pairs"
            )
        case ProjectedNormalConditional():
            raise NotIdentifiableError(
                "assumption 'the model contains the pair law' fails: normal noise scaled back to the sphere is close to"
                " von Mises-Fisher but not of its form; experiments find a rotation nevertheless"
                " (Zimmermann et al. 2021, table 1), but not by a theorem; use von Mises-Fisher pairs"
            )


def nuisances_are_modelled(
    latent_model: LatentModel, loss: Loss | None, *, anchor_offset: bool, candidate_offset: bool
) -> None:
    """Refuse a critic without the offsets that take up Z(s) and p(s~)/Q(s~), where these vary."""
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


def support_is_connected(space: Space) -> None:
    """Refuse a support in several pieces."""
    if not space.is_connected:
        raise NotIdentifiableError(
            f"assumption 'the support is connected' fails: {space!r} is in pieces, tied to each other only by pairs"
            " across the gaps; expect each piece recovered up to an order, signs and a shift of its own, unless such"
            " pairs are frequent; widen the pair noise beyond the gaps"
        )
