"""Photos as programs have them, by path, as arrays, as Pillow's images or as bytes, decoded as `classify` does it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import decode_into, fit_image, fit_pixels, one_line, open_regular
from fashionbatch.images.spec import AnyImageSpec

Photo: TypeAlias = str | os.PathLike[str] | bytes | NDArray[np.uint8] | Image.Image
"""One photo: the path of a file, a file's bytes, an array `(height, width)` or `(height, width, 1, 3 or 4)`, or
Pillow's image."""

Photos: TypeAlias = Photo | Iterable[Photo]
"""One photo or many; an array of four axes, or of three whose last is longer than 4, is as many photos."""

_CHANNELS = frozenset({1, 3, 4})
_PATHS = frozenset("OUS")
"""Kinds of arrays that hold no pixels, but a path, or another photo, in each place."""


def each_photo(photos: Photos) -> tuple[Iterable[Photo], int | None]:
    """The photos one by one, and how many there are; None where that is not known before.

    Raises:
        ValueError: an array of a shape or dtype that no photo has.
        TypeError: something that is no photo.
    """
    if isinstance(photos, np.ndarray) and photos.dtype.kind in _PATHS:
        # What `frame.filepath.to_numpy()` gives.
        paths: list[Any] = photos.ravel().tolist()
        return paths, len(paths)
    if isinstance(photos, np.ndarray):
        _check_array(photos)
        many = photos[np.newaxis] if _is_one(photos) else photos
        return many, len(many)
    if isinstance(photos, str | os.PathLike) and os.path.isdir(photos):
        raise TypeError(f"expected photos, got the folder {os.fspath(photos)!r}; fb.classify labels folders")
    if isinstance(photos, str | bytes | os.PathLike | Image.Image):
        return [photos], 1
    # Lines of a file, keys of a mapping and columns of a frame can be gone through, too, and are no photos.
    if isinstance(photos, io.IOBase):
        raise TypeError("expected photos, got an open file; give its path, or its bytes: file.read()")
    if isinstance(photos, Mapping) or hasattr(photos, "columns"):
        raise TypeError(f"expected photos, got a {type(photos).__name__}; give the values or the column that has them")
    if isinstance(photos, Iterable):
        return photos, len(photos) if isinstance(photos, Sized) else None
    raise TypeError(f"expected photos: paths, arrays, bytes or Pillow's images; got {type(photos).__name__}")


@dataclass
class DecodedPhotos:
    """Decodes photos in batches, several at once, and notes what became of each.

    Args:
        photos: one by one.
        spec: what the network takes.
        at_once: photos in a batch.
        threads: how many decode side by side.

    Attributes:
        names: the path of each, as it was given; empty for what is no file.
        failed: its number -> status and error of its row.
        notes: its number -> what the row of a photo that was decoded says of it.
    """

    photos: Iterable[Photo]
    spec: AnyImageSpec
    at_once: int
    threads: int
    names: list[str] = field(default_factory=list)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)

    def batches(self) -> Iterator[NDArray[np.uint8]]:
        """uint8 `(n, height, width, channels)` each; black where a photo cannot be decoded.

        Raises:
            ValueError: an array of a shape or dtype that no photo has.
            TypeError: something that is no photo.
        """
        source = iter(self.photos)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="decode") as pool:
            while batch := list(islice(source, self.at_once)):
                pixels = np.zeros((len(batch), *self.spec.shape), np.uint8)
                first = len(self.names)
                self.names += [_name(photo) for photo in batch]
                outcomes = pool.map(lambda photo, out: _decode(photo, self.spec, out), batch, pixels)
                for number, (status, message) in enumerate(outcomes, first):
                    if status != "ok":
                        self.failed[number] = (status, message)
                    elif message:
                        self.notes[number] = message
                yield pixels


def _decode(photo: Photo, spec: AnyImageSpec, out: NDArray[np.uint8]) -> tuple[str, str]:
    """Decode a photo into its place; the status and the error or note of its row."""
    try:
        if isinstance(photo, np.ndarray):
            _check_array(photo, one=True)
            out[...] = fit_pixels(photo, spec)
            return "ok", ""
        if isinstance(photo, Image.Image):
            out[...] = fit_image(photo, spec)
            return "ok", ""
        if isinstance(photo, bytes):
            return "ok", decode_into(photo, spec, out)
        with open_regular(Path(photo)) as file:
            return "ok", decode_into(file, spec, out)
    except (FileNotFoundError, NotADirectoryError) as error:
        return "missing", f"FileNotFoundError: {error.strerror}"
    except (ImageError, OSError, MemoryError) as error:
        return "error", one_line(error)


def _name(photo: Any) -> str:
    """The path of a photo, empty for what is no file."""
    if isinstance(photo, str | os.PathLike):
        return os.fspath(photo)
    if isinstance(photo, bytes | np.ndarray | Image.Image):
        return ""
    raise TypeError(f"a photo is a path, an array, bytes or Pillow's image; got {type(photo).__name__}")


def _check_array(array: NDArray[Any], *, one: bool = False) -> None:
    if array.dtype != np.uint8:
        is_float = array.dtype.kind == "f"
        hint = "; numbers in 0..1 become such by (255 * array).round().astype('uint8')" if is_float else ""
        raise ValueError(f"expected an array of uint8, got {array.dtype}{hint}")
    if one and not (_is_one(array) and array.size):
        raise ValueError(f"expected a photo (height, width) or (height, width, 1, 3 or 4), got {array.shape}")
    if not (array.ndim in {2, 3} or (array.ndim == 4 and array.shape[3] in _CHANNELS)):
        raise ValueError(f"expected photos (n, height, width) or (n, height, width, 1, 3 or 4), got {array.shape}")


def _is_one(array: NDArray[Any]) -> bool:
    """Whether it has the shape of one photo."""
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _CHANNELS)
