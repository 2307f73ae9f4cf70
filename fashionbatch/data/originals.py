"""A source's images as it has them, read one by one: files, rows of an array, files inside something else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import ImageError
from fashionbatch.images import decode_image, fit_pixels, one_line, open_regular
from fashionbatch.specs import EncodedImages, ImageSpec, Samples

_SIZES_LOOKED_AT: Final = 64
"""A share may take a while for each."""

Stored: TypeAlias = bytes | NDArray[np.uint8]
"""A file's bytes, or pixels that lie in an array."""


class Originals(Protocol):
    """Images that can be read one by one."""

    def __len__(self) -> int:
        """How many there are."""

    def stored_bytes(self) -> int:
        """About how many bytes their files take, from the sizes of some; 0 where that is not known without reading."""

    def identity(self) -> bytes:
        """What changes when an image may have changed."""

    def fetch(self, position: int) -> Stored:
        """An image as it is stored; raises ImageError."""


@dataclass(frozen=True)
class Files:
    """Image files."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.paths)

    def stored_bytes(self) -> int:
        """Their number times the mean size of some of them."""
        sizes = []
        for path in self.paths[:: max(1, len(self.paths) // _SIZES_LOOKED_AT)]:
            with suppress(OSError):
                sizes.append(path.stat().st_size)
        return len(self.paths) * sum(sizes) // len(sizes) if sizes else 0

    def identity(self) -> bytes:
        """The paths, sizes and times of the files."""
        digest = hashlib.sha256()
        for path in self.paths:
            digest.update(os.fsencode(path.absolute()))
            try:
                status = path.stat()
                # The time of the last change, too: a copy that keeps a file's time shows there.
                times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
                digest.update(f"\0{status.st_size}\0{times}\0".encode())
            except OSError:
                digest.update(b"\0missing\0")
        return digest.digest()

    def fetch(self, position: int) -> bytes:
        """A file's bytes."""
        try:
            with open_regular(self.paths[position]) as file:
                return file.read()
        except (OSError, MemoryError) as error:
            raise ImageError(one_line(error)) from error


@dataclass(frozen=True)
class Rows:
    """Some rows of one uint8 array `(n, height, width, 1 or 3)`."""

    array: NDArray[np.uint8]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.indices)

    def stored_bytes(self) -> int:
        """None: they are no files."""
        return 0

    def identity(self) -> bytes:
        """The content of the rows."""
        return hashlib.sha256(self.array[self.indices].tobytes()).digest()

    def fetch(self, position: int) -> NDArray[np.uint8]:
        """A row, `(height, width, channels)`."""
        row: NDArray[np.uint8] = self.array[self.indices[position]]
        return row


@dataclass(frozen=True)
class Encoded:
    """Some of the files that lie in something else."""

    images: EncodedImages
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.indices)

    def stored_bytes(self) -> int:
        """As many of the bytes that the source tells of as these images are of all."""
        return self.images.size * len(self.indices) // max(1, len(self.images))

    def identity(self) -> bytes:
        """Names and version; where there is no version, the content of every file."""
        digest = hashlib.sha256(self.images.version.encode("utf-8", "surrogatepass"))
        for position, index in enumerate(self.indices):
            digest.update(f"\0{index}\0{self.images.names[index]}\0".encode("utf-8", "surrogatepass"))
            if not self.images.version:
                try:
                    digest.update(self.fetch(position))
                except ImageError as error:
                    digest.update(error.message.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def fetch(self, position: int) -> bytes:
        """A file's bytes."""
        try:
            content: object = self.images.read(int(self.indices[position]))
        except Exception as error:
            # Whatever the plugin's storage raises of one image: the others can still be read.
            raise ImageError(one_line(error)) from error
        if not isinstance(content, bytes | bytearray | memoryview):
            raise ImageError(f"TypeError: read returned {type(content).__name__}, not bytes")
        return bytes(content)


def originals_of(samples: Samples, indices: Sequence[int] | NDArray[np.int64]) -> Originals:
    """Some of a source's images, to be read one by one, whatever they lie in.

    Args:
        samples: the source.
        indices: positions in it.
    """
    images, chosen = samples.images, np.asarray(indices, np.int64)
    if isinstance(images, EncodedImages):
        return Encoded(images, chosen)
    if isinstance(images, np.ndarray):
        return Rows(images if images.ndim == 4 else images[..., np.newaxis], chosen)
    return Files([images[index] for index in chosen])


def pixels_of(stored: Stored, spec: ImageSpec) -> tuple[str, NDArray[np.uint8]]:
    """The hash of an image's content, and its pixels: uint8 of the spec's shape.

    Raises:
        ImageError: it cannot be decoded.
    """
    if isinstance(stored, bytes):
        return content_digest(stored), decode_image(stored, spec)
    return content_digest(stored.tobytes()), fit_pixels(stored, spec)


def content_digest(content: bytes) -> str:
    """A hash that equal content shares and nothing else does."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
