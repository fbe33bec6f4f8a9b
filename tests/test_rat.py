"""Position of a rat from spike counts and time alone; the comparison with peers stands in benchmarks/results/rat.md."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor

from contrica import (
    MLP,
    ChangedPairs,
    Critic,
    Dropout,
    InfoNCE,
    SquaredEuclidean,
    TemporalPairs,
    TrainingOptions,
    train,
)
from contrica.datasets import SpatialCells, open_field_path
from recorded_data import needs_recordings

pytestmark = [pytest.mark.slow, needs_recordings]


def test_three_codes_of_the_counts_tell_where_the_rat_is_in_blocks_of_time_that_were_held_out():
    path = open_field_path().every(0.5)
    generator = torch.Generator().manual_seed(0)
    cells = SpatialCells.draw(50, 50, generator=generator)
    counts = cells.counts(torch.tensor(path.positions), seconds=0.5, generator=generator)
    blocks = ((path.times - path.times[0]) // 20.0).astype(int)
    seen = blocks % 5 != 4
    pairs = TemporalPairs(counts[torch.tensor(seen)], lags=range(1, 4), trials=blocks[seen])
    encoder = MLP(100, 3, widths=(64, 64), generator=generator)
    encoder.start_from(counts[torch.tensor(seen)])
    options = TrainingOptions(steps=400, batch_size=256, learning_rate=2e-3)
    changed = ChangedPairs(pairs, Dropout(0.5))
    list(train(encoder, Critic(SquaredEuclidean()), InfoNCE(), changed, options=options, generator=generator))
    with torch.no_grad():
        codes = encoder(counts).numpy()
    decoder = KNeighborsRegressor(5, weights="distance").fit(codes[seen], path.positions[seen])
    reached = r2_score(path.positions[~seen], decoder.predict(codes[~seen]))
    assert reached >= 0.9
    shuffled = codes[np.random.default_rng(0).permutation(len(codes))]
    assert r2_score(path.positions[~seen], decoder.predict(shuffled[~seen])) < 0.1
