"""Contact sheets: the photos of a class, page by page, with their files' names under them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from fashionbatch import disk
from fashionbatch.collecting.folder import CollectedFolder
from fashionbatch.collecting.rows import Row
from fashionbatch.errors import ImageError
from fashionbatch.images import view_image
from fashionbatch.pictures.drawing.style import GREY
from fashionbatch.pictures.drawing.tiles import Caption, Section, Tile, draw_tiles

_COLUMNS, _ROWS = 6, 6
_TILE = 160


def draw_sheets(folder: CollectedFolder, rows: Sequence[Row]) -> dict[str, list[Path]]:
    """Draw the photos that are kept, in place of earlier sheets.

    Returns:
        The pictures of each class, in the order of their pages.

    Raises:
        OutputError: one cannot be written.
    """
    kept: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.outcome == "ok":
            kept[row.take.source.label].append(row)
    drawn = {label: list(_pages(folder, label, own)) for label, own in kept.items()}
    current = {path.name for paths in drawn.values() for path in paths}
    if folder.sheets.is_dir():
        with disk.output_errors(folder.sheets):
            for path in folder.sheets.glob("*.png"):
                if path.name not in current:
                    disk.remove(path)
    return drawn


def _pages(folder: CollectedFolder, label: str, rows: Sequence[Row]) -> Iterator[Path]:
    size = _COLUMNS * _ROWS
    pages = -(-len(rows) // size)
    for page in range(pages):
        own = rows[page * size : (page + 1) * size]
        path = folder.sheets / f"{label} {page + 1}.png"
        note = f"page {page + 1} of {pages}; write no in the column keep of collected.csv for what does not belong"
        tiles = [tile for row in own if (tile := _tile(folder, row)) is not None]
        yield draw_tiles([Section(tiles, _COLUMNS)], path, tile=_TILE, title=f"{label}: {len(rows)} photos", note=note)


def _tile(folder: CollectedFolder, row: Row) -> Tile | None:
    """A photo with its file's name; None where somebody has changed the file into what is none."""
    path = folder.in_class(row.file)
    try:
        return Tile(view_image(path, _TILE), (Caption(path.name, GREY, is_file=True),))
    except ImageError:
        return None
