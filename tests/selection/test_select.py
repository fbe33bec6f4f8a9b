import pytest
import torch

import contrica as ct
from contrica.selection.fitting import CommonStart

BOX = ct.Box(2)
SHORT = ct.TrainingOptions(steps=150, batch_size=256, optimizer="soap", learning_rate=3e-2, betas=(0.9, 0.95))


def problem(conditional, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pairs = ct.SimulatedPairs(
        ct.LatentModel(ct.UniformMarginal(BOX), conditional), ct.InvertibleMLP(2, candidates=100, generator=generator)
    )
    encoder = ct.MLP(2, 2, widths=(32, 32), generator=generator)
    encoder.start_from(pairs.draw(2048, generator=generator).anchors)
    critic = ct.Critic(ct.SquaredEuclidean(), candidate_offset=ct.ScalarNet(2, widths=(32,), generator=generator))
    return encoder, critic, pairs, generator


def select(conditional, **settings):
    encoder, critic, pairs, generator = problem(conditional)
    held_out = pairs.draw(settings.pop("num_held_out", 2000), generator=generator)
    return ct.select_dissimilarity(
        encoder, critic, ct.InfoNCE(), pairs, held_out, options=SHORT, generator=generator, **settings
    )


@pytest.mark.slow
def test_laplace_pairs_are_told_from_normal_ones_and_exponents_find_their_side():
    found = select(ct.LaplaceConditional(BOX, 0.1))
    assert found.chosen.name == "exponent 1"
    assert found.axes_identified
    below, above = (each for each in found.candidates if each.learned)
    assert below.side == "below 2"
    assert max(below.exponents) < 1.4
    assert max(above.exponents) < 2.0  # from 3: the start does not decide
    assert found.candidates[2].gap > 0.1 > found.candidates[0].gap


@pytest.mark.slow
def test_normal_pairs_leave_the_axes_open():
    found = select(ct.NormalConditional(BOX, 0.12), learned_from=(), num_held_out=399)
    assert found.chosen.name == "exponent 2"
    assert not found.axes_identified


@pytest.mark.slow
def test_equal_generators_give_equal_selections_and_leave_the_modules_alone():
    encoder, critic, pairs, _ = problem(ct.LaplaceConditional(BOX, 0.1))
    before = [parameter.clone() for parameter in (*encoder.parameters(), *critic.parameters())]
    held_out = pairs.draw(200, generator=torch.Generator().manual_seed(1))
    options = ct.TrainingOptions(steps=4, batch_size=32)
    first, second = (
        ct.select_dissimilarity(
            encoder,
            critic,
            ct.InfoNCE(),
            pairs,
            held_out,
            exponents=(1.0, 2.0),
            learned_from=(),
            options=options,
            generator=torch.Generator().manual_seed(2),
        )
        for _ in range(2)
    )
    assert first.to_dict() == second.to_dict()
    assert first.candidates[0].gap is None  # too few pairs for a free critic
    after = (*encoder.parameters(), *critic.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.slow
def test_each_candidate_starts_at_its_calibrated_scale_along_the_axes():
    encoder, critic, pairs, generator = problem(ct.LaplaceConditional(BOX, 0.1))
    options = ct.TrainingOptions(steps=1, batch_size=32, learning_rate=1e-12)
    start = CommonStart(encoder, critic, ct.InfoNCE(), pairs, options, generator)
    for exponent in (1.0, 3.0):
        refitted, _, _ = start.refitted(exponent, learned=False, generator=generator)
        batch = pairs.draw(8000, generator=generator)
        with torch.no_grad():
            steps = refitted(batch.anchors) - refitted(batch.positives)
        torch.testing.assert_close(steps.abs().pow(exponent).mean(0), torch.full((2,), 1 / exponent), rtol=0.1, atol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"exponents": (0.2, 1.0)}, "must lie in"),
        ({"learned_from": (20.0,)}, "must lie in"),
        ({"exponents": (1.0,), "learned_from": ()}, "two or more candidates"),
        ({"exponents": (1.0, 1.0), "learned_from": ()}, "two or more candidates"),
        ({"exponents": (float("nan"), 1.0)}, "every entry of exponents"),
    ],
)
def test_candidates_that_cannot_be_fitted_are_refused(settings, words):
    with pytest.raises(ct.DomainError, match=words):
        select(ct.LaplaceConditional(BOX, 0.1), **settings)


def test_parts_of_another_kind_are_refused():
    encoder, critic, pairs, generator = problem(ct.LaplaceConditional(BOX, 0.1))
    held_out = pairs.draw(200, generator=generator)
    with pytest.raises(ct.DtypeError, match="critic must be a contrica Critic"):
        ct.select_dissimilarity(encoder, encoder, ct.InfoNCE(), pairs, held_out, generator=generator)
    with pytest.raises(ct.DtypeError, match="held_out must be a contrica PairBatch"):
        ct.select_dissimilarity(encoder, critic, ct.InfoNCE(), pairs, held_out.anchors, generator=generator)


def test_too_few_held_out_pairs_are_refused_before_anything_is_trained():
    encoder, critic, pairs, generator = problem(ct.LaplaceConditional(BOX, 0.1))
    with pytest.raises(ct.UnreliableScoreError, match="at least 100"):
        ct.select_dissimilarity(
            encoder, critic, ct.InfoNCE(), pairs, pairs.draw(50, generator=generator), generator=generator
        )
