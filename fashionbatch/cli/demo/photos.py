"""The folder that the demo labels: test images as photos, and a few files of the kind that every real folder has."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.data.prepared import SplitData
from fashionbatch.labels.columns import LABEL, PATH
from fashionbatch.labels.reader import TableReader

INBOX = "inbox"
SHELVES = 4
AWKWARD_NAME = "원피스, 새 상품\n(2).jpg"
"""A comma, a newline and Korean letters: a good photo all the same."""
_BROKEN = {
    "cut short.jpg": "a JPEG whose second half is missing",
    "empty.jpg": "no byte at all",
    "notes.jpg": "a text file",
}
_SHELF = disk.Contents(patterns=(re.compile(r"IMG_[0-9]{4,}\.(jpg|png)"),))
CONTENTS = disk.Contents(
    folders={
        INBOX: disk.Contents(files=(AWKWARD_NAME, *_BROKEN)),
        **{f"shelf-{number + 1}": _SHELF for number in range(SHELVES)},
    }
)
"""What the folder holds; anything else in it is the user's."""


@dataclass(frozen=True)
class DemoPhotos:
    """What was written.

    Attributes:
        labels: path within the folder -> the known label, for every photo that can be read.
        broken: path within the folder -> what is wrong with the file.
    """

    labels: dict[str, str]
    broken: dict[str, str]


def write_photos(split: SplitData, folder: Path, display_names: Mapping[str, str]) -> DemoPhotos:
    """Write every image of the split as a photo, JPEG and PNG by turns, and three files that are no photo.

    Args:
        split: images with one label each.
        folder: an empty one, made by `disk.new_directory`, for the sub-folders.
        display_names: class name -> the name that the label table shows.
    """
    labels: dict[str, str] = {}
    for index, (image, names) in enumerate(zip(split.images, split.labels, strict=True)):
        relative = _photo_path(index)
        _write(folder / relative, _encode(image, "JPEG" if relative.endswith(".jpg") else "PNG"))
        labels[relative] = display_names[names[0]]
    # As many pixels as a photo has, so that the cut goes through the picture and not through its header.
    photo = _encode(split.images[0].repeat(16, axis=0).repeat(16, axis=1), "JPEG")
    broken = {f"{INBOX}/{name}": what for name, what in _BROKEN.items()}
    contents = (photo[: len(photo) // 2], b"", b"Remember to photograph the boots.\n")
    for relative, content in zip(broken, contents, strict=True):
        _write(folder / relative, content)
    return DemoPhotos(labels, broken)


def write_known_labels(labels: Mapping[str, str], path: Path) -> None:
    """Write a CSV of `filepath,label`, in the order that the label table has."""
    rows = sorted(labels.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((PATH, LABEL))
    writer.writerows(rows)
    disk.write_file(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read_known_labels(path: Path) -> dict[str, str]:
    """Path within the folder -> known label, as `write_known_labels` wrote it.

    Raises:
        DataError: it is something else.
    """
    with TableReader(path) as table:
        file, label = table.column(PATH), table.column(LABEL)
        return {str(row[file]): str(row[label]) for row in table.rows()}


def _photo_path(index: int) -> str:
    if index == 0:
        return f"{INBOX}/{AWKWARD_NAME}"
    return f"shelf-{index % SHELVES + 1}/IMG_{index:04}.{'jpg' if index % 2 else 'png'}"


def _encode(image: NDArray[np.uint8], image_format: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    picture.save(buffer, format=image_format, **({"quality": 95} if image_format == "JPEG" else {}))
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.write_new(path, sync=False) as file:
        file.write(content)
