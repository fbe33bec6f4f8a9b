"""Ctrl-C held back to the end of a step, where the model is whole; a second one acts at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interrupts:
    """Whether the user has asked to stop."""

    asked: bool = False


@contextmanager
def held_interrupts() -> Iterator[Interrupts]:
    """Hold back a KeyboardInterrupt inside; whoever loops looks at ``asked`` and stops.

    A second one is raised at once. Outside of the main thread, and where somebody else handles the signal, nothing is
    held back.

    Examples
    --------
    >>> with held_interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupts.asked
    True
    """
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield interrupts
        return

    def hold(number: int, frame: FrameType | None) -> None:
        if interrupts.asked:
            raise KeyboardInterrupt
        interrupts.asked = True

    signal.signal(signal.SIGINT, hold)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
