"""The command line: one verb per file, and one place where errors become sentences and exit codes."""

from contrica.cli.main import main

__all__ = ["main"]
