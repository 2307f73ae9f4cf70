"""The promises of a dataset."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.context import LocalContext
from fashionbatch.data.targets import check_labels
from fashionbatch.errors import DataError, ImageError
from fashionbatch.images import decode_image
from fashionbatch.specs import SPLITS, DatasetSpec, EncodedImages, ImageSpec, Samples
from fashionbatch.specs.base import value_of
from fashionbatch.testing.deadline import described
from fashionbatch.testing.fresh import digests_of, samples_elsewhere
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require

_DECODED = 8
"""Images that are decoded to see whether the dataset's files are images at all."""
_SHOWN = 4
_READ = 24
_COMPARED_BYTES = 256 << 20
_SHARED_AT_MOST = 0.2
"""Of the images of the smaller split: real collections have a few duplicates."""


def check_samples_have_the_right_types(subject: Subject) -> None:
    """`load` returns Samples of the types that specs.Samples names."""
    samples = _samples(subject)
    names = samples.class_names
    require(
        isinstance(names, tuple) and all(isinstance(name, str) for name in names),
        f"class_names is {_shown(names)}",
        "return a tuple of str, in the order of the network's outputs",
    )
    wrong = [
        labels
        for labels in samples.labels
        if not (isinstance(labels, tuple) and all(isinstance(name, str) for name in labels))
    ]
    require(not wrong, f"an image's labels are {_shown(wrong[:1])}", "return a tuple of str an image: ('dress',)")
    for split in samples.splits or ():
        require(split is None or split in SPLITS, f"a split is {split!r}", f"write one of {', '.join(SPLITS)} or None")
    require(
        isinstance(samples.groups, Mapping), f"groups is {_shown(samples.groups)}", "return a dict: column -> values"
    )
    for column, values in samples.groups.items():
        bad = [value for value in values if not isinstance(value, str)]
        require(
            isinstance(column, str) and not bad, f"group column {column!r} holds {_shown(bad[:1])}", "give str values"
        )
    bad_skipped = [
        entry
        for entry in samples.skipped
        if not (
            isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], Path) and isinstance(entry[1], str)
        )
    ]
    require(not bad_skipped, f"skipped holds {_shown(bad_skipped[:1])}", "give pairs of a Path and a reason")


def check_images_are_files_or_one_array(subject: Subject) -> None:
    """Images are paths of files that are there, or one uint8 array of grey or colour images."""
    images = _samples(subject).images
    if isinstance(images, np.ndarray):
        remedy = "return uint8 (n, height, width) or (n, height, width, 1 or 3) in 0..255"
        require(images.dtype == np.uint8, f"the image array is {images.dtype}", remedy)
        require(
            images.ndim == 3 or (images.ndim == 4 and images.shape[3] in {1, 3}),
            f"the image array has the shape {images.shape}",
            remedy,
        )
        require(
            images.size == 0 or images.max() > 1 or images.max() == 0,
            "no pixel is brighter than 1 of 255: these are scaled images",
            remedy,
        )
        return
    if isinstance(images, EncodedImages):
        _require_readable(images)
        return
    require(
        isinstance(images, Sequence) and not isinstance(images, (str, bytes)),
        f"images is {_shown(images)}",
        "return a list of Path, or one array",
    )
    for image in images:
        require(
            not isinstance(image, np.ndarray),
            "images is a sequence of arrays",
            "join them: np.stack(images), or write them to files and return the paths",
        )
        require(
            isinstance(image, Path),
            f"an image is {_shown(image)}, not a pathlib.Path",
            "return what context.locate gives, joined by `/`",
        )
    missing = [str(image) for image in images if isinstance(image, Path) and not image.is_file()]
    require(
        not missing,
        f"{len(missing)} of {len(images)} files are not there: {', '.join(missing[:_SHOWN])}",
        "leave them out of `images` and name them in `skipped`, with the reason",
    )
    _require_some_that_can_be_decoded([image for image in images if isinstance(image, Path)][:_DECODED])


def check_samples_are_consistent(subject: Subject) -> None:
    """Labels, splits and groups have one entry an image, and name classes and splits that exist."""
    samples = _samples(subject)
    count = len(samples.images)
    require(count, "load returned no images", "raise DataError where nothing is found; give an example with images")
    one_each = "give one entry an image, in the images' order"
    require(len(samples.labels) == count, f"{count} images, {len(samples.labels)} labels", one_each)
    if samples.splits is not None:
        require(len(samples.splits) == count, f"{count} images, {len(samples.splits)} splits", one_each)
    for column, values in samples.groups.items():
        require(len(values) == count, f"{count} images, {len(values)} values of group {column!r}", one_each)
    try:
        check_labels(samples, "several_of_many")
    except DataError as error:
        raise ContractError(
            error.message, "rename classes that tables cannot show, and list every class once"
        ) from error
    repeated = [labels for labels in samples.labels if len(set(labels)) < len(labels)]
    require(not repeated, f"an image's labels are {_shown(repeated[:1])}", "name each label of an image once")
    blanks = [name for name in samples.class_names if name != name.strip()]
    require(not blanks, f"class name {blanks[:1]} begins or ends with a blank", "strip class names")
    require(
        any(samples.labels), "no image has a label", "label images by names of `class_names`, at least some of them"
    )


def check_splits_share_no_image(subject: Subject) -> None:
    """An image that is learnt is not tested with, and none counts twice."""
    samples = _samples(subject)
    splits = samples.splits or [None] * len(samples.images)
    if not isinstance(samples.images, (np.ndarray, EncodedImages)):
        counts = Counter(os.path.abspath(image) for image in samples.images if isinstance(image, Path))
        twice = [path for path, count in counts.items() if count > 1]
        require(
            not twice,
            f"{len(twice)} files are listed more than once: {', '.join(twice[:_SHOWN])}",
            "list each file once, with all of its labels and one split",
        )
    by_split: dict[str | None, set[bytes]] = {}
    for content, split in zip(_contents(samples.images), splits, strict=False):
        if content is not None:
            by_split.setdefault(split, set()).add(hashlib.sha256(content).digest())
    names = sorted(by_split, key=str)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            shared = by_split[one] & by_split[other]
            smaller = min(len(by_split[one]), len(by_split[other]))
            require(
                len(shared) <= _SHARED_AT_MOST * smaller,
                f"{len(shared)} images of {smaller} are both in {one} and in {other}",
                "give each image one split",
            )


def check_the_path_is_looked_for_by_the_context(subject: Subject) -> None:
    """A path in a recipe is relative to the recipe, wherever the command runs, and `train --data` replaces it."""
    spec = cast(DatasetSpec, subject.spec)
    path = value_of(subject.parameters, spec.path_parameter)
    if not isinstance(path, str) or not path:
        return
    context = _Asked(base=subject.base)
    _load(subject, context)
    require(
        context.paths,
        f"{spec.path_parameter} is {path!r}, and load never asked context.locate for it",
        f"begin from context.locate(parameters.{spec.path_parameter}); where the parameter is no path, say "
        "path_parameter=None in the spec",
    )


def check_encoded_images_can_be_read_by_threads(subject: Subject) -> None:
    """`read` gives the bytes of the position that it is asked for, in any order and to several threads at once."""
    images = _samples(subject).images
    if not isinstance(images, EncodedImages):
        return
    positions = list(range(min(len(images), _READ)))
    one_by_one = [images.read(position) for position in positions]
    remedy = "open a file or connection for each call of `read`, or put a lock around it; keep no place between calls"
    backwards = [images.read(position) for position in reversed(positions)][::-1]
    require(backwards == one_by_one, "read gives other bytes when positions are asked for in another order", remedy)
    try:
        with ThreadPoolExecutor(4) as pool:
            at_once = list(pool.map(images.read, positions * 4))
    except Exception as error:
        raise ContractError(f"read raised {described(error)} in another thread", remedy) from error
    require(at_once == one_by_one * 4, "read gives other bytes when several threads ask at once", remedy)


def check_the_order_is_always_the_same(subject: Subject) -> None:
    """Images and classes come in one order: on every machine, in every process, whatever lists a directory."""
    first = digests_of(_samples(subject))
    _require_same(first, digests_of(_load(subject)), "when it is loaded again", "draw nothing, or with a fixed seed")
    if subject.distribution is None:
        return
    example = subject.parameters.model_dump(mode="json", by_alias=True)
    elsewhere = samples_elsewhere(subject.distribution, subject.spec.name, example, subject.base)
    _require_same(
        first,
        elsewhere,
        "in another process, whose file system lists names in another order",
        "sort what os.listdir, os.scandir, glob or a set gives, and find relative paths by context.locate",
    )


def _require_same(first: Mapping[str, str], other: Mapping[str, str], when: str, remedy: str) -> None:
    changed = [part for part in first if first[part] != other.get(part)]
    require(not changed, f"{', '.join(changed)} differ {when}", remedy)


def _samples(subject: Subject) -> Samples:
    return subject.once("samples", lambda: _load(subject))


class _Asked(LocalContext):
    """Notes which paths it is asked for."""

    def __init__(self, base: Path) -> None:
        super().__init__(base=base)
        self.paths: list[str] = []

    def locate(self, path: str) -> Path:
        self.paths.append(path)
        return super().locate(path)


def _contents(images: NDArray[np.uint8] | Sequence[Path] | EncodedImages) -> Iterator[bytes | None]:
    """The bytes of each image, up to the memory that a check should take; None where they say nothing."""
    left = _COMPARED_BYTES
    if isinstance(images, np.ndarray):
        for image in images:
            # Pictures of one colour are alike by nature.
            is_plain = not image.size or image.min() == image.max()
            yield None if is_plain else np.ascontiguousarray(image).tobytes()
        return
    for position in range(len(images)):
        if left <= 0:
            return
        content = images.read(position) if isinstance(images, EncodedImages) else images[position].read_bytes()
        left -= len(content)
        yield content


def _load(subject: Subject, context: LocalContext | None = None) -> Samples:
    context = context or LocalContext(base=subject.base)
    try:
        samples = cast(DatasetSpec, subject.spec).load(subject.parameters, context)
    except DataError as error:
        raise ContractError(
            f"it cannot be loaded: {error.message}",
            f"give an example with data by the key '{subject.key}', as files that your tests make",
        ) from error
    require(
        isinstance(samples, Samples),
        f"load must return Samples, got {type(samples).__name__}",
        "return fashionbatch.specs.Samples(images=..., labels=..., class_names=...)",
    )
    return samples


def _require_some_that_can_be_decoded(paths: Iterable[Path]) -> None:
    _require_one_that_decodes(((path.name, path) for path in paths), "return paths of image files")


def _require_readable(images: EncodedImages) -> None:
    names = list(images.names)
    require(
        all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names),
        "images.names are no texts of which each is another one",
        "name each image as its source does, such as by its path in the archive",
    )

    def contents() -> Iterator[tuple[str, bytes]]:
        for position in range(min(len(names), _DECODED)):
            content = images.read(position)
            require(isinstance(content, bytes), f"read returned {_shown(content)}", "return the bytes of an image file")
            yield names[position], content

    _require_one_that_decodes(contents(), "return bytes of image files")


def _require_one_that_decodes(files: Iterable[tuple[str, Path | bytes]], mend: str) -> None:
    """Decode files, each with its name, up to the first one that can be."""
    reasons = []
    for name, file in files:
        try:
            decode_image(file, ImageSpec(size=(8, 8)))
        except ImageError as error:
            reasons.append(f"{name}: {error.message}")
        else:
            return
    require(not reasons, f"no image can be decoded: {'; '.join(reasons[:_SHOWN])}", mend)


def _shown(value: object) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 80 else text[:80] + '...'}"


CHECKS: tuple[CheckFunction, ...] = (
    check_samples_have_the_right_types,
    check_images_are_files_or_one_array,
    check_samples_are_consistent,
    check_splits_share_no_image,
    check_the_path_is_looked_for_by_the_context,
    check_encoded_images_can_be_read_by_threads,
    check_the_order_is_always_the_same,
)
