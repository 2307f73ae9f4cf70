"""The samples of a TIFF as an array, for those that Pillow reads wrongly or not at all.

Pillow mixes up the planes of samples that are wider than a byte, or stored beside an alpha plane; does not turn bytes
round in compressed big-endian pictures; and has no mode for colours of 32 bits or floats. Here every sample is read as
it is stored. Compressed pieces are handed to Pillow's libtiff as pictures of plain bytes.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images.tiff import directory as tags
from fashionbatch.images.tiff.directory import Directory
from fashionbatch.images.tiff.libtiff import silent_libtiff

_NONE, _DEFLATE = 1, 8
_COMPRESSIONS: Final = frozenset({_NONE, 5, _DEFLATE, 32773, 32946, 34925, 50000})
_SEPARATE, _NORMAL_FILL = 2, 1
_KINDS: Final = {1: "u", 2: "i", 3: "f"}
_WIDTHS: Final = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}
_MOST_BYTES: Final = 1 << 30


@dataclass(frozen=True)
class Layout:
    """How the samples of a TIFF lie in its file.

    Attributes:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        samples: numbers a pixel.
        dtype: of each, in the file's byte order.
        is_planar: whether each sample has a plane of its own.
        compression: as TIFF numbers it, one that is read here.
        predictor: 1 none, 2 differences, 3 differences of the bytes of floats.
        piece: width and height of a strip or tile.
        offsets: where each piece begins.
        counts: how long each piece is; needed for compressed ones.
        is_tiled: whether pieces at the edges are as large as all others.
    """

    width: int
    height: int
    samples: int
    dtype: np.dtype[Any]
    is_planar: bool
    compression: int
    predictor: int
    piece: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    is_tiled: bool


def layout_of(directory: Directory) -> Layout | None:
    """How the samples lie; None where they are of a kind that is not read here."""
    bits, formats = set(directory.numbers(tags.BITS)), set(directory.numbers(tags.SAMPLE_FORMAT) or (1,))
    compression = directory.number(tags.COMPRESSION, _NONE)
    kind = _KINDS.get(min(formats)) if len(formats) == 1 else None
    if kind is None or len(bits) != 1 or compression not in _COMPRESSIONS:
        return None
    width_in_bits = min(bits)
    if width_in_bits not in _WIDTHS[kind] or directory.number(tags.FILL_ORDER, _NORMAL_FILL) != _NORMAL_FILL:
        return None
    width, height = directory.number(tags.WIDTH, 0), directory.number(tags.LENGTH, 0)
    samples = directory.number(tags.SAMPLES, 1)
    is_tiled = bool(directory.numbers(tags.TILE_OFFSETS))
    if is_tiled:
        piece = directory.number(tags.TILE_WIDTH, 0), directory.number(tags.TILE_LENGTH, 0)
    else:
        piece = width, min(directory.number(tags.ROWS_PER_STRIP, height), height)
    if min(width, height, samples, *piece) < 1:
        return None
    return Layout(
        width,
        height,
        samples,
        np.dtype(f"{directory.order}{kind}{width_in_bits // 8}"),
        directory.number(tags.PLANAR, 1) == _SEPARATE and samples > 1,
        compression,
        directory.number(tags.PREDICTOR, 1) if compression != _NONE else 1,
        piece,
        tuple(directory.numbers(tags.TILE_OFFSETS if is_tiled else tags.STRIP_OFFSETS)),
        tuple(directory.numbers(tags.TILE_COUNTS if is_tiled else tags.STRIP_COUNTS)),
        is_tiled,
    )


def read_samples(file: BinaryIO, layout: Layout) -> NDArray[Any]:
    """Every sample as it is stored.

    Args:
        file: the TIFF.
        layout: of it.

    Returns:
        `(height, width, samples)` of the layout's type, in the machine's byte order.

    Raises:
        ImageError: pieces are missing, cut or damaged, or it would take more than 1 GiB.
    """
    out_bytes = layout.width * layout.height * layout.samples * layout.dtype.itemsize
    piece_bytes = layout.piece[0] * layout.piece[1] * layout.samples * layout.dtype.itemsize
    if max(out_bytes, piece_bytes) > _MOST_BYTES:
        raise ImageError(f"DecompressionBombError: a TIFF of {max(out_bytes, piece_bytes)} bytes of samples")
    values = np.empty((layout.height, layout.width, layout.samples), layout.dtype.newbyteorder("="))
    for number, (plane, top, left) in enumerate(_places(layout)):
        if number >= len(layout.offsets):
            raise ImageError(_cut(layout, top, plane))
        rows = layout.piece[1] if layout.is_tiled else min(layout.piece[1], layout.height - top)
        piece = _piece(file, layout, number, rows)
        if piece is None:
            raise ImageError(_cut(layout, top, plane))
        target = values[top : top + rows, left : left + layout.piece[0], plane]
        target[...] = piece[: target.shape[0], : target.shape[1]]
    return values


def _places(layout: Layout) -> Iterator[tuple[slice, int, int]]:
    """The samples that each piece holds, its first row and column, in the order of the file's pieces."""
    planes = [slice(plane, plane + 1) for plane in range(layout.samples)] if layout.is_planar else [slice(None)]
    for plane in planes:
        for top in range(0, layout.height, layout.piece[1]):
            for left in range(0, layout.width, layout.piece[0]):
                yield plane, top, left


def _cut(layout: Layout, top: int, plane: slice) -> str:
    whole_rows = 0 if layout.is_planar and plane.stop < layout.samples else top
    missing = layout.height - whole_rows
    return f"OSError: image file is truncated ({missing} of {layout.height} rows are missing)"


def _piece(file: BinaryIO, layout: Layout, number: int, rows: int) -> NDArray[Any] | None:
    """One strip or tile `(rows, width, samples)`; None where the file ends before it does."""
    samples = 1 if layout.is_planar else layout.samples
    row_bytes = layout.piece[0] * samples * layout.dtype.itemsize
    file.seek(layout.offsets[number])
    if layout.compression == _NONE:
        data = file.read(row_bytes * rows)
        if len(data) < row_bytes * rows:
            return None
    else:
        if number >= len(layout.counts):
            raise ImageError("ValueError: a compressed TIFF that does not say how long its pieces are")
        packed = file.read(layout.counts[number])
        if len(packed) < layout.counts[number]:
            return None
        data = _unpacked(packed, layout.compression, row_bytes, rows)
    return _undone(data, layout, rows, samples)


def _undone(data: bytes, layout: Layout, rows: int, samples: int) -> NDArray[Any]:
    """The samples behind a piece's predictor."""
    shape = (rows, layout.piece[0], samples)
    native = layout.dtype.newbyteorder("=")
    if layout.predictor == 1:
        return np.frombuffer(data, layout.dtype).reshape(shape)
    if layout.predictor == 2:
        whole = np.dtype(f"{layout.dtype.str[0]}u{layout.dtype.itemsize}")
        differences = np.frombuffer(data, whole).reshape(shape)
        return np.cumsum(differences, axis=1, dtype=whole.newbyteorder("=")).view(native)
    if layout.predictor == 3 and layout.dtype.kind == "f":
        flat = np.frombuffer(data, np.uint8).reshape(rows, -1, samples)
        planes = np.cumsum(flat, axis=1, dtype=np.uint8).reshape(rows, layout.dtype.itemsize, -1)
        values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(native.newbyteorder(">"))
        return values.reshape(shape)
    raise ImageError(f"ValueError: a TIFF of the unknown predictor {layout.predictor}")


def _unpacked(packed: bytes, compression: int, row_bytes: int, rows: int) -> bytes:
    """What a compressed piece holds: libtiff unpacks it as a picture of one byte a pixel."""
    entries = {
        tags.WIDTH: row_bytes,
        tags.LENGTH: rows,
        tags.BITS: 8,
        tags.COMPRESSION: compression,
        tags.PHOTOMETRIC: 1,
        tags.STRIP_OFFSETS: 8,
        tags.SAMPLES: 1,
        tags.ROWS_PER_STRIP: rows,
        tags.STRIP_COUNTS: len(packed),
    }
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    odd = len(packed) % 2
    head = b"II*\0" + struct.pack("<I", 8 + len(packed) + odd)
    wrapped = b"".join([head, packed, bytes(odd), directory, bytes(4)])
    with Image.open(io.BytesIO(wrapped), formats=("TIFF",)) as image, silent_libtiff:
        return image.tobytes()
