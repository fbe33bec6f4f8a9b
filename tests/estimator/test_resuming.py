import contextlib
import dataclasses

import numpy as np
import pytest
from torch import nn

from contrica import Checkpoints, ContrastiveICA
from contrica.errors import DomainError, RecordError

STEPS = 40


class Killed(Exception):
    """Stands for a kill: nothing is tidied up after it."""


def recording(rows=700, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, 3)).cumsum(0)


def model(folder=None, *, killed_at=None, every=5, **settings):
    def on_step(record):
        if record.step == killed_at:
            raise Killed

    encoder = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1), nn.ReLU(), nn.Linear(8, 2))
    with_defaults = {"encoder": "mlp", "widths": (8,), "steps": STEPS, "patience": None, "random_state": 0, **settings}
    if with_defaults.pop("own", False):
        with_defaults |= {"encoder": encoder, "widths": None}
    checkpoint = None if folder is None else Checkpoints(folder, every_steps=every)
    return ContrastiveICA(2, batch_size=64, checkpoint=checkpoint, on_step=on_step, **with_defaults)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adamw"},
        {"patience": 3, "learning_rate": 0.3},
    ],
)
@pytest.mark.parametrize("killed_at", [3, 11, 26, 40])
def test_a_fit_that_was_killed_goes_on_to_the_same_codes(tmp_path, killed_at, settings):
    unbroken = model(**settings).fit(recording())
    with contextlib.suppress(Killed):
        model(tmp_path, killed_at=killed_at, **settings).fit(recording())
    resumed = model(tmp_path, **settings).fit(recording())
    np.testing.assert_array_equal(resumed.codes_, unbroken.codes_)
    assert resumed.loss_curve_ == unbroken.loss_curve_
    assert resumed.validation_curve_ == unbroken.validation_curve_
    assert resumed.best_iter_ == unbroken.best_iter_


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
def test_a_fit_without_a_seed_goes_on_with_the_seed_that_it_drew(tmp_path):
    with pytest.raises(Killed):
        model(tmp_path, killed_at=20, random_state=None).fit(recording())
    losses = model(tmp_path, random_state=None).fit(recording()).loss_curve_
    assert model(tmp_path, random_state=None).fit(recording()).loss_curve_ == losses


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
def test_an_interrupted_fit_works_and_goes_on(tmp_path):
    def interrupt(record):
        if record.step == 13:
            raise KeyboardInterrupt

    unbroken = model().fit(recording())
    broken = model(tmp_path, every=1).set_params(on_step=interrupt)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(recording())
    assert broken.transform(recording()).shape == (700, 2)
    np.testing.assert_array_equal(model(tmp_path).fit(recording()).codes_, unbroken.codes_)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::contrica.errors.ContricaWarning")
@pytest.mark.parametrize(
    ("X", "settings"),
    [(recording(seed=1), {}), (recording(), {"lags": 2}), (recording(), {"random_state": 1})],
)
def test_no_other_fit_goes_on_from_a_checkpoint(tmp_path, X, settings):
    model(tmp_path).fit(recording())
    with pytest.raises(DomainError, match="goes on with the data and the settings that it began with"):
        model(tmp_path, **settings).fit(X)


@pytest.mark.slow
def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    model(tmp_path, validation_fraction=0.0).fit(recording(100))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(dataclasses.replace(checkpoints.latest(), notes={}))
    with pytest.raises(RecordError, match="must be of a ContrastiveICA"):
        model(tmp_path).fit(recording(100))
