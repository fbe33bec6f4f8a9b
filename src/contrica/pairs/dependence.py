"""Which pairs of a batch are too close in time to be each other's negatives.

Two pairs are linked if a row of one and a row of the other are of the same trial and at most w rows apart. Links are
chained, for `PairBatch.groups` are classes of an equivalence: no negative is then linked, at the price of some more
that are left out.
"""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from contrica.errors import DomainError
from contrica.pairs.timeline import Separation, Timeline


def linked_groups(anchor_rows: Tensor, positive_rows: Tensor, timeline: Timeline, within: Separation) -> Tensor:
    """Return a group id for each pair, such that pairs of different groups are not linked.

    Parameters
    ----------
    anchor_rows, positive_rows : Tensor of shape (batch,), int64
        Rows of the recording; both rows of a pair are of one trial.
    timeline : Timeline
        Where they stand.
    within : int or "trial"
        The rows w at which two pairs are still linked; or pairs of one trial are linked.

    Returns
    -------
    Tensor of shape (batch,), int64

    Raises
    ------
    DomainError
        If all pairs end up in one group, and no negatives are left.

    Examples
    --------
    >>> linked_groups(torch.tensor([0, 3, 50]), torch.tensor([2, 5, 52]), Timeline(60), 1)
    tensor([0, 0, 1])
    """
    anchors, positives = (timeline.places[rows.cpu().numpy()] for rows in (anchor_rows, positive_rows))
    if within == "trial":
        groups = timeline.trials_at(anchors)
    else:
        places, where = np.unique(np.concatenate((anchors, positives)), return_inverse=True)
        starts = (np.diff(places) > within) | (np.diff(timeline.trials_at(places)) != 0)
        runs = np.concatenate(([0], np.cumsum(starts)))[where].reshape(2, -1)
        size = int(runs.max()) + 1
        links = coo_array((np.ones(runs.shape[1]), (runs[0], runs[1])), shape=(size, size))
        groups = connected_components(links, directed=False)[1][runs[0]]
    if (groups == groups[0]).all():
        raise DomainError(
            f"with exclude_within={within!r} some pairs of a batch must remain negatives of each other, but all"
            f" {len(groups)} are linked; lower exclude_within or the batch size, or take a longer recording"
        )
    return torch.from_numpy(groups.astype(np.int64))
