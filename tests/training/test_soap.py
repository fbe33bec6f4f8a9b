"""SOAP: its first steps written out, and what it is for."""

import statistics

import pytest
import torch
from torch import nn

from contrica.training.soap import SOAP


def gradients(shape, count, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=stream, dtype=torch.float64) for _ in range(count)]


def written_out(weight, steps, *, rate, betas, every):
    """Follow the formula one matrix at a time."""
    first, second = betas
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    left, right = steps[0] @ steps[0].T, steps[0].T @ steps[0]
    rows, columns = torch.linalg.eigh(left)[1], torch.linalg.eigh(right)[1]
    for number, gradient in enumerate(steps, start=1):
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * (rows.T @ gradient @ columns) ** 2
        numerator = rows.T @ mean @ columns / (1 - first**number)
        weight = weight - rate * rows @ (numerator / ((square / (1 - second**number)).sqrt() + 1e-8)) @ columns.T
        left = second * left + (1 - second) * gradient @ gradient.T
        right = second * right + (1 - second) * gradient.T @ gradient
        if number % every == 0:
            rows, columns = torch.linalg.qr(left @ rows)[0], torch.linalg.qr(right @ columns)[0]
    return weight


@pytest.mark.parametrize("shape", [(3, 5), (6, 2)])
def test_steps_are_those_of_the_formula(shape):
    steps = gradients(shape, 7)
    weight = nn.Parameter(torch.ones(shape, dtype=torch.float64))
    optimizer = SOAP([weight], lr=0.1, betas=(0.8, 0.9), basis_steps=3)
    for gradient in steps:
        weight.grad = gradient
        optimizer.step()
    expected = written_out(torch.ones(shape, dtype=torch.float64), steps, rate=0.1, betas=(0.8, 0.9), every=3)
    torch.testing.assert_close(weight.detach(), expected)


def test_a_vector_gets_adam():
    steps = gradients((4,), 5)
    ours, theirs = (nn.Parameter(torch.ones(4, dtype=torch.float64)) for _ in range(2))
    optimizers = [SOAP([ours], lr=0.1, betas=(0.9, 0.95)), torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.95))]
    for gradient in steps:
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(ours.detach(), theirs.detach())


@pytest.mark.parametrize("laid_out", [lambda table: table.T.contiguous().T, lambda table: table.repeat(1, 2)[:, :3]])
def test_the_order_of_memory_changes_nothing(laid_out):
    plain, other, column = (nn.Parameter(torch.ones(*size, dtype=torch.float64)) for size in ((5, 3), (5, 3), (5,)))
    vector = nn.Parameter(torch.ones(5, dtype=torch.float64))
    optimizer = SOAP([plain, other, column, vector], lr=0.1)
    for gradient in gradients((5, 3), 4):
        plain.grad, other.grad = gradient, laid_out(gradient)
        column.grad, vector.grad = laid_out(gradient)[:, 0], gradient[:, 0].clone()
        optimizer.step()
    torch.testing.assert_close(other.detach(), plain.detach())
    torch.testing.assert_close(column.detach(), vector.detach())


def test_more_than_two_axes_are_a_matrix_of_the_first_by_the_others():
    table, block = nn.Parameter(torch.ones(3, 8)), nn.Parameter(torch.ones(3, 2, 4))
    optimizer = SOAP([table, block], lr=0.1)
    for gradient in gradients((3, 8), 4):
        table.grad, block.grad = gradient.float(), gradient.float().view(3, 2, 4)
        optimizer.step()
    torch.testing.assert_close(table.detach(), block.detach().view(3, 8))


def test_a_rotation_of_rows_and_columns_rotates_the_steps():
    stream = torch.Generator().manual_seed(1)
    rows, columns = (torch.linalg.qr(torch.randn(4, 4, generator=stream, dtype=torch.float64))[0] for _ in range(2))
    plain, turned = (nn.Parameter(torch.zeros(4, 4, dtype=torch.float64)) for _ in range(2))
    optimizer = SOAP([plain, turned], lr=0.1)
    for gradient in gradients((4, 4), 30):
        plain.grad, turned.grad = gradient, rows @ gradient @ columns
        optimizer.step()
    torch.testing.assert_close(rows @ plain.detach() @ columns, turned.detach())


def test_decay_is_decoupled_and_a_missing_gradient_is_skipped():
    decayed, skipped = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimizer = SOAP([decayed, skipped], lr=0.1, weight_decay=0.5)
    decayed.grad = torch.zeros(2, 2)
    optimizer.step()
    torch.testing.assert_close(decayed.detach(), torch.full((2, 2), 0.95))
    torch.testing.assert_close(skipped.detach(), torch.ones(2, 2))


def test_a_long_side_is_not_rotated():
    weight = nn.Parameter(torch.zeros(2, 1025))
    weight.grad = torch.randn(2, 1025, generator=torch.Generator().manual_seed(0))
    optimizer = SOAP([weight])
    optimizer.step()
    assert optimizer.state[weight]["bases"][0].shape == (2, 2)
    assert optimizer.state[weight]["bases"][1] is None


@pytest.mark.slow
def test_an_ill_conditioned_fit_needs_fewer_steps_than_adam():
    def distance(kind, seed):
        stream = torch.Generator().manual_seed(seed)
        turn = torch.linalg.qr(torch.randn(8, 8, generator=stream))[0]
        scales = turn * torch.logspace(0, -2, 8)
        target = torch.randn(8, 8, generator=stream)
        weight = nn.Parameter(torch.zeros(8, 8))
        optimizer = kind([weight], lr=0.02)
        for _ in range(300):
            optimizer.zero_grad()
            ((weight - target) @ scales).square().sum().backward()
            optimizer.step()
        return float((weight.detach() - target).norm() / target.norm())

    def middle(kind):  # of nine: near the end a single run swings
        return statistics.median(distance(kind, seed) for seed in range(9))

    assert middle(SOAP) < 0.5 * middle(lambda params, lr: torch.optim.Adam(params, lr=lr, betas=(0.95, 0.95)))
