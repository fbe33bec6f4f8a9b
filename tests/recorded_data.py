"""The mark of tests that need recorded data."""

import os

import pytest

from contrica.datasets.location import VARIABLE

needs_recordings = pytest.mark.skipif(
    not os.environ.get(VARIABLE), reason=f"{VARIABLE} does not name the folder of recorded data"
)
