"""Text on Pillow images in any script: measured, cut, wrapped and written with fallback fonts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.pictures.drawing.fonts import find_fonts
from fashionbatch.pictures.drawing.words import broken, wrapped

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont


class Lettering:
    """Writes some texts; sizes and widths are in pixels.

    Args:
        texts: everything that will be written, so that fonts for all of it are found.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._fonts = find_fonts(texts)
        self._loaded: dict[tuple[Path, int], ImageFont.FreeTypeFont] = {}

    def width(self, text: str, size: int) -> float:
        """How wide the text will be."""
        return sum(self._font(path, size).getlength(piece) for path, piece in self._fonts.runs(text))

    def wrapped(self, text: str, size: int, room: float, lines: int, ending: str = "") -> list[str]:
        """The text on at most that many lines, as `words.wrapped` breaks and cuts it."""
        return wrapped(self._fonts.readable(text), room, lines, lambda part: self.width(part, size), ending)

    def broken(self, path: str, size: int, room: float, lines: int) -> list[str]:
        """A file's path on at most that many lines, as `words.broken` breaks it."""
        return broken(self._fonts.readable(path), room, lines, lambda part: self.width(part, size))

    def write(self, draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, colour: str) -> None:
        """Write one line; `place` is the left end of its baseline."""
        x, baseline = place
        for path, piece in self._fonts.runs(text):
            font = self._font(path, size)
            draw.text((x, baseline), piece, fill=colour, font=font, anchor="ls")
            x += font.getlength(piece)

    def _font(self, path: Path, size: int) -> ImageFont.FreeTypeFont:
        from PIL import ImageFont

        if (path, size) not in self._loaded:
            self._loaded[path, size] = ImageFont.truetype(str(path), size)
        return self._loaded[path, size]
