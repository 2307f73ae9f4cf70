"""Makes a manifest from the user's own list of files: a table, or one path a line. In its order."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fashionbatch import disk
from fashionbatch.csvtext import AUTO, CsvReader
from fashionbatch.csvtext.encodings import UTF_8, known_encoding, marked_encoding
from fashionbatch.csvtext.streams import rewindable
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.cells import CellWriter
from fashionbatch.labeling.job.manifest import ManifestWriter
from fashionbatch.labeling.source.listing import Finding, Listed, Listing
from fashionbatch.labeling.source.request import ListOptions, ScanSummary, is_parquet_list
from fashionbatch.names import suggestion
from fashionbatch.stores.address import Url

if TYPE_CHECKING:
    from fashionbatch.labeling.source.list_file import ListFile, ReadList

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
        listing = stack.enter_context(_opened(folder, options, manifest))
        if not options.keep:
            return _write(listing, options.limit, manifest, None, report)
        with disk.write_new(kept) as file:
            cells = CellWriter(file)
            summary = _write(listing, options.limit, manifest, cells, report)
            cells.finish()
        return summary


@contextlib.contextmanager
def _opened(folder: bytes, options: ListOptions, manifest: Path) -> Iterator[Listing]:
    if is_parquet_list(options.place):
        # Imported here, as what opens stores is: most lists are text of this machine, and pyarrow takes its time.
        from fashionbatch.labeling.source.parquet_list import open_parquet_list

        with open_parquet_list(folder, options, manifest) as listing:
            yield listing
    elif options.file == STANDARD_INPUT:
        yield _TextListing(folder, sys.stdin.buffer, options)
    elif isinstance(options.place, Url):
        from fashionbatch.labeling.source.list_file import ListFile

        file = ListFile(options.place)
        with file.opened() as opened:
            yield _TextListing(folder, opened, options, file)
    else:
        with open(options.place, "rb") as opened:
            yield _TextListing(folder, opened, options)


def _write(
    listing: Listing, limit: int | None, manifest: Path, cells: CellWriter | None, report: Callable[[int], None]
) -> ScanSummary:
    summary = ScanSummary()
    with disk.write_new(manifest) as file:
        writer = ManifestWriter(file, ordered=False, tokens=listing.has_images)
        for listed in listing.entries():
            if limit is not None and writer.rows >= limit:
                summary.limited = True
                break
            writer.add(listed.path, listed.size, listed.mtime_ns, token=listed.token)
            if cells is not None:
                cells.add_cells(listed.cells)
            if writer.rows % _REPORT_EVERY == 0:
                report(writer.rows)
        summary.digest, summary.rows, summary.bytes = writer.finish(), writer.rows, writer.bytes
    summary.notes = listing.conclude(summary.rows)
    summary.lists = [each._asdict() for each in listing.read]
    return summary


class _TextListing:
    """A CSV file, or one path a line.

    Args:
        folder: what relative paths are relative to.
        source: the list.
        options: how it is read.
        file: the list, where it lies in a store.
    """

    has_images = False

    def __init__(self, folder: bytes, source: BinaryIO, options: ListOptions, file: ListFile | None = None) -> None:
        self._file = file
        self._source = source
        self._options = options
        self._name = "standard input" if options.file == STANDARD_INPUT else str(options.place)
        self._finding = Finding(self._name, folder, options.endings)
        self._notes: list[str] = []

    @property
    def read(self) -> list[ReadList]:
        """As `Listing` says."""
        return [] if self._file is None else self._file.read

    def entries(self) -> Iterator[Listed]:
        """As `Listing` says."""
        if self._options.path_column is not None:
            yield from self._rows(self._options.path_column)
            return
        if self._options.keep:
            raise DataError(f"{self._name}: --keep needs --path-column, which says that the list is a CSV file")
        for line in self._lines():
            path, seen = self._finding.look(line)
            yield Listed(path, *seen, [])

    def conclude(self, rows: int) -> list[str]:
        """As `Listing` says."""
        has_columns = self._options.path_column is not None
        if not has_columns:
            self._finding.require_no_header(rows)
        return [*self._notes, *self._finding.notes(rows, has_columns=has_columns)]

    def _rows(self, path_column: str) -> Iterator[Listed]:
        reader = CsvReader(self._name, self._source, encoding=self._options.encoding, paths=(path_column,))
        self._notes += reader.notes
        columns = []
        for name in (path_column, *self._options.keep):
            found = reader.column(name)
            if found is None:
                raise DataError(f"{self._name}: there is no column {name!r}{suggestion(name, reader.header)}")
            columns.append(found)
        # What decodes it is closed with it.
        with contextlib.closing(self._source):
            for row in reader:
                path = row[columns[0]]
                if "\0" in path:
                    raise DataError(f"{self._name}: line {reader.line}: the path holds a NUL character")
                there, seen = self._finding.look(os.fsencode(path))
                yield Listed(there, *seen, [row[column] for column in columns[1:]])

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


def _parts(source: BinaryIO, end: bytes) -> Iterator[bytes]:
    rest = b""
    while part := source.read(1 << 16):
        *paths, rest = (rest + part).split(end)
        yield from (path for path in paths if path)
    if rest:
        yield rest
