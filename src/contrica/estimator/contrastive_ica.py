"""Factors of a recording by contrastive learning, as a scikit-learn transformer.

The estimator holds no algorithm of its own: it says which rows are pairs (`contrica.pairs`), builds an encoder and a
critic, trains them (`contrica.training`) with an eye on held-out rows, and encodes.
(Matthes, Han, Shen 2023, arXiv 2311.04774.)
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import nn

from contrica import _checks
from contrica.diagnosis import Diagnosis
from contrica.dissimilarities import SphereDot
from contrica.errors import DomainError, DtypeError, RecordError
from contrica.estimator.diagnosing import diagnosis_of, warn_of
from contrica.estimator.fitted import Fitted
from contrica.estimator.fitting import VALUES, Curve, OnStep, fit_parts
from contrica.estimator.holding_out import split_rows
from contrica.estimator.labels import Labels
from contrica.estimator.observations import VALUES_MEASURED, Array, checked, rows_of, same_shape
from contrica.estimator.parts import (
    SELECT,
    EncoderFactory,
    critic_of,
    dissimilarity_of,
    dtype_of,
    encoder_of,
    loss_of,
    named_device,
)
from contrica.estimator.resuming import ensure_of_estimator, ensure_same, mark_of
from contrica.estimator.row_order import RowOrder
from contrica.estimator.saved import Said, read, write
from contrica.estimator.scaling import Scaling, sampled, start_of
from contrica.estimator.selecting import selected
from contrica.estimator.sources import OF_LABELS, Pairing, PairKind, PairRules, Rows, kind_of
from contrica.estimator.streams import RandomState, Streams, lent_to_torch
from contrica.estimator.turning import Turns
from contrica.losses import Loss
from contrica.pairs.drawn import PairReport
from contrica.pairs.label_space import Periods
from contrica.pairs.temporal import Lags
from contrica.pairs.timeline import Separation
from contrica.saving import Checkpoints
from contrica.training import StepRecord, TrainingOptions, TrainingState

AS_IT_COMES: dict[str, Any] = {"accept_sparse": False, "ensure_all_finite": False, "allow_nd": True}
"""How scikit-learn is asked to read X: numbers of any shape, not searched for NaN, which would read a mapped file."""


class ContrastiveICA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Recover the factors behind a recording from pairs of its rows, with scikit-learn's interface.

    What makes a pair says what a factor is: the encoder finds what pairs have in common, and the axes along which
    they differ. Pairs are given (``X_pos``), or are rows with near labels (``y``), or rows a lag apart in time.

    Parameters
    ----------
    n_components : int, default 2
        Number of codes.
    loss : str or Loss, default "infonce"
        "infonce", "nce", "scl", "nwj", or a `Loss`.
    dissimilarity : str or Dissimilarity, default "auto"
        How the factors of a pair differ. "laplace" (mostly little, at times much), "generalised_normal" (exponent 3)
        and "flat" (evenly, up to a limit) identify the axes, where pairs do differ so; the first of them turns the
        axes where one of the others is true, and the other way round. "normal", "correlated_normal" and "sphere"
        (unit codes) identify the codes up to a linear map. "auto" is "flat" for pairs by continuous labels, which
        differ evenly within the bandwidth, and "laplace" for all others. "select" lets held-out rows choose among the
        exponents 1, 2, 3 and 6, see `select_dissimilarity`; it costs about as much as a thousand steps, and takes 2,
        which claims no axes, where they cannot tell. Or a dissimilarity made for as many codes,
        which is copied.
    encoder : str, torch module or callable, default "auto"
        "mlp" for rows of numbers, "conv" for images of shape (channels, size, size), "auto" for whichever fits. A
        module is copied and trained from the parameters that it has. A callable is called as ``encoder(columns,
        n_components, generator=generator)``, for images with their shape in place of ``columns``, and returns a
        module: `MLP` itself is one.
    widths : sequence of int, optional
        Units of the hidden layers of a named encoder; its own default if not given.
    offsets : bool, default True
        Learn the critic's offsets, without which uneven marginals of the factors bend the codes.
    standardise : bool, default True
        Give columns to the encoder in units of their quartiles, around their median. Images are left to the encoder.
    pairs : str, default "auto"
        What makes a pair. "auto" is "given" where there is an ``X_pos``, else "labels" where there is a ``y``, else
        "time", which makes nothing of ``y``. "time-and-labels" is both at once: at most the longest of ``lags`` apart,
        to either side, in one trial, and near or equal in label. "time-or-labels" makes each pair by one of the two;
        no theorem covers such pairs, and axes may be lost.
    time_share : float, default 0.5
        Of the pairs of "time-or-labels", the share by time.
    lags : int, range, or mapping of int to float, default 1
        Pairs by time are so many rows apart, see `TemporalPairs`.
    max_gap : float, optional
        In units of ``times``: a longer step starts a new trial. 1.5 times the median step if not given. Of no effect
        without ``times``.
    exclude_within : int or "trial", optional
        Pairs by time so near are no negatives of each other, see `TemporalPairs`; with given pairs, "trial" is a
        group.
    label_kinds : str or sequence of str, default "auto"
        "continuous" or "discrete", for all columns of ``y`` or one each; "auto" takes floating columns for
        continuous and all others for discrete.
    bandwidth : float or sequence of floats, optional
        Continuous labels of a pair differ by no more than this, in their units; one for all or one per label. Their
        spread times rows^(-1 / (labels + 4)) if not given.
    num_neighbours : int, optional
        Pairs by labels are the so many nearest rows instead; the bandwidth is then the unit of each label.
    periods : float or sequence of (float or None), optional
        Of continuous labels, 360 or 2 pi for angles.
    balanced : bool, default False
        Draw anchors evenly from the classes of discrete labels.
    apart : int or "trial", default 0
        Pairs by labels are more than so many rows of a trial apart, see `LabelledPairs`.
    steps : int, default 2000
        Updates, unless training ends earlier.
    batch_size : int, default 512
        Pairs per update; the number of rows if that is smaller.
    optimizer : "soap" or "adamw", default "soap"
    learning_rate : float, optional
        Peak of the rate; that of `TrainingOptions`, 0.01, if not given.
    turn_axes : bool, default True
        Turn the codes to the axes along which pairs differ, at some steps and where that makes the loss smaller; for
        the encoder "mlp" with "laplace", "generalised_normal" or "flat".
    validation_fraction : float, default 0.1
        Share of the rows that training does not see: whole groups where there are five or more, blocks of time
        otherwise. Nothing is held out if that would be fewer than 50 rows, or if 0.
    patience : int or None, default 10
        The held-out loss is taken after every fortieth of the steps; so many values in a row without a better one end
        the training. None never ends it. The best parameters are kept either way.
    checkpoint : path or Checkpoints, optional
        A folder of this fit alone, into which its state is written every minute, or as `Checkpoints` says. A fit with
        the same data and settings goes on from there, to the same codes bit by bit.
    device : str or torch.device, default "auto"
        "auto" is a CUDA device where there is one.
    verbose : bool, default False
        Write a line on the error stream after every fortieth of the steps.
    on_step : callable, optional
        Called with the `StepRecord` of each update.
    random_state : int, RandomState or None, default None
        The same int gives bit-equal codes on one machine with one number of threads.

    Attributes
    ----------
    encoder_ : torch module
        From scaled observations to codes, in evaluation mode.
    critic_ : Critic
    codes_ : array of shape (rows, n_components)
        The codes of the rows of fit, as `transform` returns them.
    diagnosis_ : Diagnosis or None
        What the held-out rows say: checks in plain words, and of each code the fitted scale and the nats that a pair
        shares, beside the logarithm of the batch; print it. None where fewer than 100 rows were held out.
    drawn_pairs_ : PairReport or None
        What pairs training drew: histograms of their lags and label distances, and how many rows are in any; print it.
        None where pairs were given.
    selection_ : DissimilaritySelection or None
        With "select", what was compared, and whether the pair noise holds axes; print it. None after `load`.
    n_iter_ : int
        Updates that were made.
    best_iter_ : int
        The update whose parameters were kept.
    loss_curve_ : list of float
        The loss in nats at each update.
    validation_curve_ : list of (int, float)
        Updates after which the held-out loss was taken, and its value; empty where nothing was held out.
    pair_kind_ : str
        What made the pairs: one of the values of ``pairs``, other than "auto".
    bandwidth_ : list of float or None
        In use for continuous labels.
    scaling_ : Scaling
        The units in which the encoder sees the columns.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Notes
    -----
    Rows with NaN or infinity are refused, and named. Columns that are constant contribute nothing. Duplicated rows
    are kept as they are. A lag as long as the longest trial is refused, and shorter trials are left out. Labels with
    a single value are refused, for they make any two rows a pair.

    A `ContricaWarning` is given where a check asks for something to be done, or a tenth of the rows is in no pair.

    Training computes in float32, whatever X is; codes of float32 rows are float32, all others float64. An X that is
    mapped into memory is read row by row as it is drawn, and block by block as it is encoded.

    Examples
    --------
    >>> import numpy as np
    >>> turns = np.linspace(0.0, 60.0, 800)
    >>> recording = np.stack([np.sin(turns), np.cos(turns), np.sin(2.0 * turns)], axis=1)
    >>> model = ContrastiveICA(2, lags=range(1, 6), steps=20, random_state=0).fit(recording)
    >>> model.transform(recording).shape
    (800, 2)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        loss: str | Loss = "infonce",
        dissimilarity: str | nn.Module | Callable[..., Any] = "auto",
        encoder: str | nn.Module | EncoderFactory = "auto",
        widths: Sequence[int] | None = None,
        offsets: bool = True,
        standardise: bool = True,
        pairs: Literal["auto", "given", "labels", "time", "time-and-labels", "time-or-labels"] = "auto",
        time_share: float = 0.5,
        lags: Lags = 1,
        max_gap: float | None = None,
        exclude_within: Separation | None = None,
        label_kinds: str | Sequence[str] = "auto",
        bandwidth: float | Sequence[float] | None = None,
        num_neighbours: int | None = None,
        periods: Periods | None = None,
        balanced: bool = False,
        apart: Separation = 0,
        steps: int = 2000,
        batch_size: int = 512,
        optimizer: Literal["soap", "adamw"] = "soap",
        learning_rate: float | None = None,
        turn_axes: bool = True,
        validation_fraction: float = 0.1,
        patience: int | None = 10,
        checkpoint: str | os.PathLike[str] | Checkpoints | None = None,
        device: str | torch.device = "auto",
        verbose: bool = False,
        on_step: OnStep | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.loss = loss
        self.dissimilarity = dissimilarity
        self.encoder = encoder
        self.widths = widths
        self.offsets = offsets
        self.standardise = standardise
        self.pairs = pairs
        self.time_share = time_share
        self.lags = lags
        self.max_gap = max_gap
        self.exclude_within = exclude_within
        self.label_kinds = label_kinds
        self.bandwidth = bandwidth
        self.num_neighbours = num_neighbours
        self.periods = periods
        self.balanced = balanced
        self.apart = apart
        self.steps = steps
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.turn_axes = turn_axes
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.checkpoint = checkpoint
        self.device = device
        self.verbose = verbose
        self.on_step = on_step
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        X_pos: Any = None,
        groups: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
    ) -> Self:
        """Train on pairs of the rows of X.

        Parameters
        ----------
        X : array of shape (rows, columns) or (rows, channels, size, size)
            Observations, in order of time unless ``times`` says otherwise.
        y : array of shape (rows,) or (rows, labels), or a table, optional
            Labels: rows whose labels are near or equal are pairs.
        X_pos : array of the shape of X, optional
            Row i of X and row i of X_pos are a pair.
        groups : array of shape (rows,), optional
            Which trial, session or animal a row belongs to. No pair by time leaves its group, and whole groups are
            held out.
        times : array of shape (rows,), numbers or dates, optional
            When a row was taken: rows are sorted by it within their group, and no pair by time spans a gap.

        Returns
        -------
        ContrastiveICA
            Itself, fitted.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If the arguments do not describe the same rows, X is not finite, or they leave no pairs.
        NonFiniteError
            If training meets a loss that is not finite; the message says at which step.
        KeyboardInterrupt
            After the best parameters so far were put in place: the estimator is fitted, and may be used.
        """
        observations = self._read(X, reset=True)
        num_codes = _checks.count(self.n_components, "n_components")
        checkpoints, latest = self._checkpoints()
        streams = Streams.of(self.random_state) if latest is None else Streams(latest.notes["seed"])
        device, loss = named_device(self.device), loss_of(self.loss)
        options = TrainingOptions(
            steps=self.steps,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=TrainingOptions.learning_rate if self.learning_rate is None else self.learning_rate,
        )
        if not isinstance(self.turn_axes, bool):
            raise DtypeError(f"turn_axes must be True or False, got {self.turn_axes!r}; pass one of them")
        if self.patience is not None:
            _checks.count(self.patience, "patience")
        if not 0.0 <= _checks.finite(self.validation_fraction, "validation_fraction") < 1.0:
            raise DomainError(
                f"validation_fraction must lie in [0, 1), got {self.validation_fraction}; pass a share such as 0.1"
            )
        kind = kind_of(self.pairs, X_pos is not None, y is not None)
        rows = self._rows(kind, observations, y, X_pos, groups, times)
        notes: dict[str, Any] = {"seed": streams.seed}
        if checkpoints is not None:
            notes["mark"] = mark_of(self.get_params(deep=False), rows)
            if latest is not None:
                ensure_same(checkpoints, latest, notes["mark"])
        rules = self._rules(kind, rows.labels, len(observations))
        dissimilarity = dissimilarity_of(self.dissimilarity, num_codes, flat=rules.flat)
        sample = sampled(observations, streams.named("start"))
        scaling = Scaling.of(sample) if self.standardise else Scaling(None, None)
        pairing = Pairing(rules, scaling, dtype_of(self.encoder))
        start = start_of(sample, scaling).to(pairing.dtype)
        split = split_rows(
            pairing,
            rows,
            fraction=self.validation_fraction,
            batch_size=options.batch_size,
            generator=streams.named("held-out"),
        )
        size = min(options.batch_size, split.source.num_rows)
        init = streams.named("init")
        with lent_to_torch(streams.named("torch")):
            encoder = encoder_of(
                self.encoder,
                start,
                num_codes,
                widths=self.widths,
                on_sphere=isinstance(dissimilarity, SphereDot),
                generator=init,
            ).to(device)
            critic = critic_of(dissimilarity, loss, start, offsets=self.offsets, generator=init).to(device)
            options = dataclasses.replace(options, batch_size=size)
            self.selection_ = None
            if isinstance(self.dissimilarity, str) and self.dissimilarity == SELECT:
                self.selection_ = selected(
                    encoder, critic, loss, split, options=options, device=device, generator=streams.named("selection")
                )
                critic.dissimilarity = self.selection_.dissimilarity.to(device)
            curve = fit_parts(
                encoder,
                critic,
                loss,
                split.source,
                held_out=[batch.to(device) for batch in split.batches],
                options=options,
                patience=self.patience,
                generator=streams.named("pairs"),
                on_step=self._see,
                turns=Turns.of(self.steps, streams) if self.turn_axes else None,
                checkpoints=checkpoints,
                resume_from=latest,
                notes=notes,
            )
        fitted = Fitted(encoder, critic, loss, pairing, observations.shape[1:], streams.seed)
        diagnosis = diagnosis_of(fitted, split, batch_size=size, generator=streams.named("diagnosis"))
        self._keep(fitted, curve, diagnosis, split.source.described(streams.named("drawn pairs")))
        self.codes_ = fitted.codes(observations, num_codes)
        if curve.interruption is not None:
            raise curve.interruption
        warn_of(diagnosis, split.source, labelled=kind in OF_LABELS)
        return self

    def transform(self, X: Any) -> Array:
        """Return the codes of the rows of X, of shape (rows, n_components).

        Rows are read and encoded block by block, so X may be larger than memory if it is mapped into it. float32
        rows have float32 codes, all others float64.

        Raises
        ------
        NotFittedError
            If fit has not been called.
        ShapeError, DomainError
            If rows have another shape than in fit, or are not finite.
        """
        check_is_fitted(self)
        return self._fitted.codes(self._read(X, reset=False), self._n_features_out)

    def score(
        self,
        X: Any,
        y: Any = None,
        *,
        X_pos: Any = None,
        groups: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
    ) -> float:
        """Return how many nats of information about x~ the critic finds in x, on pairs of these rows.

        It is log K minus the mean cost of picking the positive among K candidates, InfoNCE's lower bound on the
        mutual information of a pair, whatever loss was trained with. 0 is chance, less than 0 is worse than chance,
        and log K, K being 1024 or the number of rows if that is smaller, is the largest that it can be. Scores
        compare between settings on the same rows and pairs, not between different lags or bandwidths.

        Parameters
        ----------
        X, y, X_pos, groups, times
            As in fit, of rows that fit has not seen: pairs are formed as they were in fit.

        Raises
        ------
        NotFittedError
            If fit has not been called.
        ShapeError, DtypeError, DomainError
            As fit, or if what made the pairs in fit is missing here.
        """
        check_is_fitted(self)
        observations = self._read(X, reset=False)
        return self._fitted.information(self._rows(self.pair_kind_, observations, y, X_pos, groups, times))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted estimator as a folder of safetensors and JSON, in place of one that was there.

        Kept are encoder, critic, loss, units, settings, curves, diagnosis and the report of the pairs; not the codes of
        fit. Of an encoder of your own the parameters and buffers are kept.

        Parameters
        ----------
        folder : path
            New, empty, or of a saved model.

        Raises
        ------
        NotFittedError
            If fit has not been called.
        OutputError
            If the folder cannot be written or holds something else; what was saved there before is intact.
        DtypeError, DomainError
            If a module of your own has state that is no tensor.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        settings = {name: value for name, value in self.get_params(deep=False).items() if name not in ("checkpoint",)}
        curve = Curve(self.loss_curve_, self.validation_curve_, self.best_iter_)
        said = Said(self.diagnosis_, self.drawn_pairs_, None if names is None else [str(name) for name in names])
        write(folder, self._fitted, curve, settings, said)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        own: Mapping[str, object] | None = None,
        device: str | torch.device = "auto",
    ) -> Self:
        """Open what `save` has written: transform and score give what they gave.

        Parameters
        ----------
        folder : path
        own : mapping of str to object, optional
            Parts of your own, built as they were: "encoder", "critic.dissimilarity", see `load_model`.
        device : str or torch.device, default "auto"

        Raises
        ------
        RecordError
            If the folder holds no estimator, is damaged or newer, or a part of your own is missing.
        DomainError
            If there is no such device.
        """
        fitted, curve, settings, said = read(folder, own=own or {}, device=named_device(device))
        known = cls().get_params(deep=False)
        if not settings.keys() <= known.keys():
            raise RecordError(f"{folder} has settings that this version does not know; update contrica")
        parts = {"loss": fitted.loss, "dissimilarity": fitted.critic.dissimilarity, "encoder": fitted.encoder}
        rest = {name: value for name, value in parts.items() if name not in settings}
        model = cls(**{**settings, **rest, "device": device})
        model.selection_ = None
        model.n_features_in_ = fitted.shape[0] if fitted.shape else 0
        if said.names is not None:
            model.feature_names_in_ = np.array(said.names, dtype=object)
        model._keep(fitted, curve, said.diagnosis, said.drawn_pairs)
        return model

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _read(self, X: Any, *, reset: bool) -> Array:
        """Return X as an array of numbers, not copied where it is one; in memory it is finite."""
        observations = validate_data(self, X, reset=reset, ensure_min_samples=2 if reset else 1, **AS_IT_COMES)
        if not reset:
            same_shape(observations, self._fitted.shape, "X")
        return checked(observations, "X")

    def _rows(self, kind: PairKind, observations: Array, y: Any, X_pos: Any, groups: Any, times: Any) -> Rows:
        num_rows = len(observations)
        order = RowOrder.of(num_rows, groups, times, self.max_gap)
        if (kind == "given" and X_pos is None) or (kind in OF_LABELS and y is None):
            needed = "X_pos" if kind == "given" else "y"
            raise DomainError(f"pairs are formed from {needed}, as they were in fit, but there is none; pass it")
        labels = Labels.of(y, num_rows, self.label_kinds) if kind in OF_LABELS else None
        if kind != "given":
            return Rows(observations, observations, order, labels)
        positives = checked(check_array(X_pos, input_name="X_pos", **AS_IT_COMES), "X_pos")
        same_shape(positives, observations.shape[1:], "X_pos")
        _checks.same_rows(torch.empty(num_rows), torch.empty(len(positives)), "X", "X_pos")
        looked_at = np.linspace(0, num_rows - 1, rows_of(observations, VALUES_MEASURED, num_rows)).astype(np.int64)
        if np.array_equal(observations[looked_at], positives[looked_at]):
            raise DomainError("X_pos must differ from X, got the same rows; pass another view of each row")
        return Rows(observations, positives, order, None)

    def _rules(self, kind: PairKind, labels: Labels | None, num_rows: int) -> PairRules:
        neighbours = None if labels is None else self.num_neighbours
        if neighbours is not None and _checks.count(neighbours, "num_neighbours") >= num_rows:
            raise DomainError(
                f"num_neighbours must be fewer than the rows, {num_rows}, or any two rows are a pair, got"
                f" {neighbours}; pass some tens"
            )
        bandwidth = self.bandwidth
        if bandwidth is None and labels is not None:
            bandwidth = labels.bandwidth(self.periods)
        return PairRules(
            kind=kind,
            time_share=self.time_share,
            lags=self.lags,
            exclude_within=self.exclude_within,
            bandwidth=bandwidth,
            num_neighbours=self.num_neighbours,
            periods=self.periods,
            balanced=self.balanced,
            apart=self.apart,
            flat=kind == "labels" and labels is not None and labels.continuous is not None,
        )

    def _checkpoints(self) -> tuple[Checkpoints | None, TrainingState | None]:
        if self.checkpoint is None:
            return None, None
        there = self.checkpoint if isinstance(self.checkpoint, Checkpoints) else Checkpoints(self.checkpoint)
        latest = there.latest()
        if latest is not None:
            ensure_of_estimator(there, latest)
        return there, latest

    def _see(self, record: StepRecord) -> None:
        if self.on_step is not None:
            self.on_step(record)
        if self.verbose and record.step % max(1, self.steps // VALUES) == 0:
            sys.stderr.write(f"step {record.step} of {self.steps}: loss {record.loss:.4f} nats\n")

    def _keep(self, fitted: Fitted, curve: Curve, diagnosis: Diagnosis | None, drawn_pairs: PairReport | None) -> None:
        self._fitted, self.diagnosis_, self.drawn_pairs_ = fitted, diagnosis, drawn_pairs
        self.encoder_, self.critic_, self.scaling_ = fitted.encoder, fitted.critic, fitted.pairing.scaling
        self.pair_kind_, self.bandwidth_ = fitted.pairing.rules.kind, fitted.pairing.rules.bandwidth
        self.n_iter_, self.best_iter_ = len(curve.losses), curve.best_step
        self.loss_curve_, self.validation_curve_ = curve.losses, curve.held_out
