"""Makes a manifest from the user's own list of files: a catalogue as CSV, or one path a line. In its order."""

from __future__ import annotations

import contextlib
import csv
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fashionbatch import disk
from fashionbatch.labeling.job.cells import CellWriter
from fashionbatch.labeling.job.manifest import UNKNOWN, ManifestWriter
from fashionbatch.labeling.source.request import ListOptions, ScanSummary

_STANDARD_INPUT = "-"
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
        ValueError: the list is not what the options say.
        OSError: it cannot be read, or the manifest cannot be written.
    """
    with contextlib.ExitStack() as stack:
        source = sys.stdin.buffer if options.file == _STANDARD_INPUT else stack.enter_context(open(options.file, "rb"))
        entries = _entries(source, options)
        if not options.keep:
            return _write(folder, entries, options.limit, manifest, None, report)
        with disk.write_new(kept) as file:
            cells = CellWriter(file)
            summary = _write(folder, entries, options.limit, manifest, cells, report)
            cells.finish()
        return summary


def _write(  # noqa: PLR0917 - what the one caller has at hand
    folder: bytes,
    entries: Iterator[tuple[bytes, list[str]]],
    limit: int | None,
    manifest: Path,
    cells: CellWriter | None,
    report: Callable[[int], None],
) -> ScanSummary:
    summary = ScanSummary()
    with disk.write_new(manifest) as file:
        writer = ManifestWriter(file, ordered=False)
        for path, row in entries:
            if limit is not None and writer.rows >= limit:
                summary.limited = True
                break
            writer.add(path, *_look(os.path.join(folder, path) if path else b""))
            if cells is not None:
                cells.add_cells(row)
            if writer.rows % _REPORT_EVERY == 0:
                report(writer.rows)
        summary.digest, summary.rows, summary.bytes = writer.finish(), writer.rows, writer.bytes
    return summary


def _entries(source: BinaryIO, options: ListOptions) -> Iterator[tuple[bytes, list[str]]]:
    if options.path_column is None:
        if options.keep:
            raise ValueError("--keep needs --path-column, which says that the list is a CSV file")
        for path in _lines(source, b"\0" if options.null else b"\n"):
            yield (path if options.null else path.removesuffix(b"\r")), []
        return
    text = _Text(source)
    reader = csv.reader(text, strict=True)
    header = next(reader, [])
    columns = []
    for name in (options.path_column, *options.keep):
        if name not in header:
            raise ValueError(f"there is no column {name!r}; there are: {', '.join(header) or 'none'}")
        columns.append(header.index(name))
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise ValueError(f"line {reader.line_num} has {len(row)} cells where the header has {len(header)}")
        path = os.fsencode(row[columns[0]])
        if b"\0" in path:
            raise ValueError(f"line {reader.line_num}: the path holds a NUL character")
        yield path, [row[column] for column in columns[1:]]


class _Text:
    """Lines of a CSV file as text that keeps every byte."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._first = True

    def __iter__(self) -> Iterator[str]:
        for line in self._source:
            text = line.decode("utf-8", "surrogateescape")
            if self._first:
                text = text.removeprefix("\ufeff")
                self._first = False
            yield text


def _lines(source: BinaryIO, end: bytes) -> Iterator[bytes]:
    rest = b""
    while part := source.read(1 << 16):
        *paths, rest = (rest + part).split(end)
        yield from (path for path in paths if path)
    if rest:
        yield rest


def _look(path: bytes) -> tuple[int, int]:
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return UNKNOWN, UNKNOWN
    return (seen.st_size, seen.st_mtime_ns) if stat.S_ISREG(seen.st_mode) else (UNKNOWN, UNKNOWN)
