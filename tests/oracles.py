"""Plain float64 transcriptions of the formulas, one loop or one line each, that share no code with the package."""

import math

import numpy as np


def log_sum_exp(values):
    """Return log of the sum of exp of a list, minus infinity for an empty one."""
    values = np.asarray([value for value in np.ravel(values) if value != -np.inf], dtype=np.float64)
    if values.size == 0:
        return -np.inf
    return values.max() + math.log(np.exp(values - values.max()).sum())


def softplus(value):
    return np.logaddexp(0.0, np.asarray(value, dtype=np.float64))


def power_sum(left, right, exponent, weights):
    return (np.asarray(weights) * np.abs(left - right) ** np.asarray(exponent)).sum(-1)


def norm_power(left, right, norm_exponent, power, weight):
    return weight * (np.abs(left - right) ** norm_exponent).sum(-1) ** (power / norm_exponent)


def mahalanobis(left, right, matrix):
    difference = left - right
    return np.einsum("...i,ij,...j->...", difference, matrix, difference)


def nce(positive, negative, weights):
    """mean_i softplus(D_ii) + sum_off softplus(-D_ij) / M, with D = -logit."""
    return softplus(-positive).mean() + (weights * softplus(negative)).sum() / weights.sum()


def info_nce(positive, negative, weights):
    """mean_i [ D_ii + logsumexp_j( -D_ij over {i} u off_i ) ]."""
    costs = []
    for own, others, weight in zip(positive, negative, weights, strict=True):
        terms = [other + math.log(w) for other, w in zip(others, weight, strict=True) if w > 0]
        costs.append(log_sum_exp([own, *terms]) - own)
    return np.mean(costs)


def log_mean_exp(negative, weights, power=1):
    weighed = np.where(weights > 0, power * negative + np.log(np.where(weights > 0, weights, 1.0)), -np.inf)
    return log_sum_exp(weighed) - math.log(weights.sum())


def nwj(positive, negative, weights):
    """mean_i D_ii + exp( logsumexp_off(-D) - log M )."""
    return -positive.mean() + math.exp(log_mean_exp(negative, weights))


def nwj_log_form(positive, negative, weights):
    """mean_i D_ii + logsumexp_off(-D) - log M + 1."""
    return -positive.mean() + log_mean_exp(negative, weights) + 1.0


def scl(positive, negative, weights):
    """-2 mean_i exp(-D_ii) + exp( logsumexp_off(-2D) - log M )."""
    return -2.0 * np.exp(positive).mean() + math.exp(log_mean_exp(negative, weights, 2))


def scl_log_form(positive, negative, weights):
    """-2 [ logsumexp_i(-D_ii) - log N ] + logsumexp_off(-2D) - log M."""
    return -2.0 * (log_sum_exp(positive) - math.log(len(positive))) + log_mean_exp(negative, weights, 2)


LOSSES = {
    "nce": nce,
    "info_nce": info_nce,
    "nwj": nwj,
    "nwj_log_form": nwj_log_form,
    "scl": scl,
    "scl_log_form": scl_log_form,
}


def log_ratio(joint):
    return np.log(joint / np.outer(joint.sum(1), joint.sum(0)))


def mutual_information(joint):
    return (joint * log_ratio(joint)).sum()


def chi_square(joint):
    return (joint * np.exp(log_ratio(joint))).sum() - 1.0


def jensen_shannon(joint):
    product = np.outer(joint.sum(1), joint.sum(0))
    middle = (joint + product) / 2
    return 0.5 * (joint * np.log(joint / middle)).sum() + 0.5 * (product * np.log(product / middle)).sum()
