"""Arrays of images and labels in one NumPy file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fashionbatch.errors import DataError
from fashionbatch.specs import DatasetContext, Samples
from fashionbatch_plugins.datasets.arrays import ArrayParameters, Part, parts_by_convention, read_npz, samples_of

_CLASS_NAMES = "class_names"


class Npz(ArrayParameters):
    """An .npz file of uint8 images and their labels: class numbers, names, or rows of 0 and 1."""

    path: str = Field(description="The .npz file; data:NAME looks in FASHIONBATCH_DATA_DIR.")
    keys: dict[Literal["train", "validation", "test", "all"], tuple[str, str]] | None = Field(
        None,
        min_length=1,
        description="The names of images and labels in the file, by split, such as {train: [images, labels]}; `all` "
        "for a file without splits. Where omitted: x_train and y_train, x_validation, x_test, or x and y.",
    )
    class_names: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="The name of class 0, 1, 2 and so on; where omitted, an array class_names in the file, or else "
        "the labels themselves.",
    )


def load_npz(parameters: Npz, context: DatasetContext) -> Samples:
    """The images and labels of an .npz file."""
    path = context.locate(parameters.path)
    where = path.name
    arrays = read_npz(path, where)
    if parameters.keys is None:
        parts = parts_by_convention(arrays, where)
    else:
        parts = []
        for split, (images, labels) in parameters.keys.items():
            for key in (images, labels):
                if key not in arrays:
                    raise DataError(f"{where} holds no array {key!r}; it holds: {', '.join(arrays) or 'nothing'}")
            part_split = None if split == "all" else split
            parts.append(Part(part_split, arrays[images], arrays[labels], f"{where}, {images}"))
    names = parameters.class_names
    if names is None and _CLASS_NAMES in arrays:
        names = tuple(str(name) for name in arrays[_CLASS_NAMES].reshape(-1).tolist())
    return samples_of(parts, names, parameters.layout)
