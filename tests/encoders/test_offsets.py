import pytest
import torch

from contrica.encoders import ScalarNet
from contrica.errors import DomainError, DtypeError, ShapeError

SHAPES = [5, (5,), (3, 8, 8), (1, 40, 20)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(in_shape, samples=10):
    shape = (in_shape,) if isinstance(in_shape, int) else in_shape
    return torch.randn(samples, *shape, generator=generator(1))


@pytest.mark.parametrize("in_shape", SHAPES)
def test_offsets_start_at_zero(in_shape):
    offset = ScalarNet(in_shape, generator=generator())
    offset.start_from(draw(in_shape))
    assert torch.equal(offset(draw(in_shape)), torch.zeros(10))


@pytest.mark.parametrize("in_shape", SHAPES)
def test_the_first_gradient_moves_the_last_layer_and_the_next_all_layers(in_shape):
    offset = ScalarNet(in_shape, generator=generator())
    offset(draw(in_shape)).square().sub(1).square().sum().backward()  # zero slope at zero: nothing moves
    assert not offset.last.weight.grad.any()
    offset.zero_grad()
    offset(draw(in_shape)).sum().backward()
    assert offset.last.weight.grad.any()
    with torch.no_grad():
        offset.last.weight += offset.last.weight.grad
    offset(draw(in_shape)).sum().backward()
    assert all(parameter.grad.any() for parameter in offset.parameters())


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    ScalarNet(5, generator=generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_equal_generators_give_equal_networks():
    first, again, other = (ScalarNet(5, generator=generator(seed)) for seed in (0, 0, 1))
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert not torch.equal(other.hidden[0].weight, first.hidden[0].weight)


def test_large_images_are_averaged_down_first():
    assert ScalarNet((3, 200, 100), generator=generator()).hidden[0].in_features == 3 * 16 * 16
    assert ScalarNet((3, 8, 100), generator=generator()).hidden[0].in_features == 3 * 8 * 16


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ScalarNet((), generator=generator()), ShapeError),
        (lambda: ScalarNet((3, 4), generator=generator()), ShapeError),
        (lambda: ScalarNet(0, generator=generator()), DomainError),
        (lambda: ScalarNet((3, 4, -1), generator=generator()), DomainError),
        (lambda: ScalarNet(5, widths=(), generator=generator()), ShapeError),
        (lambda: ScalarNet(5, widths=(0,), generator=generator()), DomainError),
        (lambda: ScalarNet(5, generator="seed"), DtypeError),
        (lambda: ScalarNet(5, generator=generator())(torch.zeros(3, 4)), ShapeError),
        (lambda: ScalarNet(5, generator=generator())(torch.zeros(3, 5, dtype=torch.int32)), DtypeError),
        (lambda: ScalarNet(5, generator=generator())(torch.zeros(3, 5, dtype=torch.float64)), DtypeError),
        (lambda: ScalarNet(5, generator=generator()).start_from(torch.zeros(3, 5)), DomainError),
        (lambda: ScalarNet(5, generator=generator()).start_from(torch.ones(1, 5)), ShapeError),
        (lambda: ScalarNet(5, generator=generator()).start_from(torch.full((3, 5), torch.inf)), DomainError),
    ],
)
def test_what_describes_no_offset_is_refused(make, error):
    with pytest.raises(error):
        make()
