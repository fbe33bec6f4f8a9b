"""From latents to observations: maps whose condition is known, and a fold that loses a side."""

from contrica.mixing.camera import Camera
from contrica.mixing.fold import Fold
from contrica.mixing.mlp import InvertibleMLP

__all__ = ["Camera", "Fold", "InvertibleMLP"]
