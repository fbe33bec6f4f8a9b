"""Whether every code holds a factor of its own: none frozen, none of noise, none repeated, none flat.

sd(h_k - h~_k) / sd(h_k) -> 0          frozen: pairs never move it, and it alone tells them apart
corr(h_k, h~_k) -> 0                   noise: the members of a pair share nothing of it
|corr(h_k, h_l)| -> 1                  repeated
narrow directions of Cov[h]            fewer directions than codes
"""

import numpy as np

from contrica.diagnosis.check import Check, Quantity, Verdict
from contrica.diagnosis.held_out import HeldOut

LEAST_NOISE_SHARE = 0.01
"""A factor that moves by less than a hundredth of its spread carries more than 4 nats by itself, half of what a
batch of 6144 can tell apart."""

LEAST_SHARED = 0.1
"""Correlation of the members of a pair below which a code carries less than .005 nats if it is normal."""

REPEATED = 0.98
"""Correlation of two codes from which on they are one factor; copies that are off by 10 % of their spread reach it."""

NARROW = 1e-3
"""Share of the mean variance of standardised codes: below it a direction holds less than 3 % of a code's spread."""

MARGIN = 3.0
"""Standard errors by which a number must lie beyond its bound."""


def check_dimensions(held_out: HeldOut) -> Check:
    """Look for codes that are frozen, of noise, repeated or flat."""
    anchors, positives = (side.codes.double().numpy() for side in (held_out.anchors, held_out.positives))
    rows, count = anchors.shape
    spreads = np.concatenate((anchors, positives)).std(0)
    flat = spreads <= np.finfo(held_out.anchors.codes.numpy().dtype).eps * np.abs(anchors).max(0, initial=1e-300)
    shares = np.sqrt(((anchors - positives) ** 2).mean(0)) / np.where(flat, 1.0, spreads)
    shared = 1.0 - shares**2 / 2.0
    # a correlation of n pairs has a standard error of at most 1/sqrt(n) where it is 0
    frozen = np.flatnonzero(~flat & (shares < LEAST_NOISE_SHARE))
    noise = np.flatnonzero(~flat & (shared + MARGIN / np.sqrt(rows) < LEAST_SHARED))
    unsure = np.flatnonzero(~flat & (shared - MARGIN / np.sqrt(rows) < LEAST_SHARED))
    alike = _correlations(anchors, flat)
    repeated = [(int(k), int(m)) for k, m in zip(*np.nonzero(np.triu(np.abs(alike) > REPEATED, 1)), strict=True)]
    variances = np.linalg.eigvalsh(alike[np.ix_(~flat, ~flat)])
    directions = int((variances > NARROW).sum())
    measured = (
        *(Quantity(f"noise share of code {code}", float(share)) for code, share in enumerate(shares)),
        Quantity("largest correlation of two codes", _largest(alike)),
        Quantity(f"directions that {count} codes fill", float(directions)),
    )
    expected = f"noise shares between {LEAST_NOISE_SHARE:g} and 1.34, no two codes alike, as many directions as codes"
    for found, sentence, advice in (
        (
            np.flatnonzero(flat),
            "constant: {}",
            "train again with spread codes (encoder.start_from), or with fewer codes",
        ),
        (
            frozen,
            "hardly moved within pairs, and so able to tell pairs apart alone: {}",
            "make pairs move every factor (longer lags, more jitter), or draw negatives that share what is frozen",
        ),
        (noise, "without anything in common between the members of a pair: {}", "use fewer codes: those are surplus"),
        (repeated, "repeating each other: codes {}", "use fewer codes; see estimate_num_latents"),
    ):
        if len(found):
            names = ", ".join(
                f"{each[0]} and {each[1]}" if isinstance(each, tuple) else f"code {each}" for each in found
            )
            return Check("dimensions", measured, expected, Verdict.LOOK, sentence.format(names), advice)
    if directions < count:
        sentence = f"{count} codes fill {directions} directions only"
        advice = "use as many codes as there are directions; see estimate_num_latents"
        return Check("dimensions", measured, expected, Verdict.LOOK, sentence, advice)
    if len(unsure):
        sentence = (
            f"these rows leave open whether code {unsure[0]} has anything in common between the members of a pair"
        )
        return Check("dimensions", measured, expected, Verdict.CANNOT_TELL, sentence, "hold out more pairs")
    sentence = "every code moves within pairs, none repeats another"
    return Check("dimensions", measured, expected, Verdict.FINE, sentence)


def _correlations(codes: np.ndarray, flat: np.ndarray) -> np.ndarray:
    centred = codes - codes.mean(0)
    scaled = centred / np.where(flat, 1.0, np.sqrt((centred**2).mean(0)))
    return np.asarray(scaled.T @ scaled / len(codes))


def _largest(correlations: np.ndarray) -> float | None:
    upper = np.abs(correlations[np.triu_indices(len(correlations), 1)])
    return float(upper.max()) if upper.size else None
