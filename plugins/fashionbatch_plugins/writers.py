"""Built-in formats of the label table: CSV, JSON Lines, Parquet, and workbooks."""

from __future__ import annotations

import base64
import codecs
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from fashionbatch.errors import FashionBatchError
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import Cell, ColumnType, WriterSpec
from fashionbatch_plugins import workbook

_PATH = "filepath"
_PATH_BYTES = "filepath_b64"
_ROW_GROUP = 65_536
_TO_QUOTE = re.compile(r'[",\r\n]')


@hookimpl
def register_writers() -> Iterable[WriterSpec]:
    """CSV, JSON Lines, Parquet, workbooks."""
    yield WriterSpec(
        name="csv",
        summary="Comma-separated values, RFC 4180 with \\n line ends.",
        suffix=".csv",
        encode=encode_csv,
        assemble=assemble_csv,
    )
    yield WriterSpec(
        name="jsonl",
        summary="JSON Lines: one object a row.",
        suffix=".jsonl",
        encode=encode_jsonl,
        assemble=assemble_jsonl,
        shards_are_tables=True,
    )
    yield WriterSpec(
        name="parquet",
        summary="Apache Parquet; needs the extra `parquet`.",
        suffix=".parquet",
        encode=encode_parquet,
        assemble=assemble_parquet,
        shards_are_tables=True,
    )
    yield WriterSpec(
        name="xlsx",
        summary="A workbook for spreadsheets; up to 1,048,575 rows.",
        suffix=".xlsx",
        encode=workbook.encode_xlsx,
        assemble=workbook.assemble_xlsx,
        max_rows=workbook.MAX_ROWS,
        max_columns=workbook.MAX_COLUMNS,
    )


def _number(probability: float) -> str:
    """Six significant digits: what float32 holds for sure."""
    return f"{probability:.6g}"


# --------------------------------------------------------------------------------------------------------------- CSV


def encode_csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:  # noqa: ARG001 - the writers' signature
    """Lines without the header. File names that are not UTF-8 keep their bytes."""
    text = "".join(",".join(map(_csv_cell, row)) + "\n" for row in rows)
    return text.encode("utf-8", "surrogateescape")


def assemble_csv(
    columns: Sequence[str], shards: Iterable[Path], file: BinaryIO, *, spreadsheet_safe: bool = False
) -> None:
    """The header, then the shards as they are.

    Args:
        columns: their names.
        shards: encoded rows.
        file: the table.
        spreadsheet_safe: begin with a byte-order mark, without which Excel takes UTF-8 for something else.
    """
    if spreadsheet_safe:
        file.write(codecs.BOM_UTF8)
    file.write(encode_csv((), [columns]))
    _concatenate(shards, file)


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    # Python's own csv module leaves a lone carriage return unquoted, and readers take it for the end of a line.
    return '"' + cell.replace('"', '""') + '"' if _TO_QUOTE.search(cell) else cell


def _concatenate(shards: Iterable[Path], file: BinaryIO) -> None:
    for shard in shards:
        with open(shard, "rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)


# -------------------------------------------------------------------------------------------------------- JSON Lines


def encode_jsonl(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """One object a row, keys in the order of the columns.

    A path that is not UTF-8 is shown with replacement characters, and its bytes are in `filepath_b64`.
    """
    keys = [json.dumps(column, ensure_ascii=False) + ": " for column in columns]
    return "".join(_json_line(columns, keys, row) for row in rows).encode("utf-8")


def assemble_jsonl(columns: Sequence[str], shards: Iterable[Path], file: BinaryIO) -> None:  # noqa: ARG001 - the same
    """The shards as they are."""
    _concatenate(shards, file)


def _json_line(columns: Sequence[str], keys: Sequence[str], row: Sequence[Cell]) -> str:
    parts = []
    for column, key, cell in zip(columns, keys, row, strict=True):
        if isinstance(cell, float):
            parts.append(key + _number(cell))
        elif column == _PATH and isinstance(cell, str) and (encoded := _bytes_of_odd_path(cell)):
            parts.append(f"{key}{json.dumps(_shown(cell), ensure_ascii=False)}")
            parts.append(f'"{_PATH_BYTES}": "{encoded}"')
        else:
            # A user's own column may hold bytes that are not UTF-8: JSON can say them as escapes.
            parts.append(key + json.dumps(cell, ensure_ascii=isinstance(cell, str) and not _is_utf8(cell)))
    return "{" + ", ".join(parts) + "}\n"


def _bytes_of_odd_path(path: str) -> str | None:
    """The path's bytes in base64, None where they are UTF-8 and so the path says it all."""
    return None if _is_utf8(path) else base64.b64encode(os.fsencode(path)).decode("ascii")


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# ----------------------------------------------------------------------------------------------------------- Parquet


def encode_parquet(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, types: Sequence[ColumnType] | None = None
) -> bytes:
    """A Parquet file of these rows. Probabilities are rounded to six significant digits, as in the other formats.

    Args:
        columns: their names.
        rows: their cells.
        types: what the cells are; where they are not known, a column is what its first cell is.
    """
    pa, pq = _pyarrow()
    names = _parquet_columns(columns)
    cells: list[list[Any]] = [[] for _ in names]
    for row in rows:
        for values, cell in zip(cells, _parquet_row(columns, row), strict=True):
            values.append(cell)
    known = _parquet_types(pa, columns, types)
    arrays = [
        pa.array(values, known.get(name) or _type_of(pa, values)) for name, values in zip(names, cells, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=names), buffer, compression="zstd")
    return buffer.getvalue()


def assemble_parquet(
    columns: Sequence[str], shards: Iterable[Path], file: BinaryIO, *, types: Sequence[ColumnType] | None = None
) -> None:
    """Row groups of one size, so that the file does not depend on how the rows were cut into shards.

    Where the types are not known, a column that is empty in some shards has none there, so that they are gathered from
    all shards first.
    """
    pa, pq = _pyarrow()
    names = _parquet_columns(columns)
    found = _parquet_types(pa, columns, types)
    if not found:
        shards = list(shards)
        for path in shards:
            for field in pq.read_schema(path):
                if found.get(field.name, pa.null()) == pa.null():
                    found[field.name] = field.type
    chosen = {name: found.get(name, pa.null()) for name in names}
    schema = pa.schema([(name, pa.string() if type_ == pa.null() else type_) for name, type_ in chosen.items()])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _row_groups(pa, (pq.read_table(path).cast(schema) for path in shards)):
            writer.write_table(group)


def _row_groups(pa: Any, tables: Iterable[Any]) -> Iterator[Any]:
    waiting: list[Any] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        while rows >= _ROW_GROUP:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, _ROW_GROUP).combine_chunks()
            waiting, rows = [joined.slice(_ROW_GROUP)], rows - _ROW_GROUP
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()


def _parquet_columns(columns: Sequence[str]) -> list[str]:
    names = list(columns)
    return [*names[:1], _PATH_BYTES, *names[1:]] if names[:1] == [_PATH] else names


def _parquet_row(columns: Sequence[str], row: Sequence[Cell]) -> list[Cell]:
    # Parquet's text is UTF-8; of what is not, only the path is worth a column of its own.
    cells: list[Cell] = [
        float(_number(cell)) if isinstance(cell, float) else _shown(cell) if isinstance(cell, str) else cell
        for cell in row
    ]
    if columns[0] != _PATH or not isinstance(row[0], str):
        return cells
    encoded = _bytes_of_odd_path(row[0])
    return [cells[0], encoded, *cells[1:]]


def _parquet_types(pa: Any, columns: Sequence[str], types: Sequence[ColumnType] | None) -> dict[str, Any]:
    """Column -> Arrow's type; empty where the types are not known."""
    if types is None:
        return {}
    found = {
        name: pa.float64() if kind == "probability" else pa.string() for name, kind in zip(columns, types, strict=True)
    }
    return {name: found.get(name, pa.string()) for name in _parquet_columns(columns)}


def _type_of(pa: Any, values: Sequence[Cell]) -> Any:
    present = next((value for value in values if value is not None), None)
    if present is None:
        return pa.null()
    return pa.float64() if isinstance(present, float) else pa.string()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError as error:
        raise FashionBatchError(
            f"the format parquet needs pyarrow, which cannot be imported ({error})",
            hint="pip install 'fashionbatch[parquet]'",
        ) from error
    return pa, pq
