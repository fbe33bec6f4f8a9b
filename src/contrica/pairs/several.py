"""Several recordings of different widths as one: every row says which recording it is of, and is filled up with zeros.

    (number of the recording, its columns, zeros up to the widest)

So any pair source takes them, and `encoders.PerRecording` sends each row to the encoder of its recording. Labels that
recordings share give pairs across them, x of one and x~ of another, and with them codes that mean the same: as x~ is
drawn whatever its recording, p(x~|x) / p(x~) does not tell recordings apart. By time there are pairs within recordings
only; then negatives must be of the same recording too, or telling recordings apart is all that is learned
(`EitherPairs`), and the codes of each are found up to its own indeterminacy. (Sessions as in Schneider et al. 2023,
Nature 617:360.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from contrica import _checks
from contrica.errors import DomainError, DtypeError, ShapeError
from contrica.pairs.batch import PairBatch, PairSource
from contrica.pairs.recording import Observations, Recording


def stack_recordings(recordings: Sequence[Observations]) -> Tensor:
    """Return the rows of all recordings, one after the other, in one table.

    Parameters
    ----------
    recordings : sequence of Tensors or arrays of shape (rows, columns)
        Each with as many rows and columns as it has.

    Returns
    -------
    Tensor of shape (all rows, 1 + most columns), float32
        The number of the recording, from 0, its columns, and zeros.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        If there is none, or one is no finite table.

    Examples
    --------
    >>> stack_recordings([torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0], [6.0]])])
    tensor([[0., 1., 2.],
            [0., 3., 4.],
            [1., 5., 0.],
            [1., 6., 0.]])
    """
    if not recordings:
        raise ShapeError("there must be at least 1 recording, got none; pass a list of tables")
    tables = []
    for observations in recordings:
        recording = Recording(observations)
        table = recording.take(torch.arange(recording.num_rows)).float().cpu()
        if table.ndim != 2:
            raise ShapeError(f"a recording must have shape (rows, columns), got {tuple(table.shape)}; flatten its rows")
        tables.append(table)
    widest = max(table.shape[1] for table in tables)
    stacked = torch.zeros(sum(map(len, tables)), 1 + widest)
    begin = 0
    for number, table in enumerate(tables):
        rows = slice(begin, begin + len(table))
        stacked[rows, 0] = number
        stacked[rows, 1 : 1 + table.shape[1]] = table
        begin += len(table)
    return stacked


class EitherPairs:
    """Each batch from one of several sources, which is drawn by chance.

    Parameters
    ----------
    sources : sequence of PairSource
        One per recording, so that negatives are of the recording of their anchor; or pairs by time and pairs by label.
    weights : sequence of float, optional
        In proportion to the chances; equal if not given.

    Raises
    ------
    ShapeError, DtypeError, DomainError
        If there is no source, one is none, or weights are not as many finite numbers of at least 0 with a positive sum.

    Notes
    -----
    The loss is the weighted mean of the sources' losses. Where x tells which source it is of, as with recordings of
    their own, each of them is at its own optimum; elsewhere the critic can only be a compromise.

    Examples
    --------
    >>> from contrica.pairs.given import GivenPairs
    >>> sources = [GivenPairs(torch.zeros(9, 1), torch.zeros(9, 1)), GivenPairs(torch.ones(9, 1), torch.ones(9, 1))]
    >>> pairs, generator = EitherPairs(sources), torch.Generator().manual_seed(0)
    >>> [int(pairs.draw(4, generator=generator).anchors.unique()) for _ in range(6)]
    [1, 1, 0, 0, 0, 0]
    """

    def __init__(self, sources: Sequence[PairSource], *, weights: Sequence[float] | None = None) -> None:
        """Keep them; nothing is drawn yet."""
        self._sources = tuple(sources)
        if not self._sources:
            raise ShapeError("there must be at least 1 source, got none; pass a list of pair sources")
        for source in self._sources:
            if not isinstance(source, PairSource):
                raise DtypeError(f"a source must have draw, got {type(source).__name__}; pass such as TemporalPairs")
        shares = [1.0] * len(self._sources) if weights is None else [_checks.finite(one, "weights") for one in weights]
        if len(shares) != len(self._sources):
            raise ShapeError(f"weights must be one per source, {len(self._sources)}, got {len(shares)}; pass as many")
        if min(shares) < 0 or sum(shares) <= 0:
            raise DomainError(f"weights must be at least 0 and not all 0, got {shares}; pass such as 1.0 each")
        self._ends = (torch.tensor(shares, dtype=torch.float64) / sum(shares)).cumsum(0)[:-1]

    def draw(self, batch_size: int, *, generator: torch.Generator) -> PairBatch:
        """Draw the source, then ``batch_size`` pairs of it.

        Raises
        ------
        ContricaError
            As the source does.
        """
        _checks.generator(generator)
        chance = torch.rand((), generator=generator, dtype=torch.float64, device=generator.device).cpu()
        number = int(torch.searchsorted(self._ends, chance, right=True))
        return self._sources[number].draw(batch_size, generator=generator)
