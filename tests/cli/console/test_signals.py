"""Ctrl-C ends the program also where a library keeps the main thread and gives nothing back."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from fashionbatch.cli.console import signals
from fashionbatch.cli.console.signals import orderly_end

# A lock that is taken twice waits for ever, whatever signal arrives: so does a library that waits for its own threads.
STUCK = """
    import ctypes
    lock = ctypes.create_string_buffer(64)
    libc = ctypes.CDLL(None)
    libc.pthread_mutex_lock(lock)
    print("stuck", flush=True)
    libc.pthread_mutex_lock(lock)
"""
BUSY = """
    import time
    print("busy", flush=True)
    while True:
        time.sleep(0.05)
        if ask() and time.monotonic() > end:
            sys.exit(128 + ask())
"""
SILENT = """
    import queue
    while True:
        try:
            print("silent", flush=True)
            queue.SimpleQueue().get()
        except KeyboardInterrupt:
            pass
"""


def start(body: str, *, orderly: bool = True, patience_s: float = 1.0) -> subprocess.Popen[str]:
    within = "with signals.watched(), signals.orderly_end('stopping') as ask:" if orderly else "with signals.watched():"
    script = f"import sys, time\nfrom fashionbatch.cli.console import signals\nsignals._PATIENCE_S = {patience_s}\n"
    script += f"end = time.monotonic() + 3.0\n{within}\n"
    process = subprocess.Popen(
        [sys.executable, "-c", script + textwrap.indent(textwrap.dedent(body), "    ")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="waits in the C library of Linux")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_ends_a_process_that_is_kept_by_a_library(number: int, code: int) -> None:
    process = start(STUCK)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code
    assert "nothing has moved for 1 s, so this ends now" in said


@pytest.mark.skipif(sys.platform != "linux", reason="waits in the C library of Linux")
def test_a_second_signal_ends_it_without_waiting() -> None:
    process = start(STUCK, patience_s=600)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode in {130, 143}
    assert "nothing has moved" not in said


def test_a_process_that_waits_in_python_and_goes_on_waiting_is_ended_too() -> None:
    process = start(SILENT, orderly=False)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130


def test_work_that_moves_is_left_to_its_orderly_end() -> None:
    process = start(BUSY)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 143
    assert said == "\nstopping\n"


def test_a_time_in_which_the_process_itself_could_not_run_counts_as_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    class EndedError(Exception):
        pass

    def end(code: int) -> None:
        raise EndedError(code)

    now = [100.0]
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(signals, "os", SimpleNamespace(_exit=end, write=lambda *_: None))
    watch = signals._Watch(-1)
    watch._note([signal.SIGTERM])
    now[0] += 3600  # as after a SIGSTOP, or on a machine that does other things
    watch._end_what_does_not()
    for _ in range(int(signals._PATIENCE_S / signals._TICK_S) - 2):
        now[0] += signals._TICK_S
        watch._end_what_does_not()
    now[0] += signals._TICK_S
    with pytest.raises(EndedError, match="143"):
        watch._end_what_does_not()


def test_a_signal_that_is_ignored_from_the_start_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with orderly_end("stopping") as ask:
            signal.raise_signal(signal.SIGINT)
            assert ask() == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
