import numpy as np
import pytest
import torch
from scipy import special
from torch.testing import assert_close

from contrica.latents.incomplete_gamma import IncompleteGamma, incomplete_gamma

SHAPES = [0.002, 0.1, 1.0 / 3.0, 1.0, 2.5, 10.0, 60.0, 500.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_tabulated_probability_is_that_of_the_gamma_law(shape):
    w = np.logspace(-6, np.log10(600.0 + 2.0 * shape), 3001)
    expected = special.gammainc(shape, w)
    keep = expected > 1e-290
    log_w = torch.from_numpy(np.log(w[keep]))
    log_probability = shape * log_w - special.gammaln(shape + 1.0) + incomplete_gamma(shape).log_phi(log_w)
    # Relative to the size of what is added up in logs.
    assert_close(log_probability, torch.from_numpy(np.log(expected[keep])), rtol=1e-12, atol=2e-13 * (1.0 + shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_tabulated_quantile_inverts_the_probability(shape):
    log_odds = torch.linspace(-36.5, 36.5, 4001, dtype=torch.float64)
    w = incomplete_gamma(shape).log_quantile(log_odds).exp().numpy()
    keep = w > 1e-300
    back = np.log(special.gammainc(shape, w[keep])) - np.log(special.gammaincc(shape, w[keep]))
    assert_close(torch.from_numpy(back), log_odds[torch.from_numpy(keep)], rtol=1e-11, atol=1e-10)


def test_beyond_the_table_small_probabilities_follow_the_power_law():
    gamma = IncompleteGamma(0.5)
    log_odds = torch.tensor([-300.0, -700.0, -2000.0], dtype=torch.float64)
    expected = (log_odds + special.gammaln(1.5)) / 0.5
    assert_close(gamma.log_quantile(log_odds), expected, rtol=1e-13, atol=0.0)


def test_certainty_has_a_finite_quantile():
    assert torch.isfinite(IncompleteGamma(2.0).log_quantile(torch.tensor([torch.inf], dtype=torch.float64))).all()
