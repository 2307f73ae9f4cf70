"""Images and labels that are arrays: what `npz` and the MNIST family share."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.specs import Parameters, Samples, Split

Layout: TypeAlias = Literal["channels_last", "channels_first"]
_ZIP = b"PK"


class ArrayParameters(Parameters):
    """What every source of arrays takes."""

    layout: Layout = Field(
        "channels_last",
        description="The axes of image arrays: channels_last is (n, height, width, channels), channels_first is "
        "(n, channels, height, width); grey images may have no axis of channels.",
    )


@dataclass(frozen=True)
class Part:
    """Images and labels of one split, as they were stored.

    Attributes:
        split: the split, None where the source names none.
        images: of any type and shape; it is checked.
        labels: class numbers or names `(n,)`, or rows of 0 and 1 `(n, classes)`.
        where: what the user knows it as.
    """

    split: Split | None
    images: NDArray[Any]
    labels: NDArray[Any]
    where: str


def read_npz(file: Traversable, where: str) -> dict[str, NDArray[Any]]:
    """Every array of an .npz file. Pickled objects, which can hold code, are refused.

    Raises:
        DataError: it is no .npz file, is damaged, or holds objects.
    """
    hint = "it must be made by numpy.savez or numpy.savez_compressed, of numbers and text alone"
    try:
        content = file.read_bytes()
        if content.startswith(np.lib.format.MAGIC_PREFIX):
            raise DataError(f"{where} holds one array, not a set of named ones", hint="save it with numpy.savez")
        if not content.startswith(_ZIP):
            # NumPy takes it for a pickle, and says how to load that all the same.
            raise DataError(f"{where} is no .npz file", hint=hint)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except MemoryError:
        # A few bytes may claim to be an array of any size.
        raise DataError(f"{where} holds an array that the memory has no room for", hint=hint) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{where} cannot be read as an .npz file: {reason}", hint=hint) from error


def samples_of(parts: Sequence[Part], class_names: Sequence[str] | None, layout: Layout = "channels_last") -> Samples:
    """The parts as one set of samples.

    Args:
        parts: in any order of splits.
        class_names: by class number; where None, class names come from the labels.
        layout: the axes of the images.

    Raises:
        DataError: arrays that are no images or do not fit each other.
    """
    images = [_as_images(part, layout) for part in parts]
    shapes = {array.shape[1:] for array in images}
    if len(shapes) > 1:
        raise DataError(f"images of different shapes: {' and '.join(map(str, sorted(shapes)))}")
    for part, array in zip(parts, images, strict=True):
        if len(array) != len(part.labels):
            raise DataError(f"{part.where}: {len(array)} images and {len(part.labels)} labels")
    names = tuple(class_names) if class_names is not None else _names_in(parts)
    return Samples(
        images=images[0] if len(images) == 1 else np.concatenate(images),
        labels=[labels for part in parts for labels in _as_labels(part, names)],
        class_names=names,
        splits=[part.split for part in parts for _ in range(len(part.labels))] if any(p.split for p in parts) else None,
    )


def _as_images(part: Part, layout: Layout) -> NDArray[np.uint8]:
    images = part.images
    if images.dtype != np.uint8:
        raise DataError(
            f"{part.where}: images are {images.dtype}, not uint8",
            hint="store pixels as whole numbers from 0 to 255; networks scale them themselves",
        )
    if images.ndim == 4 and layout == "channels_first":
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 3:
        return images
    if images.ndim != 4:
        raise DataError(f"{part.where}: images of shape {images.shape} have neither 3 nor 4 axes")
    if images.shape[3] not in {1, 3}:
        other = images.shape[1] if layout == "channels_last" else images.shape[2]
        turn = "channels_first" if layout == "channels_last" else "channels_last"
        raise DataError(
            f"{part.where}: images of shape {part.images.shape} have {images.shape[3]} channels, not 1 or 3",
            hint=f"write `layout: {turn}`" if other in {1, 3} else None,
        )
    return images


def _names_in(parts: Sequence[Part]) -> tuple[str, ...]:
    widths = {part.labels.shape[1] for part in parts if _is_multi_hot(part.labels)}
    if widths:
        return tuple(str(number) for number in range(max(widths)))
    values = np.unique(np.concatenate([part.labels.reshape(-1) for part in parts]))
    return tuple(str(value) for value in values)


def _is_multi_hot(labels: NDArray[Any]) -> bool:
    return labels.ndim == 2 and labels.shape[1] > 1


def _as_labels(part: Part, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    labels = part.labels
    if _is_multi_hot(labels):
        if labels.shape[1] != len(names) or not np.isin(labels, (0, 1)).all():
            raise DataError(f"{part.where}: labels of shape {labels.shape} are not 0 and 1 for {len(names)} classes")
        return [tuple(names[column] for column in np.flatnonzero(row)) for row in labels]
    if labels.size != len(labels):
        raise DataError(f"{part.where}: labels of shape {labels.shape} are neither (n,) nor (n, classes)")
    flat = labels.reshape(-1)
    if flat.dtype.kind in "iu":
        return _by_number(part, flat, names)
    if flat.dtype.kind != "U":
        raise DataError(f"{part.where}: labels are {flat.dtype}, not whole numbers or text")
    unknown = sorted(set(flat.tolist()) - set(names))
    if unknown:
        raise DataError(f"{part.where}: label {unknown[0]!r} is none of the classes: {', '.join(names[:12])}")
    return [(name,) for name in flat.tolist()]


def _by_number(part: Part, numbers: NDArray[Any], names: tuple[str, ...]) -> list[tuple[str, ...]]:
    own = {str(number): (str(number),) for number in np.unique(numbers).tolist()}
    if set(own) <= set(names):
        # The names are the numbers themselves, which need not be 0, 1, 2 without a gap.
        return [own[str(number)] for number in numbers.tolist()]
    if numbers.size and (numbers.min() < 0 or numbers.max() >= len(names)):
        raise DataError(
            f"{part.where}: labels go from {numbers.min()} to {numbers.max()}; there are {len(names)} class names"
        )
    singles = [(name,) for name in names]
    return [singles[number] for number in numbers.tolist()]


def parts_by_convention(arrays: Mapping[str, NDArray[Any]], where: str) -> list[Part]:
    """The parts of an .npz file by the usual names: x_train and y_train, x_test and y_test, or x and y.

    Raises:
        DataError: none of these is there, or images have no labels.
    """
    usual: tuple[tuple[Split | None, str], ...] = (
        ("train", "_train"),
        ("validation", "_validation"),
        ("validation", "_val"),
        ("test", "_test"),
        (None, ""),
    )
    parts = []
    for split, ending in usual:
        images, labels = f"x{ending}", f"y{ending}"
        if images not in arrays:
            continue
        if labels not in arrays:
            raise DataError(f"{where} holds {images} but not {labels}")
        parts.append(Part(split, arrays[images], arrays[labels], f"{where}, {images}"))
    if not parts:
        raise DataError(
            f"{where} holds neither x_train and y_train nor x and y; it holds: {', '.join(arrays) or 'nothing'}",
            hint="name the arrays in `keys`, such as {train: [images, labels]}",
        )
    return parts
