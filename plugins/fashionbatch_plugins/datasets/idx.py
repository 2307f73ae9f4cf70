"""The idx format of the MNIST family: http://yann.lecun.com/exdb/mnist, plain or gzipped."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import DataError

FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""The four files of a set: training images and labels, test images and labels."""

_UNSIGNED_BYTE: Final = 8
_LARGEST_BYTES: Final = 1 << 32
"""Unpacked: what is larger was packed to fill the memory."""


def find_set(folder: Path) -> list[Path] | None:
    """The four files in a folder, in the order of `FILES`, plain or gzipped; None where one is not there."""
    found = [path for name in FILES if (path := _find(folder, name)) is not None]
    return found if len(found) == len(FILES) else None


def missing_from(folder: Path) -> list[str]:
    """Those of `FILES` that a folder does not hold."""
    return [name for name in FILES if _find(folder, name) is None]


def _find(folder: Path, name: str) -> Path | None:
    choices = (folder / name, folder / f"{name}.gz", folder / name.replace("-idx", ".idx"))
    return next((choice for choice in choices if choice.is_file()), None)


def read_content(path: Path) -> bytes:
    """The bytes of an idx file, unpacked if they are gzipped.

    Raises:
        DataError: it cannot be read or is damaged.
    """
    try:
        content = path.read_bytes()
        if not content.startswith(b"\x1f\x8b"):
            return content
        with gzip.open(path) as unpacked:
            content = unpacked.read(_LARGEST_BYTES + 1)
        if len(content) <= _LARGEST_BYTES:
            return content
        raise DataError(f"{path} holds more than {_LARGEST_BYTES:,} bytes when it is unpacked")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="fetch the file again") from error


def parse(content: bytes, where: str) -> NDArray[np.uint8]:
    """The array in an idx file: uint8, with as many axes as the file says.

    Raises:
        DataError: it is no idx file of bytes, or its length is not what it says.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise DataError(f"{where} is not an idx file of unsigned bytes")
    axes = content[3]
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", content[4:start]) if len(content) >= start else ()
    if not shape or len(content) - start != int(np.prod(shape, dtype=np.uint64)):
        raise DataError(f"{where} is cut short or damaged: {len(content)} bytes", hint="fetch the file again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
