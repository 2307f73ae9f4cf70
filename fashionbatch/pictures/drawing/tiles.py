"""Grids of images with captions, drawn with Pillow: the images' own pixels, not resampled by a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashionbatch.pictures.drawing.lettering import Lettering
from fashionbatch.pictures.drawing.style import FAINT, GREY, INK, PAPER, save_image

if TYPE_CHECKING:
    from PIL import Image

CRISP_UP_TO = 64
"""Images up to this side are enlarged by whole pixels, so that a 28x28 digit stays sharp; larger ones are resampled."""
CAPTIONS_FROM = 56
"""The smallest tile with captions; below it frames alone speak."""
CAPTION_LINES, FILE_LINES = 2, 3
_HAIRLINE = 1
_GAP = 10
_MARGIN = 14
THICK, THIN = 4, 2
"""Pixels of a coloured frame: a wrong label's is told from a right one's without its colour."""
_TITLE, _NOTE, _HEADING = 18, 12, 14  # sizes of letters


class Caption(NamedTuple):
    """A text under a tile.

    Attributes:
        text: cut where it does not fit on CAPTION_LINES lines.
        colour: of the letters.
        ending: a word after it that is never cut, a percentage say.
        is_file: whether it is a file's path, whose name is broken anywhere: it takes up to FILE_LINES lines.
    """

    text: str
    colour: str
    ending: str = ""
    is_file: bool = False


@dataclass(frozen=True)
class Tile:
    """One image of a grid.

    Attributes:
        image: uint8 `(height, width, 1 or 3)`.
        captions: texts under it.
        border: the colour of its frame; None for a hairline in grey.
        width: pixels of a coloured frame.
    """

    image: NDArray[np.uint8]
    captions: Sequence[Caption] = ()
    border: str | None = None
    width: int = THICK


@dataclass(frozen=True)
class Section:
    """Tiles under a heading, in rows of `columns`."""

    tiles: Sequence[Tile]
    columns: int
    heading: str = ""


@dataclass(frozen=True)
class _Piece:
    """A tile's place on the canvas, or a line of text's: what is drawn, left and top."""

    what: Tile | tuple[str, int, str]
    left: int
    top: int


def draw_tiles(sections: Sequence[Section], path: Path, *, tile: int, title: str = "", note: str = "") -> Path:
    """Draw sections of tiles below each other.

    Args:
        sections: each with its own number of columns.
        path: the PNG file.
        tile: the side of a tile in pixels; for images up to CRISP_UP_TO, the nearest that whole pixels fill.
        title: over the picture.
        note: a smaller line under the title.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    from PIL import Image, ImageDraw

    texts = [title, note, *(section.heading for section in sections)]
    texts += [caption.text for section in sections for one in section.tiles for caption in one.captions]
    lettering = Lettering(texts)
    side = _side(sections, tile)
    pieces, width, height = _arrange(sections, side, lettering, title, note)
    canvas = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    for piece in pieces:
        if isinstance(piece.what, Tile):
            _draw_tile(canvas, piece.what, piece.left, piece.top, side)
        else:
            text, size, colour = piece.what
            lettering.write(draw, (piece.left, piece.top + size), text, size, colour)
    return save_image(canvas, path, photos=True)


def _side(sections: Sequence[Section], tile: int) -> int:
    every = [one for section in sections for one in section.tiles]
    largest = max((max(one.image.shape[:2]) for one in every), default=tile)
    frames = 2 * max(map(_frame, every), default=0)
    factor = max(1, round((tile - frames) / largest))
    return tile if largest > min(CRISP_UP_TO, tile) else factor * largest + frames


def _frame(one: Tile) -> int:
    return one.width if one.border is not None else _HAIRLINE


def _arrange(
    sections: Sequence[Section], side: int, lettering: Lettering, title: str, note: str
) -> tuple[list[_Piece], int, int]:
    """What stands where, and the width and height of it all."""
    columns = max((min(section.columns, len(section.tiles)) for section in sections), default=1)
    width = max(2 * _MARGIN + columns * (side + _GAP) - _GAP, 500 if title or note else 0)
    room = width - 2 * _MARGIN
    pieces: list[_Piece] = []
    y = _MARGIN
    for text, size, colour in ((title, _TITLE, INK), (note, _NOTE, GREY)):
        for line in lettering.wrapped(text, size, room, 2) if text else ():
            pieces.append(_Piece((line, size, colour), _MARGIN, y))
            y += size + 8
    y += 6 if pieces else 0
    for section in sections:
        if section.heading:
            for line in lettering.wrapped(section.heading, _HEADING, room, 3):
                pieces.append(_Piece((line, _HEADING, INK), _MARGIN, y + 6))
                y += _HEADING + 8
            y += 8
        for start in range(0, len(section.tiles), section.columns):
            row = section.tiles[start : start + section.columns]
            placed, y = _arrange_row(row, side, lettering, y)
            pieces += placed
    return pieces, width, y + _MARGIN - _GAP


def _arrange_row(row: Sequence[Tile], side: int, lettering: Lettering, top: int) -> tuple[list[_Piece], int]:
    size = max(11, min(15, side // 9))
    pieces, most = [], 0
    for column, one in enumerate(row):
        left = _MARGIN + column * (side + _GAP)
        pieces.append(_Piece(one, left, top))
        lines = [
            (line, size, caption.colour)
            for caption in (one.captions if side >= CAPTIONS_FROM else ())
            for line in _caption_lines(caption, size, side, lettering)
        ]
        pieces += [_Piece(line, left, top + side + 3 + number * (size + 4)) for number, line in enumerate(lines)]
        most = max(most, len(lines))
    return pieces, top + side + most * (size + 4) + _GAP + (4 if most else 0)


def _caption_lines(caption: Caption, size: int, side: int, lettering: Lettering) -> list[str]:
    if caption.is_file:
        return lettering.broken(caption.text, size, side, FILE_LINES)
    return lettering.wrapped(caption.text, size, side, CAPTION_LINES, caption.ending)


def _draw_tile(canvas: Image.Image, one: Tile, left: int, top: int, side: int) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(canvas)
    border = _frame(one)
    draw.rectangle((left, top, left + side - 1, top + side - 1), fill=one.border or FAINT)
    draw.rectangle((left + border, top + border, left + side - 1 - border, top + side - 1 - border), fill=PAPER)
    picture = scaled(one.image, side - 2 * border)
    canvas.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))


def scaled(image: NDArray[np.uint8], side: int) -> Image.Image:
    """An RGB picture that fills a square of that side as far as its shape allows.

    Args:
        image: uint8 `(height, width, 1 or 3)`.
        side: in pixels.
    """
    from PIL import Image

    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    factor = side / max(height, width)
    if factor >= 1 and max(height, width) <= CRISP_UP_TO:
        # A whole factor keeps every pixel of the image the same size.
        size = (width * int(factor), height * int(factor))
        return picture.resize(size, Image.Resampling.NEAREST)
    size = (max(1, math.floor(width * factor)), max(1, math.floor(height * factor)))
    return picture.resize(size, Image.Resampling.LANCZOS)
