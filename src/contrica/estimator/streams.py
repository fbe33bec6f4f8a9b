"""Named streams of random numbers from one ``random_state``: a change of one leaves the draws of the others alone.

Dropout and the like inside an encoder take their numbers from torch's global generator. While such an encoder trains,
the global generator is replaced by a stream of the seed, and put back as it was afterwards.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils import check_random_state

from contrica.errors import DomainError

RandomState = int | np.random.RandomState | None
"""What scikit-learn calls a random state: a seed, a generator to take one from, or None for a fresh one."""

LARGEST_SEED = np.iinfo(np.int32).max
"""Seeds are drawn below this."""


@dataclass(frozen=True)
class Streams:
    """The generators of one fit.

    >>> streams = Streams.of(0)
    >>> same, other = Streams.of(0).named("pairs"), streams.named("start")
    >>> first = torch.rand(1, generator=streams.named("pairs"))
    >>> bool(first == torch.rand(1, generator=same)), bool(first == torch.rand(1, generator=other))
    (True, False)
    """

    seed: int

    @classmethod
    def of(cls, random_state: RandomState) -> "Streams":
        """Take a seed from ``random_state``; the same int gives the same seed, None another one each time.

        Raises
        ------
        DomainError
            If it is no random state.
        """
        try:
            source = check_random_state(random_state)
        except ValueError as error:
            raise DomainError(
                f"random_state must be an int from 0 to 4294967295, a RandomState or None, got {random_state!r}"
            ) from error
        return cls(int(source.randint(LARGEST_SEED)))

    def named(self, name: str) -> torch.Generator:
        """Return a fresh generator of the named stream."""
        first, second = np.random.SeedSequence([self.seed, zlib.crc32(name.encode())]).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(first) << 31 ^ int(second))


@contextmanager
def lent_to_torch(generator: torch.Generator) -> Iterator[None]:
    """Let torch's global generator of the CPU be ``generator`` inside, and what it was before afterwards."""
    before = torch.get_rng_state()
    torch.set_rng_state(generator.get_state())
    try:
        yield
    finally:
        torch.set_rng_state(before)
