"""Data sets, one per file."""

from contrica.datasets.motion_capture import MotionSequence, motion_sequences
from contrica.datasets.motor_cortex import MotorCortexSession, motor_cortex_sessions
from contrica.datasets.open_field import OpenFieldPath, open_field_path
from contrica.datasets.photographs import photograph
from contrica.datasets.spatial_cells import SpatialCells
from contrica.datasets.sprites import Sprites, draw_factors

__all__ = [
    "MotionSequence",
    "MotorCortexSession",
    "OpenFieldPath",
    "SpatialCells",
    "Sprites",
    "draw_factors",
    "motion_sequences",
    "motor_cortex_sessions",
    "open_field_path",
    "photograph",
]
