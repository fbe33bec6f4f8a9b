import pytest
import torch

from contrica.errors import DomainError
from contrica.latents.rejection import PATIENCE, accepted


def proposals_of(chances, generator):
    """Propose each anchor's number beside a uniform, accepted with the anchor's own chance."""

    def propose(rows):
        uniforms = torch.rand(len(rows), 1, generator=generator, dtype=torch.float64)
        return torch.cat([rows[:, None].double(), uniforms], 1), uniforms[:, 0] < chances[rows]

    return propose


def test_each_anchor_gets_a_proposal_of_its_own_that_was_accepted():
    chances = torch.tensor([1.0, 0.3, 1e-4] * 20, dtype=torch.float64)
    drawn = accepted(proposals_of(chances, torch.Generator().manual_seed(0)), num_anchors=60, dim=2, advice="give up")
    assert torch.equal(drawn[:, 0], torch.arange(60.0, dtype=torch.float64))
    assert (drawn[:, 1] < chances).all()


def test_accepted_proposals_are_spread_as_they_were_proposed():
    chances = torch.full((5000,), 0.25, dtype=torch.float64)
    drawn = accepted(proposals_of(chances, torch.Generator().manual_seed(1)), num_anchors=5000, dim=2, advice="")
    assert abs(drawn[:, 1].mean() - 0.125) < 4.0 * 0.25 / (12 * 5000) ** 0.5


def test_what_is_never_accepted_ends_in_advice_and_not_in_a_hang():
    chances = torch.tensor([1.0, 0.0], dtype=torch.float64)
    counted = []

    def propose(rows):
        counted.append(len(rows))
        return proposals_of(chances, torch.Generator().manual_seed(2))(rows)

    with pytest.raises(DomainError, match="pass a wider law"):
        accepted(propose, num_anchors=2, dim=2, advice="pass a wider law")
    assert sum(counted) < PATIENCE + 200_000
