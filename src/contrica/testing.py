"""The contracts that parts made elsewhere must keep, as functions that run them and say which promise is broken.

Whoever writes a dissimilarity, a loss or a pair source of their own calls the check once, in a test. Each check raises
``ContractError`` with what failed and on which input; a part that passes works everywhere in this package.
"""

import random
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import ContractError, DtypeError
from contrica.losses import Loss
from contrica.pairs.batch import PairBatch, PairSource
from contrica.spaces import Euclidean, Space, Sphere

Freedom = Literal["none", "constant", "anchor"]
"""What the minimiser of a loss leaves open: nothing, one additive constant, or any function of the anchor."""

GAPS = (0.0, 1e-30, 1e-12, 1e-7, 1e-4, 1e-2)
"""Differences between two codes at which the gradient of a dissimilarity must be finite."""

COUNTS = ((6, 1, 1), (1, 3, 2), (1, 2, 7))
"""A joint of three by three outcomes, in pairs out of 24; its log ratios run from -1.2 to 0.8."""


def check_dissimilarity(
    delta: Callable[[Tensor, Tensor], Tensor],
    dim: int,
    *,
    space: Space | None = None,
    generator: torch.Generator | None = None,
) -> None:
    """Check that ``delta`` is a dissimilarity of codes of ``dim`` dimensions.

    It must broadcast over leading axes, keep the dtype, be symmetric, zero on the diagonal and positive off it, and
    have finite gradients at equal and nearly equal codes, where training ends up.

    Parameters
    ----------
    delta : callable
        From codes of shape (..., dim) and (..., dim) to (...), smaller is closer. Gradients are needed, a class is not.
    dim : int
        Number of code dimensions.
    space : Space, optional
        Where codes live: ``Sphere(dim)`` for dissimilarities of unit vectors. All of R^dim if not given.
    generator : torch.Generator, optional
        Source of the codes that are tried; the same ones each time if not given.

    Raises
    ------
    ContractError
        If a promise is broken, with the pair of codes that shows it.

    Notes
    -----
    Numerics: equality is tested in float64 to 1e-9 of a typical value, gradients in float32 and float64.

    Examples
    --------
    >>> check_dissimilarity(lambda a, b: (a - b).abs().sum(-1), 3)
    >>> check_dissimilarity(lambda a, b: (a - b).square().sum(-1).sqrt(), 3)   # its slope at 0 is 0/0
    Traceback (most recent call last):
    contrica.errors.ContractError: gradients must be finite ...
    """
    if not callable(delta):
        raise DtypeError(f"delta must be callable, got {type(delta).__name__}; pass a Dissimilarity or a function")
    _checks.count(dim, "dim")
    space = Euclidean(dim) if space is None else space
    source = torch.Generator().manual_seed(0) if generator is None else _checks.generator(generator)
    left, right = (_codes(space, 12, dim, source) for _ in range(2))
    _check_broadcasting(delta, left, right)
    _check_values(delta, left, right)
    _check_near_gradients(delta, left, right, space)


def check_loss(loss: Callable[[Tensor, Tensor], Tensor]) -> Freedom:
    """Check that the minimiser of ``loss`` over all critics is the log density ratio, and return what it leaves open.

    Parameters
    ----------
    loss : Loss or callable
        From positive logits (batch,) and negative logits (batch, negatives) to a 0-d cost in nats.

    Returns
    -------
    "none", "constant" or "anchor"
        What may be added to all logits, or to all logits of one anchor, without changing the loss.

    Raises
    ------
    ContractError
        If the cost is not 0-d and finite; depends on how often the batch is repeated; does not fall with positive and
        rise with negative logits; loses the gradient of a pair that is 200 nats on the wrong side; is not at its
        optimum with equal logits when pairs are independent; is not at its optimum with the log ratio when they are
        not; or treats a candidate of weight 0 as present.

    Notes
    -----
    Numerics: the population cost of a joint of three by three outcomes is computed exactly, by enumerating pairs with
    one negative each, and minimised to a gradient of 1e-10.

    Examples
    --------
    >>> from contrica.losses import NCE, InfoNCE
    >>> check_loss(NCE()), check_loss(InfoNCE())
    ('none', 'anchor')
    """
    if not callable(loss):
        raise DtypeError(f"loss must be callable, got {type(loss).__name__}; pass a Loss or a function")
    source = torch.Generator().manual_seed(0)
    positive = torch.randn(6, generator=source, dtype=torch.float64)
    negative = torch.randn(6, 4, generator=source, dtype=torch.float64)
    _check_cost(loss, positive, negative)
    _check_pull_and_push(loss, positive, negative)
    _check_hard_pairs(loss)
    freedom = _freedom(loss, positive, negative)
    counts = torch.tensor(COUNTS)
    _check_optimum(
        loss, torch.outer(torch.tensor([1, 2, 1]), torch.tensor([2, 1, 1])), freedom, "with independent pairs"
    )
    _check_optimum(loss, counts, freedom, "with dependent pairs")
    if isinstance(loss, Loss):
        _check_weights(loss, positive, negative)
    return freedom


def check_pair_source(source: PairSource, *, batch_size: int = 8) -> None:
    """Check that ``source`` draws batches of pairs, and takes all its randomness from the generator it is given.

    Parameters
    ----------
    source : PairSource
        Anything with ``draw(batch_size, *, generator)``.
    batch_size : int
        Pairs per draw, at least 2; half as many are drawn too if that leaves 2.

    Raises
    ------
    ContractError
        If a batch is no PairBatch of that many finite pairs without gradients; if the same generator state gives
        another batch; if a second draw repeats the first; or if a global generator was touched.

    Examples
    --------
    >>> from contrica.pairs.given import GivenPairs
    >>> check_pair_source(GivenPairs(torch.arange(40.0)[:, None], torch.arange(40.0)[:, None]))
    """
    if not isinstance(source, PairSource):
        raise DtypeError(f"source must have a method draw, got {type(source).__name__}; pass a PairSource")
    _checks.count(batch_size, "batch_size", least=2)
    generator = torch.Generator().manual_seed(0)
    before, start = _global_states(), generator.get_state()
    first = _drawn(source, batch_size, generator)
    second = _drawn(source, batch_size, generator)
    generator.set_state(start)
    again = _drawn(source, batch_size, generator)
    if _global_states() != before:
        raise ContractError(
            "a draw must leave global generators alone, but it advanced one; use the generator it is given"
        )
    if not _equal(first, again):
        raise ContractError("the same generator state must give the same batch, got another; use no other randomness")
    if _equal(first, second):
        raise ContractError(
            f"an advanced generator must give another batch, got the same {batch_size} pairs twice; draw from the"
            " generator, or check with a batch smaller than the data"
        )
    if first.anchors.shape[1:] != _drawn(source, max(2, batch_size // 2), generator).anchors.shape[1:]:
        raise ContractError("observations must have one shape at every batch size, got two; fix draw")


def _codes(space: Space, rows: int, dim: int, generator: torch.Generator) -> Tensor:
    points = torch.randn(rows, dim, generator=generator, dtype=torch.float64, device=generator.device).cpu()
    if isinstance(space, Sphere):
        return torch.nn.functional.normalize(points, dim=-1)
    return points


def _check_broadcasting(delta: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor) -> None:
    for dtype in (torch.float32, torch.float64):
        a, b = left.to(dtype), right.to(dtype)
        paired, pairwise = delta(a, b), delta(a[:, None], b[None, :-1])
        if paired.shape != (12,) or pairwise.shape != (12, 11):
            raise ContractError(
                f"codes of shapes (12, dim) and (12, dim), or (12, 1, dim) and (1, 11, dim), must give (12,) and"
                f" (12, 11), got {tuple(paired.shape)} and {tuple(pairwise.shape)}; reduce the last axis only"
            )
        if paired.dtype != dtype:
            raise ContractError(
                f"{dtype} codes must give {dtype} values, got {paired.dtype}; convert constants instead"
            )
    if not torch.allclose(pairwise.diagonal(), paired[:-1], rtol=1e-9, atol=1e-12, equal_nan=True):
        raise ContractError("the all-pairs matrix must have the paired values on its diagonal, got others; fix an axis")


def _check_values(delta: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor) -> None:
    with torch.no_grad():
        values, swapped, itself = delta(left, right), delta(right, left), delta(left, left)
    size = float(values.abs().mean())
    for row in range(len(left)):
        shown = f"a = {_shown(left[row])}, b = {_shown(right[row])}"
        if not torch.isfinite(values[row]) or float(values[row]) <= 1e-9 * size:
            raise ContractError(
                f"delta(a, b) must be positive, got {float(values[row]):.6g} at {shown}; smaller is closer"
            )
        if abs(float(values[row] - swapped[row])) > 1e-9 * size:
            raise ContractError(
                f"delta must be symmetric, got {float(values[row]):.6g} and {float(swapped[row]):.6g} at {shown}; the"
                " theory needs the same dissimilarity from both sides"
            )
        if not abs(float(itself[row])) <= 1e-9 * size:
            raise ContractError(
                f"delta(a, a) must be 0, got {float(itself[row]):.6g} at a = {_shown(left[row])}; move constants into"
                " the critic's bias"
            )


def _check_near_gradients(delta: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor, space: Space) -> None:
    for dtype in (torch.float32, torch.float64):
        for gap in GAPS:
            a = left.to(dtype).requires_grad_()
            step = right - left
            step[:6, 1:] = 0.0  # codes that differ in one dimension only
            b = (left + gap * step).to(dtype)
            if isinstance(space, Sphere):
                b = torch.nn.functional.normalize(b, dim=-1)
            b.requires_grad_()
            values = delta(a, b)
            gradients = torch.autograd.grad(values.sum(), (a, b), allow_unused=True)
            if not all(gradient is not None and bool(torch.isfinite(gradient).all()) for gradient in gradients):
                raise ContractError(
                    f"gradients must be finite and exist for both codes, got others for {dtype} codes that differ by"
                    f" {gap:g} of their distance, near a = {_shown(left[0])}; raise |a - b| to powers, not their root"
                )


def _check_cost(loss: Callable[[Tensor, Tensor], Tensor], positive: Tensor, negative: Tensor) -> None:
    value = loss(positive, negative)
    if value.shape != () or not bool(torch.isfinite(value)):
        raise ContractError(
            f"a loss must be 0-d and finite, got {value} of shape {tuple(value.shape)}; average the rows"
        )
    repeated = loss(positive.repeat(3), negative.repeat(3, 1))
    if not torch.allclose(value, repeated, rtol=1e-9, atol=1e-12):
        raise ContractError(
            f"the same pairs three times over must cost the same, got {value.item():.6g} and {repeated.item():.6g};"
            " average over pairs, do not sum"
        )


def _check_pull_and_push(loss: Callable[[Tensor, Tensor], Tensor], positive: Tensor, negative: Tensor) -> None:
    pull, push = _gradients(loss, positive, negative)
    if not bool((pull < 0).all()) or not bool((push > 0).all()):
        raise ContractError(
            f"a loss must fall with every positive logit and rise with every negative one, got slopes up to"
            f" {pull.max().item():.3g} and down to {push.min().item():.3g} at random logits; larger logits are closer"
        )


def _check_hard_pairs(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    for own, other in ((-200.0, 0.0), (0.0, 200.0)):
        pull, push = _gradients(loss, torch.full((2,), own), torch.full((2, 3), other))
        slopes = torch.cat([pull, push.flatten()])
        if not bool(torch.isfinite(slopes).all()) or float(slopes.abs().max()) < 1e-3:
            raise ContractError(
                f"a pair that loses by 200 nats must keep a finite gradient, got slopes of at most"
                f" {float(slopes.abs().max()):.3g} in float32 with positive logits {own:g} and negative logits"
                f" {other:g}; work with log-sum-exp of differences and no epsilon"
            )


def _freedom(loss: Callable[[Tensor, Tensor], Tensor], positive: Tensor, negative: Tensor) -> Freedom:
    by_anchor = torch.linspace(-1.0, 2.0, len(positive), dtype=positive.dtype)
    value = loss(positive, negative)
    if torch.allclose(loss(positive + by_anchor, negative + by_anchor[:, None]), value, rtol=1e-9, atol=1e-12):
        return "anchor"
    return "constant" if torch.allclose(loss(positive + 1.0, negative + 1.0), value, rtol=1e-9, atol=1e-12) else "none"


def _check_optimum(loss: Callable[[Tensor, Tensor], Tensor], counts: Tensor, freedom: Freedom, case: str) -> None:
    """Minimise the cost of the enumerated joint over a table of logits, and compare it with the log ratio."""
    cells = torch.cartesian_prod(torch.arange(3), torch.arange(3)).repeat_interleave(counts.flatten(), 0)
    others = torch.arange(3).repeat_interleave(counts.sum(0))
    anchor, own = cells[:, 0].repeat_interleave(len(others)), cells[:, 1].repeat_interleave(len(others))
    other = others.repeat(len(cells))
    joint = counts.double() / counts.sum()
    ratio = (joint / torch.outer(joint.sum(1), joint.sum(0))).log()
    logits = torch.zeros_like(ratio, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=300, tolerance_grad=1e-10, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def cost() -> Tensor:
        optimizer.zero_grad()
        value = loss(logits[anchor, own], logits[anchor, other][:, None])
        value.backward()
        return value

    optimizer.step(cost)
    error = logits.detach() - ratio
    if freedom == "anchor":
        error = error - error.mean(1, keepdim=True)
    elif freedom == "constant":
        error = error - error.mean()
    if not float(error.abs().max()) < 1e-5:
        raise ContractError(
            f"{case}, the minimiser must be the log density ratio (what is left open: {freedom}), got a table of logits"
            f" that is off by up to {float(error.abs().max()):.3g} nats for the joint {counts.tolist()}; compare"
            " the cost with its population form"
        )


def _check_weights(loss: Loss, positive: Tensor, negative: Tensor) -> None:
    weights = torch.ones_like(negative)
    weights[:, -1] = 0.0
    weighed, left_out = loss(positive, negative, weights=weights), loss(positive, negative[:, :-1])
    if not torch.allclose(weighed, left_out, rtol=1e-9, atol=1e-12):
        raise ContractError(
            f"a candidate of weight 0 must count as absent, got {weighed.item():.6g} with it and {left_out.item():.6g}"
            " without; leave it out of sums and counts"
        )


def _gradients(loss: Callable[[Tensor, Tensor], Tensor], positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    logits = positive.clone().requires_grad_(), negative.clone().requires_grad_()
    pull, push = torch.autograd.grad(loss(*logits), logits)
    return pull, push


def _drawn(source: PairSource, batch_size: int, generator: torch.Generator) -> PairBatch:
    batch = source.draw(batch_size, generator=generator)
    if not isinstance(batch, PairBatch):
        raise ContractError(f"draw must return a PairBatch, got {type(batch).__name__}; wrap the tensors in one")
    if batch.num_pairs != batch_size:
        raise ContractError(f"draw({batch_size}) must return {batch_size} pairs, got {batch.num_pairs}; fill the batch")
    named = {"anchors": batch.anchors, "positives": batch.positives, "negatives": batch.negatives}
    for name, value in (*named.items(), *(("wider", positives) for positives in batch.wider)):
        if value is None:
            continue
        if value.requires_grad:
            raise ContractError(f"a draw must record no gradients, got {name} that require one; use torch.no_grad()")
        if not bool(torch.isfinite(value).all()):
            raise ContractError(
                f"observations must be finite, got NaN or infinity in {name}; drop or repair those rows"
            )
    return batch


def _equal(left: PairBatch, right: PairBatch) -> bool:
    for name in ("anchors", "positives", "groups", "negatives"):
        one, other = getattr(left, name), getattr(right, name)
        if (one is None) != (other is None) or (one is not None and not torch.equal(one, other)):
            return False
    return len(left.wider) == len(right.wider) and all(map(torch.equal, left.wider, right.wider))


def _global_states() -> tuple[bytes, bytes, object]:
    legacy = np.random.get_state()  # noqa: NPY002  # read, to see that nobody draws from it
    return torch.get_rng_state().numpy().tobytes(), repr(legacy).encode(), random.getstate()


def _shown(code: Tensor) -> str:
    return "(" + ", ".join(f"{entry:.3g}" for entry in code.tolist()[:6]) + (", ..." if len(code) > 6 else "") + ")"
