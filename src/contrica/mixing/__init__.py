"""From latents to observations: invertible maps whose condition is known."""

from contrica.mixing.camera import Camera
from contrica.mixing.mlp import InvertibleMLP

__all__ = ["Camera", "InvertibleMLP"]
