import torch

from contrica.latents import draws


def test_no_uniform_is_zero_or_one():
    numbers = draws.uniforms((1000, 100), torch.Generator().manual_seed(0))
    assert numbers.dtype == torch.float64
    assert numbers.min() > 0.0
    assert numbers.max() < 1.0


def test_a_generator_that_moved_on_gives_other_numbers():
    generator = torch.Generator().manual_seed(0)
    assert not torch.equal(draws.normals((5,), generator), draws.normals((5,), generator))
