import numpy as np
import pytest

from contrica.diagnosis import Verdict, check_seeds
from contrica.errors import DomainError, ShapeError


def runs(kind, rows=2000, dim=4, count=3, seed=0):
    """Codes of several runs over the same factors: signed permutations, affine images, or something else each time."""
    rng = np.random.default_rng(seed)
    factors = rng.uniform(size=(rows, dim))
    found = []
    for _ in range(count):
        codes = factors + 0.02 * rng.normal(size=factors.shape)
        if kind == "axes":
            codes = codes[:, rng.permutation(dim)] * rng.choice([-1.0, 1.0], dim) * rng.uniform(0.5, 2.0, dim)
        elif kind == "affine":
            codes = codes @ np.linalg.qr(rng.normal(size=(dim, dim)))[0] + rng.normal(size=dim)
        else:
            codes = np.concatenate((codes[:, :2], rng.normal(size=(rows, dim - 2))), 1)
        found.append(codes)
    return found


@pytest.mark.slow
def test_runs_with_the_same_axes_agree():
    verdicts = [check_seeds(runs("axes", seed=seed)).verdict for seed in range(5)]
    assert verdicts == [Verdict.FINE] * 5


def test_runs_that_are_affine_images_agree_up_to_that():
    found = check_seeds(runs("affine"))
    assert found.verdict is Verdict.LOOK
    assert found.sentence == "runs agree up to an affine map only: their axes are arbitrary"
    own, floor = found.measured[1].value, found.measured[2].value
    assert 0.5 < own < 0.95
    assert 0.5 < floor < 0.95


def test_one_run_that_differs_is_found():
    found = check_seeds([*runs("axes", count=2), runs("other", count=1)[0]])
    assert found.verdict is Verdict.LOOK
    assert found.sentence == "runs found different things"


def test_few_rows_cannot_tell():
    rng = np.random.default_rng(0)
    codes = rng.uniform(size=(150, 3))
    turned = codes + 0.105 * rng.normal(size=codes.shape)  # a matched correlation of about .94, +-.01
    assert check_seeds([codes, turned]).verdict is Verdict.CANNOT_TELL


def test_what_cannot_be_compared_is_refused():
    codes = runs("axes", count=2)
    with pytest.raises(ShapeError, match="at least 2 runs, got 1"):
        check_seeds(codes[:1])
    with pytest.raises(ShapeError):
        check_seeds([codes[0], codes[1][:-1]])
    with pytest.raises(DomainError):
        check_seeds([codes[0], 0.0 * codes[1]])
