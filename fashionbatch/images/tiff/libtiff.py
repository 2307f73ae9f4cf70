"""What TIFF alone needs: noticing missing strips, and a libtiff that does not write to the terminal."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import PIL
from PIL import Image

from fashionbatch.errors import ImageError

_TILE_WIDTH, _TILE_LENGTH = 322, 323


def tile_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of the pieces that a TIFF is decoded in, (0, 0) where it is in strips. Each takes memory."""
    tags: Any = getattr(image, "tag_v2", {})
    return int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_LENGTH, 0))


def check_whole(image: Image.Image) -> None:
    """Refuse a TIFF whose strips or tiles cover less than its picture: Pillow leaves the rest black.

    Raises:
        ImageError: something is missing.
    """
    tiles: list[Any] = getattr(image, "tile", [])
    covered = 0
    for tile in tiles:
        left, top, right, bottom = tile[1] or (0, 0, 0, 0)
        covered += (right - left) * (bottom - top)
    if covered < image.width * image.height:
        raise ImageError(
            f"OSError: image file is truncated (data for {covered} of {image.width * image.height} pixels)"
        )


class _SilentLibtiff:
    """While any thread decodes a TIFF, libtiff does not write its errors to the terminal: they come as exceptions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._handler: Any = None

    def __enter__(self) -> None:
        with self._lock:
            library = _libtiff()
            if library is not None and self._inside == 0:
                self._handler = library.TIFFSetErrorHandler(None)
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            library = _libtiff()
            if library is not None and self._inside == 0:
                library.TIFFSetErrorHandler(self._handler)


silent_libtiff = _SilentLibtiff()


@functools.cache
def _libtiff() -> Any:
    """The libtiff that Pillow uses: its wheel's, else the system's; None where none is found, and it then speaks."""
    site = Path(PIL.__file__).parent
    bundled = [*site.parent.glob("pillow.libs/libtiff*.so*"), *site.glob(".dylibs/libtiff*.dylib")]
    try:
        library = ctypes.CDLL(str(bundled[0]) if bundled else ctypes.util.find_library("tiff") or "")
        library.TIFFSetErrorHandler.restype = ctypes.c_void_p
        library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError):
        return None
    return library
