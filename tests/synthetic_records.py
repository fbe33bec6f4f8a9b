"""Records without training: factors, codes of a known quality, real scores of them, and made-up losses."""

import json
from functools import cache

import numpy as np

from contrica.diagnosis import Check, Diagnosis, Quantity, Verdict
from contrica.diagnosis.factors import Factor
from contrica.evaluation import score
from contrica.pairs.drawn import Histogram, PairReport
from contrica.record import Record
from contrica.report import FitRecord, RunRecord

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


def diagnosed(*verdicts, codes=2):
    checks = [
        Check(f"check{number}", (Quantity("gain, nats", 0.25, 0.1),), "none", verdict, "a < b", "more & more")
        for number, verdict in enumerate(verdicts)
    ]
    factors = [Factor(code, 2.0, 0.5, 1.0, None, 0.5 + code, 0.1) for code in range(codes)]
    return Diagnosis(tuple(checks), tuple(factors), 64, 500)


DRAWN = PairReport(1000, 300, 0.3, 0.8, 0.0, 0.001, 0.25, Histogram((1, 2), (1, 5), (750, 250)), None)


def fit_record(**changes):
    said = {
        "name": "3 codes, <model>",
        "recording": "a&b.npz:x",
        "num_rows": 300,
        "pairs": "time",
        "losses": tuple(4.0 - 0.01 * step for step in range(300)),
        "held_out": ((100, 3.5), (200, 2.5), (300, 2.7)),
        "best_step": 200,
        "diagnosis": diagnosed(Verdict.FINE, Verdict.LOOK),
        "drawn_pairs": DRAWN,
        "to_do": ("pass more rows",),
        "settings": {"lags": range(1, 4)},
        "next_command": "contrica transform model x --out codes.npy",
    }
    return FitRecord(**{**said, **changes})
