import pytest
import torch

from contrica.encoders import MLP, BoxOutput, SphereOutput
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.spaces import Box


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def observations(samples=400, in_dim=6, rank=6, seed=1):
    source = generator(seed)
    return 5.0 + torch.randn(samples, rank, generator=source) @ torch.randn(rank, in_dim, generator=source)


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    MLP(6, 2, generator=generator()).start_from(observations())
    assert torch.equal(torch.get_rng_state(), before)


def test_equal_generators_give_equal_encoders_and_others_give_others():
    first, again, other = (MLP(6, 2, generator=generator(seed)) for seed in (0, 0, 1))
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not torch.equal(other(observations()), first(observations()))


def test_the_codes_are_the_skip_plus_the_branch():
    encoder = MLP(6, 2, widths=(5,), negative_slope=0.1, generator=generator())
    encoder.start_from(observations())
    inputs = (observations() - encoder.standardise.centre) / encoder.standardise.spread
    hidden = inputs @ encoder.hidden[0].weight.T + encoder.hidden[0].bias
    hidden = torch.maximum(hidden, 0.1 * hidden)
    expected = hidden @ encoder.last.weight.T + encoder.last.bias + inputs @ encoder.skip.weight.T + encoder.skip.bias
    torch.testing.assert_close(encoder(observations()), expected)


@pytest.mark.parametrize("in_dim", [3, 6, 900])
def test_the_linear_skip_starts_with_codes_of_identity_covariance(in_dim):
    data = observations(in_dim=in_dim, rank=in_dim)
    encoder = MLP(in_dim, 3, generator=generator())
    encoder.start_from(data)
    codes = encoder.skip(encoder.standardise(data)).detach()
    torch.testing.assert_close(torch.cov(codes.T), torch.eye(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(codes.mean(0), torch.zeros(3), rtol=0, atol=1e-4)


def test_beside_the_skip_the_hidden_layers_start_small():
    encoder = MLP(6, 6, generator=generator())
    encoder.start_from(observations())
    covariance = torch.cov(encoder(observations()).detach().T)
    torch.testing.assert_close(covariance, torch.eye(6), rtol=0, atol=0.25)  # the branch adds a tenth
    assert not torch.allclose(covariance, torch.eye(6), atol=1e-4)


def test_without_a_skip_the_last_layer_starts_with_codes_of_identity_covariance():
    encoder = MLP(6, 3, linear_skip=False, generator=generator())
    encoder.start_from(observations())
    torch.testing.assert_close(torch.cov(encoder(observations()).detach().T), torch.eye(3), rtol=0, atol=1e-4)


def test_starting_twice_changes_nothing():
    encoder = MLP(6, 3, generator=generator())
    encoder.start_from(observations())
    once = encoder(observations())
    encoder.start_from(observations())
    assert torch.equal(encoder(observations()), once)


def test_the_start_does_not_depend_on_the_units_of_the_observations():
    codes = []
    for factor in (1.0, 256.0):
        encoder = MLP(6, 3, generator=generator())
        encoder.start_from(factor * observations())
        codes.append(encoder(factor * observations()))
    torch.testing.assert_close(codes[0], codes[1])


def test_a_constant_column_and_too_few_directions_give_finite_spread_codes():
    data = torch.cat([observations(in_dim=4, rank=2), torch.full((400, 1), 7.0)], 1)
    encoder = MLP(5, 4, generator=generator())
    encoder.start_from(data)
    spreads = encoder(data).std(0)
    assert torch.isfinite(spreads).all()
    assert (spreads > 0.01).all()  # the surplus codes start from the hidden layers


@pytest.mark.parametrize("output", [SphereOutput(3), BoxOutput(Box(3)), SphereOutput(3, learnable_radius=True)])
def test_codes_lie_in_the_space_of_the_output(output):
    encoder = MLP(6, 3, output=output, generator=generator())
    encoder.start_from(observations())
    assert output.space.contains(encoder(observations())).all()


def test_an_affine_encoder_needs_no_hidden_layer():
    encoder = MLP(6, 3, widths=(), generator=generator())
    encoder.start_from(observations())
    torch.testing.assert_close(torch.cov(encoder(observations()).detach().T), torch.eye(3), rtol=0, atol=1e-4)


def test_every_parameter_receives_a_gradient():
    encoder = MLP(6, 3, widths=(8, 8), generator=generator())
    encoder.start_from(observations())
    encoder(observations()).square().sum().backward()
    assert all(parameter.grad.any() for parameter in encoder.parameters())


def test_under_autocast_the_codes_keep_the_precision_of_the_last_layers():
    encoder = MLP(6, 3, generator=generator())
    data = observations()
    encoder.start_from(data)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        codes = encoder(data)
    assert codes.dtype == torch.float32
    assert not torch.equal(codes, codes.bfloat16().float())
    torch.testing.assert_close(codes, encoder(data), rtol=0, atol=0.01)


def test_a_float64_encoder_is_one_conversion_away():
    encoder = MLP(6, 3, generator=generator()).double()
    encoder.start_from(observations())
    assert encoder(observations().double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: MLP(0, 2, generator=generator()), DomainError),
        (lambda: MLP(6, 0, generator=generator()), DomainError),
        (lambda: MLP(6.0, 2, generator=generator()), DtypeError),
        (lambda: MLP(6, 2, widths=(0,), generator=generator()), DomainError),
        (lambda: MLP(6, 2, widths=(8.5,), generator=generator()), DtypeError),
        (lambda: MLP(6, 2, widths=(), linear_skip=False, generator=generator()), ShapeError),
        (lambda: MLP(6, 2, negative_slope=1.0, generator=generator()), DomainError),
        (lambda: MLP(6, 2, negative_slope=float("nan"), generator=generator()), DomainError),
        (lambda: MLP(6, 2, output=SphereOutput(3), generator=generator()), ShapeError),
        (lambda: MLP(6, 2, output=torch.nn.Identity(), generator=generator()), DtypeError),
        (lambda: MLP(6, 2, generator=0), DtypeError),
    ],
)
def test_numbers_that_describe_no_encoder_are_refused(make, error):
    with pytest.raises(error):
        make()


BAD_OBSERVATIONS = [
    (torch.zeros(4, 5), ShapeError),
    (torch.zeros(6), ShapeError),
    (torch.zeros(4, 6, dtype=torch.int64), DtypeError),
    ([[0.0] * 6] * 4, DtypeError),
]


@pytest.mark.parametrize(("data", "error"), [*BAD_OBSERVATIONS, (torch.zeros(4, 6, dtype=torch.float64), DtypeError)])
def test_observations_that_do_not_fit_are_refused(data, error):
    with pytest.raises(error):
        MLP(6, 2, generator=generator())(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        *BAD_OBSERVATIONS,
        (torch.zeros(1, 6), ShapeError),
        (torch.full((4, 6), 2.0), DomainError),
        (torch.full((4, 6), torch.nan), DomainError),
        (observations().index_fill(0, torch.tensor([3]), torch.inf), DomainError),
    ],
)
def test_a_start_from_unusable_observations_is_refused_and_changes_nothing(data, error):
    encoder = MLP(6, 2, generator=generator())
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(error):
        encoder.start_from(data)
    torch.testing.assert_close(dict(encoder.state_dict()), before, rtol=0, atol=0)
