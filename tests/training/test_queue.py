"""A queue of past candidates joins the batch's own as negatives."""

import pytest
import torch

from contrica.contrast import contrast, pair_loss
from contrica.critics import Critic, Side
from contrica.dissimilarities import PowerSum
from contrica.errors import DomainError, DtypeError, RecordError, ShapeError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.pairs import PairBatch
from contrica.training import TrainingOptions
from contrica.training.queue import CandidateQueue, queued_loss


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


def test_a_batch_meets_its_own_candidates_and_the_queue_and_leaves_its_own_there():
    critic, queue = Critic(PowerSum(2, exponent=1.0)), CandidateQueue(8)
    batches = [PairBatch(side(5, seed).codes, side(5, seed + 10).codes) for seed in range(2)]
    first = queued_loss(torch.nn.Identity(), critic, InfoNCE(), batches[0], queue)
    torch.testing.assert_close(first, pair_loss(torch.nn.Identity(), critic, InfoNCE(), batches[0]))
    second = queued_loss(torch.nn.Identity(), critic, InfoNCE(), batches[1], queue)
    delta = torch.cdist(batches[1].anchors, torch.cat((batches[1].positives, batches[0].positives)), p=1.0)
    torch.testing.assert_close(second, (delta.diagonal() + torch.logsumexp(-delta, 1)).mean())
    torch.testing.assert_close(
        queue.candidates.codes, torch.cat((batches[0].positives[2:], batches[1].positives)), rtol=0, atol=0
    )


def test_batches_that_a_queue_cannot_serve_are_refused():
    codes = side(4, 0).codes
    grouped = PairBatch(codes, codes + 0.1, groups=torch.tensor([0, 0, 1, 1]))
    critic, queue = Critic(PowerSum(2)), CandidateQueue(4)
    with pytest.raises(DomainError, match="independent pairs"):
        queued_loss(torch.nn.Identity(), critic, InfoNCE(), grouped, queue)
    plain = PairBatch(codes, codes + 0.1)
    with pytest.raises(DomainError, match="direction"):
        queued_loss(torch.nn.Identity(), critic, InfoNCE(direction="symmetric"), plain, queue)
    with pytest.raises(DomainError, match="positives"):
        TrainingOptions(queue_size=4, negatives="anchors")
    with pytest.raises(DomainError, match="queue_size"):
        TrainingOptions(queue_size=0)


@pytest.mark.parametrize(
    "state", [{"codes": torch.zeros(2, 2)}, {"codes": torch.zeros(9, 2), "offsets": torch.zeros(9)}]
)
def test_the_state_of_something_else_is_refused(state):
    with pytest.raises(RecordError, match="queue"):
        CandidateQueue(4).restore(state, torch.device("cpu"))
