"""Figures composed of sprite sheets: their nine factors from pairs of images that differ in few of them.

The encoder sees pixels as columns. Of a pair, one or two factors that chance picks are changed to another value, and
all others stay. Figures are drawn anew for each seed; of six million there are, next to none of the test is among those
of the training.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from contrica.datasets import Sprites, draw_factors
from contrica.datasets.sprites import ACTIONS, DIRECTIONS, FACTORS, NAME, NUM_VALUES
from contrica.pairs import GivenPairs, PairSource
from contrica.recordings.decoders import probe
from contrica.recordings.task import Array, Null, Rows, Task, View

SHOWN = ("direction", "action", "body", "hair", "topwear", "eyes")
"""Factors by which codes are coloured."""

COMPOSED_AT_ONCE = 512
"""Figures, each of which takes a few hundred kilobytes while it is composed."""

MOST_PROBED = 3000
"""Training rows that a probe is fitted on."""


@dataclass(frozen=True)
class Figures:
    """Factors of figures from pairs that differ in few of them.

    Parameters
    ----------
    num_pairs : int
        Pairs of all roles: two thirds are for training, a sixth each for validation and test.
    most_changed : int
        Factors in which a pair differs at most; at least one.
    shrink : int
        Pixels of the sheet to a pixel of the image, along each side.
    """

    num_pairs: int = 6000
    most_changed: int = 2
    shrink: int = 4
    source: ClassVar[str] = NAME

    def task(self, seed: int) -> Task:
        """Draw and compose the figures.

        Raises
        ------
        UnreadableFileError, FileFormatError
            If there is no such folder, or a sheet is missing.
        """
        sprites, generator = Sprites(shrink=self.shrink), torch.Generator().manual_seed(seed)
        factors = draw_factors(self.num_pairs, generator=generator)
        changed = change_few(factors, self.most_changed, generator=generator)
        anchors, positives = (_composed(sprites, each) for each in (factors, changed))
        part = 6 * np.arange(self.num_pairs) // self.num_pairs
        roles = np.where(part < 4, "train", np.where(part < 5, "validation", "test"))
        train = np.flatnonzero(roles == "train")
        values = factors.numpy()
        task = Task(
            inputs=anchors,
            roles=roles,
            pairs=_pairs(anchors, positives),
            decode=partial(_probes, values),
            views=tuple(
                View(name, "classes", values[:, FACTORS.index(name)], _names(name), discriminant=True) for name in SHOWN
            ),
        )

        def shuffled(order: Rows) -> Task:
            others = positives.clone()
            others[train] = positives[train[order]]
            return replace(task, pairs=_pairs(anchors, others))

        return replace(task, nulls=(Null("partners of the training pairs shuffled", len(train), shuffled),))


def change_few(factors: Tensor, most: int, *, generator: torch.Generator) -> Tensor:
    """Return rows of factors of which 1 to ``most``, equally likely, have another value.

    >>> generator = torch.Generator().manual_seed(0)
    >>> before = draw_factors(500, generator=generator)
    >>> (change_few(before, 2, generator=generator) != before).sum(1).unique()
    tensor([1, 2])
    """
    sizes = torch.tensor(NUM_VALUES)
    rank = torch.rand(factors.shape, generator=generator).argsort(dim=1).argsort(dim=1)
    chosen = rank < torch.randint(1, most + 1, (len(factors), 1), generator=generator)
    shift = 1 + (torch.rand(factors.shape, generator=generator) * (sizes - 1)).long().clamp(max=sizes - 2)
    return torch.where(chosen, (factors + shift) % sizes, factors)


def _composed(sprites: Sprites, factors: Tensor) -> Tensor:
    return torch.cat([sprites.images(part).flatten(1) for part in factors.split(COMPOSED_AT_ONCE)])


def _pairs(anchors: Tensor, positives: Tensor) -> Callable[[Rows], PairSource]:
    return lambda rows: GivenPairs(anchors[rows], positives[rows])


def _probes(factors: Array, codes: Array, fit: Rows, test: Rows) -> dict[str, float]:
    some = fit[:MOST_PROBED]
    found = {name: probe(factors[:, column], codes, some, test) for column, name in enumerate(FACTORS)}
    return {"mean over factors": float(np.mean(list(found.values()))), **found}


def _names(factor: str) -> tuple[str, ...]:
    named = {"direction": DIRECTIONS, "action": ACTIONS}
    return named.get(factor, tuple(f"{factor} {number}" for number in range(NUM_VALUES[FACTORS.index(factor)])))
