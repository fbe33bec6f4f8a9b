"""How much a critic without structure would win: total misfit of dissimilarity and offsets, in nats.

    s_free = s + g(h, h~),     g a network of both codes,     gap = L(s) - L(s_free) >= 0 in expectation

L is the loss of a choice among the candidates of a block (InfoNCE), which ranks critics by how close they are to the
log ratio. The network is fitted on four tenths of the pairs, stopped where another tenth says so, and scored on the
other half, so that a gap is not the network's luck; it sees codes only, so what the encoder has lost is not in it.
"""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.diagnosis.check import ONE_SIDED, Check, Quantity, Verdict
from contrica.diagnosis.choice_loss import contribution, mean_and_error
from contrica.diagnosis.held_out import Block, HeldOut
from contrica.encoders import MLP

TOLERANCE = 0.02
"""Nats of misfit that are let pass: exponents on the same side of 2 as the truth cost .01 to .04 in the plane."""

SURE = 3.0
"""Standard errors by which a gap must exceed the tolerance."""

ROWS_AT_ONCE = 128
"""Rows of a step; their pairs, 16,384, go through the network together."""

STEPS = 300
"""Updates at most; the gap is looked at after each tenth of them."""

WIDTHS = (64, 64)

LEARNING_RATE = 3e-3

LEAST_SIDE = 200
"""Pairs that either half must have."""


def check_free_critic(held_out: HeldOut, *, generator: torch.Generator, steps: int = STEPS) -> Check:
    """Fit a free critic beside the fitted one and compare them on pairs that neither has seen.

    Parameters
    ----------
    held_out : HeldOut
        2000 pairs and more, of which half are fitted.
    generator : torch.Generator
        Decides the halves, the network's start and the order of rows.
    steps : int
        Updates at most.

    Returns
    -------
    Check
        "look" means that the dissimilarity or the offsets cannot describe the pairs as the codes show them.
    """
    expected = f"a gap of less than {TOLERANCE:g} nats"
    _checks.generator(generator)
    _checks.count(steps, "steps", least=10)
    units = held_out.units
    order = torch.randperm(int(units.max()) + 1, generator=generator)
    rank = order.argsort()[units] / len(order)
    fit, watch, scored = (
        held_out.rows(((rank >= low) & (rank < high)).nonzero()[:, 0])
        for low, high in ((0.0, 0.4), (0.4, 0.5), (0.5, 1.1))
    )
    if not held_out.shares_rows or min(scored.num_pairs, fit.num_pairs) < LEAST_SIDE:
        sentence = "too few pairs to fit a free critic on one half and to compare on the other"
        return Check("free critic", (), expected, Verdict.CANNOT_TELL, sentence, "hold out more pairs")
    network = _fitted(fit, watch, generator, steps)
    gap, error = _gap(scored, network)
    verdict = Verdict.LOOK if gap - SURE * error > TOLERANCE else Verdict.CANNOT_TELL
    if gap + ONE_SIDED * error < TOLERANCE:
        verdict = Verdict.FINE
    measured = (
        Quantity("nats that a free critic wins", gap, error),
        Quantity("pairs it was compared on", float(scored.num_pairs)),
    )
    sentences = {
        Verdict.FINE: ("a critic without structure is no better", ""),
        Verdict.CANNOT_TELL: (
            "these rows leave open whether a critic without structure is better",
            "hold out more pairs",
        ),
        Verdict.LOOK: (
            f"a critic without structure wins {gap:.3f} nats: the dissimilarity or the offsets do not fit the pairs",
            "try other exponents on both sides of 2 and wider offsets, and keep the lowest held-out loss",
        ),
    }
    return Check("free critic", measured, expected, verdict, *sentences[verdict])


class _FreeTerm(nn.Module):
    """g(h, h~), 0 to begin with."""

    def __init__(self, held_out: HeldOut, generator: torch.Generator) -> None:
        super().__init__()
        codes = held_out.anchors.codes.double()
        steps = (codes - held_out.positives.codes.double()).abs()
        self.centre, self.spread = codes.mean(0).float(), codes.std(0).clamp_min(1e-30).float()
        self.noise = steps.mean(0).clamp_min(1e-30).float()
        count = held_out.code_dim
        self.network = MLP(5 * count, 1, widths=WIDTHS, linear_skip=False, generator=generator)
        nn.init.zeros_(self.network.last.weight)  # type: ignore[union-attr]

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return one number per pair of codes, broadcast over the leading axes."""
        left, right = torch.broadcast_tensors(left.float(), right.float())
        places = [(side - self.centre) / self.spread for side in (left, right)]
        steps = (left - right) / self.noise
        size = steps.abs()
        features = torch.cat((*places, steps.clamp(-FAR, FAR), size.clamp_max(FAR), (1.0 + size).log()), -1)
        values: Tensor = self.network(features.flatten(0, -2)).reshape(features.shape[:-1])
        return values


FAR = 20.0
"""Noise widths beyond which a step is as good as infinite to the network."""


def _fitted(fit: HeldOut, watch: HeldOut, generator: torch.Generator, steps: int) -> _FreeTerm:
    term = _FreeTerm(fit, generator)
    optimizer = torch.optim.AdamW(term.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best, kept = 0.0, copy.deepcopy(term.state_dict())
    rows = _row_batches(fit.num_pairs, generator)
    for step in range(1, steps + 1):
        block = fit.block(next(rows))
        loss = contribution(*_logits(fit, block, term)).rows.mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(term.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 10) == 0:
            gap = _gap(watch, term)[0]
            if gap > best:
                best, kept = gap, copy.deepcopy(term.state_dict())
    term.load_state_dict(kept)
    return term


def _row_batches(num_rows: int, generator: torch.Generator) -> Iterator[Tensor]:
    while True:
        order = torch.randperm(num_rows, generator=generator)
        yield from (part for part in order.split(ROWS_AT_ONCE) if len(part) > 1)


@torch.no_grad()
def _gap(held_out: HeldOut, term: _FreeTerm) -> tuple[float, float]:
    parts = []
    for block in held_out.blocks:
        free = contribution(*_logits(held_out, block, term))
        parts.append(contribution(block.positive_logits, block.other_logits).minus(free))
    return mean_and_error(held_out, parts, held_out.blocks)


def _logits(held_out: HeldOut, block: Block, term: _FreeTerm) -> tuple[Tensor, Tensor]:
    left, own, right = (
        codes[rows]
        for codes, rows in (
            (held_out.anchors.codes, block.rows),
            (held_out.positives.codes, block.rows),
            (held_out.others.codes, block.columns),
        )
    )
    return block.positive_logits + term(left, own).double(), block.other_logits + term(left[:, None], right).double()
