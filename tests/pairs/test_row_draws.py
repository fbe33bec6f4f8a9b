import numpy as np
import torch
from scipy import stats

from contrica.pairs.row_draws import below


def test_each_integer_below_each_limit_is_equally_likely():
    limits = torch.tensor([1, 2, 7]).repeat(7000)
    drawn = below(limits, torch.Generator().manual_seed(0)).numpy().reshape(-1, 3)
    assert set(drawn[:, 0]) == {0}
    for column, limit in ((1, 2), (2, 7)):
        counts = np.bincount(drawn[:, column], minlength=limit)
        assert len(counts) == limit
        assert stats.chisquare(counts).pvalue > 1e-4
