"""How a file of a store is opened and read: what every kind of store offers to whoever decodes images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BufferedReader
from typing import NamedTuple, Protocol


class FileStatusError(Exception):
    """A file that cannot be had as it was seen.

    Attributes:
        status: of the file's row: `missing`, `changed` or `error`.
        error: class and message on one line.
    """

    def __init__(self, status: str, error: str) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


class StoreOutError(Exception):
    """A store that gives nothing any more, whatever is asked for.

    Attributes:
        reason: which one, and what it said, on one line.
        hint: what the user can do about it.
    """

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason, hint)
        self.reason = reason
        self.hint = hint


class WantedFile(Protocol):
    """A file as a scan saw it."""

    @property
    def path(self) -> str:
        """Its name in the store, `/`-separated; undecodable bytes as lone surrogates."""

    @property
    def size(self) -> int:
        """In bytes; negative where it is not known."""

    @property
    def mtime_ns(self) -> int:
        """Of its last change, in nanoseconds since 1970; negative where it is not known."""

    @property
    def token(self) -> str:
        """What else the store needs to find this very content: an ETag, a place in an archive; empty for files."""


class OpenFile(NamedTuple):
    """A file that was as the scan saw it when it was opened.

    Attributes:
        descriptor: at the file's start, unless its content is here; negative where there is none.
        waited_s: seconds until its first byte was there.
        content: all of it, where it is small, was read ahead, or has no descriptor.
    """

    descriptor: int
    waited_s: float
    content: bytes | None = None

    def reader(self) -> BufferedReader:
        """Reads the file from its start; it leaves the descriptor open."""
        return open(self.descriptor, "rb", closefd=False)

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


class Opener(Protocol):
    """Opens the files of one store. Its methods are called by several threads at once."""

    @property
    def is_remote(self) -> bool:
        """Whether every file keeps its reader waiting, so that it always pays to read ahead."""

    def announce(self, files: Sequence[WantedFile]) -> None:
        """These files will be asked for soon, each once: what lies together may be had together."""

    def open(self, file: WantedFile) -> OpenFile:
        """Open a file; whoever asked closes it.

        Raises:
            FileStatusError: it is not there, cannot be opened, or is not as the scan saw it.
            StoreOutError: not the file is to blame, but what it lies in.
        """

    def read(self, file: WantedFile) -> OpenFile:
        """Open a file and read it whole, where its size allows that.

        Raises:
            FileStatusError: as `open`.
            StoreOutError: as `open`.
        """

    def require_unchanged(self, opened: OpenFile, file: WantedFile) -> None:
        """See that a file that was read is still the one that the scan saw.

        Raises:
            FileStatusError: it has changed meanwhile.
        """

    def close(self) -> None:
        """Give back what was opened."""


def one_line(error: BaseException) -> str:
    """Class and message on one line, without the path, which the row has anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = text.encode("utf-8", "backslashreplace").decode()
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return f"{type(error).__name__}: {text or 'no message'}"
