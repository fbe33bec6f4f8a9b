import inspect
import json
import random

import pytest
import torch
from torch import nn

import contrica
from contrica.critics import Critic
from contrica.dissimilarities import (
    BlockSum,
    Dissimilarity,
    Mahalanobis,
    NormPower,
    PowerSum,
    SphereDot,
    SquaredEuclidean,
)
from contrica.encoders import (
    MLP,
    BoxOutput,
    Conv,
    Output,
    PerRecording,
    ProductOutput,
    ScalarNet,
    SphereOutput,
    Unbounded,
)
from contrica.errors import DomainError, DtypeError, RecordError
from contrica.losses import NCE, NWJ, SCL, InfoNCE, Loss
from contrica.saving import load_model, read_manifest, save_model
from contrica.saving.parts import KNOWN, Tied, describe
from contrica.spaces import Box
from contrica.training.module_tensors import tensors_of


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def mlp(**settings):
    return MLP(5, 3, **{"widths": (7, 4), "generator": stream(), **settings})


def conv(**settings):
    return Conv(2, 16, 3, widths=(4, 6), generator=stream(), **settings)


def offset(seed=0):
    return ScalarNet(5, widths=(6,), generator=stream(seed))


PARTS = [
    mlp(),
    mlp(widths=()),
    mlp(linear_skip=False, negative_slope=0.2, widths=(4,)),
    mlp(output=SphereOutput(3, learnable_radius=True)),
    mlp(output=BoxOutput(Box(3, low=-1.0, high=2.5), learnable_sides=True)),
    mlp(output=BoxOutput(Box(3))),
    conv(),
    conv(negative_slope=0.2),
    conv(output=SphereOutput(3)),
    offset(),
    ScalarNet((2, 40, 40), widths=(5, 4), generator=stream()),
    PerRecording([mlp(), mlp(widths=(6,))], (5, 5)),
    Unbounded(3),
    Critic(PowerSum(3)),
    Critic(PowerSum(3), anchor_offset=offset(1), candidate_offset=offset(2), bias=True),
    Critic(SquaredEuclidean(weight=0.3), candidate_offset=offset()),
    Critic(PowerSum(3), bias=True, num_rungs=3),
    PowerSum(3, exponent=3.0, weights=0.7),
    PowerSum(3, exponent=[1.0, 2.0, 0.3], weights=[0.1, 0.2, 0.7]),
    PowerSum(3, exponent=[1.0, 2.0, 0.3], learnable_exponent=True, learnable_weights=True),
    NormPower(norm_exponent=3, power=0.5, weight=2),
    SquaredEuclidean(weight=0.3),
    BlockSum([SphereDot(learnable_concentration=True), PowerSum(1, exponent=3.0)], sizes=[2, 1]),
    mlp(output=ProductOutput(SphereOutput(2, learnable_radius=True), BoxOutput(Box(1)))),
    Mahalanobis(3),
    Mahalanobis(3, matrix=[[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 0.5]]),
    SphereDot(concentration=0.1),
    SphereDot(concentration=7.0, learnable_concentration=True),
    InfoNCE(direction="symmetric", several="any"),
    NCE(),
    SCL(log_form=True),
    NWJ(),
]


def shaken(part):
    """Give every parameter another value, so that what comes back cannot come from the constructor."""
    generator = stream(5)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return part


def output_of(part):
    generator = stream(9)
    codes = torch.randn(6, 3, generator=generator), torch.randn(6, 3, generator=generator)
    match part:
        case Conv():
            return part(torch.randn(6, 2, 16, 16, generator=generator))
        case MLP():
            return part(torch.randn(6, 5, generator=generator))
        case PerRecording():
            numbers = torch.arange(6.0)[:, None] % len(part.networks)
            return part(torch.cat([numbers, torch.randn(6, 5, generator=generator)], 1))
        case ScalarNet():
            return part(torch.randn(6, *part.in_shape, generator=generator))
        case Critic():
            observations = torch.randn(6, 5, generator=generator)
            return part.logits(part.anchors(codes[0], observations), part.candidates(codes[1], observations))
        case Dissimilarity():
            return part(*codes)
        case Output():
            return part(codes[0])
        case Loss():
            return part(codes[0][:, 0], codes[0])


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS, ids=lambda part: json.dumps(describe(part)))
def test_every_part_comes_back_bit_by_bit(part, tmp_path):
    if isinstance(part, nn.Module):
        shaken(part)
    save_model(tmp_path / "out", {"part": part})
    found = load_model(tmp_path / "out").parts["part"]
    assert type(found) is type(part)
    assert describe(found) == describe(part)
    assert torch.equal(output_of(found), output_of(part))
    if isinstance(part, nn.Module):
        assert same(tensors_of(found), tensors_of(part))
        assert found.state_dict().keys() == part.state_dict().keys()
        assert [p.requires_grad for p in found.parameters()] == [p.requires_grad for p in part.parameters()]
        assert not any(tensor.is_meta for tensor in tensors_of(found).values())
    else:
        assert found == part


def test_every_class_that_is_built_into_a_model_stands_in_the_table():
    """Whoever adds a dissimilarity, an output, a loss or an encoder is told to say here how it is built."""
    everything = [value for module in MODULES for value in vars(module).values()]
    classes = {value for value in everything if inspect.isclass(value) and value.__module__.startswith("contrica")}
    built = {
        value
        for value in classes
        if not inspect.isabstract(value) and issubclass(value, (nn.Module, Loss)) and not value.__name__.startswith("_")
    }
    assert built - set(KNOWN) == set()
    assert set(KNOWN) - built == {Box, Tied}
    assert {type(part) for part in PARTS} | {SphereOutput, BoxOutput, ProductOutput, Box, Tied} == set(KNOWN)


MODULES = [contrica.dissimilarities, contrica.encoders, contrica.critics, contrica.losses]


def test_a_model_is_one_folder_with_notes(tmp_path):
    critic = Critic(PowerSum(3), anchor_offset=offset(), bias=True)
    notes = {"title": "a try", "betas": [0.9, 0.99], "score": None}
    save_model(tmp_path / "out", {"encoder": mlp(), "critic": critic, "loss": NCE()}, notes=notes)
    model = load_model(tmp_path / "out")
    assert model.notes == notes
    assert model.parts.keys() == {"encoder", "critic", "loss"}
    assert read_manifest(tmp_path / "out").kind == "model"


def test_a_tied_offset_stays_tied_and_is_kept_once(tmp_path):
    net = offset()
    save_model(tmp_path / "out", {"critic": Critic(PowerSum(3), anchor_offset=net, candidate_offset=net)})
    critic = load_model(tmp_path / "out").parts["critic"]
    assert critic.candidate_offset is critic.anchor_offset
    assert not any("candidate" in name for name in read_manifest(tmp_path / "out").tensors)


def test_a_model_trains_on_after_it_was_read(tmp_path):
    save_model(tmp_path / "out", {"encoder": mlp()})
    encoder = load_model(tmp_path / "out").parts["encoder"]
    encoder(torch.ones(4, 5)).sum().backward()
    assert encoder.last.weight.grad is not None


def test_a_model_in_float64_comes_back_in_float64(tmp_path):
    parts = {"encoder": mlp().double(), "critic": Critic(PowerSum(3, learnable_weights=True), bias=True).double()}
    save_model(tmp_path / "out", parts)
    found = load_model(tmp_path / "out").parts
    assert {p.dtype for part in found.values() for p in part.parameters()} == {torch.float64}
    observations = torch.randn(4, 5, generator=stream(), dtype=torch.float64)
    assert torch.equal(found["encoder"](observations), parts["encoder"](observations))


# ---- parts of one's own ----


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Linear(5, width)
        self.norm = nn.BatchNorm1d(width)
        self.register_buffer("unit", torch.ones(width), persistent=False)

    def forward(self, observations):
        return self.norm(self.layer(observations)) * self.unit


class Sum(MLP):
    pass


def distance(left, right):
    return (left - right).abs().sum(-1)


def test_a_module_of_ones_own_is_kept_as_tensors_and_read_into_another(tmp_path):
    net = Net()
    net(torch.randn(20, 5, generator=stream()))
    net.unit.mul_(3)
    save_model(tmp_path / "out", {"encoder": net})
    with pytest.raises(RecordError, match=r"encoder is a part of your own, Net, .* own=\{'encoder': \.\.\.\}"):
        load_model(tmp_path / "out")
    fresh = Net()
    found = load_model(tmp_path / "out", own={"encoder": fresh}).parts["encoder"]
    assert found is fresh
    assert same(tensors_of(fresh), tensors_of(net))


@pytest.mark.parametrize(
    "other",
    [Net(width=3), nn.Linear(5, 4), Net().double()],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_module_of_ones_own_that_does_not_fit_is_refused(other, tmp_path):
    save_model(tmp_path / "out", {"encoder": Net()})
    with pytest.raises(RecordError, match="must fit encoder"):
        load_model(tmp_path / "out", own={"encoder": other})


@pytest.mark.parametrize(
    "delta",
    [distance, nn.PairwiseDistance(), Net()],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_critic_over_a_dissimilarity_of_ones_own(delta, tmp_path):
    save_model(tmp_path / "out", {"critic": Critic(delta, bias=True)})
    with pytest.raises(RecordError, match=r"critic\.dissimilarity is a part of your own"):
        load_model(tmp_path / "out")
    critic = load_model(tmp_path / "out", own={"critic.dissimilarity": delta}).parts["critic"]
    assert critic.dissimilarity is delta
    assert critic.bias.item() == 0.0


def test_a_subclass_is_ones_own(tmp_path):
    save_model(tmp_path / "out", {"encoder": Sum(5, 3, generator=stream())})
    with pytest.raises(RecordError, match="a part of your own, Sum"):
        load_model(tmp_path / "out")


def test_state_that_is_no_tensor_is_refused(tmp_path):
    class Extra(nn.Module):
        def get_extra_state(self):
            return {"count": 3}

    with pytest.raises(DtypeError, match=r"Extra \(0\) has more"):
        save_model(tmp_path / "out", {"encoder": nn.Sequential(Extra())})


@pytest.mark.parametrize("name", ["a.b", "", "a b", "../a"])
def test_a_name_of_a_part_is_a_plain_word(name, tmp_path):
    with pytest.raises(DomainError, match="plain names"):
        save_model(tmp_path / "out", {name: NCE()})


# ---- what an author could write who means harm ----


def rewritten(place, descriptions, tensors=None):
    """A folder that says what it likes, with sums that hold."""
    from contrica.saving import write_folder

    write_folder(place, kind="model", description={"parts": descriptions, "notes": {}}, tensors=tensors or {})
    return place


@pytest.mark.slow
@pytest.mark.parametrize(
    "description",
    [
        {"class": "MLP", **{"in_dim": 10**6, "code_dim": 10**6, "widths": [10**6] * 9}, "negative_slope": 0.1}
        | {"linear_skip": True, "output": {"class": "Unbounded", "dim": 10**6}},
        {"class": "Conv", "channels": 10**6, "size": 10**9, "code_dim": 10**6, "widths": [10**6, 10**6]}
        | {"output": {"class": "Unbounded", "dim": 10**6}},
        {"class": "ScalarNet", "in_shape": [10**6], "widths": [10**6, 10**7]},
        {"class": "ScalarNet", "in_shape": [1 << 62, 1 << 62, 1 << 62], "widths": [1 << 62]},
        {"class": "ScalarNet", "in_shape": [3], "widths": [1] * 100_000},
        {"class": "Mahalanobis", "dim": 10**7, "matrix": []},
        {
            "class": "BoxOutput",
            "box": {"class": "Box", "dim": 10**13, "low": 0.0, "high": 1.0},
            "learnable_sides": True,
        },
        {"class": "PowerSum", "dim": 10**13, "exponent": [1.0], "weights": [1.0]}
        | {"learnable_exponent": True, "learnable_weights": True},
        {"class": "SphereOutput", "dim": 1 << 70, "learnable_radius": True},
    ],
    ids=lambda description: description["class"],
)
def test_a_description_cannot_ask_for_memory(description, tmp_path):
    with pytest.raises(RecordError, match="cannot be opened"):
        load_model(rewritten(tmp_path / "out", {"part": description}))


@pytest.mark.parametrize(
    "description",
    [
        3,
        [],
        {},
        {"class": "os.system"},
        {"class": "torch.nn.Linear", "in_features": 2, "out_features": 2},
        {"class": "Critic"},
        {"class": "own"},
        {"class": ["MLP"]},
        {"class": "InfoNCE", "direction": "sideways", "several": "each"},
        {"class": "InfoNCE", "direction": 1, "several": "each"},
        {"class": "InfoNCE", "direction": "rows", "several": "each", "more": 1},
        {"class": "NormPower", "norm_exponent": -1.0, "power": 1.0, "weight": 1.0},
        {"class": "NormPower", "norm_exponent": 1, "power": 1.0, "weight": 1.0},
        {"class": "SCL", "log_form": 1},
        {"class": "Unbounded", "dim": True},
    ],
    ids=str,
)
def test_a_damaged_description_is_a_sentence(description, tmp_path):
    with pytest.raises(RecordError, match="cannot be opened: the description of part"):
        load_model(rewritten(tmp_path / "out", {"part": description}))


def test_critics_of_critics_of_critics_are_a_sentence(tmp_path):
    description = {"class": "NCE"}
    for _ in range(400):
        rest = {"anchor_offset": None, "candidate_offset": None, "bias": False}
        description = {"class": "Critic", "dissimilarity": description, **rest}
    with pytest.raises(RecordError, match="goes too deep"):
        load_model(rewritten(tmp_path / "out", {"part": description}))


def test_tensors_that_do_not_fit_their_part_are_a_sentence(tmp_path):
    description, tensors = describe(mlp()), {f"part.{name}": t for name, t in tensors_of(mlp()).items()}
    name = "part.last.weight"
    planted = [
        {key: value for key, value in tensors.items() if key != name},
        tensors | {"part.more": torch.ones(1)},
        tensors | {"other.more": torch.ones(1)},
        tensors | {name: torch.ones(4, 3)},
        tensors | {name: torch.ones(3, 4, dtype=torch.int64)},
        tensors | {name: torch.full((3, 4), torch.nan)},
    ]
    for number, wrong in enumerate(planted):
        with pytest.raises(RecordError, match="cannot be opened"):
            load_model(rewritten(tmp_path / str(number), {"part": description}, wrong))


def test_tensors_of_a_part_that_has_none_are_a_sentence(tmp_path):
    with pytest.raises(RecordError, match="belongs to no part"):
        load_model(rewritten(tmp_path / "out", {"part": describe(NCE())}, {"part.x": torch.ones(1)}))


def test_a_folder_of_a_model_without_parts_is_a_sentence(tmp_path):
    from contrica.saving import write_folder

    write_folder(tmp_path / "out", kind="model", description={"parts": []}, tensors={})
    with pytest.raises(RecordError, match="names no parts"):
        load_model(tmp_path / "out")


@pytest.mark.slow
def test_changed_descriptions_are_refused_or_give_the_part_that_the_tensors_are_of(tmp_path):
    pieces = [None, True, 0, -1, 3, 1 << 40, 0.5, "", "MLP", [], [1] * 5, {}, {"class": "own", "name": "x"}]
    chance = random.Random(0)
    part = Critic(PowerSum(3, learnable_weights=True), anchor_offset=offset(), bias=True)
    tensors = {f"part.{name}": tensor for name, tensor in tensors_of(part).items()}
    refused = 0

    def changed(value, depth=0):
        if isinstance(value, dict) and value and (depth == 0 or chance.random() < 0.7):
            key = chance.choice(sorted(value))
            return {**value, key: changed(value[key], depth + 1)}
        return chance.choice(pieces)

    from contrica.saving.model import put_together

    for _ in range(1000):
        try:
            found = put_together({"part": changed(describe(part))}, tensors, own={})["part"]
        except RecordError:
            refused += 1
        else:
            assert same(tensors_of(found), tensors_of(part))
    assert refused > 750
