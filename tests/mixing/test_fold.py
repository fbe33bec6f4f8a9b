import math

import pytest
import torch

from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.mixing import Fold


def test_both_sides_of_the_crease_look_alike_in_the_folded_factors_only():
    fold = Fold(3, [1], crease=0.5)
    latents = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mirrored = latents.clone()
    mirrored[:, 1] = 1.0 - mirrored[:, 1]
    torch.testing.assert_close(fold(latents), fold(mirrored))
    torch.testing.assert_close(fold(latents)[:, [0, 2]], latents[:, [0, 2]])
    torch.testing.assert_close(fold(latents)[:, 1], (latents[:, 1] - 0.5).abs())
    assert fold.observation_shape == (3,)


def test_a_fold_of_nothing_changes_nothing():
    latents = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Fold(2, [])(latents), latents)


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: Fold(0, []), DomainError),
        (lambda: Fold(2, [2]), DomainError),
        (lambda: Fold(2, [-1]), DomainError),
        (lambda: Fold(2, ["0"]), DtypeError),
        (lambda: Fold(2, [0], crease=math.inf), DomainError),
        (lambda: Fold(2, [0])(torch.zeros(3, 3)), ShapeError),
    ],
)
def test_what_cannot_be_folded_is_refused(build, error):
    with pytest.raises(error):
        build()
