"""What plugins return, checked where it enters the core, so that an error names its cause and not its consequence."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, get_args

import numpy as np

from fashionbatch.plugins.origin import Origin
from fashionbatch.specs import SPLITS, EncodedImages, Precision, Samples, SearchHit, SearchPage

_NO_MORE = object()


def samples(origin: Origin, given: tuple[Any, ...], result: Any) -> Samples:  # noqa: ARG001 - the checks' signature
    """What a dataset loaded.

    Raises:
        PluginError: it is no `Samples`, or its parts do not fit each other.
    """
    if not isinstance(result, Samples):
        raise origin.wrong("load", f"returned {type(result).__name__}; expected fashionbatch.specs.Samples")
    with origin.calling("load"):  # its sequences may be classes of the plugin's own
        problem = next(_problems(result), None)
    if problem:
        raise origin.wrong("load", f"returned samples that are not right: {problem}")
    return result


def sentences(origin: Origin, given: tuple[Any, ...], result: Any) -> Sequence[str]:  # noqa: ARG001 - as above
    """What a dataset says of its labels.

    Raises:
        PluginError: it is no sequence of text.
    """
    if isinstance(result, str) or not isinstance(result, Sequence) or not all(isinstance(line, str) for line in result):
        raise origin.wrong("look", f"returned {_shown(result)}; expected a list of sentences")
    return result


def precisions(origin: Origin, given: tuple[Any, ...], result: Any) -> tuple[Precision, ...]:
    """What a runtime computes in on a device.

    Raises:
        PluginError: it is no tuple of known precisions.
    """
    known = get_args(Precision)
    if isinstance(result, str) or not isinstance(result, Sequence):
        raise origin.wrong("precisions", f"returned {result!r} for {given[0]!r}; expected a tuple of {_listed(known)}")
    for precision in result:
        if precision not in known:
            raise origin.wrong("precisions", f"names {precision!r} for {given[0]!r}; there are {_listed(known)}")
    return tuple(result)


def encoded(origin: Origin, given: tuple[Any, ...], result: Any) -> bytes | Iterator[bytes]:  # noqa: ARG001 - as above
    """The rows as a writer encoded them, at once or in pieces; a piece is checked when it is taken.

    Raises:
        PluginError: they are no bytes.
    """
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result)
    if isinstance(result, str) or not hasattr(result, "__iter__"):
        raise origin.wrong("encode", f"returned {type(result).__name__}; expected bytes, or pieces of them")
    return _pieces(origin, result)


def _pieces(origin: Origin, result: Iterable[Any]) -> Iterator[bytes]:
    with origin.calling("encode"):
        pieces = iter(result)
    while True:
        with origin.calling("encode"):
            piece = next(pieces, _NO_MORE)
        if piece is _NO_MORE:
            return
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise origin.wrong("encode", f"gave a piece of {type(piece).__name__}; expected bytes")
        yield bytes(piece)


def nothing(role: str, origin: Origin, result: Any) -> None:
    """What an engine returned when all shards were to be done, or a writer when the table was to be written.

    Raises:
        PluginError: it is something that would have to be run or awaited first.
    """
    if hasattr(result, "__next__") or hasattr(result, "__await__"):
        raise origin.wrong(role, f"returned a {type(result).__name__} that nobody runs; expected that its work is done")


def remarks(role: str, origin: Origin, result: Any) -> Mapping[str, str]:
    """What a schedule says of its parameters.

    Raises:
        PluginError: it is no mapping of parameters' names to texts.
    """
    if not isinstance(result, Mapping) or not all(isinstance(text, str) for item in result.items() for text in item):
        raise origin.wrong(role, f"returned {_shown(result)}; expected texts by the names of parameters, or {{}}")
    return dict(result)


def figure(role: str, origin: Origin, result: Any) -> str:
    """The name of the figure that a schedule waits for.

    Raises:
        PluginError: it is no text.
    """
    if not isinstance(result, str):
        raise origin.wrong(role, f"returned {_shown(result)}; expected the name of a figure, such as 'val_loss'")
    return result


def rate(role: str, origin: Origin, result: Any) -> float:
    """A learning rate as a number.

    Raises:
        PluginError: it is none that a step can be scaled by.
    """
    if not is_rate(result):
        raise origin.wrong(role, f"returned {_shown(result)}; expected a rate of 0 or more")
    return float(result)


def is_rate(value: object) -> bool:
    """Whether a value is a finite number from 0 on."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < math.inf


def search_page(role: str, origin: Origin, result: Any) -> SearchPage:
    """What a search gives at once.

    Raises:
        PluginError: it is no `SearchPage` of hits with an id and an address.
    """
    if not isinstance(result, SearchPage):
        raise origin.wrong(role, f"returned {_shown(result)}; expected fashionbatch.specs.SearchPage")
    if result.cursor is not None and not isinstance(result.cursor, str):
        raise origin.wrong(
            role, f"returned the cursor {_shown(result.cursor)}; expected text, or None for the last page"
        )
    for index, hit in enumerate(result.hits):
        if not isinstance(hit, SearchHit):
            raise origin.wrong(role, f"hits[{index}] is {_shown(hit)}; expected fashionbatch.specs.SearchHit")
        for name, value in vars(hit).items():
            if not isinstance(value, str):
                raise origin.wrong(role, f"hits[{index}].{name} is {_shown(value)}; expected text")
        if not hit.id or not hit.url:
            raise origin.wrong(role, f"hits[{index}] has no {'url' if hit.id else 'id'}")
    return SearchPage(tuple(result.hits), result.cursor)


def folder_labels(role: str, origin: Origin, result: Any) -> tuple[str, ...]:
    """The labels that a folder's name stands for.

    Raises:
        PluginError: they are no tuple of texts.
    """
    if not isinstance(result, list | tuple) or not all(isinstance(label, str) for label in result):
        raise origin.wrong(role, f"returned {_shown(result)}; expected a tuple of class names, such as ('dress',)")
    return tuple(result)


def _problems(found: Samples) -> Iterator[str]:
    """What is wrong with samples; each line rests on those before it having found nothing."""
    yield from _problems_of_images(found.images)
    yield from _not_a_sequence("class_names", found.class_names)
    yield from _not_a_sequence("labels", found.labels)
    for name in found.class_names:
        if not isinstance(name, str):
            yield f"class_names hold {_shown(name)}; expected text"
    for index, labels in enumerate(found.labels):
        if isinstance(labels, str) or not isinstance(labels, Sequence):
            yield f"labels[{index}] is {_shown(labels)}; expected a tuple of class names, such as ('dress',)"
        elif not all(isinstance(label, str) for label in labels):
            yield f"labels[{index}] is {_shown(labels)}; class names are text"
    yield from _not_a_sequence("skipped", found.skipped)
    for index, entry in enumerate(found.skipped):
        if not (isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], str)):
            yield f"skipped[{index}] is {_shown(entry)}; expected a path and the reason"
    count = len(found.images)
    if count != len(found.labels):
        yield f"{count} images and {len(found.labels)} labels"
    if found.splits is not None:
        yield from _problems_of_splits(found.splits, count)
    yield from _problems_of_groups(found, count)
    yield from _problems_of_words(found)


def _problems_of_groups(found: Samples, count: int) -> Iterator[str]:
    if not isinstance(found.groups, Mapping):
        yield f"groups are {_shown(found.groups)}; expected a mapping from a column's name to its values"
    for column, values in found.groups.items():
        yield from _not_a_sequence(f"groups[{column!r}]", values)
        if len(values) != count:
            yield f"{count} images and {len(values)} values of {column!r}"
    if found.keep_together is not None and found.keep_together not in found.groups:
        yield f"keep_together is {_shown(found.keep_together)}, which is none of groups"


def _problems_of_words(found: Samples) -> Iterator[str]:
    yield from _not_a_sequence("notes", found.notes)
    for note in found.notes:
        if not isinstance(note, str):
            yield f"notes hold {_shown(note)}; expected text"
    if not isinstance(found.label_groups, Mapping):
        yield f"label_groups are {_shown(found.label_groups)}; expected a mapping from an attribute to its labels"
    for attribute, labels in found.label_groups.items():
        yield from _not_a_sequence(f"label_groups[{attribute!r}]", labels)
        for label in labels:
            if label not in found.class_names:
                yield f"label_groups[{attribute!r}] holds {_shown(label)}, which is none of class_names"


def _problems_of_images(images: Any) -> Iterator[str]:
    if isinstance(images, np.ndarray):
        if images.dtype != np.uint8 or images.ndim not in {3, 4}:
            yield f"images are {images.dtype} of shape {images.shape}, not uint8 of 3 or 4 axes"
        elif images.ndim == 4 and images.shape[3] not in {1, 3}:
            yield f"images have {images.shape[3]} channels, not 1 or 3"
        return
    if isinstance(images, EncodedImages):
        yield from _problems_of_names(images)
        return
    yield from _not_a_sequence("images", images)
    for index, image in enumerate(images):
        if isinstance(image, np.ndarray):
            yield f"images[{index}] is an array; arrays are stacked to one array (n, height, width, channels)"
        elif not isinstance(image, os.PathLike):
            yield f"images[{index}] is {_shown(image)}; expected a pathlib.Path"


def _problems_of_names(images: EncodedImages) -> Iterator[str]:
    yield from _not_a_sequence("images.names", images.names)
    seen: set[str] = set()
    for index, name in enumerate(images.names):
        if not isinstance(name, str) or not name:
            yield f"images.names[{index}] is {_shown(name)}; expected text"
        if name in seen:
            yield f"images.names hold {name!r} twice"
        seen.add(name)
    if not callable(images.read):
        yield f"images.read is {_shown(images.read)}; expected a function from a position to the bytes of a file"
    if not isinstance(images.version, str):
        yield f"images.version is {_shown(images.version)}; expected text"


def _problems_of_splits(splits: Any, count: int) -> Iterator[str]:
    yield from _not_a_sequence("splits", splits)
    if len(splits) != count:
        yield f"{count} images and {len(splits)} splits"
    for split in splits:
        if split is not None and split not in SPLITS:
            yield f"splits hold {_shown(split)}; expected {_listed(SPLITS)} or None"


def _not_a_sequence(name: str, value: object) -> Iterator[str]:
    if isinstance(value, str | bytes) or not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        yield f"{name} are {_shown(value)}; expected a sequence, such as a list"


def _shown(value: object) -> str:
    """A value for a message: short ones as they are, of others the type."""
    text = repr(value)
    return text if len(text) <= 60 and not text.startswith("<") else f"a {type(value).__name__}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
