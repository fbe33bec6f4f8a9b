"""Keeping what was trained: folders of safetensors and JSON that a kill or a full disk leaves whole."""

from contrica.saving.folder import Saved, read_folder, read_manifest, write_folder

__all__ = ["Saved", "read_folder", "read_manifest", "write_folder"]
