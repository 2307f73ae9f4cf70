"""The promises of a writer: of any format, also one that the kit cannot read.

A format that nobody here can read is known by what it does to tables that differ in one thing: another cell is another
file, and a cell that looks like the format itself stays a cell.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from fashionbatch.specs import Cell, WriterSpec
from fashionbatch.testing.calling import assembled, encoded
from fashionbatch.testing.deadline import described
from fashionbatch.testing.fresh import table_elsewhere
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require
from fashionbatch.testing.tables import ALIKE, COLUMNS, READERS, ROWS, Row, Rows, another_day, is_cell, table

_SUFFIX = re.compile(r"(\.[a-z0-9_]+)+")
_PLAIN: Row = ("zzfile", "timeout", "zzreason", "zzcat", 0.123457)
_LONG = 2_500
_REPEATS = 60
_EVERY_CELL = "write every cell of every row, in the order of `columns`"
_AS_IT_IS = (
    "write text as it is: escape what the format needs, and keep undecodable bytes by 'surrogateescape' or base64"
)
_DIGITS = "write six significant digits: f'{probability:.6g}'"
_ESCAPE = "quote or escape what the format gives a meaning to: separators, quotes and line ends inside cells"


def check_the_suffix_is_its_own(subject: Subject) -> None:
    """The ending of a file name picks the format, so it is written in one way and belongs to one writer."""
    suffix = cast(WriterSpec, subject.spec).suffix
    require(
        isinstance(suffix, str) and _SUFFIX.fullmatch(suffix),
        f"suffix is {suffix!r}",
        "write a dot and lower case letters, digits or underscores: '.tsv'",
    )
    for entry in subject.registry.entries("writer"):
        other = cast(WriterSpec, entry.spec)
        is_itself = other.name == subject.spec.name and subject.distribution in {None, entry.provider.distribution}
        require(
            is_itself or other.suffix.lower() != suffix,
            f"suffix {suffix!r} belongs to the writer {entry.qualified_name}, too",
            "choose an ending that no other format has",
        )


def check_a_table_is_the_same_however_it_is_cut(subject: Subject) -> None:
    """Shards are encoded by themselves; how many there were must not show in the table."""
    whole = _table(subject)
    require(whole, "the table is empty", "let assemble write the columns and the shards into `file`")
    everywhere = range(1, len(ROWS))
    for cuts in ((1,), (2, 5), everywhere, (0, 3), (4, 4), (len(ROWS),)):
        require(
            _table(subject, cuts=tuple(cuts)) == whole,
            "the table depends on how its rows were cut into shards",
            "let `encode` give rows alone and `assemble` the header, once; keep no state between calls",
        )
    spec = cast(WriterSpec, subject.spec)
    with tempfile.TemporaryDirectory() as folder:
        shards = [Path(folder) / name for name in ("b", "a", "c")]
        for shard, row in zip(shards, ROWS[:3], strict=True):
            shard.write_bytes(encoded(spec, COLUMNS, [row], subject.parameters))
        before = [shard.read_bytes() for shard in shards]
        joined = assembled(spec, COLUMNS, shards, subject.parameters)
        require(
            joined == _table(subject, ROWS[:3]),
            "the shards are not joined in the order in which they are given",
            "go through `shards` as they come, whatever their names",
        )
        require(
            [shard.read_bytes() if shard.exists() else None for shard in shards] == before,
            "assemble changed or removed a shard",
            "only read shards: a run that is interrupted needs them again",
        )


def check_every_cell_is_written(subject: Subject) -> None:
    """A table with another cell is another file: no column, no row and no row with an error is left out."""
    whole = _table(subject)
    for what, rows, remedy in _changed_cells():
        require(_table(subject, rows) != whole, f"{what}: the file stays the same", remedy)
    for index, row in enumerate(ROWS):
        rest = (*ROWS[:index], *ROWS[index + 1 :])
        require(_table(subject, rest) != whole, f"the table is the same without its row of {row[1]!r}", _EVERY_CELL)
        require(
            _table(subject, (*ROWS[: index + 1], *ROWS[index:])) != whole,
            "the table is the same when a row is there twice",
            _EVERY_CELL,
        )


def check_long_shards_are_written_to_the_end(subject: Subject) -> None:
    """A shard has up to 10,000 rows, and the last one counts as the first."""
    rows = [(f"zz{number:05}", *_PLAIN[1:]) for number in range(_LONG)]
    for changed in ([*rows[:-1], _with(rows[-1], 3, "zzdog")], rows[:-1]):
        require(
            _table(subject, changed) != _table(subject, rows),
            f"of {_LONG} rows the last one is not written",
            "write every row that `rows` gives",
        )


def check_probabilities_keep_six_digits(subject: Subject) -> None:
    """Six significant digits of a probability can be told apart, however small it is."""
    for one, other in ((0.987654, 0.987655), (0.123456, 0.123457), (0.00123456, 0.00123457), (1.23456e-9, 1.23457e-9)):
        files = [_table(subject, ((*_PLAIN[:4], value),)) for value in (one, other)]
        require(files[0] != files[1], f"probabilities {one} and {other} are written alike", _DIGITS)
    edges: Sequence[tuple[float, float | None]] = ((0.0, None), (1.0, 0.999999), (0.0, 1e-12))
    for edge, beside in edges:
        files = [_table(subject, ((*_PLAIN[:4], value),)) for value in (edge, beside)]
        require(files[0] != files[1], f"probability {edge} is written like {beside}", _DIGITS)


def check_text_is_kept_as_it_is(subject: Subject) -> None:
    """Names come back byte for byte: case, blanks, accents, length and bytes that are no UTF-8."""
    for column in (0, 2, 3):
        for one, other in ALIKE:
            if column and any("\ud800" <= character <= "\udfff" for character in one):
                continue
            files = [_table(subject, (_with(_PLAIN, column, value),)) for value in (one, other)]
            require(
                files[0] != files[1],
                f"{COLUMNS[column]} {_short(one)} is written like {_short(other)}",
                _AS_IT_IS,
            )
    for text in ("None", "null", "nan"):
        files = [_table(subject, (_with(_PLAIN, 3, value),)) for value in (text, None)]
        require(files[0] != files[1], f"an empty label is written like the label {text!r}", "leave empty cells empty")


def check_cells_cannot_look_like_the_format(subject: Subject) -> None:
    """A file name that holds separators, quotes or line ends stays one cell of one row."""
    first, second = ("zzone", *_PLAIN[1:]), ("zztwo", *_PLAIN[1:])
    for columns, width in ((COLUMNS, 5), (COLUMNS[:1], 1), (("filepath", "label"), 2)):
        rows = [_narrow(row, width) for row in (first, second)]
        two = _table(subject, rows, columns)
        # What stands between two names, written inside one name, must not make one row look like two.
        between = _between(two, "zzone", "zztwo")
        if between is not None:
            forged = [(f"zzone{between}zztwo", *rows[1][1:])]
            require(
                _table(subject, forged, columns) != two,
                f"a file name that holds {_short(between)} is written like two rows",
                _ESCAPE,
            )
    for left, right in ((2, 3), (0, 3)):
        columns = (COLUMNS[left], COLUMNS[right])
        separator = _between(_table(subject, [("zzone", "zztwo")], columns), "zzone", "zztwo")
        if separator is not None:
            pair = [_table(subject, [row], columns) for row in _shifted("zzone", separator, "zztwo")]
            require(pair[0] != pair[1], f"a cell that holds {_short(separator)} is written like two cells", _ESCAPE)
            numbers = [("zzfile", 0.1, 0.2, 0.3)]
            names = [("filepath", *pair, "prob") for pair in _shifted("prob_a", separator, "prob_b")]
            heads = [_table(subject, numbers, columns) for columns in names]
            require(heads[0] != heads[1], f"a column name that holds {_short(separator)} looks like two", _ESCAPE)


def check_rows_and_columns_keep_their_order(subject: Subject) -> None:
    """Rows stand in the order in which they come, and cells under their columns."""
    plain = [_with(_PLAIN, 0, name) for name in ("zzb", "zzc", "zza")]
    whole = _table(subject, plain)
    for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0)):
        require(
            _table(subject, [plain[index] for index in order]) != whole,
            "the table is the same when its rows come in another order",
            "write rows in the order in which they come; they are sorted already",
        )
    cells = ["zzfile", "timeout", "zzreason", "zzcat", "0.123457"]
    one = _table(subject, [_PLAIN])
    heads = sorted(COLUMNS, key=lambda name: _position(one, name))
    found = sorted(COLUMNS, key=lambda name: _position(one, cells[COLUMNS.index(name)]))
    if all(_position(one, text) >= 0 for text in (*cells, *COLUMNS)):
        require(
            heads == found,
            f"the columns are {', '.join(heads)}, and the cells of a row those of {', '.join(found)}",
            "write the cells of a row in the order of `columns`",
        )
    require(
        _in_this_order(whole, ["zzb", "zzc", "zza"]) is not False,
        "the rows stand in another order than they came in",
        "write rows in the order in which they come",
    )


def check_the_columns_are_named(subject: Subject) -> None:
    """The table says what its columns are, whatever they are called, also where it has no row."""
    for rows in (ROWS[:1], ()):
        whole = _table(subject, rows)
        for index, column in enumerate(COLUMNS):
            names = (*COLUMNS[:index], f"{column}_b", *COLUMNS[index + 1 :])
            if rows or _position(_table(subject, ()), "filepath") >= 0:
                require(
                    _table(subject, rows, names) != whole,
                    f"the file is the same when the column {column!r} is called {column + '_b'!r}: it names no columns",
                    "let assemble write the names of the columns first, escaped like cells",
                )
    odd = (*COLUMNS, 'prob_a, "b"\n강')
    require(
        _table(subject, [(*_PLAIN, 0.5)], odd) != _table(subject, [(*_PLAIN, 0.5)], (*COLUMNS, "prob_a")),
        "a column with a comma, a quote and a line end in its name is written like another one",
        "escape names of columns like cells: classes may be called anything",
    )
    require(
        _table(subject, [(*_PLAIN, 0.5)], odd) != _table(subject, [(*_PLAIN, 0.25)], odd),
        "the cells of a sixth column are not written",
        _EVERY_CELL,
    )


def check_tables_without_rows_can_be_made(subject: Subject) -> None:
    """A folder without photos has a table without rows, and a shard may have no row of its own."""
    spec = cast(WriterSpec, subject.spec)
    none = assembled(spec, COLUMNS, [], subject.parameters)
    require(
        none == _table(subject, ()),
        "a table of no shards and one of an empty shard differ",
        "write the header once, however many shards there are",
    )


def check_iterables_are_gone_through_once(subject: Subject) -> None:
    """Rows and shards come as they are made: they have no length, and there is no second time."""
    spec = cast(WriterSpec, subject.spec)
    remedy = "loop once over `rows` and `shards`: no len(), no index, no second loop; they do not fit the memory"
    expected = _table(subject)
    try:
        content = encoded(spec, COLUMNS, (list(row) for row in ROWS), subject.parameters)
        with tempfile.TemporaryDirectory() as folder:
            shard = Path(folder) / "0"
            shard.write_bytes(content)
            result = assembled(spec, list(COLUMNS), (path for path in [shard]), subject.parameters)
    except Exception as error:
        raise ContractError(f"rows and shards that come one by one raise {described(error)}", remedy) from error
    require(result == expected, "rows and shards that come one by one give another table than lists of them", remedy)


def check_the_same_rows_give_the_same_bytes(subject: Subject) -> None:
    """A run that was killed and resumed, on another day, gives the same table to the byte."""
    remedy = "write no time, no random number, no host and no process number into the file"
    expected = _table(subject)
    for _ in range(_REPEATS):
        require(_table(subject) == expected, "the same rows give other bytes the second time", remedy)
    spec = cast(WriterSpec, subject.spec)
    function: Any = getattr(spec.encode, "function", spec.encode)
    with another_day(getattr(function, "__module__", "")):
        later = _table(subject)
    require(later == expected, "the same rows give other bytes on another day", remedy)
    if subject.distribution is not None:
        elsewhere = table_elsewhere(subject.distribution, subject.spec.name, subject.given)
        require(
            elsewhere == hashlib.sha256(expected).hexdigest(),
            "the same rows give other bytes in another process, on another machine",
            f"{remedy}; let nothing follow the order of a set or the working directory",
        )


def check_the_table_can_be_read(subject: Subject) -> None:
    """What ends in .csv, .jsonl or .parquet is read by everybody's readers, and gives back every cell."""
    reader = subject.reader or READERS.get(cast(WriterSpec, subject.spec).suffix)
    if reader is None:
        return
    records = _read(subject, reader, ROWS)
    require(len(records) == len(ROWS), f"{len(ROWS)} rows were written and {len(records)} can be read", _ESCAPE)
    for record, row in zip(records, ROWS, strict=True):
        for column, cell in zip(COLUMNS, row, strict=True):
            require(
                is_cell(record.get(column), cell, record, column),
                f"{column} {_short(cell)} is read back as {_short(record.get(column))}",
                _DIGITS if isinstance(cell, float) else _ESCAPE,
            )
    columns = {name for record in records for name in record} - {"filepath_b64"}
    require(
        columns <= set(COLUMNS),
        f"the table has columns nobody asked for: {sorted(columns - set(COLUMNS))}",
        _EVERY_CELL,
    )


# -------------------------------------------------------------------------------------------------------------- tables


def _table(
    subject: Subject, rows: Sequence[Sequence[Cell]] = ROWS, columns: Sequence[str] = COLUMNS, cuts: Sequence[int] = ()
) -> bytes:
    plain = [tuple(row) for row in rows]
    return table(cast(WriterSpec, subject.spec), subject.parameters, plain, columns, cuts)


def _changed_cells() -> Iterator[tuple[str, Rows, str]]:
    """The table with one other cell, each in turn."""
    for index, row in enumerate(ROWS):
        for column, cell in enumerate(row):
            if cell is None or cell == "":
                changed: Cell = 0.25 if column == 4 else "zzother"
            else:
                changed = abs(cell - 0.4) if isinstance(cell, float) else f"{cell}~"
            rows = (*ROWS[:index], _with(row, column, changed), *ROWS[index + 1 :])
            yield f"another {COLUMNS[column]} in a row of status {row[1]!r}", rows, _EVERY_CELL


def _with(row: Row, column: int, cell: Cell) -> Row:
    return (*row[:column], cell, *row[column + 1 :])


def _narrow(row: Row, width: int) -> Row:
    return row if width == len(row) else ((row[0], row[3])[:width])


def _shifted(left: str, separator: str, right: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two pairs that are the same text when they are joined by the separator alone."""
    return (f"{left}{separator}zzmid", right), (left, f"zzmid{separator}{right}")


def _between(content: bytes, first: str, second: str) -> str | None:
    """The text between two words of a file, None where it does not hold them as text."""
    text = content.decode("utf-8", "replace")
    start, stop = text.find(first), text.find(second)
    if start < 0 or stop < start + len(first) or "\ufffd" in text:
        return None
    return text[start + len(first) : stop]


def _position(content: bytes, word: str) -> int:
    return content.find(word.encode())


def _in_this_order(content: bytes, words: Sequence[str]) -> bool | None:
    places = [_position(content, word) for word in words]
    return None if min(places) < 0 else places == sorted(places)


def _read(subject: Subject, reader: Callable[[bytes], list[dict[str, Any]]], rows: Rows) -> list[dict[str, Any]]:
    try:
        return reader(_table(subject, rows))
    except ImportError:
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    except Exception as error:
        raise ContractError(
            f"the table cannot be read as {cast(WriterSpec, subject.spec).suffix}: {error}", _ESCAPE
        ) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:25]}...{text[-25:]}"


CHECKS: tuple[CheckFunction, ...] = (
    check_the_suffix_is_its_own,
    check_a_table_is_the_same_however_it_is_cut,
    check_every_cell_is_written,
    check_long_shards_are_written_to_the_end,
    check_probabilities_keep_six_digits,
    check_text_is_kept_as_it_is,
    check_cells_cannot_look_like_the_format,
    check_rows_and_columns_keep_their_order,
    check_the_columns_are_named,
    check_tables_without_rows_can_be_made,
    check_iterables_are_gone_through_once,
    check_the_same_rows_give_the_same_bytes,
    check_the_table_can_be_read,
)
