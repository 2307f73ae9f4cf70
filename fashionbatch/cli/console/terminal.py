"""What reaches the terminal: text, our few colours, and nothing that a stranger's file could make it do.

Names of files, labels, columns and layers come from strangers and end up in messages. A terminal obeys some characters:
they move the cursor over what was written before, change its title, or turn the order of letters around. So every text
goes through here, whoever writes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

import click

from fashionbatch.progress import beside_bars

_MARK = str(int.from_bytes(os.urandom(7)))
"""Tells our own colours from those in a stranger's text, which must not look like words of ours."""
_OURS = rf"\x1b\[{_MARK};(?P<code>[0-2]|3[1-6])m"

_OBEYED = re.compile(
    rf"{_OURS}|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line end, marks that turn the direction of writing, and bytes that are no text."""


def style(text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> str:
    """As `click.style`, for texts that `HarmlessStream` writes: it lets these colours through and no others.

    Args:
        text: what is shown.
        fg: the colour of its letters.
        bold: whether they are thick.
        dim: whether they are faint.
    """
    begin = click.style("", fg=fg, bold=bold or None, dim=dim or None, reset=False)
    return "".join((begin.replace("\x1b[", f"\x1b[{_MARK};"), text, f"\x1b[{_MARK};0m"))


def echo_styled(text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False, nl: bool = True) -> None:
    """Write a text to standard output, as `style` makes it; with a line end unless `nl` is False."""
    click.echo(style(text, fg=fg, bold=bold, dim=dim), nl=nl)


def harmless(text: str) -> str:
    """The text with what a terminal would obey as escapes; line ends, tabs and what `style` has coloured stay."""
    return _OBEYED.sub(lambda found: f"\x1b[{found['code']}m" if found["code"] else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


class StreamError(OSError):
    """Standard output or standard error cannot be written, as where it is a file on a full disk."""


class ReaderLeftError(StreamError):
    """Whoever read it has ended, as `| head` does."""


class HarmlessStream:
    """A text stream on which only harmless text arrives.

    Args:
        stream: what is written to.
        name: what errors call it.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def write(self, text: str) -> int:
        """Write; returns the number of characters that were given.

        A line begun anew stays one: progress bars return to the beginning of theirs, and there is nothing to overwrite
        before a text that begins with that.
        """
        if not isinstance(text, str):
            raise TypeError(f"a text stream takes no {type(text).__name__}")
        start = "\r" if text.startswith("\r") else ""
        # What bars write themselves begins so, or is empty.
        is_of_bar = start or not text
        with contextlib.nullcontext() if is_of_bar else beside_bars(ends_line=text.endswith("\n")), self._named():
            self._stream.write(start + harmless(text[len(start) :]))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what waits to be written."""
        with self._named():
            self._stream.flush()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            # Not as it is: click would make an exit with another code of it.
            raise ReaderLeftError(0, f"cannot be written: {error.strerror}", self._name) from None
        except OSError as error:
            raise StreamError(error.errno, f"cannot be written: {error.strerror}", self._name) from error

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextlib.contextmanager
def harmless_output() -> Iterator[None]:
    """Within the block whatever is written to standard output and standard error is harmless to a terminal."""
    before = sys.stdout, sys.stderr
    for stream in before:
        # A terminal that cannot show a character gets it as an escape.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = (
        HarmlessStream(before[0], "standard output"),
        HarmlessStream(before[1], "standard error"),
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
