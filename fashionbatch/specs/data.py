"""Sources of labeled images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.errors import ImageError
from fashionbatch.specs.base import Parameters, Spec, value_of

Split: TypeAlias = Literal["train", "validation", "test"]


SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """An image file on this machine: where a table says, or in the cache, if the table names it by an address.

    Attributes:
        path: of the file; None where it cannot be had.
        version: changes whenever the file's content may have changed.
        size: in bytes; 0 where it cannot be had.
        reason: why it cannot, as class and message on one line; empty where it can.
    """

    path: Path | None
    version: str
    size: int = 0
    reason: str = ""

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            ImageError: it cannot be had.
            OSError: it cannot be read.
        """
        if self.path is None:
            raise ImageError(self.reason)
        with disk.open_regular(self.path) as file:
            return file.read()


@dataclass(frozen=True, kw_only=True)
class EncodedImages:
    """Image files that lie in something else: a database, a Parquet file, a tar. Each is read when it is needed.

    Attributes:
        names: for each image a name that a person recognises, such as its path in the archive; no two alike.
        read: takes an image's position, 0 for the first; returns the bytes of its file. It is called from several
            threads at once and in any order. An image for which it raises is left out, and told of with the reason.
        version: text that changes whenever an image may have changed, such as size and time of the database. Where it
            is empty, the bytes of all images are read to find out whether decoded ones in the cache are still right.
        size: about how many bytes all files take together; 0 where that is not known. What was decoded of large ones is
            kept for the next run.
    """

    names: Sequence[str]
    read: Callable[[int], bytes]
    version: str = ""
    size: int = 0

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, readers: Sequence[Callable[[], bytes]]) -> EncodedImages:
        """Images that a function each reads; they are called by their positions."""
        return cls(names=[str(position) for position in range(len(readers))], read=lambda index: readers[index]())

    @classmethod
    def of_files(cls, names: Sequence[str], files: Sequence[ImageFile]) -> EncodedImages:
        """Files as `DatasetContext.fetch` gives them, by the names that their source has for them."""
        digest = hashlib.sha256()
        for file in files:
            digest.update(f"{file.version}\0".encode("utf-8", "surrogatepass"))
        return cls(
            names=names,
            read=lambda index: files[index].read(),
            version=digest.hexdigest(),
            size=sum(file.size for file in files),
        )


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The images of a data source with their labels, before any of them is decoded.

    Attributes:
        images: paths of image files; one uint8 array `(n, height, width)` or `(n, height, width, channels)`; or
            `EncodedImages`, for files that have no path. A list of functions without arguments, each of which returns
            the bytes of one file, becomes the latter.
        labels: for each image the names of its classes; exactly one for single-label data.
        class_names: every class in the order that the network's outputs will have.
        splits: for each image the split that the source names, None where it names none.
        groups: named columns, one value an image, that `split.group_by` can keep together.
        skipped: files that belong to the source but cannot be used, with the reason.
        notes: what the user should know about the source, each a sentence; one about a line of a file begins with file
            and line.
        label_groups: attribute -> its labels, of which an image has at most one. A head with groups takes these where
            the recipe names none.
        keep_together: one of `groups`, whose images stay on one side of every split where the recipe says no other.
    """

    images: NDArray[np.uint8] | Sequence[Path] | EncodedImages
    labels: Sequence[tuple[str, ...]]
    class_names: tuple[str, ...]
    splits: Sequence[Split | None] | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    skipped: Sequence[tuple[Path, str]] = ()
    notes: Sequence[str] = ()
    label_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keep_together: str | None = None

    def __post_init__(self) -> None:
        images = self.images
        if isinstance(images, list | tuple) and images and all(callable(image) for image in images):
            object.__setattr__(self, "images", EncodedImages.of(images))

    def __len__(self) -> int:
        return len(self.labels)


class DatasetContext(Protocol):
    """What a dataset may ask of its surroundings."""

    def locate(self, path: str) -> Path:
        """The file or folder behind a recipe's path.

        Relative paths are relative to the recipe. `data:NAME` is looked for in FASHIONBATCH_DATA_DIR, as a folder or
        as NAME.tar, which is unpacked once into the cache. What lies in a store, such as `s3://bucket/photos`, is
        fetched into the cache first.

        Raises:
            DataError: nothing is there; the message says where it was looked for.
        """

    def fetch(self, images: Sequence[Path | str]) -> Sequence[ImageFile]:
        """Files of images, some of which are named by addresses such as `s3://bucket/a.jpg`.

        Those are fetched into the cache and kept there until they change in their store. One that cannot be had says
        why; so does a path at which there is none. `EncodedImages.of_files` makes images of them.

        Args:
            images: paths, and addresses, no two alike.

        Raises:
            DataError: a store gives nothing at all, or the cache cannot be written.
            FashionBatchError: a package is not installed.
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
        path_parameter: the parameter that `train --data PATH` replaces; None, or one that there is not, where the
            source has no path.
        classes_parameter: the parameter that may fix the class names, so that a recipe is checked against them before
            any data is read.
        reads: what the source can be made of by its path alone, with every other parameter left out: endings of files
            in lower case, such as `.csv`, and `/` for a folder. `evaluate --data PATH` looks for it.
        labels_of_folder: takes the parameters and the name of a folder; returns the labels of the images in it. None
            where folders are called as classes are, or say nothing.
        exclusive: whether each image has exactly one label, whatever the parameters are. `recipe check` advises against
            heads for several then.
        look: takes what `load` takes, reads the list of labels without looking into any image, and returns what the
            user should know of it, as `Samples.notes`. `recipe check` asks for it; None where it would take long.
    """

    kind: ClassVar[str] = "dataset"
    hook: ClassVar[str] = "register_datasets"

    load: Callable[[Any, DatasetContext], Samples]
    path_parameter: str | None = "path"
    classes_parameter: str | None = "classes"
    reads: tuple[str, ...] = ()
    exclusive: bool = False
    labels_of_folder: Callable[[Any, str], tuple[str, ...]] | None = None
    look: Callable[[Any, DatasetContext], Sequence[str]] | None = None

    def has_path(self) -> bool:
        """Whether one of its parameters is the path of the data."""
        return self.path_parameter in self.parameters.model_fields

    def classes(self, parameters: Parameters) -> tuple[str, ...] | None:
        """The class names that the parameters fix; None where the data decide."""
        classes = value_of(parameters, self.classes_parameter)
        return tuple(classes) if isinstance(classes, list | tuple) and classes else None
