"""Decoders from codes to what is known of the rows: fitted on some rows, scored on others.

k nearest neighbours, weighted by the inverse of their distance, read what lies anywhere in the codes; an affine map
what lies along straight directions.
"""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contrica.recordings.task import Array, Rows

NEIGHBOURS = 25
ACTION_NEIGHBOURS = 5

SECTOR = 22.5
"""Degrees to either side: half of what there is to each of eight targets."""


def place_scores(places: Array, codes: Array, fit: Rows, test: Rows) -> dict[str, float]:
    """Return R2 of a place by nearest neighbours and by an affine map, and the median error in units of the place."""
    near = KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(codes[fit], places[fit])
    affine = LinearRegression().fit(codes[fit], places[fit])
    guess = near.predict(codes[test])
    return {
        "k-NN R2": float(r2_score(places[test], guess)),
        "affine R2": float(r2_score(places[test], affine.predict(codes[test]))),
        "median error, m": float(np.median(np.linalg.norm(guess - places[test], axis=1))),
    }


def direction_scores(degrees: Array, codes: Array, fit: Rows, test: Rows) -> dict[str, float]:
    """Return the share of directions that are named to `SECTOR`, and the median error in degrees.

    The mean of the neighbours is taken of unit vectors, so that 359 and 1 are neighbours.
    """
    angles = np.radians(degrees)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    guess = KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(codes[fit], circle[fit]).predict(codes[test])
    named = np.degrees(np.arctan2(guess[:, 1], guess[:, 0]))
    error = np.abs((named - degrees[test] + 180) % 360 - 180)
    return {
        f"within {SECTOR:g} degrees": float(np.mean(error <= SECTOR)),
        "median error, degrees": float(np.median(error)),
    }


def class_scores(classes: Array, codes: Array, fit: Rows, test: Rows, *, name: str) -> dict[str, float]:
    """Return the share of rows whose class nearest neighbours name."""
    near = KNeighborsClassifier(ACTION_NEIGHBOURS, weights="distance").fit(codes[fit], classes[fit])
    return {name: float(near.score(codes[test], classes[test]))}


def probe(classes: Array, codes: Array, fit: Rows, test: Rows) -> float:
    """Return the share of rows whose class a linear probe names (multinomial logistic regression)."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
    return float(linear.fit(codes[fit], classes[fit]).score(codes[test], classes[test]))
