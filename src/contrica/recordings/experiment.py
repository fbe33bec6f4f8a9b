"""An experiment on a recording: a fit to it, what decoders read from the codes, and what they read where nothing is.

The codes of training rows and a decoder are all that a score is made of, so PCA, FastICA, the inputs themselves and
factors that came with the recording are scored alike; and the whole procedure is repeated on shuffled data.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from sklearn.decomposition import PCA, FastICA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from contrica.datasets.location import recorded
from contrica.diagnosis import NullTest, diagnose, null_test
from contrica.errors import UnreliableScoreError
from contrica.losses import InfoNCE, Loss
from contrica.pairs import PairBatch
from contrica.record import environment, plain
from contrica.recordings.fitting import Fit, Model, fit, held_out_pairs
from contrica.recordings.record import RecordingRecord
from contrica.recordings.task import Array, Null, Rows, Task, View
from contrica.training import StepRecord, TrainingOptions

SHOWN_ROWS = 600
"""Test rows whose codes are kept for pictures."""

DECODED_SHUFFLES = 99
"""Shuffles where codes stay and only decoders are fitted again."""

LEAST_SHUFFLES = 19
"""With fewer no p-value reaches .05."""

OURS, NULL = "contrica", "null"


class Recording(Protocol):
    """Recorded data, and the task that it is for."""

    source: ClassVar[str]

    def task(self, seed: int) -> Task:
        """Return the task of a seed."""
        ...


@dataclass(frozen=True)
class RecordingExperiment:
    """Everything that determines a run on a recording.

    Parameters
    ----------
    name : str
        Row label in tables.
    recording : Recording
    model : Model
    training : TrainingOptions
    loss : Loss
    num_shuffles : int
        How often codes are learned anew from shuffled data, 0 for never.
    agreement : bool
        Whether codes are learned again, from another seed and from each half of the recording where it has halves, to
        see how far they agree.
    seed : int
    """

    name: str
    recording: Recording
    model: Model
    training: TrainingOptions
    loss: Loss = field(default_factory=InfoNCE)
    num_shuffles: int = LEAST_SHUFFLES
    agreement: bool = True
    seed: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the experiment as plain JSON values."""
        return {entry.name: plain(getattr(self, entry.name)) for entry in dataclasses.fields(self)}

    def digest(self) -> str:
        """Return the SHA-256 of the recorded data.

        Raises
        ------
        UnreadableFileError
            If it is not there.
        """
        return digest(recorded(self.recording.source))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all names and files of a folder."""
    found = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            found.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def run_recording(
    experiment: RecordingExperiment, *, on_step: Callable[[StepRecord], None] | None = None
) -> RecordingRecord:
    """Fit, decode, compare with what shuffled data give.

    Raises
    ------
    UnreadableFileError, FileFormatError
        If the recording is not there, or is another.
    """
    task, seed = experiment.recording.task(experiment.seed), experiment.seed
    fitted = fit(
        task, experiment.model, experiment.loss, experiment.training, seed=seed, with_curve=True, on_step=on_step
    )
    train, test = task.rows("train"), task.rows("test")
    scores = {OURS: task.decode(fitted.codes, train, test)}
    scores |= {name: task.decode(codes, train, test) for name, codes in _others(task, experiment).items()}
    nulls, lost, decisive = [], None, next(iter(scores[OURS]))
    for null in task.nulls:
        if null.refits and experiment.num_shuffles == 0:
            continue
        found, last = _null(experiment, task, null, fitted, scores[OURS])
        nulls.append({**found.to_dict(), "text": str(found)})
        scores[f"{NULL}, mean: {null.words}"] = {decisive: float(np.mean(found.null))}
        if last is not None:
            lost = last
    return RecordingRecord(
        experiment=experiment.describe(),
        curve=fitted.curve,
        chance=fitted.chance,
        scores=scores,
        nulls=nulls,
        agreement=_agreement(experiment, task, fitted, lost) if experiment.agreement else {},
        diagnosis=_diagnosis(experiment, task, fitted),
        pictures=[picture for view in task.views for picture in _pictures(task, view, fitted.codes)],
        rows={role: int((task.roles == role).sum()) for role in ("train", "validation", "test")},
        seconds=fitted.seconds,
        processor_seconds=fitted.processor_seconds,
        environment=environment(),
    )


def _others(task: Task, experiment: RecordingExperiment) -> dict[str, Array]:
    """Return codes that others make of the same training rows."""
    inputs = task.inputs.numpy().reshape(len(task.inputs), -1).astype(np.float64)
    columns = inputs if task.widths is None else inputs[:, 1:]
    train, dim = task.rows("train"), experiment.model.code_dim
    pca = PCA(dim, random_state=experiment.seed).fit(columns[train])
    ica = FastICA(dim, random_state=experiment.seed, max_iter=1000, tol=1e-3).fit(pca.transform(columns[train]))
    reduced = pca.transform(columns)
    return {
        f"PCA, {dim} codes": reduced,
        f"FastICA, {dim} codes": ica.transform(reduced),
        f"inputs, {columns.shape[1]} columns": columns,
        **task.given,
    }


def _null(
    experiment: RecordingExperiment, task: Task, null: Null, fitted: Fit, observed: dict[str, float]
) -> tuple[NullTest, Fit | None]:
    """Return the test, and the last fit to shuffled data if there is one."""
    itself = np.arange(null.num_units)
    fits: list[Fit] = []

    def score(_units: Rows, order: Rows, groups: Array | None = None) -> float:
        if np.array_equal(order, itself):
            return next(iter(observed.values()))
        other = null.task(order)
        codes = fitted.codes
        if null.refits:
            again = fit(other, experiment.model, experiment.loss, experiment.training, seed=experiment.seed)
            fits[:] = [again]
            codes = again.codes
        return next(iter(other.decode(codes, other.rows("train"), other.rows("test")).values()))

    found = null_test(
        score,
        itself,
        itself,
        groups=null.groups,
        shuffle=null.shuffle,
        num_shuffles=experiment.num_shuffles if null.refits else DECODED_SHUFFLES,
        random_state=experiment.seed,
    )
    return dataclasses.replace(found, shuffled=null.words), fits[0] if fits else None


def _agreement(experiment: RecordingExperiment, task: Task, fitted: Fit, lost: Fit | None) -> dict[str, float]:
    """Return the linear R2 of codes learned otherwise by an affine map of these, and between halves."""
    train, test = task.rows("train"), task.rows("test")

    def refit(seed: int, rows: Rows | None = None) -> Array:
        return fit(task, experiment.model, experiment.loss, experiment.training, seed=seed, rows=rows).codes

    def linear(codes: Array, others: Array) -> float:
        return float(r2_score(others[test], LinearRegression().fit(codes[train], others[train]).predict(codes[test])))

    found = {"another seed": linear(fitted.codes, refit(experiment.seed + 1000))}
    if task.halves is not None:
        one, two = (refit(experiment.seed, rows) for rows in task.halves)
        found["codes of either half of the sequences, by the other"] = (linear(one, two) + linear(two, one)) / 2
    if lost is not None:
        found["codes of shuffled data"] = linear(fitted.codes, lost.codes)
    return found


def _diagnosis(experiment: RecordingExperiment, task: Task, fitted: Fit) -> dict[str, Any] | None:
    batches = held_out_pairs(task, experiment.model, experiment.training.batch_size, seed=experiment.seed)
    pairs = PairBatch(torch.cat([one.anchors for one in batches]), torch.cat([one.positives for one in batches]))
    size = min(experiment.training.batch_size, len(task.rows("train")))
    try:
        return diagnose(fitted.encoder, fitted.critic, experiment.loss, pairs, batch_size=size).to_dict()
    except UnreliableScoreError:
        return None


def _pictures(task: Task, view: View, codes: Array) -> list[dict[str, Any]]:
    """Return the test rows in the plane, coloured by the view: along principal or discriminant directions."""
    train, test = task.rows("train"), task.rows("test")
    shown = test[np.linspace(0, len(test) - 1, min(SHOWN_ROWS, len(test))).astype(int)]
    flat = task.inputs.numpy().reshape(len(task.inputs), -1)
    found = []
    for name, one in ((OURS, codes), ("PCA of the inputs", flat if task.widths is None else flat[:, 1:])):
        if view.discriminant:
            reduced = PCA(min(codes.shape[1], one.shape[1]), random_state=0).fit(one[train]).transform(one)
            axes = LinearDiscriminantAnalysis(n_components=min(2, len(view.names) - 1))
            points = axes.fit(reduced[train], view.values[train]).transform(reduced[shown])
        else:
            points = PCA(2, random_state=0).fit(one[train]).transform(one[shown])
        found.append(
            {
                "codes": name,
                "title": view.title,
                "kind": view.kind,
                "points": [[round(float(value), 3) for value in point] for point in points],
                "values": np.round(view.values[shown], 3).tolist(),
                "names": list(view.names),
            }
        )
    return found
