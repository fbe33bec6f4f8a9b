"""The law of drawn rows against a table of what it should be, by Pearson's chi-square."""

import numpy as np
import torch
from scipy import stats


def drawn_table(source, num_pairs, seed=0):
    """How often each (anchor row, positive row) is drawn."""
    generator = torch.Generator().manual_seed(seed)
    anchors, positives = source.draw_rows(num_pairs, generator=generator)
    table = np.zeros((source.num_rows, source.num_rows))
    np.add.at(table, (anchors.numpy(), positives.numpy()), 1)
    return table


def assert_law(source, law, num_pairs=20_000, seed=0):
    """Refuse pairs outside of the law, and counts that the law makes less likely than one in ten thousand."""
    law = np.asarray(law, np.float64)
    np.testing.assert_allclose(law.sum(), 1.0, rtol=1e-12)
    table = drawn_table(source, num_pairs, seed)
    assert table[law == 0].sum() == 0, "a pair was drawn that must not be"
    observed, expected = table[law > 0], num_pairs * law[law > 0]
    assert expected.min() >= 5, "too few draws for a chi-square"
    surprise = ((observed - expected) ** 2 / expected).sum()
    chance = stats.chi2.sf(surprise, len(observed) - 1) if len(observed) > 1 else 1.0
    assert chance > 1e-4, f"chi-square {surprise:.1f} over {len(observed)} pairs has a chance of {chance:.1e}"
