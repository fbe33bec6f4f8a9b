"""The sets that latents and codes live in: geometry only, no probability."""

from contrica.spaces.box import Box
from contrica.spaces.box_grid import BoxGrid
from contrica.spaces.euclidean import Euclidean
from contrica.spaces.hollow_ball import HollowBall
from contrica.spaces.product import ProductSpace
from contrica.spaces.space import Space
from contrica.spaces.sphere import Sphere

__all__ = ["Box", "BoxGrid", "Euclidean", "HollowBall", "ProductSpace", "Space", "Sphere"]
