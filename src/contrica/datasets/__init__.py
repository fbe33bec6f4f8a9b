"""Data sets, one per file."""

from contrica.datasets.photographs import photograph

__all__ = ["photograph"]
