import pytest
import torch

from contrica.encoders import BoxOutput, Conv, SphereOutput
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.spaces import Box


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(samples=100, channels=3, size=16, seed=1):
    """Bright squares at random places on a dark ground."""
    corners = torch.randint(0, size - 4, (samples, 2), generator=generator(seed))
    pixels = torch.zeros(samples, channels, size, size)
    for picture, (top, left) in zip(pixels, corners.tolist(), strict=True):
        picture[:, top : top + 4, left : left + 4] = 200.0
    return pixels


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    Conv(3, 16, 2, generator=generator()).start_from(images())
    assert torch.equal(torch.get_rng_state(), before)


def test_equal_generators_give_equal_encoders_and_others_give_others():
    first, again, other = (Conv(3, 16, 2, generator=generator(seed)) for seed in (0, 0, 1))
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not torch.equal(other(images()), first(images()))


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (9, 3), (32, 3), (45, 2)])
def test_images_of_any_size_from_8_are_encoded(size, channels):
    encoder = Conv(channels, size, 2, generator=generator())
    encoder.start_from(images(20, channels, size))
    assert encoder(images(5, channels, size)).shape == (5, 2)


@pytest.mark.parametrize("samples", [60, 2000])
def test_codes_start_with_identity_covariance(samples):
    encoder = Conv(3, 16, 2, widths=(4, 8), generator=generator())
    encoder.start_from(images(samples))
    codes = encoder(images(samples)).detach()
    torch.testing.assert_close(torch.cov(codes.T), torch.eye(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(codes.mean(0), torch.zeros(2), rtol=0, atol=1e-4)


def test_features_are_rectified_with_the_slope_that_is_asked_for():
    encoder = Conv(3, 16, 2, widths=(4,), negative_slope=0.2, generator=generator())
    raw = encoder.hidden[0](encoder.standardise(images()))
    torch.testing.assert_close(encoder.hidden(encoder.standardise(images())), raw.maximum(0.2 * raw).flatten(1))


def test_starting_twice_changes_nothing():
    encoder = Conv(3, 16, 2, generator=generator())
    encoder.start_from(images())
    once = encoder(images())
    encoder.start_from(images())
    assert torch.equal(encoder(images()), once)


@pytest.mark.parametrize("output", [SphereOutput(3), BoxOutput(Box(3))])
def test_codes_lie_in_the_space_of_the_output(output):
    encoder = Conv(3, 16, 3, output=output, generator=generator())
    assert output.space.contains(encoder(images())).all()


def test_the_code_of_an_image_does_not_depend_on_the_batch():
    encoder = Conv(3, 16, 2, generator=generator())
    torch.testing.assert_close(encoder(images())[:3], encoder(images()[:3]), rtol=1e-4, atol=1e-4)


def test_every_parameter_receives_a_gradient():
    encoder = Conv(3, 16, 2, widths=(4, 8), generator=generator())
    encoder.start_from(images())
    encoder(images()).square().sum().backward()
    assert all(parameter.grad.any() for parameter in encoder.parameters())


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Conv(0, 16, 2, generator=generator()), DomainError),
        (lambda: Conv(3, 7, 2, generator=generator()), DomainError),
        (lambda: Conv(3, 16.0, 2, generator=generator()), DtypeError),
        (lambda: Conv(3, 16, 0, generator=generator()), DomainError),
        (lambda: Conv(3, 16, 2, widths=(), generator=generator()), ShapeError),
        (lambda: Conv(3, 16, 2, widths=(4,) * 5, generator=generator()), ShapeError),
        (lambda: Conv(3, 16, 2, widths=(4, -1), generator=generator()), DomainError),
        (lambda: Conv(3, 16, 2, negative_slope=1.0, generator=generator()), DomainError),
        (lambda: Conv(3, 16, 2, output=SphereOutput(3), generator=generator()), ShapeError),
        (lambda: Conv(3, 16, 2, generator=None), DtypeError),
    ],
)
def test_numbers_that_describe_no_encoder_are_refused(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (torch.zeros(4, 3, 16), ShapeError),
        (torch.zeros(4, 3, 16, 17), ShapeError),
        (torch.zeros(4, 1, 16, 16), ShapeError),
        (torch.zeros(4, 3, 16, 16, dtype=torch.uint8), DtypeError),
        (torch.zeros(4, 3, 16, 16, dtype=torch.float64), DtypeError),
    ],
)
def test_images_that_do_not_fit_are_refused(data, error):
    with pytest.raises(error):
        Conv(3, 16, 2, generator=generator())(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (torch.zeros(1, 3, 16, 16), ShapeError),
        (torch.zeros(4, 3, 16, 16), DomainError),
        (torch.full((4, 3, 16, 16), torch.nan), DomainError),
    ],
)
def test_a_start_from_unusable_images_is_refused(data, error):
    with pytest.raises(error):
        Conv(3, 16, 2, generator=generator()).start_from(data)
