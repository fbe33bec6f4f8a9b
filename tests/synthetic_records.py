"""Records without training: factors, codes of a known quality, real scores of them, and made-up losses."""

import json
from functools import cache

import numpy as np

from contrica.evaluation import score
from contrica.record import Record
from contrica.report import RunRecord

GUARANTEE = """The factors are recovered up to order, sign, scale and shift, because reasons <b>exist</b>.
Provided that
  - the mixing is injective
  - the loss is at its global optimum
See Banach 1932; Lamperti 1958."""

SILENCE = "assumption 'the model contains the pair law' fails: the <script>model</script> is another; change it"


def orthogonal(dim, generator):
    return np.linalg.qr(generator.normal(size=(dim, dim)))[0]


@cache
def scored(dim, noise, rotate, seed):
    """Return factors, recovered factors and scores as JSON text, so that nobody can change what is kept."""
    generator = np.random.default_rng(seed)
    factors = generator.uniform(size=(600, dim))
    codes = (factors - 0.5) @ (orthogonal(dim, generator) if rotate else np.eye(dim)[::-1])
    codes = codes + noise * generator.normal(size=factors.shape)
    seen = np.tanh(3 * factors @ generator.normal(size=(dim, 2 * dim)))
    scores = score(codes, factors, observations=seen, resamples=50)
    recovered = factors + noise * generator.normal(size=factors.shape)
    return json.dumps([factors[:500].tolist(), recovered[:500].tolist(), scores.to_dict()])


def record(name="made up", *, dim=3, noise=0.02, rotate=False, gap=0.004, holds=True, axes=True, image=None, seed=0):
    factors, recovered, scores = json.loads(scored(dim, noise, rotate, seed))
    steps = [1, *range(50, 1201, 50)]
    best = 1.25
    curve = [
        {"step": step, "seconds": 0.03 * step, "loss": best + gap + 4.0 * float(np.exp(-step / 90)), "best": best}
        for step in steps
    ]
    mixing = {"num_layers": 3} if image is None else {"image": image, "window": 160, "shown": 32}
    return Record(
        experiment={
            "name": name,
            "mixing": mixing,
            "loss": "InfoNCE()",
            "training": {"steps": 1200, "betas": [0.9, 0.99]},
        },
        curve=curve,
        scores=scores,
        guarantee={"holds": holds, "axes": axes, "text": GUARANTEE if holds else SILENCE},
        information={"mutual_information": 5.2, "log_batch": 6.2},
        optimum={"best": best, "standard_error": 0.001, "loss": best + gap, "gap": gap},
        calibration=1.03,
        factors=factors,
        recovered=recovered,
        mixing={} if image else {"condition_number": 3.4},
        seconds=36.25,
        environment={"python": "3.11.9", "contrica": "0.1.0", "torch": "2.4.0", "machine": "x86_64", "threads": 1},
    )


def run_of(*records, **settings):
    plain = {
        "recipe": "made-up",
        "title": "A made-up run",
        "summary": "Nothing was trained.",
        "options": {},
        "seeds": (0,),
        "steps": None,
        "jobs": None,
        "date": "2026-01-02T03:04:05+00:00",
    }
    return RunRecord(**{**plain, **settings}, records=records)
