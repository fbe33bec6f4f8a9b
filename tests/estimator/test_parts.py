import pytest
import torch
from torch import nn

from contrica import MLP, NCE, Conv, InfoNCE, Mahalanobis, PowerSum, SphereDot
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.estimator.parts import critic_of, dissimilarity_of, dtype_of, encoder_of, loss_of, named_device

ROWS = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
IMAGES = torch.rand(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def built(encoder, start=ROWS, dim=2, widths=None, on_sphere=False):
    generator = torch.Generator().manual_seed(0)
    return encoder_of(encoder, start, dim, widths=widths, on_sphere=on_sphere, generator=generator)


def test_the_encoder_fits_what_is_encoded():
    assert isinstance(built("auto"), MLP)
    assert isinstance(built("auto", IMAGES), Conv)


def test_named_encoders_start_from_the_rows():
    codes = built("mlp", widths=())(ROWS)
    torch.testing.assert_close(codes.T.cov(), torch.eye(2), atol=1e-4, rtol=0)


def test_a_module_is_copied_with_its_parameters():
    module = nn.Linear(4, 2)
    copy = built(module)
    assert copy is not module
    assert torch.equal(copy.weight, module.weight)
    with torch.no_grad():
        copy.weight += 1.0
    assert not torch.equal(copy.weight, module.weight)


def test_a_callable_is_told_columns_codes_and_where_numbers_come_from():
    asked = []

    def factory(columns, codes, *, generator):
        asked.append((columns, codes, generator.initial_seed()))
        return nn.Linear(columns, codes)

    built(factory)
    assert asked == [(4, 2, 0)]


def test_a_class_of_encoders_is_a_callable():
    assert isinstance(built(MLP), MLP)


def test_codes_on_a_sphere_have_length_one():
    torch.testing.assert_close(built("mlp", dim=3, on_sphere=True)(ROWS).norm(dim=1), torch.ones(20))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"encoder": "resnet"}, DomainError, "encoder must be one of auto, mlp, conv"),
        ({"encoder": "conv"}, ShapeError, "'mlp' takes rows of numbers and 'conv' images"),
        ({"encoder": "mlp", "start": IMAGES}, ShapeError, "got 'mlp' for rows of shape"),
        ({"encoder": 3}, DtypeError, "a name, a module or a callable, got int"),
        ({"encoder": lambda columns, codes, *, generator: torch.zeros}, DtypeError, "must return a torch module"),
        ({"encoder": nn.Linear(4, 3)}, ShapeError, r"n_components\) = \(2, 2\), got \(2, 3\)"),
        ({"encoder": nn.Linear(4, 2), "widths": (8,)}, DomainError, "leave widths out"),
    ],
)
def test_what_encodes_nothing_is_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        built(**arguments)


def test_losses_go_by_their_names():
    assert loss_of("infonce") == InfoNCE()
    assert loss_of(NCE()) == NCE()
    with pytest.raises(DomainError, match="loss must be one of infonce, nce, scl, nwj"):
        loss_of("triplet")


def test_the_dissimilarity_is_on_the_side_of_two_that_the_pairs_are():
    assert dissimilarity_of("auto", 2, flat=True).fixed_exponent > 2
    assert dissimilarity_of("auto", 2, flat=False).fixed_exponent < 2


def test_dissimilarities_go_by_their_names():
    assert dissimilarity_of("normal", 2, flat=False).fixed_exponent == 2
    assert isinstance(dissimilarity_of("correlated_normal", 2, flat=False), Mahalanobis)
    assert isinstance(dissimilarity_of("sphere", 2, flat=False), SphereDot)


def test_a_dissimilarity_is_copied():
    given = PowerSum(2, learnable_weights=True)
    assert dissimilarity_of(given, 2, flat=False) is not given


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ("cosine", DomainError, "dissimilarity must be one of"),
        (3, DtypeError, "a name or callable, got int"),
        (PowerSum(3), ShapeError, "n_components = 2 codes, got one for 3"),
    ],
)
def test_what_compares_nothing_is_refused(given, error, match):
    with pytest.raises(error, match=match):
        dissimilarity_of(given, 2, flat=False)


@pytest.mark.parametrize(
    ("loss", "anchor", "candidate", "bias"),
    [
        (InfoNCE(), False, True, False),
        (InfoNCE("columns"), True, False, False),
        (InfoNCE("symmetric"), True, True, False),
        (NCE(), True, True, True),
    ],
)
def test_a_loss_gets_the_offsets_that_it_is_not_free_of(loss, anchor, candidate, bias):
    critic = critic_of(PowerSum(2), loss, ROWS, offsets=True, generator=torch.Generator())
    found = (critic.anchor_offset is not None, critic.candidate_offset is not None, critic.bias is not None)
    assert found == (anchor, candidate, bias)


def test_offsets_can_be_left_out():
    critic = critic_of(PowerSum(2), NCE(), ROWS, offsets=False, generator=torch.Generator())
    assert (critic.anchor_offset, critic.candidate_offset, critic.bias) == (None, None, None)
    with pytest.raises(DtypeError, match="offsets must be True or False"):
        critic_of(PowerSum(2), NCE(), ROWS, offsets="both", generator=torch.Generator())


def test_a_module_computes_in_the_dtype_of_its_parameters():
    assert dtype_of(nn.Linear(2, 2).double()) == torch.float64
    assert dtype_of(nn.Identity()) == torch.float32
    assert dtype_of("mlp") == torch.float32


def test_a_device_is_one_that_torch_knows():
    assert named_device("cpu") == torch.device("cpu")
    assert named_device("auto").type in ("cpu", "cuda")
    with pytest.raises(DomainError, match="device must be 'auto' or one that torch knows, got 'gpu9'"):
        named_device("gpu9")
