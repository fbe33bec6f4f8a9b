"""What holds in every test: annotated shapes are checked, and hypothesis draws the same examples each time."""

import gc
import os
import signal
import tempfile

from hypothesis import settings

import shapes

shapes.install("contrica")

# No test reads or fills the cache of whoever runs it; test_cache.py and cli/test_run.py have folders of their own.
os.environ["CONTRICA_CACHE"] = os.path.join(tempfile.gettempdir(), f"contrica-tests-{os.getpid()}")

# A shell starts what runs in its background with Ctrl-C ignored, and so would be what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("house", derandomize=True, deadline=None, max_examples=30, database=None)
settings.register_profile("explore", parent=settings.get_profile("house"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


def pytest_collection_finish() -> None:
    """Leave modules and collected tests, which stay to the end, out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
