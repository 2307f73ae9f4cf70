"""The reference of a bundle: a few images and what its network gave for them when it was made.

A session computes them again before it gives anything else, so that a wrong result on this machine is an error and not
a table. They lie in `reference.npz`, NumPy arrays in a ZIP archive without compression: so their sizes are known before
any of them is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.bundle.manifest import REFERENCE_NAME, ReferenceRecord
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.specs import Precision

REFERENCE_IMAGES = 8
"""As many as the default batch has: one batch is computed more than the photos need."""
_BYTES = 2**24
"""What its images may take: of larger ones there are fewer, but always two, since one alone cannot change places."""
_LARGE = 2**20
"""The bytes from which on an image is large: of those there are no more patterns than the reference needs."""
_IMAGES = "images"
_GRIDS = (1, 2, 3, 4, 6, 8)
# What the ZIP archive and the headers of its arrays take beside the numbers, with room to spare.
_OVERHEAD_OF_AN_ARRAY = 1024


@dataclass(frozen=True)
class Reference:
    """Images, and what the network gave for them.

    Attributes:
        images: uint8 `(n, height, width, channels)`.
        outputs: by precision, float32 `(n, outputs)`; float32's are always there.
        source: `validation`: photos of the validation split; `synthetic`: `synthetic_images`.
    """

    images: NDArray[np.uint8]
    outputs: Mapping[Precision, NDArray[np.float32]]
    source: Literal["validation", "synthetic"]

    @property
    def record(self) -> ReferenceRecord:
        """What `bundle.json` says of it."""
        return ReferenceRecord(images=len(self.images), source=self.source, precisions=tuple(self.outputs))


def choose_reference(
    images: NDArray[np.uint8],
    outputs: Mapping[Precision, NDArray[np.float32]],
    source: Literal["validation", "synthetic"],
) -> Reference:
    """Choose the images that the network tells apart best: a result in the wrong row is to be seen.

    The first is the image with the largest output; each further one is that whose outputs differ most from those of all
    chosen before it.

    Args:
        images: uint8 `(n, height, width, channels)`, n > 0; may be memory-mapped.
        outputs: by precision, float32 `(n, outputs)`; those of float32 decide.
        source: where the images come from.

    Returns:
        At most `REFERENCE_IMAGES` of them, and of images of more than 2 MB fewer.
    """
    answers = outputs["float32"]
    count = min(len(answers), REFERENCE_IMAGES, max(2, _BYTES // images[0].nbytes))
    chosen = [int(np.argmax(answers.max(axis=1)))]
    distance = np.full(len(answers), np.inf, np.float32)
    while len(chosen) < count:
        distance = np.minimum(distance, np.abs(answers - answers[chosen[-1]]).max(axis=1))
        distance[chosen] = -1
        chosen.append(int(np.argmax(distance)))
    rows = {precision: np.ascontiguousarray(array[chosen]) for precision, array in outputs.items()}
    return Reference(np.ascontiguousarray(images[chosen]), rows, source)


def synthetic_images(shape: tuple[int, int, int], count: int | None = None) -> NDArray[np.uint8]:
    """Images for a network whose photos are not at hand: coloured grids, from one field to many.

    Args:
        shape: `(height, width, channels)`.
        count: how many; None for as many as a reference is well chosen from.

    Returns:
        uint8 `(count, height, width, channels)`, the same at every call.
    """
    height, width, channels = shape
    if count is None:
        count = (1 if height * width * channels > _LARGE else 4) * REFERENCE_IMAGES
    random = np.random.default_rng(0)
    images = np.empty((count, *shape), np.uint8)
    for number in range(count):
        grid = _GRIDS[number % len(_GRIDS)]
        fields = random.integers(0, 256, (grid, grid, channels), dtype=np.uint8)
        images[number] = fields[np.arange(height) * grid // height][:, np.arange(width) * grid // width]
    return images


def write_reference(reference: Reference, directory: Path) -> None:
    """Write `reference.npz` into a directory that `disk.new_directory` made. The same reference gives the same bytes.

    Raises:
        OSError: the directory cannot be written.
    """
    arrays = {_IMAGES: reference.images, **{str(name): rows for name, rows in reference.outputs.items()}}
    with disk.write_new(directory / REFERENCE_NAME, sync=False) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its other keyword is no name of these


def read_reference(bundle: Bundle) -> Reference | None:
    """Read a bundle's reference.

    Args:
        bundle: as `open_bundle` gave it, which has compared the file with its digest.

    Returns:
        The reference; None where the bundle has none.

    Raises:
        BundleError: the file does not hold what `bundle.json` says. No array is read before its size is known to be
            right.
    """
    record, manifest = bundle.manifest.reference, bundle.manifest
    if record is None:
        return None
    file = bundle.path / REFERENCE_NAME
    expected: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {
        _IMAGES: ((record.images, *manifest.image.shape), np.dtype(np.uint8)),
        **{name: ((record.images, manifest.outputs), np.dtype("<f4")) for name in record.precisions},
    }
    limit = sum(_size(*kind) + _OVERHEAD_OF_AN_ARRAY for kind in expected.values())
    if manifest.files[REFERENCE_NAME].size > limit:
        raise BundleError(f"{file}: larger than the {record.images} images that bundle.json says it holds")
    try:
        with zipfile.ZipFile(file) as archive:
            arrays = {name: _read_array(archive, name, *kind) for name, kind in expected.items()}
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise BundleError(f"{file}: not the reference that bundle.json speaks of: {error}") from None
    images = arrays.pop(_IMAGES)
    return Reference(images, {name: arrays[name] for name in record.precisions}, record.source)


def _size(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _read_array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    member = archive.getinfo(f"{name}.npy")
    size = _size(shape, dtype)
    if member.compress_type != zipfile.ZIP_STORED or not size <= member.file_size <= size + _OVERHEAD_OF_AN_ARRAY:
        raise ValueError(f"{name} has not the size of {dtype} {shape}")
    with archive.open(member) as stream:
        if _header(stream) != (shape, False, dtype):
            raise ValueError(f"{name} is not {dtype} {shape}")
        data = stream.read(size + 1)
    if len(data) != size:
        raise ValueError(f"{name} is cut short or too long")
    return np.frombuffer(data, dtype).reshape(shape)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array of another version of NumPy's format")
    # The header is a Python literal of limited length; an object dtype, which would need pickle, is none of ours.
    return np.lib.format.read_array_header_1_0(stream)
