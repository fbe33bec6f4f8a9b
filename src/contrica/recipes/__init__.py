"""Recipes, one module each; this is the list of them, and the lookup by name."""

from contrica.errors import UnknownNameError
from contrica.recipes.cache import RecordCache, default_cache_folder
from contrica.recipes.first_look import FIRST_LOOK
from contrica.recipes.neighbourhoods import NEIGHBOURHOODS
from contrica.recipes.photo import PHOTO
from contrica.recipes.published_mlp import PUBLISHED_MLP
from contrica.recipes.recipe import Recipe
from contrica.recipes.running import default_jobs, run_all

RECIPES = (FIRST_LOOK, PHOTO, NEIGHBOURHOODS, PUBLISHED_MLP)
"""All recipes, the one to start with first."""

__all__ = [
    "FIRST_LOOK",
    "NEIGHBOURHOODS",
    "PHOTO",
    "PUBLISHED_MLP",
    "RECIPES",
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
