import numpy as np
import pytest

from contrica.errors import ShapeError
from contrica.second_stage import Axes, Evidence

CODES = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 10.0, 100.0] + 5.0
DIRECTIONS = np.array([[-3.0, 0.1, 0.0], [0.0, 2.0, 0.1], [1.0, 0.0, -7.0]])
WELL, BETTER = (Evidence("a", 1.0, 0.5, True, words) for words in ("this is well", "this is better"))
AXES = Axes.along(DIRECTIONS, CODES, "noise ratios", (WELL,), ("that is",))


def test_components_of_the_codes_given_have_mean_0_and_deviation_1():
    components = AXES.transform(CODES)
    np.testing.assert_allclose(components.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(components.std(axis=0), 1.0, rtol=1e-12)


def test_rows_keep_their_direction_with_the_largest_entry_positive():
    signs = [-1.0, 1.0, -1.0]
    for row, direction, sign in zip(AXES.unmixing, DIRECTIONS, signs, strict=True):
        np.testing.assert_allclose(row / np.linalg.norm(row), sign * direction / np.linalg.norm(direction))


def test_transform_is_the_affine_map_it_shows():
    row = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(AXES.transform(row)[0], AXES.unmixing @ (row[0] - CODES.mean(axis=0)), rtol=1e-12)


def test_codes_of_another_width_are_refused():
    with pytest.raises(ShapeError, match="found for 3 codes, got 2"):
        AXES.transform(CODES[:, :2])


def test_the_words_hold_method_evidence_and_what_is_not_tested():
    text = str(AXES.supported(BETTER, ("ICA on codes: no",)))
    lines = ["3 axes by noise ratios.", "  + this is well", "  + this is better", "  ? not tested: that is"]
    assert text.splitlines() == [*lines, "  - before: ICA on codes: no"]
