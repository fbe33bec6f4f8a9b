import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "what-holds.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`((?:benchmarks|tests)/[\w./-]+)`", PAGE)))
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_shows_a_claim_is_there(name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize(("file", "test"), TESTS)
def test_every_test_that_shows_a_claim_is_there(file, test):
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
