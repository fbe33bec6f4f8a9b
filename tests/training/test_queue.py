"""A queue of past candidates joins the batch's own as negatives."""

import pytest
import torch

from contrica.contrast import contrast
from contrica.critics import Critic, Side
from contrica.dissimilarities import PowerSum
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.training.queue import CandidateQueue


def side(rows, seed):
    stream = torch.Generator().manual_seed(seed)
    return Side(
        torch.randn(rows, 2, generator=stream, dtype=torch.float64),
        torch.randn(rows, generator=stream, dtype=torch.float64),
    )


@pytest.mark.parametrize("loss", [InfoNCE(), NCE(), NWJ(), SCL()], ids=repr)
def test_the_loss_is_that_of_all_candidates_but_the_own(loss):
    critic = Critic(PowerSum(2, exponent=1.0))
    anchors, positives, past = side(5, 0), side(5, 1), side(7, 2)
    queue = CandidateQueue(100)
    queue.push(past)
    negatives, plan = queue.beside(positives)
    joined = Side(torch.cat((positives.codes, past.codes)), torch.cat((positives.offsets, past.offsets)))
    logits = critic.logits(anchors, joined)
    mask = torch.ones(5, 12, dtype=torch.bool)
    mask[range(5), range(5)] = False
    expected = loss(critic.paired_logits(anchors, positives), logits, weights=mask)
    torch.testing.assert_close(contrast(loss, critic, anchors, positives, negatives=negatives, plan=plan), expected)


def test_an_empty_queue_changes_nothing():
    critic, anchors, positives = Critic(PowerSum(2, exponent=1.0)), side(5, 0), side(5, 1)
    negatives, plan = CandidateQueue(3).beside(positives)
    joined = contrast(InfoNCE(), critic, anchors, positives, negatives=negatives, plan=plan)
    torch.testing.assert_close(joined, contrast(InfoNCE(), critic, anchors, positives))


def test_the_oldest_are_forgotten_and_no_graph_or_memory_is_shared():
    queue, first = CandidateQueue(6), side(4, 0)
    codes = first.codes.clone().requires_grad_()
    queue.push(Side(codes, first.offsets))
    queue.push(side(4, 1))
    with torch.no_grad():
        codes.zero_()
    assert not queue.candidates.codes.requires_grad
    torch.testing.assert_close(queue.candidates.codes, torch.cat((first.codes[2:], side(4, 1).codes)))


def test_bad_use_is_refused():
    with pytest.raises(DomainError, match="size"):
        CandidateQueue(0)
    with pytest.raises(ShapeError, match="empty"):
        _ = CandidateQueue(3).candidates
    with pytest.raises(DtypeError, match="Side"):
        CandidateQueue(3).push(torch.zeros(2, 2))
    queue = CandidateQueue(3)
    queue.push(side(2, 0))
    with pytest.raises(ShapeError, match="columns"):
        queue.push(Side(torch.zeros(2, 3), torch.zeros(2)))
