"""One encoder for each of several recordings, with codes in one space.

    codes(number, x, 0 ... 0) = f_number(x)

as `pairs.several.stack_recordings` writes rows. A recording can be added later: `freeze` what is fitted, `add` its
encoder, and train on pairs that tie it to the others, by shared labels, or on its own with the critic frozen.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError


class PerRecording(nn.Module):
    """Send each row to the network of its recording.

    Parameters
    ----------
    networks : sequence of nn.Module
        Of recording 0, 1, ...: encoders with equally many codes, or offset networks.
    widths : sequence of int
        Columns of each recording.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        If there is none, one is no module, or there are not as many positive widths.

    Examples
    --------
    >>> from contrica.encoders.mlp import MLP
    >>> generator = torch.Generator().manual_seed(0)
    >>> encoder = PerRecording([MLP(width, 2, generator=generator) for width in (5, 3)], (5, 3))
    >>> encoder(torch.tensor([[0.0, 1, 2, 3, 4, 5], [1.0, 1, 2, 3, 0, 0]])).shape
    torch.Size([2, 2])
    """

    def __init__(self, networks: Sequence[nn.Module], widths: Sequence[int]) -> None:
        """Keep the networks."""
        super().__init__()
        if not networks or len(networks) != len(widths):
            raise ShapeError(
                f"there must be a width for each of at least 1 network, got {len(networks)} networks and {len(widths)}"
                " widths; pass as many"
            )
        self.networks = nn.ModuleList()
        self.widths: list[int] = []
        for network, width in zip(networks, widths, strict=True):
            self.add(network, width)

    def add(self, network: nn.Module, width: int) -> None:
        """Add the network of one more recording, which gets the next number.

        Raises
        ------
        DtypeError, DomainError
            If it is no module, or the width is not positive.
        """
        if not isinstance(network, nn.Module):
            raise DtypeError(f"a network must be a torch module, got {type(network).__name__}; pass such as MLP")
        self.widths.append(_checks.count(width, "width"))
        self.networks.append(network)

    def freeze(self) -> None:
        """Stop all networks that are here from learning; those that are added later learn."""
        self.networks.requires_grad_(False)

    @torch.no_grad()
    def start_from(self, observations: Tensor) -> None:
        """Call ``start_from`` of each network that learns and has it, with the rows of its recording.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If rows do not fit, or those of a recording are too few.
        """
        for number, rows in self._parted(observations):
            network = self.networks[number]
            start = getattr(network, "start_from", None)
            if callable(start) and any(weight.requires_grad for weight in network.parameters()):
                start(observations[rows, 1 : 1 + self.widths[number]])

    def forward(self, observations: Tensor) -> Tensor:
        """Encode each row by the network of its recording.

        Raises
        ------
        ShapeError, DtypeError, DomainError
            If there is no network for a number, or rows are narrower than their recording.
        """
        parted = self._parted(observations)
        found = [self.networks[number](observations[rows, 1 : 1 + self.widths[number]]) for number, rows in parted]
        order = torch.cat([rows for _, rows in parted])
        codes: Tensor = torch.cat(found)[torch.argsort(order)]
        return codes

    def _parted(self, observations: Tensor) -> list[tuple[int, Tensor]]:
        _checks.samples(observations, "observations", observations.shape[1:], least_rows=1)
        if observations.ndim != 2 or observations.shape[1] < 2:
            raise ShapeError(
                f"observations must have shape (rows, 1 + columns), got {tuple(observations.shape)}; stack recordings"
            )
        parted = []
        for value in observations[:, 0].unique().tolist():
            if value not in range(len(self.networks)):
                raise DomainError(
                    f"the first column must be the number of a recording, below {len(self.networks)}, got {value:g};"
                    " stack recordings, or add a network"
                )
            number = int(value)
            if observations.shape[1] < 1 + self.widths[number]:
                raise ShapeError(
                    f"rows of recording {number} must have {1 + self.widths[number]} columns with their number, got"
                    f" {observations.shape[1]}; stack recordings"
                )
            parted.append((number, (observations[:, 0] == value).nonzero().flatten()))
        return parted
