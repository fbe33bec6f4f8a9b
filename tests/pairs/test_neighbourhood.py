"""Neighbourhood batches: which pairs and candidates they hold, and that no loss's optimum moves."""

import math

import pytest
import torch
from torch import nn

from contrica.contrast import pair_loss
from contrica.critics import Critic
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.latents import LaplaceConditional, LatentModel, UniformMarginal
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.pairs import Cells, GivenPairs, NeighbourhoodPairs, PairBatch, Partition, SimulatedPairs
from contrica.spaces import Box
from contrica.testing import check_pair_source

COUNTS = torch.tensor([[30, 9, 4, 2], [8, 25, 10, 3], [3, 6, 28, 12], [1, 5, 9, 35]])
"""How often each (x, x~) occurs in a pool of four states; the empirical law is the population of the tests below."""

PARTITIONS = (torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, 1]))
"""Cells of the four states; together the three put every two states into one cell."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def laplace_pairs(dim=2, scale=0.05):
    space = Box(dim)
    return SimulatedPairs(LatentModel(UniformMarginal(space), LaplaceConditional(space, scale)), nn.Identity())


class Table(nn.Module):
    """A free number for every two states, which are their own codes."""

    def __init__(self):
        super().__init__()
        self.values = nn.Parameter(torch.zeros(COUNTS.shape, dtype=torch.float64))

    def forward(self, left, right):
        return self.values[left.long().squeeze(-1), right.long().squeeze(-1)]


def pool():
    anchors, positives = COUNTS.nonzero(as_tuple=True)
    repeats = COUNTS[anchors, positives]
    return anchors.repeat_interleave(repeats), positives.repeat_interleave(repeats)


def observed(states):
    return states.double()[:, None]


def within(cell_of, *, cut="positives"):
    """All pairs of the pool, each in the cell of its x~, or of its x, which is another's answer given away."""
    anchors, positives = pool()
    ids = cell_of[positives if cut == "positives" else anchors]
    none = positives[:0]
    return PairBatch(observed(anchors), observed(positives), cells=Cells(ids, ids, observed(none), none))


def stratified(cell_of):
    """All pairs of the pool, with the pool's own x~ twice over as the sample that anchors share."""
    anchors, positives = pool()
    shared = positives.repeat(2)
    inside = torch.stack([(cell_of[positives] == cell).sum() for cell in cell_of[anchors]])
    outside = len(positives) - inside - (cell_of[anchors] != cell_of[positives]).long()
    none = positives[:0]
    cells = Cells(
        cell_of[anchors], cell_of[positives], observed(none), none, observed(shared), cell_of[shared], outside
    )
    return PairBatch(observed(anchors), observed(positives), cells=cells)


def best_logits(loss, batches):
    table = Table()
    critic = Critic(table)
    optimizer = torch.optim.LBFGS(
        table.parameters(), max_iter=300, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        value = torch.stack([pair_loss(nn.Identity(), critic, loss, batch) for batch in batches]).sum()
        value.backward()
        return value

    optimizer.step(closure)
    return -table.values.detach()


def log_ratio():
    joint = COUNTS / COUNTS.sum()
    return (joint / (joint.sum(1, keepdim=True) * joint.sum(0))).double().log()


def error_up_to_anchor(logits):
    difference = logits - log_ratio()
    return float((difference - difference.mean(1, keepdim=True)).abs().max())


def test_info_nce_within_cells_has_the_exact_ratio_as_its_optimum():
    logits = best_logits(InfoNCE(), [within(cell_of) for cell_of in PARTITIONS])
    assert error_up_to_anchor(logits) < 1e-5


def test_cells_that_look_at_the_anchors_would_move_the_optimum():
    logits = best_logits(InfoNCE(), [within(cell_of, cut="anchors") for cell_of in PARTITIONS])
    assert error_up_to_anchor(logits) > 0.1


class Tilted(nn.Module):
    """The delta of Laplace .05 pairs, and two ways to leave it: another scale, and a pull on some pairs."""

    def __init__(self):
        super().__init__()
        self.errors = nn.Parameter(torch.zeros(2))

    def forward(self, left, right):
        return 20.0 * (1.0 + self.errors[0]) * (left - right).abs().sum(-1) + self.errors[1] * (left * right).sum(-1)


class LogDensity(nn.Module):
    """The alpha~ that goes with it, log p(s~)."""

    def __init__(self, latent_model):
        super().__init__()
        self.latent_model = latent_model

    def forward(self, positives):
        return self.latent_model.positive_log_density(positives).float()


class PairsByAnchor(SimulatedPairs):
    """Pairs whose views have changed places: what was chosen by the x~ is then chosen by the x."""

    def draw(self, batch_size, *, generator):
        batch = super().draw(batch_size, generator=generator)
        return PairBatch(batch.positives, batch.anchors)


def slopes_at_the_true_critic(pairs, stream, *, swap=False):
    slopes, offset = [], LogDensity(pairs.source.latent_model)
    for _ in range(100):
        pairs.refresh(generator=stream)
        batch, delta = pairs.draw(128, generator=stream), Tilted()
        if swap:
            batch = PairBatch(batch.positives, batch.anchors, cells=batch.cells)
        pair_loss(nn.Identity(), Critic(delta, candidate_offset=offset), InfoNCE(), batch).backward()
        slopes.append(delta.errors.grad)
    return torch.stack(slopes).double()


@pytest.mark.slow
def test_the_true_critic_is_stationary_in_cells_of_the_candidates():
    pairs = NeighbourhoodPairs(laplace_pairs(1), nn.Identity(), cell_size=16, pool_size=256)
    slopes = slopes_at_the_true_critic(pairs, generator())
    assert (slopes.mean(0).abs() < 4 * slopes.std(0) / math.sqrt(len(slopes))).all()


@pytest.mark.slow
def test_the_true_critic_is_not_stationary_where_cells_look_at_the_anchors():
    model = laplace_pairs(1)
    swapped = PairsByAnchor(model.latent_model, model.mixing)
    pairs = NeighbourhoodPairs(swapped, nn.Identity(), cell_size=16, pool_size=256)
    slopes = slopes_at_the_true_critic(pairs, generator(), swap=True)
    assert (slopes.mean(0).abs() > 10 * slopes.std(0) / math.sqrt(len(slopes))).any()


@pytest.mark.parametrize("loss", [NCE(), NWJ(), SCL()], ids=repr)
@pytest.mark.slow
def test_stratified_neighbourhoods_have_the_optimum_of_the_whole_pool(loss):
    anchors, positives = pool()
    plain = PairBatch(observed(anchors), observed(positives))
    exact = best_logits(loss, [plain])
    for cell_of in PARTITIONS[:2]:
        # the own positive is missing among n_v alike x~ inside and is spread over all outside: at most 1 part in 38
        torch.testing.assert_close(best_logits(loss, [stratified(cell_of)]), exact, atol=0.06, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [NCE(), NWJ(), SCL()], ids=repr)
def test_shared_candidates_without_their_weights_would_move_the_optimum(loss):
    anchors, positives = pool()
    exact = best_logits(loss, [PairBatch(observed(anchors), observed(positives))])
    batch = stratified(PARTITIONS[0])
    cells = batch.cells
    unweighted = Cells(
        cells.anchors, cells.positives, cells.others, cells.other_cells, cells.shared, cells.shared_cells,
        torch.stack([(cells.shared_cells != cell).sum() for cell in cells.anchors]),
    )  # fmt: skip
    moved = best_logits(loss, [PairBatch(batch.anchors, batch.positives, cells=unweighted)])
    assert float((moved - exact).abs().max()) > 0.2


@pytest.mark.parametrize("loss", [NCE(), NWJ()], ids=repr)
@pytest.mark.slow
def test_the_stratified_loss_is_an_unbiased_estimate_of_the_plain_one(loss):
    plain, stream = laplace_pairs(1), generator()
    pairs = NeighbourhoodPairs(plain, nn.Identity(), cell_size=32, pool_size=256, form="stratified", num_shared=64)
    critic = Critic(lambda left, right: 8.0 * (left - right).abs().sum(-1) - 1.0)
    values = []
    for _ in range(120):
        pairs.refresh(generator=stream)
        values.append(pair_loss(nn.Identity(), critic, loss, pairs.draw(64, generator=stream)))
    expected = [pair_loss(nn.Identity(), critic, loss, plain.draw(64, generator=stream)) for _ in range(120)]
    ours, theirs = torch.stack(values), torch.stack(expected)
    noise = math.sqrt(float(ours.var() + theirs.var()) / 120)
    assert abs(float(ours.mean() - theirs.mean())) < 4 * noise
    assert noise < 0.03


def test_every_candidate_of_a_cell_is_in_a_stratified_batch_and_pairs_stay_together():
    pairs = NeighbourhoodPairs(laplace_pairs(), nn.Identity(), cell_size=32, pool_size=1024, form="stratified")
    stream = generator()
    pairs.refresh(generator=stream)
    batch = pairs.draw(100, generator=stream)
    whole, cells = pairs._pool, batch.cells
    assert batch.num_pairs == len(batch.anchors.unique(dim=0)) == 100
    candidates = torch.cat((cells.positives, cells.other_cells))
    for cell in cells.anchors.unique():
        assert (candidates == cell).sum() == (whole.positive_cells == cell).sum()
    assert (whole.partition.cells_of(batch.anchors) == cells.anchors).all()
    assert (whole.partition.cells_of(batch.positives) == cells.positives).all()
    assert_partners(batch, whole.pairs)


def assert_partners(batch, pairs):
    rows = (pairs.anchors[None] == batch.anchors[:, None]).all(-1).long().argmax(1)
    assert torch.equal(pairs.positives[rows], batch.positives)


@pytest.mark.parametrize(("size", "groups"), [(64, [32, 32]), (70, [24, 23, 23]), (32, [32]), (9, [9])])
def test_a_batch_is_made_of_as_few_cells_as_hold_it_evenly(size, groups):
    pairs, stream = NeighbourhoodPairs(laplace_pairs(), nn.Identity(), cell_size=32, pool_size=1024), generator()
    pairs.refresh(generator=stream)
    batch = pairs.draw(size, generator=stream)
    cells = batch.cells
    assert batch.num_pairs == len(batch.anchors.unique(dim=0)) == size
    assert cells.anchors.bincount().tolist() == groups
    assert torch.equal(cells.anchors, cells.positives)
    assert cells.others.shape == (0, 2)
    assert_partners(batch, pairs._pool.pairs)
    for group in range(len(groups)):
        # a cell of mass 1/32 in the unit square, wherever it lies, is about .18 wide
        assert batch.positives[cells.positives == group].std(0).max() < 0.15


def test_a_pool_is_as_large_as_asked_for():
    pairs, stream = NeighbourhoodPairs(laplace_pairs(), nn.Identity(), cell_size=8, pool_size=256), generator()
    pairs.refresh(generator=stream, pool_size=64)
    assert pairs._pool.pairs.num_pairs == 64
    pairs.refresh(generator=stream)
    assert pairs._pool.pairs.num_pairs == 256
    with pytest.raises(DomainError, match="pool_size"):
        pairs.refresh(generator=stream, pool_size=15)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["within", "stratified"])
def test_every_pair_of_a_pool_is_drawn_equally_often(form):
    rows = torch.arange(64.0)[:, None]

    class Rows:
        def draw(self, batch_size, *, generator):
            return PairBatch(rows, rows)

    pairs = NeighbourhoodPairs(Rows(), nn.Identity(), cell_size=8, pool_size=64, form=form, num_shared=2)
    stream, draws = generator(), 3000
    pairs.refresh(generator=stream)
    times = torch.zeros(64, dtype=torch.float64)
    for _ in range(draws):
        times[pairs.draw(10, generator=stream).anchors.squeeze(1).long()] += 1
    # whole cells come together, so the counts of the pairs of a cell move together; each alone is still binomial
    share = 10 / 64
    assert (times / draws - share).abs().max() < 4.5 * math.sqrt(share * (1 - share) / draws)


def test_batches_are_the_sources_own_before_the_first_refresh():
    plain = laplace_pairs()
    pairs = NeighbourhoodPairs(plain, nn.Identity(), cell_size=32, pool_size=256)
    drawn = pairs.draw(5, generator=generator())
    assert drawn.cells is None
    assert torch.equal(drawn.anchors, plain.draw(5, generator=generator()).anchors)


@pytest.mark.parametrize("form", ["within", "stratified"])
def test_neighbourhoods_keep_the_contract_of_a_pair_source(form):
    pairs = NeighbourhoodPairs(laplace_pairs(), nn.Identity(), cell_size=32, pool_size=256, form=form)
    check_pair_source(pairs)
    pairs.refresh(generator=generator(1))
    check_pair_source(pairs)


def test_cells_of_a_partition_share_the_points_equally_and_the_walls_move():
    points = torch.rand(1024, 3, generator=generator())
    one, other = (Partition(points, levels=4, generator=generator(seed)) for seed in (1, 2))
    assert one.cells_of(points).bincount().tolist() == [64] * 16
    assert not torch.equal(one.cells_of(points), other.cells_of(points))


def test_a_cell_holds_neighbours():
    points = torch.rand(4096, 2, generator=generator())
    cells = Partition(points, levels=6, generator=generator()).cells_of(points)
    spreads = torch.stack([points[cells == cell].std(0).max() for cell in range(64)])
    assert spreads.max() < 0.12  # a square of mass 1/64 has side 1/8, hence spread .036


@pytest.mark.parametrize(
    ("loss", "form"), [(NCE(), "within"), (NWJ(), "within"), (SCL(), "within"), (InfoNCE(), "stratified")]
)
def test_a_form_that_would_move_the_optimum_is_refused(loss, form):
    pairs, stream = (
        NeighbourhoodPairs(laplace_pairs(), nn.Identity(), cell_size=32, pool_size=256, form=form),
        generator(),
    )
    pairs.refresh(generator=stream)
    with pytest.raises(DomainError, match="keeps its optimum"):
        pair_loss(nn.Identity(), Critic(lambda a, b: (a - b).abs().sum(-1)), loss, pairs.draw(8, generator=stream))


@pytest.mark.parametrize("direction", ["columns", "symmetric"])
def test_candidates_of_a_cell_do_not_choose_among_anchors(direction):
    with pytest.raises(DomainError, match="use 'rows'"):
        pair_loss(nn.Identity(), Critic(Table()), InfoNCE(direction=direction), within(PARTITIONS[0]))


@pytest.mark.parametrize("negatives", ["anchors", "anchors_including_self"])
def test_anchors_are_no_candidates_in_a_cell(negatives):
    with pytest.raises(DomainError, match="'positives'"):
        pair_loss(nn.Identity(), Critic(Table()), InfoNCE(), within(PARTITIONS[0]), negatives=negatives)


def test_a_source_with_groups_is_refused():
    rows = torch.arange(64.0)[:, None]
    pairs = NeighbourhoodPairs(GivenPairs(rows, rows, torch.arange(64) // 2), nn.Identity(), cell_size=2, pool_size=16)
    with pytest.raises(DomainError, match="independent pairs"):
        pairs.refresh(generator=generator())


def test_more_pairs_than_the_pool_holds_are_refused():
    pairs = NeighbourhoodPairs(laplace_pairs(), nn.Identity(), cell_size=8, pool_size=32)
    pairs.refresh(generator=generator())
    with pytest.raises(DomainError, match="at most"):
        pairs.draw(33, generator=generator())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"cell_size": 1}, DomainError),
        ({"pool_size": 100}, DomainError),
        ({"form": "anywhere"}, DomainError),
        ({"num_shared": 0}, DomainError),
        ({"source": None}, DtypeError),
        ({"coordinates": None}, DtypeError),
    ],
)
def test_bad_settings_are_refused(change, error):
    settings = {"source": laplace_pairs(), "coordinates": nn.Identity(), "cell_size": 64, "pool_size": 1024} | change
    with pytest.raises(error):
        NeighbourhoodPairs(settings.pop("source"), settings.pop("coordinates"), **settings)


def test_ids_that_do_not_fit_are_refused():
    ids = torch.zeros(4, dtype=torch.int64)
    with pytest.raises(DtypeError, match="int64"):
        Cells(ids, ids.float(), torch.zeros(0, 1), ids[:0])
    with pytest.raises(ShapeError, match="rows"):
        Cells(ids, ids[:3], torch.zeros(0, 1), ids[:0])
    with pytest.raises(ShapeError, match="belong together"):
        Cells(ids, ids, torch.zeros(0, 1), ids[:0], shared=torch.zeros(2, 1))
    with pytest.raises(ShapeError, match="as many points"):
        Partition(torch.rand(4, 1), levels=3, generator=generator())


def test_a_batch_refuses_cells_beside_groups():
    ids = torch.arange(4)
    cells = Cells(ids, ids, torch.zeros(0, 1), ids[:0])
    with pytest.raises(DomainError, match="leave those out"):
        PairBatch(torch.zeros(4, 1), torch.zeros(4, 1), groups=ids, cells=cells)
    with pytest.raises(ShapeError, match="same pool"):
        PairBatch(torch.zeros(4, 2), torch.zeros(4, 2), cells=cells)
