"""Ctrl-C in programs of other people: the first asks for an orderly end, the second is Python's own."""

from __future__ import annotations

import signal
import threading

import pytest

from fashionbatch.interrupts import stop_asked_for


def test_the_first_signal_asks_and_the_second_raises() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_asked_for() as asked:
        assert asked() == 0
        signal.raise_signal(signal.SIGINT)
        assert asked() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_signals_are_left_as_they_are() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_asked_for():
        assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_asked_for() as asked:
            signal.raise_signal(signal.SIGINT)
            assert asked() == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_leaves_the_handlers_alone() -> None:
    found: list[object] = []

    def look() -> None:
        with stop_asked_for() as asked:
            found.extend([signal.getsignal(signal.SIGINT), asked()])

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before, 0]
