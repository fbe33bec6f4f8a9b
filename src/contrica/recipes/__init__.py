"""Recipes, one module each; this is the list of them, and the lookup by name."""

from contrica.errors import UnknownNameError
from contrica.recipes.anisotropic import ANISOTROPIC
from contrica.recipes.cache import RecordCache, default_cache_folder
from contrica.recipes.first_look import FIRST_LOOK
from contrica.recipes.four_losses import FOUR_LOSSES
from contrica.recipes.large_batches import LARGE_BATCHES
from contrica.recipes.limits import LIMITS
from contrica.recipes.mocap import MOCAP
from contrica.recipes.monkey import MONKEY
from contrica.recipes.neighbourhoods import NEIGHBOURHOODS
from contrica.recipes.photo import PHOTO
from contrica.recipes.published_mlp import PUBLISHED_MLP
from contrica.recipes.rat import RAT
from contrica.recipes.recipe import Recipe
from contrica.recipes.running import default_jobs, run_all
from contrica.recipes.sprites import SPRITES

RECIPES = (
    FIRST_LOOK,
    PHOTO,
    NEIGHBOURHOODS,
    LARGE_BATCHES,
    PUBLISHED_MLP,
    FOUR_LOSSES,
    ANISOTROPIC,
    LIMITS,
    RAT,
    MONKEY,
    MOCAP,
    SPRITES,
)
"""All recipes, the one to start with first."""

__all__ = [
    "ANISOTROPIC",
    "FIRST_LOOK",
    "FOUR_LOSSES",
    "LARGE_BATCHES",
    "LIMITS",
    "MOCAP",
    "MONKEY",
    "NEIGHBOURHOODS",
    "PHOTO",
    "PUBLISHED_MLP",
    "RAT",
    "RECIPES",
    "SPRITES",
    "Recipe",
    "RecordCache",
    "default_cache_folder",
    "default_jobs",
    "recipe",
    "run_all",
]


def recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    >>> recipe("photo").options
    {'image': 'flower.jpg'}

    Raises
    ------
    UnknownNameError
        If there is none; the message lists those that there are.
    """
    found = {made.name: made for made in RECIPES}
    if name not in found:
        raise UnknownNameError(f"there is no recipe {name!r}; choose one of {', '.join(found)}")
    return found[name]
