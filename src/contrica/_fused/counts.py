"""How many candidates each anchor may be contrasted with, from ids alone.

    K_i = #{j : excluded_i != excluded_j and within_i = within_j}

by sorting, in memory linear in the rows.
"""

import torch
from torch import Tensor

Ids = tuple[Tensor, Tensor]


def admissible_counts(exclude: Ids | None, within: Ids | None, columns: int) -> Tensor:
    """Return the counts, of shape (rows,), or (1,) where nothing is inadmissible.

    >>> ids = torch.tensor([0, 1, 1])
    >>> admissible_counts((ids, ids), None, 3)
    tensor([2, 1, 1])
    """
    if within is None:
        all_columns = torch.tensor([columns])
        return all_columns if exclude is None else all_columns - _equal(exclude)
    return _equal(within) if exclude is None else _equal(within) - _equal(_jointly(exclude, within))


def _equal(ids: Ids) -> Tensor:
    rows, ordered = ids[0], ids[1].sort().values
    return torch.searchsorted(ordered, rows, right=True) - torch.searchsorted(ordered, rows)


def _jointly(first: Ids, second: Ids) -> Ids:
    numbered = [torch.unique(torch.cat(ids), return_inverse=True)[1] for ids in (first, second)]
    joint = numbered[0] * (numbered[1].max() + 1) + numbered[1]
    rows = len(first[0])
    return joint[:rows], joint[rows:]
