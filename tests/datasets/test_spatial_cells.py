import math

import pytest
import torch

from contrica.datasets import SpatialCells
from contrica.errors import DomainError, ShapeError


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_place_cell_fires_most_at_its_centre_and_less_by_the_stated_formula():
    cells = SpatialCells.draw(3, 0, generator=seeded())
    away = torch.tensor([0.03, -0.04], dtype=torch.float64)
    expected = cells.peaks * math.exp(-(0.05**2) / (2 * 0.12**2))
    for number in range(3):
        at, near = cells.rates(torch.stack((cells.centres[number], cells.centres[number] + away)))[:, number]
        torch.testing.assert_close(at, cells.peaks[number])
        torch.testing.assert_close(near, expected[number])


def test_a_grid_cell_repeats_on_a_hexagonal_lattice_of_its_spacing():
    cells = SpatialCells.draw(0, 40, generator=seeded())
    lengths = torch.linalg.vector_norm(cells.waves, dim=-1)
    spacings = 4 * math.pi / math.sqrt(3) / lengths[:, 0]
    assert {round(float(spacing), 2) for spacing in spacings} == {0.3, 0.42, 0.6}
    for number in range(40):
        # The lattice vectors are at 30 degrees from the wave vectors.
        turn = torch.atan2(*cells.waves[number, 0].flip(0)) + math.pi / 6
        for sixth in range(6):
            angle = turn + sixth * math.pi / 3
            vertex = cells.phases[number] + spacings[number] * torch.stack((angle.cos(), angle.sin()))
            torch.testing.assert_close(cells.rates(vertex[None])[0, number], cells.peaks[number])


def test_a_grid_cell_is_nearly_silent_between_vertices():
    cells = SpatialCells.draw(0, 20, generator=seeded())
    places = torch.rand(4000, 2, generator=seeded(1))
    least = cells.rates(places).amin(0) / cells.peaks
    # The mean of three cosines whose phases sum to a multiple of 2 pi is at least -1/2.
    assert (least < math.exp(3.0 * (-0.5 - 1)) * 1.2).all()


def test_counts_are_poisson_with_the_rate_of_the_place():
    cells = SpatialCells.draw(5, 5, generator=seeded())
    place = torch.tensor([[0.4, 0.6]])
    counts = cells.counts(place.expand(20_000, 2), seconds=0.2, generator=seeded(1)).double()
    expected = 0.2 * cells.rates(place)[0]
    assert ((counts.mean(0) - expected).abs() < 5 * (expected / 20_000).sqrt()).all()
    lively = expected > 0.3
    torch.testing.assert_close(
        (counts.var(0) / expected)[lively], torch.ones(int(lively.sum())).double(), rtol=0.06, atol=0
    )


def test_the_same_generator_state_gives_the_same_cells_and_counts():
    first, second = (SpatialCells.draw(4, 4, generator=seeded()) for _ in range(2))
    places = torch.rand(6, 2, generator=seeded(1))
    torch.testing.assert_close(first.rates(places), second.rates(places), rtol=0, atol=0)
    generator = seeded(2)
    one, other = (first.counts(places, seconds=1.0, generator=generator) for _ in range(2))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("numbers", [(-1, 2), (2, -1)])
def test_a_negative_number_of_cells_is_refused(numbers):
    with pytest.raises(DomainError):
        SpatialCells.draw(*numbers, generator=seeded())


def test_what_cannot_be_counted_is_refused():
    cells = SpatialCells.draw(2, 2, generator=seeded())
    with pytest.raises(ShapeError):
        cells.rates(torch.zeros(3, 3))
    with pytest.raises(DomainError):
        cells.counts(torch.zeros(3, 2), seconds=0.0, generator=seeded())
    with pytest.raises(ShapeError, match="draw some"):
        SpatialCells.draw(0, 0, generator=seeded()).counts(torch.zeros(3, 2), seconds=0.1, generator=seeded())
