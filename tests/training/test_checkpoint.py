import dataclasses

import pytest
import torch
from torch import nn

from contrica.critics import Critic
from contrica.dissimilarities import Mahalanobis, PowerSum
from contrica.encoders import MLP, Conv, ScalarNet
from contrica.errors import DomainError, DtypeError, RecordError
from contrica.losses import NCE, NWJ, SCL, InfoNCE
from contrica.pairs import NeighbourhoodPairs, PairBatch
from contrica.training import TrainingOptions, train
from contrica.training.module_tensors import tensors_of

OPTIONS = TrainingOptions(steps=12, batch_size=16, learning_rate=0.01)


class Pairs:
    """Points of the unit square with Laplace noise of scale 0.1."""

    def draw(self, batch_size, *, generator):
        anchors = torch.rand(batch_size, 2, generator=generator)
        uniforms = torch.rand(batch_size, 2, generator=generator) - 0.5
        return PairBatch(anchors, anchors - 0.1 * uniforms.sign() * torch.log1p(-2 * uniforms.abs()))


def parts(seed=0, delta=None, tied=False):
    generator = torch.Generator().manual_seed(seed)
    encoder = MLP(2, 2, widths=(8, 6), generator=generator)
    nets = [ScalarNet(2, widths=(4,), generator=generator) for _ in range(2)]
    offsets = {"anchor_offset": nets[0], "candidate_offset": nets[0] if tied else nets[1]}
    return encoder, Critic(delta or PowerSum(2, exponent=1.0, learnable_weights=True), **offsets, bias=True)


def start(encoder, critic, loss=None, source=None, options=OPTIONS, seed=1, **settings):
    generator = torch.Generator().manual_seed(seed)
    return train(encoder, critic, loss or NCE(), source or Pairs(), options=options, generator=generator, **settings)


def advanced(training, steps):
    for _ in range(steps):
        next(training)
    return training


def values(*modules):
    return [tensor.detach().clone() for module in modules for tensor in tensors_of(module).values()]


def same(left, right):
    return len(left) == len(right) and all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


def check_resumed(at, *, loss=None, options=OPTIONS, source=Pairs, build=parts):
    """Break a fit off after step ``at``, go on in other modules and generators, and compare with the unbroken one."""
    whole = build()
    records = list(start(*whole, loss, source(), options))
    state = advanced(start(*build(), loss, source(), options), at).state()
    other = build(seed=7)
    training = start(*other, loss, source(), options, seed=8, resume_from=state)
    assert training.step == at
    assert list(training) == records[at:]
    assert same(values(*other), values(*whole))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
@pytest.mark.parametrize("at", [0, 1, 5, 11, 12])
def test_a_fit_that_is_resumed_ends_bit_equal_to_the_unbroken_one(optimizer, at):
    check_resumed(at, options=dataclasses.replace(OPTIONS, optimizer=optimizer))


@pytest.mark.slow
@pytest.mark.parametrize("loss", [InfoNCE(direction="symmetric"), NWJ(log_form=True), SCL()], ids=repr)
def test_whatever_the_loss(loss):
    check_resumed(5, loss=loss)


@pytest.mark.slow
def test_with_learned_matrices_tied_offsets_and_chunks():
    build = lambda seed=0: parts(seed, delta=Mahalanobis(2), tied=True)  # noqa: E731
    check_resumed(5, build=build, options=dataclasses.replace(OPTIONS, optimizer="soap", rows_at_once=7))


def test_with_a_queue_whether_it_is_full_or_not():
    for at in (1, 5):
        check_resumed(at, loss=InfoNCE(), options=dataclasses.replace(OPTIONS, queue_size=40))


def test_with_normalisation_layers_whose_statistics_are_no_parameters():
    def build(seed=0):
        _, critic = parts(seed)
        with torch.random.fork_rng():
            torch.random.manual_seed(seed)
            return nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)), critic

    check_resumed(5, build=build)


def test_with_a_convolution_and_parameters_that_get_no_gradient():
    class Images(Pairs):
        def draw(self, batch_size, *, generator):
            images = torch.rand(2, batch_size, 1, 8, 8, generator=generator)
            return PairBatch(images[0], images[0] + 0.1 * images[1])

    def build(seed=0):
        encoder = Conv(1, 8, 2, widths=(3,), generator=torch.Generator().manual_seed(seed))
        encoder.unused = nn.Parameter(torch.zeros(3))
        return encoder, Critic(PowerSum(2))

    check_resumed(5, build=build, source=Images, options=dataclasses.replace(OPTIONS, optimizer="soap"))


@pytest.mark.slow
@pytest.mark.parametrize(("form", "loss"), [("within", InfoNCE()), ("stratified", NCE())])
def test_neighbourhoods_go_on_with_the_pool_and_the_cells_that_they_had(form, loss):
    def source(encoder):
        return NeighbourhoodPairs(Pairs(), encoder, cell_size=8, pool_size=256, form=form, num_shared=16)

    def go_on(training, pairs, generator):
        for record in training:
            if record.step % 4 == 0:
                pairs.refresh(generator=generator)
        return training

    def fit(encoder, critic, pairs, **settings):
        generator = torch.Generator().manual_seed(3)
        training = train(encoder, critic, loss, pairs, options=OPTIONS, generator=generator, **settings)
        return training, generator

    whole = parts()
    pairs = source(whole[0])
    training, generator = fit(*whole, pairs)
    go_on(training, pairs, generator)
    for at in (3, 4, 6):
        first, other = parts(), parts(seed=7)
        pairs = source(first[0])
        training, generator = fit(*first, pairs)
        for _ in range(at):
            if next(training).step % 4 == 0:
                pairs.refresh(generator=generator)
        state = training.state()
        pairs = source(other[0])
        training, generator = fit(*other, pairs, resume_from=state)
        go_on(training, pairs, generator)
        assert same(values(*other), values(*whole))


def test_a_state_stays_what_it_was_while_training_goes_on():
    training = advanced(start(*parts()), 3)
    notes = {"kept": torch.zeros(2), "losses": [1.0]}
    state = training.state(notes)
    mean = state.optimizer["encoder.last.weight"]["exp_avg"]
    held = [state.generator, *state.encoder.values(), *state.critic.values(), mean]
    before = [tensor.clone() for tensor in held]
    notes["kept"].add_(1)
    notes["losses"].append(2.0)
    advanced(training, 3)
    assert same(before, held)
    assert not state.notes["kept"].any()
    assert state.notes["losses"] == [1.0]


def test_one_state_serves_twice():
    state = advanced(start(*parts()), 5).state()
    first, again = parts(seed=3), parts(seed=4)
    assert list(start(*first, resume_from=state)) == list(start(*again, resume_from=state))
    assert same(values(*first), values(*again))


def test_the_state_is_in_place_before_the_first_record_is_asked_for():
    first, other = parts(), parts(seed=7)
    start(*other, resume_from=advanced(start(*first), 5).state())
    assert same(values(*first), values(*other))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_states_can_be_taken_and_put_in_place_in_any_grad_mode(mode):
    whole, first, other = parts(), parts(), parts(seed=7)
    list(start(*whole))
    with mode():
        state = advanced(start(*first), 5).state()
        training = start(*other, resume_from=state)
    list(training)
    assert same(values(*other), values(*whole))


# ---- refusals ----


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"options": dataclasses.replace(OPTIONS, steps=13)}, "steps was 12 and is 13"),
        ({"options": dataclasses.replace(OPTIONS, optimizer="soap")}, "optimizer was 'adamw' and is 'soap'"),
        ({"loss": SCL()}, "loss was {'class': 'NCE'}"),
    ],
)
def test_a_state_is_not_taken_up_by_a_fit_with_other_settings(changes, named):
    state = advanced(start(*parts()), 5).state()
    with pytest.raises(DomainError, match=named):
        start(*parts(), resume_from=state, **changes)


def test_a_state_of_other_modules_is_refused_and_changes_none():
    state = advanced(start(*parts()), 5).state()
    for build in (
        lambda: (MLP(2, 2, widths=(8,), generator=torch.Generator()), parts()[1]),
        lambda: (parts()[0], parts(tied=True)[1]),
        lambda: (parts()[0], Critic(PowerSum(2))),
        lambda: (parts()[0].double(), parts()[1]),
    ):
        other = build()
        before = values(*other)
        with pytest.raises(RecordError):
            start(*other, resume_from=state)
        assert same(values(*other), before)


def planted(state, **changes):
    return dataclasses.replace(state, **changes)


@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_a_damaged_state_is_refused(optimizer):
    options = dataclasses.replace(OPTIONS, optimizer=optimizer)
    state = advanced(start(*parts(), options=options), 5).state()
    name = "encoder.last.weight"
    kept = state.optimizer[name]
    wrong = [
        planted(state, step=-1),
        planted(state, step=13),
        planted(state, generator=state.generator[:10]),
        planted(state, generator=torch.zeros_like(state.generator)),
        planted(state, generator=torch.zeros(3)),
        planted(state, optimizer={**state.optimizer, "encoder.other": kept}),
        planted(state, optimizer={**state.optimizer, name: {}}),
        planted(state, optimizer={**state.optimizer, name: state.optimizer["encoder.last.bias"]}),
        planted(state, optimizer={**state.optimizer, name: {**kept, "step": "three"}}),
        planted(state, optimizer={**state.optimizer, name: {**kept, "more": torch.ones(1)}}),
        planted(state, settings={}),
        planted(state, settings={**state.settings, "more": 1}),
    ]
    if optimizer == "soap":
        wrong += [
            planted(state, optimizer={**state.optimizer, name: {**kept, "bases": kept["bases"][:1]}}),
            planted(state, optimizer={**state.optimizer, name: {**kept, "bases": [None, kept["bases"][1]]}}),
            planted(state, optimizer={**state.optimizer, name: {**kept, "step": 0}}),
        ]
    for damaged in wrong:
        with pytest.raises((RecordError, DomainError)):
            start(*parts(), options=options, resume_from=damaged)


@pytest.mark.parametrize(
    ("form", "change"),
    [
        ("within", lambda state: state.pop("num_cells")),
        ("within", lambda state: state.update(num_cells=torch.tensor(7))),
        ("within", lambda state: state.update(num_cells=torch.tensor(0))),
        ("within", lambda state: state.update(num_cells=torch.tensor(32.0))),
        ("within", lambda state: state.update(num_cells=torch.tensor([32, 32]))),
        ("within", lambda state: state.update(positives=state["positives"][1:])),
        ("stratified", lambda state: state.pop("walls")),
        ("stratified", lambda state: state.update(walls=state["walls"][:-1])),
        ("stratified", lambda state: state.update(axes=state["axes"] + 2)),
        ("stratified", lambda state: state.update(axes=state["axes"].float())),
        ("stratified", lambda state: state.update(rotation=state["rotation"][:1])),
        ("stratified", lambda state: state.update(anchor_cells=state["anchor_cells"] + 100)),
        ("stratified", lambda state: state.update(positive_cells=state["positive_cells"][1:])),
        ("stratified", lambda state: state.update(positives=state["positives"][1:])),
    ],
)
def test_a_damaged_pool_is_refused(form, change):
    def source():
        return NeighbourhoodPairs(Pairs(), nn.Identity(), cell_size=8, pool_size=256, form=form)

    pairs = source()
    pairs.refresh(generator=torch.Generator())
    state = pairs.state()
    source().restore(state)
    change(state)
    with pytest.raises(RecordError, match="must hold a pool and its cells"):
        source().restore(state)


def test_no_state_can_be_taken_of_an_update_that_was_broken_off():
    class Bad(Pairs):
        def draw(self, batch_size, *, generator):
            raise KeyboardInterrupt

    training = start(*parts(), source=Bad())
    training.state()
    with pytest.raises(KeyboardInterrupt):
        next(training)
    with pytest.raises(DomainError, match="update 1 was broken off"):
        training.state()
    assert list(training) == []


@pytest.mark.parametrize(
    "note", [{1, 2}, object(), b"bytes"], ids=lambda value: getattr(value, "__name__", type(value).__name__)
)
def test_notes_that_cannot_be_kept_are_refused(note):
    with pytest.raises(DtypeError, match="tensors and JSON values"):
        start(*parts()).state({"note": [note]})
