"""Makes a manifest from the user's own list of files: a catalogue as CSV, or one path a line. In its order."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fashionbatch import disk
from fashionbatch.csvtext import AUTO, PATH_COLUMNS, CsvReader, PathFinder, foreign_path, western_path
from fashionbatch.csvtext.encodings import UTF_8, known_encoding, marked_encoding
from fashionbatch.csvtext.streams import rewindable
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.cells import CellWriter
from fashionbatch.labeling.job.manifest import UNKNOWN, ManifestWriter
from fashionbatch.labeling.source.request import ListOptions, ScanSummary
from fashionbatch.names import suggestion
from fashionbatch.stores.address import Url, as_location
from fashionbatch.stores.reaching import require_store

STANDARD_INPUT = "-"
_HEAD = 64
_REPORT_EVERY = 10_000


def list_files(
    folder: bytes, options: ListOptions, manifest: Path, kept: Path, *, report: Callable[[int], None]
) -> ScanSummary:
    """Write the manifest of a list, and the cells of the columns that are kept.

    Args:
        folder: what relative paths are relative to.
        options: how the list is read.
        manifest: where the manifest is written.
        kept: where the kept cells are written, if there are any.
        report: called now and then with the number of rows so far.

    Returns:
        What was found.

    Raises:
        DataError: the list is not what the options say.
        OSError: it cannot be read, or the manifest cannot be written.
    """
    with contextlib.ExitStack() as stack:
        source = sys.stdin.buffer if options.file == STANDARD_INPUT else stack.enter_context(open(options.file, "rb"))
        listing = _Listing(folder, source, options)
        if not options.keep:
            return _write(listing, options.limit, manifest, None, report)
        with disk.write_new(kept) as file:
            cells = CellWriter(file)
            summary = _write(listing, options.limit, manifest, cells, report)
            cells.finish()
        return summary


def _write(
    listing: _Listing, limit: int | None, manifest: Path, cells: CellWriter | None, report: Callable[[int], None]
) -> ScanSummary:
    summary = ScanSummary()
    with disk.write_new(manifest) as file:
        writer = ManifestWriter(file, ordered=False)
        for path, seen, row in listing.entries():
            if limit is not None and writer.rows >= limit:
                summary.limited = True
                break
            writer.add(path, *seen)
            if cells is not None:
                cells.add_cells(row)
            if writer.rows % _REPORT_EVERY == 0:
                report(writer.rows)
        listing.require_no_header(writer.rows)
        summary.digest, summary.rows, summary.bytes = writer.finish(), writer.rows, writer.bytes
    summary.notes = listing.notes(summary.rows)
    return summary


class _Listing:
    """The files of a list, each with its size and time and the cells that are kept.

    Args:
        folder: what relative paths are relative to.
        source: the list.
        options: how it is read.
    """

    def __init__(self, folder: bytes, source: BinaryIO, options: ListOptions) -> None:
        self._folder = folder
        self._source = source
        self._options = options
        self._name = "standard input" if options.file == STANDARD_INPUT else options.file
        self._finder = PathFinder(os.fsdecode(folder), options.endings)
        self._notes: list[str] = []
        self._schemes: set[str] = set()

    def entries(self) -> Iterator[tuple[bytes, tuple[int, int], list[str]]]:
        """Path, size and time, and kept cells, in the order of the list.

        Raises:
            DataError: the list is not what the options say.
        """
        if self._options.path_column is not None:
            yield from self._rows(self._options.path_column)
            return
        if self._options.keep:
            raise DataError(f"{self._name}: --keep needs --path-column, which says that the list is a CSV file")
        for path in self._lines():
            yield *self._found(path), []

    def require_no_header(self, rows: int) -> None:
        """See that a list of which no file is there is no table whose columns nobody has named.

        Raises:
            DataError: its first line is the header of one.
        """
        if self._options.path_column is not None or not rows or self._finder.missing != rows:
            return
        header = [cell.strip().strip('"') for cell in re.split(r"[,;\t|]", self._finder.first_missing)]
        if column := next((cell for cell in header if cell.lower() in PATH_COLUMNS), None):
            raise DataError(
                f"{self._name}: none of its lines is a file, and the first one reads like the header of a table",
                hint=f"`--path-column {shlex.quote(column)}` names the column of the paths",
            )

    def notes(self, rows: int) -> list[str]:
        """What the user should know about the list, when so many rows were taken."""
        notes = [*self._notes, *(f"{self._name}: {note}" for note in self._finder.notes())]
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
        if missing == rows and self._options.path_column is None and "," in first:
            note += "; of a list with columns, --path-column names that of the paths"
        return [*notes, f"warning: {note}" if missing == rows else note]

    def _rows(self, path_column: str) -> Iterator[tuple[bytes, tuple[int, int], list[str]]]:
        reader = CsvReader(self._name, self._source, encoding=self._options.encoding, paths=(path_column,))
        self._notes += reader.notes
        columns = []
        for name in (path_column, *self._options.keep):
            found = reader.column(name)
            if found is None:
                raise DataError(f"{self._name}: there is no column {name!r}{suggestion(name, reader.header)}")
            columns.append(found)
        for row in reader:
            path = row[columns[0]]
            if "\0" in path:
                raise DataError(f"{self._name}: line {reader.line}: the path holds a NUL character")
            yield *self._found(os.fsencode(path)), [row[column] for column in columns[1:]]

    def _lines(self) -> Iterator[bytes]:
        """The paths of a plain list; blank lines are left out."""
        options = self._options
        source, head = rewindable(self._source, _HEAD)
        mark = marked_encoding(head)
        encoding, skipped = mark or (UTF_8, 0)
        if options.encoding != AUTO:
            encoding = known_encoding(self._name, options.encoding)
        if options.null or encoding == UTF_8:
            source.read(0 if options.null else skipped)
            for path in _parts(source, b"\0" if options.null else b"\n"):
                if options.null or path.strip():
                    yield path if options.null else path.removesuffix(b"\r")
            return
        if mark and options.encoding == AUTO:
            self._notes.append(f"{self._name}: is read as {encoding.upper()}, as its byte-order mark says")
        source.read(skipped)
        try:
            for line in io.TextIOWrapper(source, encoding):
                if line.strip():
                    yield os.fsencode(line.rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise DataError(f"{self._name}: is not in {encoding}: {error.reason}") from None

    def _check_address(self, url: Url) -> None:
        if str(url) != url.text:
            raise DataError(
                f"{self._name}: {url}: addresses in a list become rows of the table, so they may hold no credentials",
                hint="name the objects as s3://bucket/key, and leave credentials to the environment",
            )
        if url.scheme not in self._schemes:
            require_store(url)
            self._schemes.add(url.scheme)

    def _found(self, path: bytes) -> tuple[bytes, tuple[int, int]]:
        """The path under which the file is there, and what it is; as the list has it where it is not there.

        An address is taken as it is: nobody waits for a store while a list is read.
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


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count:,} files are"


def _parts(source: BinaryIO, end: bytes) -> Iterator[bytes]:
    rest = b""
    while part := source.read(1 << 16):
        *paths, rest = (rest + part).split(end)
        yield from (path for path in paths if path)
    if rest:
        yield rest


def _look(path: bytes) -> tuple[int, int] | None:
    """Size and time of a file; unknown ones for what is no plain file; None where there is nothing."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    return (seen.st_size, seen.st_mtime_ns) if stat.S_ISREG(seen.st_mode) else (UNKNOWN, UNKNOWN)
