import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contrica.encoders import BoxOutput, ProductOutput, SphereOutput, Unbounded
from contrica.encoders.outputs import fitting_output
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.spaces import Box, ProductSpace, Sphere

OUTPUTS = [
    ProductOutput(SphereOutput(2), BoxOutput(Box(1))),
    Unbounded(3),
    SphereOutput(3),
    BoxOutput(Box(3)),
    BoxOutput(Box(3, low=-2.0, high=5.0)),
]
rows = st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=3, max_size=3)


@pytest.mark.parametrize("output", OUTPUTS)
@given(raw=st.lists(rows, min_size=1, max_size=4))
def test_codes_lie_in_the_space_of_the_output(output, raw):
    codes = output(torch.tensor(raw))
    assert output.space.contains(codes).all()


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_comparison_with_the_space_can_fail(output):
    assert not output.space.contains(torch.tensor([[torch.nan, 9.0, 9.0]])).any()


@given(row=rows, scale=st.sampled_from([1e-3, 7.0]))
def test_the_sphere_keeps_the_direction_and_nothing_else(row, scale):
    raw = torch.tensor([row], dtype=torch.float64)
    torch.testing.assert_close(SphereOutput(3)(scale * raw), SphereOutput(3)(raw))


def test_the_sphere_is_reached_by_dividing_by_the_length():
    raw = torch.randn(20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(SphereOutput(4)(raw), raw / raw.square().sum(1, keepdim=True).sqrt())


def test_the_gradient_through_the_sphere_is_that_of_the_formula():
    raw = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SphereOutput(3), raw)


def test_the_origin_goes_to_the_pole_without_a_gradient():
    raw = torch.zeros(1, 3, requires_grad=True)
    codes = SphereOutput(3)(raw)
    codes.sum().backward()
    assert torch.equal(codes.detach(), torch.tensor([[1.0, 0.0, 0.0]]))
    assert torch.equal(raw.grad, torch.zeros(1, 3))


@pytest.mark.parametrize("output", [SphereOutput(3), BoxOutput(Box(3))])
def test_a_missing_value_is_not_hidden_by_the_projection(output):
    assert output(torch.tensor([[torch.nan, 1.0, 1.0]])).isnan().any()


def test_a_learned_radius_scales_the_sphere_and_receives_a_gradient():
    output = SphereOutput(2, learnable_radius=True)
    raw = torch.tensor([[3.0, 4.0]])
    torch.testing.assert_close(output(raw), torch.tensor([[0.6, 0.8]]))
    output(raw).sum().backward()
    torch.testing.assert_close(output.log_radius.grad.item(), 1.4)
    with torch.no_grad():
        output.log_radius.fill_(torch.tensor(2.0).log())
    torch.testing.assert_close(output(raw), torch.tensor([[1.2, 1.6]]))


def test_learned_sides_stretch_each_coordinate_from_the_lower_corner():
    output = BoxOutput(Box(2, low=1.0, high=3.0), learnable_sides=True)
    raw = torch.tensor([[0.0, 100.0]])
    torch.testing.assert_close(output(raw), torch.tensor([[2.0, 3.0]]))
    with torch.no_grad():
        output.log_sides += torch.tensor([2.0, 3.0]).log()
    torch.testing.assert_close(output(raw), torch.tensor([[3.0, 7.0]]))
    output(raw).sum().backward()
    torch.testing.assert_close(output.log_sides.grad, torch.tensor([2.0, 6.0]))


def test_fixed_outputs_have_nothing_to_learn():
    assert not any(list(output.parameters()) or output.is_learned for output in OUTPUTS)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Unbounded(0), DomainError),
        (lambda: Unbounded(1.5), DtypeError),
        (lambda: SphereOutput(1), DomainError),
        (lambda: SphereOutput("3"), DtypeError),
        (lambda: BoxOutput(3), DtypeError),
        (lambda: fitting_output(torch.nn.Identity(), 3), DtypeError),
        (lambda: fitting_output(SphereOutput(4), 3), ShapeError),
    ],
)
def test_a_space_that_is_none_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_no_output_means_unbounded():
    assert isinstance(fitting_output(None, 3), Unbounded)


def test_a_product_projects_each_block_by_itself():
    output = ProductOutput(SphereOutput(2, learnable_radius=True), Unbounded(1), BoxOutput(Box(2)))
    raw = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    codes = output(raw)
    torch.testing.assert_close(codes[:, :2], SphereOutput(2)(raw[:, :2]))
    torch.testing.assert_close(codes[:, 2], raw[:, 2])
    torch.testing.assert_close(codes[:, 3:], BoxOutput(Box(2))(raw[:, 3:]))
    assert output.space == ProductSpace(Sphere(2), Unbounded(1).space, Box(2))
    assert output.is_learned


@pytest.mark.parametrize("blocks", [(), (SphereOutput(2),), (SphereOutput(2), torch.nn.Identity())])
def test_a_product_of_anything_else_is_refused(blocks):
    with pytest.raises((DtypeError, ShapeError)):
        ProductOutput(*blocks)
