"""Sources of labeled images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs.base import Spec

Split: TypeAlias = Literal["train", "validation", "test"]


SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The images of a data source with their labels, before any of them is decoded.

    Attributes:
        images: paths of image files, or one uint8 array `(n, height, width)` or `(n, height, width, channels)`.
        labels: for each image the names of its classes; exactly one for single-label data.
        class_names: every class in the order that the network's outputs will have.
        splits: for each image the split that the source names, None where it names none.
        groups: named columns, one value an image, that `split.group_by` can keep together.
        skipped: files that belong to the source but cannot be used, with the reason.
    """

    images: NDArray[np.uint8] | Sequence[Path]
    labels: Sequence[tuple[str, ...]]
    class_names: tuple[str, ...]
    splits: Sequence[Split | None] | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    skipped: Sequence[tuple[Path, str]] = ()

    def __len__(self) -> int:
        return len(self.labels)


class DatasetContext(Protocol):
    """What a dataset may ask of its surroundings."""

    def locate(self, path: str) -> Path:
        """The file or folder behind a recipe's path.

        Relative paths are relative to the recipe. `data:NAME` is looked for in FASHIONBATCH_DATA_DIR, as a folder or
        as NAME.tar, which is unpacked once into the cache.

        Raises:
            DataError: nothing is there; the message says where it was looked for.
        """

    def find_data_file(self, name: str) -> Path | None:
        """The file of that name in FASHIONBATCH_DATA_DIR, None where the variable is unset or the file absent."""

    @property
    def cache_directory(self) -> Path:
        """Where downloads and unpacked archives may be kept."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A source of labeled images.

    Attributes:
        load: reads the list of images and labels; it does not decode files.
    """

    kind: ClassVar[str] = "dataset"
    hook: ClassVar[str] = "register_datasets"

    load: Callable[[Any, DatasetContext], Samples]
