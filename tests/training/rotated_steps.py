"""Gradients, and the steps that an optimizer in SOAP's basis makes of them, with plain products."""

import torch


def gradients(shape, count, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=stream, dtype=torch.float64) for _ in range(count)]


def written_out(weight, steps, *, rate, betas, every, denominator):
    """Follow the formula one matrix at a time; ``denominator`` is what means are divided by, of mean squares."""
    first, second = betas
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    left, right = steps[0] @ steps[0].T, steps[0].T @ steps[0]
    rows, columns = torch.linalg.eigh(left)[1], torch.linalg.eigh(right)[1]
    for number, gradient in enumerate(steps, start=1):
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * (rows.T @ gradient @ columns) ** 2
        numerator = rows.T @ mean @ columns / (1 - first**number)
        weight = weight - rate * rows @ (numerator / denominator(square / (1 - second**number))) @ columns.T
        left = second * left + (1 - second) * gradient @ gradient.T
        right = second * right + (1 - second) * gradient.T @ gradient
        if number % every == 0:
            rows, columns = torch.linalg.qr(left @ rows)[0], torch.linalg.qr(right @ columns)[0]
    return weight
