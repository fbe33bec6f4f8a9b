import signal
import threading

import pytest

from contrica.training import held_interrupts


def test_the_first_is_noted_and_the_second_raised():
    before = signal.getsignal(signal.SIGINT)
    with held_interrupts() as interrupts:
        assert not interrupts.asked
        signal.raise_signal(signal.SIGINT)
        assert interrupts.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_afterwards_it_is_raised_as_before():
    with held_interrupts():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_of_somebody_else_is_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert not interrupts.asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_hold_nothing_back():
    seen = []

    def inside():
        with held_interrupts() as interrupts:
            seen.append(interrupts.asked)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [False]
