"""A ladder of positives for one anchor: from a narrow law, over wider ones, towards strangers.

    x ~ p(x),    x~_k ~ p_k(x~|x),    k = 1 (narrowest), ..., K (widest)

One pair of much information tells itself from strangers by a few dimensions, and the others get no gradient; told from
the next wider pair it shares about as much with x as that one does, and all dimensions count. See `contrica.critics`
for the ratios and `contrica.contrast.pair_loss` for the loss. (Rhodes, Xu, Gutmann 2020, arXiv 2006.12204.)

What identifies axes and up to what is that of one pair law, if every rung has the form of the critic, that is

    p_k(x~|x) = Q(f(x~)) exp(-lambda_k delta(f(x), f(x~))) / Z_k(x),    lambda_1 > ... > lambda_K > 0,

with one Q and one delta: then w_k = lambda_k - lambda_(k+1) in units of lambda_K, and at the optimum each rung by
itself holds the codes to isometries of delta. Where p(x~) is not Q, the widest positives take a candidate offset, and
they alone; where Z_k depends on x, the loss has to be InfoNCE, which no function of x moves.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError
from contrica.latents import Conditional, Marginal
from contrica.pairs.batch import PairBatch
from contrica.pairs.recording import Observations
from contrica.pairs.temporal import TemporalPairs
from contrica.pairs.timeline import TrialIds

_Law = TypeVar("_Law")


class SimulatedLadder:
    """Fresh latents without end, each with a positive of every conditional.

    Parameters
    ----------
    marginal : Marginal
        p(s) of the anchors.
    conditionals : sequence of Conditional
        p_k(s~|s), the narrowest first, at least 2; on the space of the marginal. Neighbours should overlap: for n
        latents a ratio of scales of about 1 + 3/sqrt(n) leaves 2 to 3 nats between them.
    mixing : callable
        The map g from latents (batch, latent_dim) to observations (batch, ...).
    num_strangers : int, optional
        So many fresh draws of the widest positives' p(x~) are the negatives of all anchors, which is cheaper if they
        are fewer than the batch; the other rows' widest positives are if not given.

    Raises
    ------
    DtypeError
        If an argument is of another kind.
    DomainError
        If there are fewer than two conditionals, or they live on other spaces.

    Notes
    -----
    Positives of one anchor are independent given it, as InfoNCE needs. Laplace, normal and generalised normal
    conditionals of one exponent and several scales have the form above; their Z_k is a function of x where walls are
    near.

    Examples
    --------
    >>> from contrica.latents import LaplaceConditional, UniformMarginal
    >>> from contrica.spaces import Box
    >>> laws = [LaplaceConditional(Box(2), scale) for scale in (0.05, 0.1, 0.2)]
    >>> pairs = SimulatedLadder(UniformMarginal(Box(2)), laws, torch.nn.Identity())
    >>> batch = pairs.draw(1000, generator=torch.Generator().manual_seed(0))
    >>> [round(float((positives - batch.anchors).abs().mean()), 2) for positives in batch.ladder]
    [0.05, 0.08, 0.14]
    """

    def __init__(
        self,
        marginal: Marginal,
        conditionals: Sequence[Conditional],
        mixing: Callable[[Tensor], Tensor],
        *,
        num_strangers: int | None = None,
    ) -> None:
        """Keep all; nothing is drawn yet."""
        if not isinstance(marginal, Marginal):
            raise DtypeError(f"marginal must be a contrica Marginal, got {type(marginal).__name__}; build one")
        if not callable(mixing):
            raise DtypeError(f"mixing must be callable, got {type(mixing).__name__}; pass a function of the latents")
        self.conditionals = _rungs(conditionals, "conditionals")
        for conditional in self.conditionals:
            if not isinstance(conditional, Conditional):
                raise DtypeError(f"conditionals must be contrica ones, got {type(conditional).__name__}; build them")
            if conditional.space != marginal.space:
                raise DomainError(
                    f"marginal and conditionals must share one space, got {marginal.space!r} and {conditional.space!r};"
                    " build all on the same"
                )
        self.marginal, self.mixing = marginal, mixing
        self.num_strangers = 0 if num_strangers is None else _checks.count(num_strangers, "num_strangers")

    @torch.no_grad()
    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` independent anchors, each with a positive of every law.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 2, or ``generator`` is none.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        latents = self.marginal.sample(size, generator=_checks.generator(generator))
        drawn = [latents, *(law.sample(latents, generator=generator) for law in self.conditionals)]
        if self.num_strangers:
            others = self.marginal.sample(self.num_strangers, generator=generator)
            drawn.append(self.conditionals[-1].sample(others, generator=generator))
        anchors, positives, *wider = self.mixing(torch.cat(drawn)).split([len(rows) for rows in drawn])
        strangers = wider.pop() if self.num_strangers else None
        return PairBatch(anchors, positives, negatives=strangers, wider=tuple(wider))


class TemporalLadder:
    """Rows of a recording, each with those that follow it in its trial after shorter and longer lags.

    Parameters
    ----------
    observations : Tensor or array of shape (rows, ...)
        In order of time within each trial; see `contrica.pairs.Recording` for dtypes and mapped files.
    lags : sequence of int
        In rows, growing, at least 2 of them and all positive, such as (1, 4, 16, 64).
    trials : Tensor or array of shape (rows,), integers, optional
        Which trial each row belongs to. Only rows that the longest lag stays in the trial of are anchors.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        As `TemporalPairs` for the longest lag; or if lags are too few or do not grow.

    Notes
    -----
    The laws of two lags are told apart on one and the same law of anchors. Positives of one anchor depend on each
    other, x_t+1 on x_t+4: train with NCE, SCL or NWJ, whose terms hold one pair each. InfoNCE would learn another ratio
    and is refused. The form above, by which axes are identified, holds for a random walk with normal steps, where
    lambda falls as 1 / lag. For steps of another law, or factors that return to a mean at rates of their own, it holds
    in approximation at best; check with `contrica.diagnose` and a fit to the shortest lag alone.

    Examples
    --------
    >>> pairs = TemporalLadder(torch.arange(100.0)[:, None], lags=(1, 5, 25))
    >>> batch = pairs.draw(4, generator=torch.Generator().manual_seed(0))
    >>> [int((positives - batch.anchors).mean()) for positives in batch.ladder]
    [1, 5, 25]
    """

    def __init__(self, observations: Observations, *, lags: Sequence[int], trials: TrialIds | None = None) -> None:
        """Keep a reference to the observations."""
        self.lags = tuple(_checks.count(lag, "a lag") for lag in _rungs(lags, "lags"))
        if list(self.lags) != sorted(set(self.lags)):
            raise DomainError(f"lags must grow, got {self.lags}; sort them and leave repeats out")
        self._widest = TemporalPairs(observations, lags=self.lags[-1], trials=trials)
        self._recording, self._timeline = self._widest._recording, self._widest._timeline

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw ``batch_size`` independent anchors, each with the rows that follow it.

        Raises
        ------
        DomainError, DtypeError
            If ``batch_size`` is not a whole number of at least 2, ``generator`` is none, or a drawn row of a mapped
            file is not finite.
        """
        size = _checks.count(batch_size, "batch_size", least=2)
        rows, _ = self._widest.draw_rows(size, generator=generator)
        places = self._timeline.places[rows.numpy()]
        ladder = [torch.from_numpy(self._timeline.rows[places + lag]) for lag in self.lags]
        anchors, positives, *wider = (self._recording.take(which) for which in (rows, *ladder))
        return PairBatch(anchors, positives, wider=tuple(wider), chained=True)


def _rungs(laws: Sequence[_Law], name: str) -> tuple[_Law, ...]:
    """Return the laws as a tuple, of two or more."""
    if not isinstance(laws, Sequence) or isinstance(laws, str):
        raise DtypeError(f"{name} must be a sequence, got {type(laws).__name__}; pass a tuple, the narrowest first")
    if len(laws) < 2:
        raise DomainError(f"a ladder must have at least 2 rungs, got {len(laws)} in {name}; add wider ones")
    return tuple(laws)
