"""From observations to codes, and the scalar networks beside them."""

from contrica.encoders.conv import Conv
from contrica.encoders.mlp import MLP
from contrica.encoders.offsets import ScalarNet
from contrica.encoders.outputs import BoxOutput, Output, ProductOutput, SphereOutput, Unbounded
from contrica.encoders.per_recording import PerRecording

__all__ = [
    "MLP",
    "BoxOutput",
    "Conv",
    "Output",
    "PerRecording",
    "ProductOutput",
    "ScalarNet",
    "SphereOutput",
    "Unbounded",
]
