import numpy as np
import pytest

from contrica.errors import NotIdentifiableError
from contrica.second_stage.whitening import Whitening, decorrelate

TABLE = np.random.default_rng(0).normal(size=(300, 4)) @ np.random.default_rng(1).normal(size=(4, 4)) + 1e6


@pytest.mark.parametrize("units", [[1.0, 1.0, 1.0, 1.0], [1e-50, 1e-10, 1.0, 1e50]])
def test_whitened_columns_are_uncorrelated_with_variance_1_in_any_units(units):
    whitening = Whitening.fit(TABLE * units, "codes")
    np.testing.assert_allclose(np.cov(whitening.apply(TABLE * units).T, bias=True), np.eye(4), atol=1e-6)


def test_linearly_dependent_columns_are_refused_with_their_rank():
    with pytest.raises(NotIdentifiableError, match="5 columns of codes span 4 directions"):
        Whitening.fit(np.column_stack([TABLE, TABLE[:, 0] - TABLE[:, 1]]), "codes")


def test_a_constant_column_is_a_missing_direction():
    with pytest.raises(NotIdentifiableError, match="3 columns of codes span 2 directions"):
        Whitening.fit(np.column_stack([TABLE[:, :2], np.ones(300)]), "codes")


def test_decorrelated_columns_are_the_polar_factor():
    components = TABLE - TABLE.mean(axis=0)
    left, _, right = np.linalg.svd(components, full_matrices=False)
    np.testing.assert_allclose(decorrelate(TABLE), np.sqrt(300) * left @ right, atol=1e-6)
