"""What holds in every test: annotated shapes are checked, and hypothesis draws the same examples each time."""

import os

from hypothesis import settings

import shapes

shapes.install("contrica")

settings.register_profile("house", derandomize=True, deadline=None, max_examples=30, database=None)
settings.register_profile("explore", parent=settings.get_profile("house"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
