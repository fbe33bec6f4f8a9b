"""Selects the family of the pair noise: fits on equal terms, compared on held-out pairs.

    L_c = mean_i [ log( exp(s_ii) + sum_j exp(s_ij) ) - s_ii ]   with the critic s of candidate c

which is least, in expectation, where s is the log density ratio up to a function of the row: it ranks families without
any ground truth. Each candidate is read beside a free critic, which bounds from above what any family could still win.
(Reference: strict propriety of the contrastive losses, Matthes, Han, Shen 2023, arXiv 2311.04774.)
"""

from collections.abc import Sequence

import torch
from torch import nn

from contrica import _checks
from contrica.critics import Critic
from contrica.diagnosis.check import Check
from contrica.diagnosis.choice_loss import Contribution, contribution, mean_and_error
from contrica.diagnosis.free_critic import check_free_critic
from contrica.diagnosis.held_out import HeldOut, hold_out
from contrica.errors import DomainError, DtypeError
from contrica.losses import Loss
from contrica.pairs.batch import PairBatch, PairSource
from contrica.selection.candidate import Candidate
from contrica.selection.fitting import CommonStart, device_of
from contrica.selection.selection import DissimilaritySelection
from contrica.training import TrainingOptions

DEFAULT_OPTIONS = TrainingOptions(steps=300, batch_size=512, optimizer="soap", learning_rate=3e-2, betas=(0.9, 0.95))
"""Enough for five factors behind three layers; harder mixings need more steps."""

FREE_CRITIC_STEPS = 60
"""Updates of the free critic, a tenth of a second each; more would find a small misfit that no choice here repairs."""

LEAST_EXPONENT, LARGEST_EXPONENT = 0.5, 8.0
"""Below, powers have no usable slope near 0; above, all families look alike: evenly up to a limit."""


def select_dissimilarity(
    encoder: nn.Module,
    critic: Critic,
    loss: Loss,
    source: PairSource,
    held_out: PairBatch,
    *,
    exponents: Sequence[float] = (1.0, 2.0, 3.0),
    learned_from: Sequence[float] = (1.0, 3.0),
    options: TrainingOptions = DEFAULT_OPTIONS,
    generator: torch.Generator,
) -> DissimilaritySelection:
    """Fit families of pair noise and say which one the held-out pairs ask for, or that they cannot tell.

    Parameters
    ----------
    encoder : nn.Module
        Observations to unbounded codes, as many as there are factors, as it starts; it is copied.
    critic : Critic
        With the offsets that the loss needs; its dissimilarity is of no account. It is copied.
    loss : Loss
        That candidates are trained with. They are compared by the loss of a choice among the candidates of a block,
        in nats, whatever they were trained with.
    source : PairSource
        Of the pairs to train on.
    held_out : PairBatch
        Pairs that ``source`` does not give, 100 and more, and some thousands to tell families apart.
    exponents : sequence of float
        Families of one fixed exponent p for all codes: 1 is Laplace, 2 normal.
    learned_from : sequence of float
        Starts of exponents that are learned, one per code. One on either side of 2 is wise.
    options : TrainingOptions
        Of the first fit, by squared distances. Each candidate is trained on from there for a share of its steps, the
        learned ones on smaller batches.
    generator : torch.Generator
        Decides batches and the free critic.

    Returns
    -------
    DissimilaritySelection

    Raises
    ------
    DomainError
        If an exponent is outside of [0.5, 8], or there are fewer than two candidates.
    UnreliableScoreError
        If there are fewer than 100 held-out pairs, or pairs differ in fewer directions than there are codes.
    NonFiniteError, DtypeError, ShapeError
        As training and encoding raise them.

    Notes
    -----
    Costs about three times the first fit. What is compared is the loss after short fits, so a candidate that is slow to
    train is underrated; differences below 0.01 nats count as none.

    Examples
    --------
    >>> import contrica as ct
    >>> generator = torch.Generator().manual_seed(0)
    >>> space = ct.Euclidean(2)
    >>> law = ct.LatentModel(ct.NormalMarginal(space), ct.LaplaceConditional(space, 0.1))
    >>> pairs = ct.SimulatedPairs(law, torch.nn.Identity())
    >>> found = select_dissimilarity(
    ...     ct.MLP(2, 2, widths=(), generator=generator), ct.Critic(ct.SquaredEuclidean()), ct.InfoNCE(), pairs,
    ...     pairs.draw(399, generator=generator), exponents=(1.0, 2.0), learned_from=(),
    ...     options=ct.TrainingOptions(steps=40, batch_size=64, learning_rate=0.1), generator=generator,
    ... )
    >>> found.chosen.name, found.axes_identified
    ('exponent 1', True)
    """
    _checks.generator(generator)
    for value, kind, name in ((critic, Critic, "critic"), (loss, Loss, "loss"), (held_out, PairBatch, "held_out")):
        if not isinstance(value, kind):
            raise DtypeError(f"{name} must be a contrica {kind.__name__}, got {type(value).__name__}; pass one")
    wanted = [*((_exponent(each, "exponents"), False) for each in exponents)]
    wanted += [(_exponent(each, "learned_from"), True) for each in learned_from]
    if len(set(wanted)) < max(2, len(wanted)):
        raise DomainError(f"a selection needs two or more candidates that differ, got {wanted}; name others")
    held_out = held_out.to(device_of(encoder))
    hold_out(encoder, critic, loss, held_out, negatives=options.negatives)  # what is wrong with them shows before a fit
    start = CommonStart(encoder, critic, loss, source, options, generator)
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    fits: list[tuple[nn.Module, Critic]] = []
    seen: list[tuple[HeldOut, list[Contribution], tuple[float, ...]]] = []
    for exponent, learned in wanted:
        same = torch.Generator(generator.device).manual_seed(seed)  # all candidates of a kind see the same pairs
        fitted, fitted_critic, delta = start.refitted(exponent, learned=learned, generator=same)
        shown = hold_out(fitted, fitted_critic, loss, held_out, negatives=options.negatives)
        costs = [contribution(block.positive_logits, block.other_logits) for block in shown.blocks]
        fits.append((fitted, fitted_critic))
        seen.append((shown, costs, tuple(delta.exponent.tolist())))
    losses = [mean_and_error(shown, costs, shown.blocks) for shown, costs, _ in seen]
    best = min(range(len(seen)), key=lambda number: losses[number][0])
    free = check_free_critic(seen[best][0], generator=generator, steps=FREE_CRITIC_STEPS)
    candidates = []
    for (exponent, learned), (shown, costs, found), (mean, error) in zip(wanted, seen, losses, strict=True):
        differences = [one.minus(other) for one, other in zip(costs, seen[best][1], strict=True)]
        excess, excess_error = mean_and_error(shown, differences, shown.blocks)
        gap, gap_error = _gap(free, excess, excess_error)
        candidates.append(
            Candidate(exponent, learned, found, mean, error, excess, excess_error, gap=gap, gap_error=gap_error)
        )
    return DissimilaritySelection(tuple(candidates), free, tuple(fits))


def _exponent(value: float, name: str) -> float:
    exponent = _checks.positive(value, f"every entry of {name}")
    if not LEAST_EXPONENT <= exponent <= LARGEST_EXPONENT:
        raise DomainError(
            f"every entry of {name} must lie in [{LEAST_EXPONENT:g}, {LARGEST_EXPONENT:g}], got {exponent:g}; pass 1"
            " for Laplace and 6 for noise that is even up to a limit"
        )
    return exponent


def _gap(free: Check, excess: float, excess_error: float) -> tuple[float | None, float | None]:
    """Return the nats above the free critic, which was fitted beside the best candidate."""
    measured = free.measured[0] if free.measured else None
    if measured is None or measured.value is None or measured.standard_error is None:
        return None, None
    return measured.value + excess, (measured.standard_error**2 + excess_error**2) ** 0.5
