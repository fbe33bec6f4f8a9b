"""Whether the noise between the members of a pair is what the dissimilarity says: its scale, tails and dependence.

With u_k the summands of delta, of which exp(-sum_k u_k) makes |D_k|^p_k gamma distributed with shape 1/p_k,

    scale        u_k                      tails    u_k log u_k, apart from its regression on u_k
    location     u_k h_l, u_k h_l^2       steps    D_k D_l        sizes of steps    (u_k - E u_k) (u_l - E u_l)

are added to the logit as missing terms. Unlike a comparison with the gamma law itself this is exact near walls and
under any offsets. Where delta is no sum over codes, u is all of it. Several findings may have one cause, so the first
of them in this order is named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from contrica.diagnosis.check import Check, Quantity, Verdict, judge
from contrica.diagnosis.factors import Factor, parts_of, power_scales
from contrica.diagnosis.held_out import HeldOut
from contrica.diagnosis.missing_terms import (
    BlockScores,
    Terms,
    choice,
    collected,
    located_scores_of,
    product_scores_of,
    scores_of,
)
from contrica.diagnosis.saturation import too_saturated

TOLERANCE = 0.14
"""``g / sqrt(J)`` of a term that could gain .01 nats: a weight that is off by 14 % for Laplace noise, by 20 % for
normal noise. An exponent of 1.5 in place of 1 costs .02 nats a factor, a rotation by 45 degrees .09 in the plane."""

EVEN = 6.0
"""Exponents from here on stand for noise that is even up to a limit, whose tails are lighter than theirs."""

SCALE_RANGE = (0.5, 2.0)
"""Found over fitted scale beyond which no wall is the reason, where the candidates leave nothing to compare with: walls
only cut, and cut a half off where the noise is as wide as the box."""

TINY = 1e-300
"""``u log u`` is 0 below it, as in the limit."""


@dataclass(frozen=True)
class _Aspect:
    """One kind of missing terms, with a name for each of them."""

    terms: Terms
    names: list[str]
    sentence: str
    advice: str


def check_pair_noise(held_out: HeldOut, factors: tuple[Factor, ...]) -> Check:
    """Compare the noise within pairs with what the dissimilarity says of it."""
    expected = (
        "noise within pairs of the scale and shape of the dissimilarity, alike everywhere, independent across codes"
    )
    ratios = [each.found_scale / each.fitted_scale for each in factors if each.found_scale and each.fitted_scale]
    raw = tuple(
        Quantity(f"found over fitted scale of code {code} (walls lower it)", ratio) for code, ratio in enumerate(ratios)
    )
    if too_saturated(held_out):
        return _by_scale_alone(ratios, raw, expected)
    aspects = _aspects(held_out)
    sizes, errors = (
        np.concatenate([getattr(aspect.terms, name).ravel() for aspect in aspects]) for name in ("sizes", "size_errors")
    )
    verdict = judge(sizes, errors, TOLERANCE)
    measured = tuple(_worst(aspect) for aspect in aspects) + raw
    if verdict is Verdict.FINE:
        return Check("pair noise", measured, expected, verdict, "the noise within pairs is what the dissimilarity says")
    if verdict is Verdict.CANNOT_TELL:
        sentence = "these rows leave open whether the noise within pairs is what the dissimilarity says"
        return Check("pair noise", measured, expected, verdict, sentence, "hold out more pairs")
    found = next(aspect for aspect in aspects if _is_beyond(aspect, sizes.size))
    which = int(np.argmax(np.abs(found.terms.sizes.ravel())))
    step, gain = found.terms.steps.ravel()[which], found.terms.gains.ravel()[which]
    sentence = found.sentence.format(
        name=found.names[which],
        more="larger" if step > 0 else "smaller",
        heavier="heavier" if step > 0 else "lighter",
    )
    sentence += f" ({gain:.3f} nats to gain)"
    return Check("pair noise", measured, expected, verdict, sentence, found.advice)


def _without_stand_ins(tails: Terms, held_out: HeldOut) -> Terms:
    """Find nothing in lighter tails where the exponent is a smooth stand-in for an edge."""
    scales = power_scales(held_out.dissimilarity, held_out.code_dim)
    if scales is None:
        return tails
    stands_in = np.array([exponent >= EVEN for exponent, _ in scales]).reshape(tails.steps.shape) & (tails.steps < 0)
    return replace(tails, gradients=np.where(stands_in, 0.0, tails.gradients))


def _by_scale_alone(ratios: list[float], raw: tuple[Quantity, ...], expected: str) -> Check:
    wrong = [(code, ratio) for code, ratio in enumerate(ratios) if not SCALE_RANGE[0] < ratio < SCALE_RANGE[1]]
    if wrong:
        code, ratio = max(wrong, key=lambda pair: abs(np.log(max(pair[1], TINY))))
        sentence = (
            f"the noise of code {code} is {ratio:.2g} times what the dissimilarity says, and the loss hardly minds"
        )
        advice = "scores that ignore scale are unharmed; for logits to mean something, see saturation"
        return Check("pair noise", raw, expected, Verdict.LOOK, sentence, advice)
    sentence = "nearly every positive beats all of its candidates, which leaves nothing to compare the noise with"
    return Check("pair noise", raw, expected, Verdict.CANNOT_TELL, sentence, "see saturation; or hold out more pairs")


def _aspects(held_out: HeldOut) -> list[_Aspect]:
    count = held_out.code_dim
    whole = power_scales(held_out.dissimilarity, count) is None
    noises = ["all codes"] if whole else [f"code {code}" for code in range(count)]
    places = [f"code {code}" for code in range(count)]
    located = [f"{noise} with the value of {place}" for noise in noises for place in places]
    bent = [f"{noise} from the middle to the ends of {place}" for noise in noises for place in places]
    pairs = [f"codes {k} and {m}" for k in range(count) for m in range(count)]
    return [
        _Aspect(
            collected(held_out, _plain(held_out)),
            noises,
            "the noise of {name} is {more} than the dissimilarity says",
            "train longer, leave out negatives that include the anchor itself, or let the weights be learned",
        ),
        _Aspect(
            _without_stand_ins(collected(held_out, _tails(held_out)), held_out),
            noises,
            "the noise of {name} has {heavier} tails than the dissimilarity says",
            "let the exponent be learned, started on both sides of 2, and keep the lower held-out loss",
        ),
        _Aspect(
            collected(held_out, _located(held_out)),
            located + bent,
            "the noise changes: that of {name}",
            "equalise the steps within pairs, or let the encoder bend: a wider one, trained longer",
        ),
        _off_diagonal(collected(held_out, _products(held_out, signed=True)), pairs, "steps in {name} go together"),
        *(
            []
            if whole
            else [
                _off_diagonal(
                    collected(held_out, _products(held_out, signed=False)),
                    pairs,
                    "the sizes of steps in {name} go together",
                )
            ]
        ),
    ]


def _off_diagonal(terms: Terms, names: list[str], sentence: str) -> _Aspect:
    upper = np.triu_indices(len(terms.gradients), k=1)
    kept = Terms(*(values[upper] for values in (terms.gradients, terms.errors, terms.information)))
    count = len(terms.gradients)
    return _Aspect(
        kept,
        [names[k * count + m] for k, m in zip(*upper, strict=True)],
        sentence,
        "use a dissimilarity that allows for it (NormPower, Mahalanobis), or pairs whose factors move independently",
    )


def _plain(held_out: HeldOut) -> Iterator[BlockScores]:
    for block in held_out.blocks:
        yield scores_of(block, choice(block), *_parts(held_out, block.rows, block.columns))


def _tails(held_out: HeldOut) -> Iterator[BlockScores]:
    slopes = _slopes(held_out)
    for block in held_out.blocks:
        parts = _parts(held_out, block.rows, block.columns)
        yield scores_of(block, choice(block), *(part * (part.clamp_min(TINY).log() - slopes) for part in parts))


def _slopes(held_out: HeldOut) -> torch.Tensor:
    """Return the slopes of u log u in u within the posteriors of the first block."""
    block = held_out.blocks[0]
    posterior = choice(block)
    parts = _parts(held_out, block.rows, block.columns)
    logs = [part * part.clamp_min(TINY).log() for part in parts]
    both = [scores_of(block, posterior, *pair).information for pair in (parts, logs, _sums(parts, logs))]
    return (both[2] - both[0] - both[1]) / (2 * both[0]).clamp_min(TINY)


def _sums(left: Sequence[torch.Tensor], right: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [one + other for one, other in zip(left, right, strict=True)]


def _located(held_out: HeldOut) -> Iterator[BlockScores]:
    codes = held_out.anchors.codes.double()
    places = (codes - codes.mean(0)) / codes.std(0).clamp_min(TINY)
    places = torch.cat((places, places.square() - 1.0), 1)
    count = held_out.code_dim
    for block in held_out.blocks:
        parts = _parts(held_out, block.rows, block.columns)
        scores = located_scores_of(block, choice(block), *parts, places[block.rows])
        yield BlockScores(
            block, *(_by_power(values, count) for values in (scores.rows, scores.columns, scores.information))
        )


def _by_power(values: torch.Tensor, count: int) -> torch.Tensor:
    """Return (..., noises, 2 places) as (..., 2 noises places), values of places before their squares."""
    return torch.cat((values[..., :count].flatten(-2), values[..., count:].flatten(-2)), -1)


def _products(held_out: HeldOut, *, signed: bool) -> Iterator[BlockScores]:
    anchors, positives, others = (side.codes for side in (held_out.anchors, held_out.positives, held_out.others))
    middle = parts_of(held_out.dissimilarity, anchors, positives).mean(0)
    for block in held_out.blocks:
        if signed:
            positive = (anchors[block.rows] - positives[block.rows]).double()
            apart = (anchors[block.rows][:, None] - others[block.columns][None]).double()
        else:
            positive, apart = (part - middle for part in _parts(held_out, block.rows, block.columns))
        yield product_scores_of(block, choice(block), positive, apart)


def _parts(held_out: HeldOut, rows: torch.Tensor, columns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    anchors, positives, others = (side.codes for side in (held_out.anchors, held_out.positives, held_out.others))
    delta = held_out.dissimilarity
    positive = parts_of(delta, anchors[rows], positives[rows])
    return positive, parts_of(delta, anchors[rows][:, None], others[columns][None])


def _is_beyond(aspect: _Aspect, count: int) -> bool:
    """Tell whether this kind alone calls for a look, with the bound of all ``count`` terms."""
    padding = np.zeros(count - aspect.terms.sizes.size)
    sizes, errors = (
        np.concatenate((values.ravel(), padding)) for values in (aspect.terms.sizes, aspect.terms.size_errors)
    )
    return judge(sizes, errors, TOLERANCE) is Verdict.LOOK


def _worst(aspect: _Aspect) -> Quantity:
    if not aspect.terms.sizes.size:
        return Quantity("steps of two codes, of which there is one", None)
    sizes = np.abs(aspect.terms.sizes.ravel())
    which = int(np.argmax(sizes))
    error = float(sizes[which] * aspect.terms.size_errors.ravel()[which])
    label = aspect.sentence.format(name=aspect.names[which], more="other", heavier="other")
    return Quantity(f"nats to gain if {label}", float(sizes[which] ** 2 / 2), error)
