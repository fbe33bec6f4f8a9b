"""A fixed change of units: (x - centre) / spread, per channel, measured once on some observations.

Unlike batch normalisation it depends on no other row of the batch: the code of an observation stays a function of that
observation, which the theory needs.
"""

import torch
from torch import Tensor, nn

from contrica.errors import DtypeError


class Standardise(nn.Module):
    """Standardise the first axis after the batch; the identity until `start_from` has measured the observations.

    Parameters
    ----------
    channels : int
        Length of that axis: the columns of a table, the colours of an image.
    device : torch.device
        Where the two buffers lie.

    Examples
    --------
    >>> standardise = Standardise(2)
    >>> standardise.start_from(torch.tensor([[0.0, 7.0], [4.0, 7.0]]))
    >>> standardise(torch.tensor([[2.0, 7.0], [6.0, 8.0]]))
    tensor([[0., 0.],
            [2., 1.]])
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, channels: int, *, device: torch.device | None = None) -> None:
        """Start as the identity."""
        super().__init__()
        self.register_buffer("centre", torch.zeros(channels, device=device))
        self.register_buffer("spread", torch.ones(channels, device=device))

    @torch.no_grad()
    def start_from(self, observations: Tensor) -> None:
        """Measure mean and standard deviation (divisor: number of values) per channel; a constant one keeps spread 1.

        Parameters
        ----------
        observations : Tensor of shape (samples, channels, ...)
            Finite; checked by the caller.
        """
        table = observations.to(torch.float64).transpose(0, 1).flatten(1)
        spread, centre = torch.std_mean(table, dim=1, correction=0)
        constant = spread <= torch.finfo(torch.float32).eps * centre.abs()
        self.centre.copy_(centre)
        self.spread.copy_(torch.where(constant, torch.ones_like(spread), spread))

    def forward(self, observations: Tensor) -> Tensor:
        """Return the observations in the new units, same shape.

        Raises
        ------
        DtypeError
            If the observations are of another dtype than the parameters, which torch would refuse less clearly.
        """
        if observations.dtype != self.centre.dtype:
            raise DtypeError(
                f"observations must be {self.centre.dtype} like the encoder, got {observations.dtype}; convert either"
            )
        along = (-1,) + (1,) * (observations.ndim - 2)
        return (observations - self.centre.view(along)) / self.spread.view(along)
