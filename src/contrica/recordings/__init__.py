"""Experiments on recordings: codes learned from what makes pairs, and what decoders read from them on held-out rows."""

from contrica.recordings.experiment import Recording, RecordingExperiment, run_recording
from contrica.recordings.figures import Figures
from contrica.recordings.fitting import Fit, Model, fit
from contrica.recordings.motion import Motion
from contrica.recordings.motor_cortex import MotorCortex
from contrica.recordings.open_field import OpenField
from contrica.recordings.record import RecordingRecord
from contrica.recordings.task import Null, Task, View

__all__ = [
    "Figures",
    "Fit",
    "Model",
    "Motion",
    "MotorCortex",
    "Null",
    "OpenField",
    "Recording",
    "RecordingExperiment",
    "RecordingRecord",
    "Task",
    "View",
    "fit",
    "run_recording",
]
