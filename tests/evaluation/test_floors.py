import numpy as np
import pytest
import torch

from contrica.errors import ContricaError, DomainError, DtypeError, ShapeError
from contrica.evaluation import ica_codes, linear_r2, mcc, noise_codes, observation_codes, rotated_factors


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape)


def test_noise_codes_know_nothing():
    factors = uniform(2000, 3)
    found = noise_codes(2000, 5, random_state=0)
    assert found.codes.shape == (2000, 5)
    assert found.converged
    assert linear_r2(found.codes, factors).value < 0.01


@pytest.mark.parametrize("code_dim", [3, 7])
def test_a_rotation_keeps_all_distances_of_the_standardised_factors(code_dim):
    factors = uniform(50, 3) * [1.0, 1e6, 1e-150]
    turned = rotated_factors(factors, code_dim, random_state=0).codes
    standard = (factors - factors.mean(0)) / factors.std(0)
    assert turned.shape == (50, code_dim)
    np.testing.assert_allclose(turned @ turned.T, standard @ standard.T, atol=1e-9)


def test_a_projection_to_fewer_codes_is_that_of_a_rotation():
    factors = uniform(50, 4)
    np.testing.assert_allclose(
        rotated_factors(factors, 2, random_state=0).codes, rotated_factors(factors, 4, random_state=0).codes[:, :2]
    )


@pytest.mark.slow
def test_rotations_are_uniform():
    # Every entry of a uniform rotation has mean 0 and variance 1/dim; without the sign of R, half of them would not.
    factors = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    entries = np.stack([factors.T @ rotated_factors(factors, 2, random_state=k).codes / 4 for k in range(2000)])
    np.testing.assert_allclose(entries.mean(0), 0.0, atol=0.06)
    np.testing.assert_allclose(np.square(entries).mean(0), 0.5, atol=0.04)


@pytest.mark.parametrize("draw", [
    lambda state: noise_codes(20, 2, random_state=state),
    lambda state: rotated_factors(uniform(20, 2), 2, random_state=state),
    lambda state: ica_codes(uniform(300, 3), 2, random_state=state),
])  # fmt: skip
def test_a_seed_repeats_and_a_generator_advances(draw):
    np.testing.assert_array_equal(draw(0).codes, draw(0).codes)
    generator = np.random.default_rng(0)
    assert not np.array_equal(draw(generator).codes, draw(generator).codes)


def test_narrow_observations_stay_as_they_are():
    observations = uniform(30, 6)
    found = observation_codes(observations, random_state=0)
    np.testing.assert_array_equal(found.codes, observations)
    assert found.note == "6 columns as they are"


@pytest.mark.parametrize("columns", [80, 600])
def test_wide_observations_are_reduced_to_what_varies_most(columns):
    # Three directions far wider than the rest, of known variance: the exact and the randomised way must find them.
    sources = np.random.default_rng(0).normal(size=(500, 3)) * [30.0, 20.0, 10.0]
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(columns, 3)))[0]
    observations = sources @ basis.T + 1e-3 * np.random.default_rng(2).normal(size=(500, columns)) + 5.0
    found = observation_codes(observations, components=3, random_state=0)
    np.testing.assert_allclose(np.cov(found.codes.T), np.eye(3), atol=1e-6)
    assert linear_r2(found.codes, sources).value > 0.9999
    assert found.note == f"3 whitened principal components of {columns} columns"


def test_images_are_flattened_and_tensors_are_taken():
    images = torch.rand(20, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    found = observation_codes(images, random_state=0).codes
    np.testing.assert_array_equal(found, images.double().reshape(20, 25).numpy())


def test_directions_that_do_not_vary_are_dropped():
    observations = np.repeat(uniform(100, 2), 50, axis=1)
    assert observation_codes(observations, components=10, random_state=0).codes.shape == (100, 2)
    assert ica_codes(observations, 10, random_state=0).codes.shape == (100, 2)


def test_ica_separates_a_linear_mixture_of_uniform_factors():
    factors = uniform(3000, 4)
    observations = factors @ np.random.default_rng(1).normal(size=(4, 9)) * 1e150
    found = ica_codes(observations, 4, random_state=0)
    assert found.converged
    assert found.note == ""
    assert mcc(found.codes, factors).mean.value > 0.98


def test_ica_of_gaussian_factors_does_not_separate_and_does_not_warn(recwarn):
    factors = np.random.default_rng(0).normal(size=(3000, 6))
    found = ica_codes(factors @ np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0], 6, random_state=0)
    assert mcc(found.codes, factors).mean.value < 0.95
    assert not recwarn.list


def test_ica_that_stops_early_says_so(monkeypatch, recwarn):
    monkeypatch.setattr("contrica.evaluation.floors.ICA_STEPS", 2)
    found = ica_codes(np.random.default_rng(0).normal(size=(500, 6)), 6, random_state=0)
    assert not found.converged
    assert found.note == "FastICA did not converge in 2 steps"
    assert np.isfinite(found.codes).all()
    assert not recwarn.list


@pytest.mark.parametrize("observations", [np.ones((30, 5)), np.zeros((30, 80)), np.full((30, 2, 40), 0.1)])
def test_constant_observations_are_refused(observations):
    with pytest.raises(DomainError, match="observations must vary"):
        ica_codes(observations, 2, random_state=0)


@pytest.mark.parametrize(
    ("observations", "error"),
    [
        (np.full((30, 2), np.nan), DomainError),
        (np.ones((30, 2, 2), dtype=bool), DtypeError),
        (np.ones((30, 0)), ShapeError),
        (np.ones((1, 5)), ShapeError),
        ([[1.0], [1.0, 2.0]], ShapeError),
        (np.array(["a", "b"]), DtypeError),
        (3.0, ShapeError),
    ],
)
@pytest.mark.parametrize(
    "entry", [lambda x: observation_codes(x, random_state=0), lambda x: ica_codes(x, 2, random_state=0)]
)
def test_broken_observations_are_refused(entry, observations, error):
    with pytest.raises(error, match="observations"):
        entry(observations)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, None])
def test_a_number_of_codes_that_is_none_is_refused(count):
    for entry in (
        lambda: noise_codes(10, count, random_state=0),
        lambda: rotated_factors(uniform(10, 2), count, random_state=0),
        lambda: observation_codes(uniform(10, 2), components=count, random_state=0),
        lambda: ica_codes(uniform(10, 2), count, random_state=0),
    ):
        with pytest.raises(ContricaError):
            entry()
