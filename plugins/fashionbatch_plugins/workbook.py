"""The label table as a workbook (`.xlsx`), which spreadsheets open without asking for encodings and delimiters.

A shard is rows of the sheet as they stand in the workbook's XML, so joining shards is copying them: memory does not
grow with the table, nothing is written but the table itself, and the same rows give the same bytes. XlsxWriter would
write temporary files beside it, and takes a cell such as `<r>a</r>` for markup.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fashionbatch.specs import Cell

MAX_ROWS: Final = 1_048_576 - 1
"""Rows of a sheet, without the header."""

MAX_COLUMNS: Final = 16_384
_LONGEST: Final = 32_767
"""Of a cell, in UTF-16 code units."""

_LARGEST_PLAIN: Final = 1 << 31
"""Sheets that may be larger than a plain zip can say are written in zip64."""

_SPREADSHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET: Final = "xl/worksheets/sheet1.xml"
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_RELATIONS}"><sheets>'
    '<sheet name="labels" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
_BEFORE_ROWS: Final = (
    f'{_XML}<worksheet xmlns="{_SPREADSHEET}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_AFTER_ROWS: Final = "</sheetData></worksheet>"

_LIKE_AN_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_NO_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def encode_xlsx(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:  # noqa: ARG001 - the writers' signature
    """Rows of a sheet, as XML."""
    return "".join(map(_row, rows)).encode("utf-8")


def assemble_xlsx(columns: Sequence[str], shards: Iterable[Path], file: BinaryIO) -> None:
    """A workbook of one sheet: the names of the columns, which stay in sight, then the rows."""
    paths = list(shards)
    is_large = sum(path.stat().st_size for path in paths) > _LARGEST_PLAIN
    with ZipFile(cast(Any, _Forward(file)), "w", ZIP_DEFLATED) as archive:
        for name, content in _PARTS.items():
            archive.writestr(_entry(name), _XML + content)
        with archive.open(_entry(_SHEET), "w", force_zip64=is_large) as sheet:
            sheet.write((_BEFORE_ROWS + _row(columns)).encode("utf-8"))
            for path in paths:
                with open(path, "rb") as shard:
                    while piece := shard.read(1 << 20):
                        sheet.write(piece)
            sheet.write(_AFTER_ROWS.encode("utf-8"))


class _Forward:
    """A file that is only ever written at its end, so that the archive is the same wherever it goes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _entry(name: str) -> ZipInfo:
    """An entry of the archive that is the same on every day and every system."""
    entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    return entry


def _row(cells: Sequence[Cell]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(cell: Cell) -> str:
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, float):
        return f"<c><v>{cell:.6g}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{_text(cell)}</t></is></c>'


def _text(text: str) -> str:
    """Text for XML; what XML cannot hold, such as bytes of a path that are no UTF-8, as the format's own escapes."""
    if len(text) > _LONGEST // 2:
        text = _shortened(text)
    text = _NO_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", _LIKE_AN_ESCAPE.sub("_x005F_", text))
    # As xml.sax.saxutils does it, which imports everything that speaks HTTP.
    return escape(text, quote=False)


def _shortened(text: str) -> str:
    """As much of a text as a cell can hold, and what says that there was more."""
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) // 2 <= _LONGEST:
        return text
    digest = hashlib.sha256(units).hexdigest()[:16]
    end = f" ... [cut from {len(units) // 2:,} characters, SHA-256 {digest}]"
    return units[: 2 * (_LONGEST - len(end))].decode("utf-16-le", "ignore") + end
