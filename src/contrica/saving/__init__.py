"""Keeping what was trained: folders of safetensors and JSON that a kill or a full disk leaves whole."""

from contrica.saving.checkpoints import Checkpoints
from contrica.saving.folder import Saved, read_folder, read_manifest, write_folder
from contrica.saving.model import Model, load_model, save_model

__all__ = ["Checkpoints", "Model", "Saved", "load_model", "read_folder", "read_manifest", "save_model", "write_folder"]
