"""Reads CSV as people have it, row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from fashionbatch.csvtext.delimiters import AUTO, found_delimiter, name_of, said_delimiter
from fashionbatch.csvtext.encodings import (
    UTF_8,
    WESTERN,
    is_western,
    known_encoding,
    marked_encoding,
    readings,
    undecodable_line,
    unmarked_utf16,
)
from fashionbatch.csvtext.streams import rewindable
from fashionbatch.errors import DataError

PATH_COLUMNS: Final = ("filepath", "path", "file", "image", "filename")
"""What columns of paths are called. Their cells keep the bytes that are no UTF-8, as names of files may have them."""

_LARGEST_LINE: Final = 1 << 25
_LARGEST_CELL: Final = 1 << 24
_HEAD: Final = 1 << 16
_SAMPLES: Final = 200
_WIDE: Final = ("utf-16", "utf-32")
_OWN_HEADER: Final = b"filepath,status,error"
"""How the tables begin that `classify` writes: UTF-8 and commas, whatever stands in them."""


class CsvReader:
    """The rows of a CSV file, in any usual encoding and with any usual delimiter. Rows of empty cells are left out.

    Text that is no UTF-8 is read as Western European (cp1252) where it reads well so, which a note says; else the
    encoding has to be given. Cells of paths keep their bytes, those that are no UTF-8 as lone surrogates, unless the
    encoding is given.

    Args:
        name: what messages call the file.
        file: its bytes; it need not be seekable.
        encoding: of the text; `auto` finds out. Tables that `classify` wrote are UTF-8 whatever is given.
        delimiter: one character; `auto` finds out.
        paths: names of columns that hold paths.
        option: for messages, how the user gives an encoding.

    Raises:
        DataError: it is no text, or its encoding has to be given; iterating raises it for a row that has more or fewer
            cells than the header, and for broken quotes.

    Attributes:
        header: the names of the columns, empty where the file is.
        encoding: that the file is read in.
        delimiter: that parts its cells.
        notes: what was found out and is not as usual, each a sentence.
    """

    def __init__(
        self,
        name: str | Path,
        file: BinaryIO,
        *,
        encoding: str = AUTO,
        delimiter: str = AUTO,
        paths: Iterable[str] = PATH_COLUMNS,
        option: str = "--encoding",
    ) -> None:
        # Python's limit is one for all readers of a process, and is smaller than a cell of thousands of labels.
        if csv.field_size_limit() < _LARGEST_CELL:
            csv.field_size_limit(_LARGEST_CELL)
        self.notes: list[str] = []
        self._name, self._option = str(name), option
        self._guessed: str | None = None
        self._mends = False
        self._wished = encoding
        file, head = rewindable(file, _HEAD)
        start = file.tell() if file.seekable() else 0
        _refuse_other_files(self._name, head)
        self.encoding, mark = self._encoding_of(head)
        if b"\0" in head and not self.encoding.startswith(_WIDE):
            raise DataError(f"{self._name}: is no text, since it holds NUL bytes")
        self._is_ours = head[mark:].startswith(_OWN_HEADER)
        text = head[mark:].decode(self.encoding, "replace")
        said = said_delimiter(text)
        skipped = text[: said[1]] if said else ""
        if delimiter != AUTO:
            self.delimiter = delimiter
        elif self._is_ours:
            self.delimiter = ","
        elif said:
            self.delimiter = said[0]
        else:
            self.delimiter = found_delimiter(text, is_whole=len(head) < _HEAD)
        self._skipped_lines = 1 if said else 0
        self._paths = frozenset(paths)
        mark += len(skipped.encode(self.encoding))
        self._look_for_odd_bytes(file, start + mark, head[mark:])
        if file.seekable():
            file.seek(start + mark)
        else:
            file.read(mark)
        self._reader = self._csv_reader(file)
        self.header = self._read_header()
        self._note_delimiter(delimiter)

    @property
    def line(self) -> int:
        """The line that the row ends on which was given last, from 1."""
        return self._reader.csv.line_num + self._skipped_lines

    def column(self, name: str) -> int | None:
        """Where a column stands, blanks around its name aside; None where there is none."""
        names = [column.strip() for column in self.header]
        return names.index(name) if name in names else None

    def __iter__(self) -> Iterator[list[str]]:
        # Tables have millions of rows: nothing is looked up in this loop that can be looked up before it.
        lines, width, is_ours = self._reader.csv, len(self.header), self._is_ours
        rows = self._mended() if self._mends else lines
        line = lines.line_num
        try:
            for row in rows:
                if len(row) == width and (is_ours or any(row)):
                    yield row
                elif len(row) > width or any(row):
                    raise self._width_problem(len(row), line + 1 + self._skipped_lines)
                line = lines.line_num
        except (csv.Error, UnicodeDecodeError) as error:
            raise self._damage(error, line + 1 + self._skipped_lines) from None

    # ------------------------------------------------------------------------------------------------ the encoding

    def _encoding_of(self, head: bytes) -> tuple[str, int]:
        """The encoding, and how many bytes of a mark to skip."""
        wished = None if self._wished == AUTO else known_encoding(self._name, self._wished)
        marked = marked_encoding(head)
        if head[marked[1] if marked else 0 :].startswith(_OWN_HEADER):
            return marked or (UTF_8, 0)
        if marked and (wished is None or marked[0].startswith(wished)):
            if marked[0] != UTF_8:
                self.notes.append(f"{self._name}: is read as {marked[0].upper()}, as its byte-order mark says")
            return marked
        if wished is not None:
            return wished, 0
        found = unmarked_utf16(head) if b"\0" in head else None
        if found:
            self.notes.append(f"{self._name}: is read as {found.upper()}, which it seems to be")
            return found, 0
        return UTF_8, 0

    def _look_for_odd_bytes(self, file: BinaryIO, start: int, head: bytes) -> None:
        """Find out what bytes mean that are not in the encoding, and whether rows have to be mended."""
        if self.encoding.startswith(_WIDE) or self._is_ours:
            return
        if not file.seekable():
            self._mends = self._wished == AUTO
            if self._mends and undecodable_line(io.BytesIO(head.rpartition(b"\n")[0]), self.encoding):
                self._study(io.BytesIO(head.rpartition(b"\n")[0]))
            return
        file.seek(start)
        line = undecodable_line(file, self.encoding)
        if line is None:
            return
        if self._wished != AUTO:
            raise DataError(
                f"{self._name}: line {line + self._skipped_lines} is not in {self.encoding}",
                hint=f"leave {self._option} out to find out what it may be",
            )
        file.seek(start)
        self._mends = True
        self._study(file)

    def _study(self, file: BinaryIO) -> None:
        """Guess the encoding by the cells that are no UTF-8."""
        reader = self._csv_reader(file)
        samples: list[bytes] = []
        first = first_path = 0
        paths: set[int] | None = None
        try:
            for row in reader.csv:
                paths = self._path_columns(row) if paths is None and row else paths
                for number, cell in enumerate(row):
                    if _is_utf8(cell):
                        continue
                    if number in (paths or ()):
                        first_path = first_path or reader.csv.line_num
                    else:
                        samples.append(_bytes_of(cell))
                        first = first or reader.csv.line_num
                if len(samples) >= _SAMPLES:
                    break
        except csv.Error:
            pass  # It is told where the row is read.
        finally:
            reader.detach()
        if samples and is_western(samples):
            self._guessed = self.encoding = WESTERN
            self.notes.append(
                f"{self._name}: line {first + self._skipped_lines} is no UTF-8; the text is read as {WESTERN}, as "
                f"Windows writes it ({samples[0].decode(WESTERN)!r}); {self._option} says otherwise"
            )
        elif samples:
            raise self._unknown_encoding(first, samples[0])
        elif first_path:
            self.notes.append(
                f"{self._name}: line {first_path + self._skipped_lines} has a path that is no UTF-8, whose bytes are "
                f"taken as they are; {self._option} says otherwise"
            )

    def _unknown_encoding(self, line: int, sample: bytes) -> DataError:
        shown = [f"{encoding} reads {text!r}" for encoding, text in readings(sample[:60])]
        return DataError(
            f"{self._name}: line {line + self._skipped_lines} is no UTF-8, and what it is cannot be told",
            hint=f"say it with {self._option}: {', '.join(shown)}" if shown else f"say it with {self._option}",
        )

    # -------------------------------------------------------------------------------------------------------- rows

    def _csv_reader(self, file: BinaryIO) -> _Rows:
        # What is mended is read as UTF-8 first, so that cells of paths keep their bytes.
        return _Rows(file, UTF_8 if self._mends else self.encoding, self.delimiter)

    def _read_header(self) -> list[str]:
        try:
            header = next(filter(None, self._reader.csv), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise self._damage(error, 1 + self._skipped_lines) from None
        self._kept = self._path_columns(header)
        return self._mend(header) if self._mends else header

    def _path_columns(self, header: Sequence[str]) -> set[int]:
        return {number for number, name in enumerate(header) if name.strip() in self._paths}

    def _mended(self) -> Iterator[list[str]]:
        for row in self._reader.csv:
            yield row if all(map(str.isascii, row)) else self._mend(row)

    def _mend(self, row: list[str]) -> list[str]:
        odd = [number for number, cell in enumerate(row) if number not in self._kept and not _is_utf8(cell)]
        if odd and self._guessed is None:
            raise self._unknown_encoding(self._reader.csv.line_num, _bytes_of(row[odd[0]]))
        for number in odd:
            row[number] = _decoded(row[number], str(self._guessed)) or row[number]
        return row

    # ---------------------------------------------------------------------------------------------------- messages

    def _note_delimiter(self, wished: str) -> None:
        if wished == AUTO and self.delimiter != "," and len(self.header) > 1:
            self.notes.append(f"{self._name}: its cells are parted by {name_of(self.delimiter)}")

    def _damage(self, error: csv.Error | UnicodeDecodeError, line: int) -> DataError:
        if isinstance(error, UnicodeDecodeError):
            return DataError(f"{self._name}: is damaged: it is no whole text in {self.encoding}: {error.reason}")
        return DataError(f"{self._name}: line {line}: {_csv_problem(error)}")

    def _width_problem(self, width: int, line: int) -> DataError:
        cells = "1 cell" if width == 1 else f"{width:,} cells"
        return DataError(
            f"{self._name}: line {line} has {cells} where the header has {len(self.header):,}",
            hint=f"a cell that holds {self.delimiter!r} is put in double quotes",
        )


def western_path(path: str) -> str | None:
    """A path that is no UTF-8 in cp1252, as Windows may have meant it; None for UTF-8 and for what reads badly so."""
    return None if _is_utf8(path) or not is_western([_bytes_of(path)]) else _decoded(path, WESTERN)


class _Rows:
    """Rows of cells, without a look at what they are; bytes that are not in the encoding are lone surrogates.

    Attributes:
        csv: gives the rows, and the line that the last one ends on.
    """

    def __init__(self, file: BinaryIO, encoding: str, delimiter: str) -> None:
        # What UTF-16 is cut in cannot be kept as a lone surrogate.
        errors = "strict" if encoding.startswith(_WIDE) else "surrogateescape"
        self._text = io.TextIOWrapper(file, encoding, errors=errors, newline="")
        # By pieces, so that a file without line ends is not taken into memory. A piece has too few cells, or too many.
        lines = iter(partial(self._text.readline, _LARGEST_LINE), "")
        self.csv = csv.reader(lines, delimiter=delimiter, strict=True)

    def detach(self) -> None:
        """Leave the file open."""
        self._text.detach()


def _refuse_other_files(name: str, head: bytes) -> None:
    if head.startswith(b"PAR1"):
        raise DataError(f"{name}: is a Parquet file", hint="give it a name that ends in .parquet")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DataError(f"{name}: is a workbook or an archive, no text", hint="save the table as CSV in UTF-8")


def _csv_problem(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message:
        return "a quote is opened and never closed"
    if "field larger" in message:
        return f"a cell is larger than {_LARGEST_CELL >> 20} MiB; is a quote opened there and never closed?"
    return f"quotes are broken: {message}"


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(text: str, encoding: str) -> str | None:
    try:
        return _bytes_of(text).decode(encoding)
    except UnicodeError:
        return None
