"""Text on Pillow images in any script: measured, cut, wrapped and written with fallback fonts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.pictures.fonts import find_fonts
from fashionbatch.pictures.words import ELLIPSIS

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

    def fitted(self, text: str, size: int, room: float) -> str:
        """The text, cut in its middle where it is wider than the room; both ends tell names apart."""
        text = self._fonts.readable(text)
        if self.width(text, size) <= room:
            return text
        for kept in range(len(text) - 1, 0, -1):
            tail = kept // 3
            candidate = text[: kept - tail].rstrip() + ELLIPSIS + (text[-tail:].lstrip() if tail else "")
            if self.width(candidate, size) <= room:
                return candidate
        return ELLIPSIS

    def wrapped(self, text: str, size: int, room: float, lines: int) -> list[str]:
        """The text on at most that many lines, broken at spaces; the last one is cut where that is not enough."""
        words = self._fonts.readable(text).split(" ")
        done: list[str] = []
        while len(done) < lines - 1 and self.width(" ".join(words), size) > room:
            fitting = next(
                (count for count in range(len(words) - 1, 0, -1) if self.width(" ".join(words[:count]), size) <= room),
                0,
            )
            if not fitting:
                break
            done.append(" ".join(words[:fitting]))
            words = words[fitting:]
        return [*done, self.fitted(" ".join(words), size, room)]

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
