import numpy as np
import pytest
import torch

from contrica import (
    MLP,
    Critic,
    InfoNCE,
    LabelledPairs,
    PerRecording,
    ScalarNet,
    SquaredEuclidean,
    TrainingOptions,
    stack_recordings,
    train,
)
from contrica.errors import DomainError, DtypeError, ShapeError

WIDTHS = (5, 3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def encoders(generator, code_dim=2):
    return [MLP(width, code_dim, widths=(32,), generator=generator) for width in WIDTHS]


def test_each_row_is_encoded_by_its_own_network_in_any_order():
    networks = encoders(seeded())
    tables = [torch.randn(8, width, generator=seeded(1)) for width in WIDTHS]
    stacked = stack_recordings(tables)
    expected = torch.cat([network(table) for network, table in zip(networks, tables, strict=True)])
    order = torch.randperm(16, generator=seeded(2))
    torch.testing.assert_close(PerRecording(networks, WIDTHS)(stacked[order]), expected[order])


def test_offsets_can_be_per_recording_too():
    networks = [ScalarNet(width, generator=seeded()) for width in WIDTHS]
    stacked = stack_recordings([torch.randn(4, width, generator=seeded(1)) for width in WIDTHS])
    assert PerRecording(networks, WIDTHS)(stacked).shape == (8,)


def test_every_network_starts_from_the_rows_of_its_recording():
    tables = [torch.randn(200, width, generator=seeded(width)) * 7 + 3 for width in WIDTHS]
    encoder = PerRecording(encoders(seeded()), WIDTHS)
    encoder.start_from(stack_recordings(tables))
    alone = encoders(seeded())
    for network, table in zip(alone, tables, strict=True):
        network.start_from(table)
    for number, (network, table) in enumerate(zip(alone, tables, strict=True)):
        torch.testing.assert_close(encoder.networks[number](table), network(table))


def test_frozen_networks_stay_as_they_are_and_one_that_is_added_later_learns():
    generator = seeded()
    encoder = PerRecording(encoders(generator)[:1], WIDTHS[:1])
    encoder.freeze()
    encoder.add(MLP(3, 2, widths=(8,), generator=generator), 3)
    before = [weight.clone() for weight in encoder.parameters()]
    classes = np.arange(60) % 3
    tables = [torch.randn(30, width, generator=generator) for width in WIDTHS]
    pairs = LabelledPairs(stack_recordings(tables), classes=classes)
    options = TrainingOptions(steps=5, batch_size=32)
    list(train(encoder, Critic(SquaredEuclidean()), InfoNCE(), pairs, options=options, generator=generator))
    same = [torch.equal(now, then) for now, then in zip(encoder.parameters(), before, strict=True)]
    frozen = sum(1 for _ in encoder.networks[0].parameters())
    assert all(same[:frozen])
    assert not any(same[frozen:])


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (torch.zeros(3), ShapeError),
        (torch.zeros(3, 1), ShapeError),
        (torch.zeros(3, 4), ShapeError),
        (torch.tensor([[2.0, 1, 1, 1, 1, 1]]), DomainError),
        (torch.tensor([[0.5, 1, 1, 1, 1, 1]]), DomainError),
        (torch.tensor([[float("nan"), 1, 1, 1, 1, 1]]), DomainError),
    ],
)
def test_rows_that_are_of_no_recording_are_refused(rows, error):
    with pytest.raises(error):
        PerRecording(encoders(seeded()), WIDTHS)(rows)


def test_networks_and_widths_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError):
        PerRecording([], [])
    with pytest.raises(ShapeError):
        PerRecording(encoders(seeded()), (5,))
    with pytest.raises(DtypeError):
        PerRecording([3], (5,))
    with pytest.raises(DomainError):
        PerRecording(encoders(seeded()), (5, 0))


def mixed(labels, width, generator):
    """See labels through a random layer of a recording's own."""
    turn = torch.randn(2, 16, generator=generator)
    return torch.tanh(labels @ turn) @ torch.randn(16, width, generator=generator)


@pytest.mark.slow
def test_a_map_fitted_on_the_codes_of_one_recording_reads_the_other():
    generator = seeded()
    labels = [torch.rand(1500, 2, generator=generator) for _ in WIDTHS]
    tables = [mixed(part, width, generator) for part, width in zip(labels, (12, 9), strict=True)]
    stacked, joined = stack_recordings(tables), torch.cat(labels)
    pairs = LabelledPairs(stacked, joined, bandwidth=0.1)
    encoder = PerRecording([MLP(width, 2, widths=(64, 64), generator=generator) for width in (12, 9)], (12, 9))
    encoder.start_from(stacked)
    options = TrainingOptions(steps=500, batch_size=256)
    list(train(encoder, Critic(SquaredEuclidean()), InfoNCE(), pairs, options=options, generator=generator))
    with torch.no_grad():
        codes = encoder(stacked).double().numpy()
    design = np.column_stack([codes, np.ones(len(codes))])
    fit, _, _, _ = np.linalg.lstsq(design[:1500], joined[:1500].numpy(), rcond=None)
    residual = joined[1500:].numpy() - design[1500:] @ fit
    across = 1 - residual.var() / joined[1500:].numpy().var()
    assert across > 0.95
