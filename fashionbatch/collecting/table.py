"""`collected.csv`: one row a hit, with a column in which the user writes what does not belong."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from fashionbatch import disk
from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.journal import Journal
from fashionbatch.collecting.rows import Row, rows_of
from fashionbatch.csvtext import CsvReader
from fashionbatch.errors import DataError

COLUMNS = (
    "keep",
    "class",
    "file",
    "outcome",
    "reason",
    "licence",
    "creator",
    "title",
    "landing_page",
    "url",
    "search",
    "query",
    "id",
    "digest",
    "bytes",
    "width",
    "height",
    "when",
)
_YES = frozenset({"yes", "y", "1", "true"})
_NO = frozenset({"no", "n", "0", "false"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write the table, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_plain(cell) for cell in _cells(row)] for row in rows)
    with disk.output_errors(path):
        disk.write_file(path, text.getvalue().encode("utf-8", "backslashreplace"))


def _cells(row: Row) -> list[str]:
    hit, source, fetched = row.take.hit, row.take.source, row.fetched
    photo = fetched if fetched is not None and fetched.outcome == "ok" else None
    return [
        {"ok": "yes", "aside": "no"}.get(row.outcome, ""),
        source.label,
        row.file,
        row.outcome,
        row.reason,
        hit.licence,
        hit.creator,
        hit.title,
        hit.landing_page,
        hit.url,
        source.search,
        source.query,
        hit.id,
        photo.digest if photo else "",
        str(photo.size) if photo else "",
        str(photo.width) if photo else "",
        str(photo.height) if photo else "",
        fetched.when if fetched else "",
    ]


def _plain(cell: str) -> str:
    """A cell on one line that no spreadsheet takes for a formula: what it holds is a stranger's."""
    text = " ".join(cell.split())
    return f"'{text}" if text.startswith(_FORMULA) else text


def apply_keeps(folder: CollectedFolder, journal: Journal, table: Path) -> None:
    """Note in the journal what the user wrote in a table; nothing where the folder's own is not there yet.

    Raises:
        DataError: as `read_keeps`.
    """
    if table == folder.table and not table.exists():
        return
    now = {"ok": True, "aside": False, "duplicate": False}
    files = {row.file: now.get(row.outcome) for row in rows_of(journal) if row.file}
    for file, keep in read_keeps(table, files).items():
        journal.add_keep(file, keep)


def read_keeps(path: Path, files: Mapping[str, bool | None], *, encoding: str = "auto") -> dict[str, bool]:
    """What the user wrote in the column `keep` of a table, by the photo's name below the folder.

    Args:
        path: the table, as a spreadsheet may have left it.
        files: the photos that there are, each with whether it is kept now; None for one that the licences keep out.
        encoding: of the table.

    Returns:
        The photos whose cell says something else than what is; an empty one says nothing.

    Raises:
        DataError: it is no such table, a cell says neither yes nor no, or a row names a photo that is not there.
    """
    found: dict[str, bool] = {}
    try:
        opened = disk.open_regular(path)
    except OSError as error:
        raise DataError(f"{path}: {disk.why_unreadable(error)}") from None
    with opened as stream:
        reader = CsvReader(path, stream, encoding=encoding, paths=("file",))
        keep, file = reader.column("keep"), reader.column("file")
        if keep is None or file is None:
            missing = "keep" if keep is None else "file"
            raise DataError(f"{path}: has no column {missing!r}", hint="give the collected.csv of the folder")
        for row in reader:
            name, word = row[file].strip(), row[keep].strip().lower()
            if word not in _YES and word not in _NO and word:
                raise DataError(f"{path}:{reader.line}: keep is {row[keep]!r}; write yes or no")
            if not name or not word:
                continue
            if name not in files:
                raise DataError(f"{path}:{reader.line}: there is no collected photo {name!r}")
            if files[name] is not None and (word in _YES) != files[name]:
                found[name] = word in _YES
    return found
