"""What a list of files gives, how the files that it names are found, and what is told of those that are not there."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fashionbatch.csvtext import PATH_COLUMNS, PathFinder, foreign_path, western_path
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.manifest import UNKNOWN
from fashionbatch.stores.address import Url, as_location
from fashionbatch.stores.reaching import require_store

if TYPE_CHECKING:
    from fashionbatch.labeling.source.list_file import ReadList


class Listed(NamedTuple):
    """One row of a list.

    Attributes:
        path: as a row of the table has it.
        size: in bytes; UNKNOWN where nobody has looked.
        mtime_ns: of the last change, in nanoseconds since 1970; UNKNOWN likewise.
        cells: of the columns that are kept.
        token: of an image that lies in the list itself, where it is found.
    """

    path: bytes
    size: int
    mtime_ns: int
    cells: list[str]
    token: str = ""


class Listing(Protocol):
    """A list that is being read."""

    @property
    def has_images(self) -> bool:
        """Whether images lie in the list itself."""

    @property
    def read(self) -> Sequence[ReadList]:
        """What was read of lists in a store."""

    def entries(self) -> Iterator[Listed]:
        """Its rows, in its order.

        Raises:
            DataError: the list is not what the options say.
        """

    def conclude(self, rows: int) -> list[str]:
        """What the user should know about the list, when so many rows were taken.

        Raises:
            DataError: it is another kind of list.
        """


class Finding:
    """Looks for the files of a list.

    Args:
        name: of the list, for messages.
        folder: what relative paths are relative to.
        endings: of images, for paths that have none.
    """

    def __init__(self, name: str, folder: bytes, endings: tuple[str, ...]) -> None:
        self._name = name
        self._folder = folder
        self._finder = PathFinder(os.fsdecode(folder), endings)
        self._schemes: set[str] = set()

    def look(self, path: bytes) -> tuple[bytes, tuple[int, int]]:
        """The path under which a file is there, its size and its time; as the list has it where it is not there.

        An address is taken as it is: nobody waits for a store while a list is read.

        Raises:
            DataError: an address cannot be a row, or nothing is known of its kind.
        """
        seen = _look(os.path.join(self._folder, path)) if path else None
        if seen is None and b"://" in path and isinstance(url := as_location(os.fsdecode(path)), Url):
            self._check_address(url)
            return path, (UNKNOWN, UNKNOWN)
        if seen is None:
            text = os.fsdecode(path)
            other = self._finder.find(text, western_path(text))
            if other is not None and other != text:
                path = os.fsencode(other)
                seen = _look(os.path.join(self._folder, path))
        return path, seen or (UNKNOWN, UNKNOWN)

    def require_no_header(self, rows: int) -> None:
        """See that a list of which no file is there is no table whose columns nobody has named.

        Raises:
            DataError: its first line is the header of one.
        """
        if not rows or self._finder.missing != rows:
            return
        header = [cell.strip().strip('"') for cell in re.split(r"[,;\t|]", self._finder.first_missing)]
        if column := next((cell for cell in header if cell.lower() in PATH_COLUMNS), None):
            raise DataError(
                f"{self._name}: none of its lines is a file, and the first one reads like the header of a table",
                hint=f"`--path-column {shlex.quote(column)}` names the column of the paths",
            )

    def notes(self, rows: int, *, has_columns: bool) -> list[str]:
        """What the user should know about the list, when so many rows were taken."""
        notes = [f"{self._name}: {note}" for note in self._finder.notes()]
        missing = self._finder.missing
        if not missing:
            return notes
        first = self._finder.first_missing
        foreign = foreign_path(first)
        what = "none of its files is there" if missing == rows else f"{_files(missing)} not there"
        note = f"{self._name}: {what}; the first is {self._finder.place(first)}"
        note += f", which {foreign}" if foreign else ""
        if end := self._finder.end_that_is_there(first):
            note += f"; {end!a} is there, so leave out what stands before that"
        if missing == rows and not has_columns and "," in first:
            note += "; of a list with columns, --path-column names that of the paths"
        return [*notes, f"warning: {note}" if missing == rows else note]

    def _check_address(self, url: Url) -> None:
        if str(url) != url.text:
            raise DataError(
                f"{self._name}: {url}: addresses in a list become rows of the table, so they may hold no credentials",
                hint="name the objects as s3://bucket/key, and leave credentials to the environment",
            )
        if url.scheme not in self._schemes:
            require_store(url)
            self._schemes.add(url.scheme)


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count:,} files are"


def _look(path: bytes) -> tuple[int, int] | None:
    """Size and time of a file; unknown ones for what is no plain file; None where there is nothing."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    return (seen.st_size, seen.st_mtime_ns) if stat.S_ISREG(seen.st_mode) else (UNKNOWN, UNKNOWN)
