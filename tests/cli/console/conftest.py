"""A terminal that commands write to, and what stands on its screen in the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable

import pytest

from fashionbatch.cli.console.terminal import HarmlessStream

ERASE_LINE = "\x1b[K"
_PIECES = re.compile(r"\x1b\[[\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]")


class Screen:
    """A terminal.

    Args:
        columns: how wide it is; 0 says nothing.
        rows: how high.

    Attributes:
        stream: what is written here stands on it.
    """

    def __init__(self, columns: int, rows: int = 24) -> None:
        self._own, self._theirs = os.openpty()
        self.resize(columns, rows)
        self._received: list[bytes] = []
        self._arrived = threading.Condition()
        self._is_over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.stream = os.fdopen(self._theirs, "w", encoding="utf-8")

    def resize(self, columns: int, rows: int = 24) -> None:
        """Make it as wide as that."""
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def begin(self) -> None:
        """Keep what arrives."""
        self._reader.start()

    def wait_for(self, pattern: str) -> None:
        """Come back as soon as what arrived has the pattern."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._is_over or re.search(pattern, self._text()), timeout=120)
        assert re.search(pattern, self._text()), self._text()

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._own, keys)

    def end(self) -> str:
        """All that arrived."""
        self.stream.close()
        self._reader.join()
        os.close(self._own)
        return self._text()

    def _text(self) -> str:
        return b"".join(self._received).decode(errors="replace").replace("\r\n", "\n")

    def _read(self) -> None:
        # The other end being closed is an error of this one.
        with contextlib.suppress(OSError):
            while data := os.read(self._own, 1 << 16):
                with self._arrived:
                    self._received.append(data)
                    self._arrived.notify()
        with self._arrived:
            self._is_over = True
            self._arrived.notify()


def screen_after(text: str, columns: int = 0) -> list[str]:
    """What stands on a screen after a text: `\\r`, line ends, erasing and the right edge do there what they do.

    Args:
        text: what was written; of its escape sequences, colours and the erasing of a line are known.
        columns: how wide the screen is; 0 for no edge.
    """
    rows: list[list[str]] = [[]]
    column = 0
    for piece in _PIECES.findall(text):
        if piece == "\n":
            rows.append([])
            column = 0
        elif piece == "\r":
            column = 0
        elif piece == ERASE_LINE:
            del rows[-1][column:]
        elif piece.startswith("\x1b"):
            assert piece.endswith("m"), f"{piece!r} is unknown here"
        else:
            if columns and column == columns:
                rows.append([])
                column = 0
            rows[-1][column : column + 1] = piece
            column += 1
    left = ["".join(row).rstrip() for row in rows]
    while left and not left[-1]:
        left.pop()
    return left


@pytest.fixture
def make_screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    """`make_screen(columns)` is a terminal that standard error is connected to."""
    monkeypatch.setenv("TERM", "xterm")
    return Screen


@pytest.fixture
def lines_left() -> Callable[..., list[str]]:
    """`screen_after`."""
    return screen_after


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Call a function with standard error on a terminal, on request standard output too; gives what arrived there."""
    monkeypatch.setenv("TERM", "xterm")

    def run(work: Callable[[], object], columns: int = 100, rows: int = 24, *, with_output: bool = False) -> str:
        screen = Screen(columns, rows)
        screen.begin()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", HarmlessStream(screen.stream, "standard error"))
            if with_output:
                patch.setattr(sys, "stdout", HarmlessStream(screen.stream, "standard output"))
            try:
                work()
            finally:
                text = screen.end()
        return text

    return run
