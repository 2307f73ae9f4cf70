"""Every image of a split as uint8 pixels: in memory, or in the cache where they are many or their files large."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import PIL
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.data.originals import Originals, pixels_of
from fashionbatch.data.places import CACHE_VARIABLE, cache_directory, cache_path
from fashionbatch.errors import DataError, ImageError
from fashionbatch.images import POLICY
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import ImageSpec

IN_MEMORY_BYTES: Final = 1 << 30
"""Up to this many bytes the pixels of a split are kept in memory; more go to a memory-mapped file."""

LARGE_FILES_BYTES: Final = 100_000_000
"""Where files take more than this together, and more than their pixels will, the pixels are kept for the next run."""

_UNDER_WAY_PER_CORE: Final = 4
_READERS_BESIDE: Final = 8
"""So many files are read while others are decoded: on a network share a file takes longer to come than to decode."""

_LARGEST_NOTES: Final = 1 << 30

_Result: TypeAlias = tuple[str, NDArray[np.uint8]] | str
"""A digest and pixels, or why there are none."""


@dataclass(frozen=True)
class Outcome:
    """What became of each image.

    Attributes:
        kept: positions of the images that could be read, ascending.
        digests: for each of these the hash of its content, as hexadecimal text.
        failed: position and reason of each of the others.
    """

    kept: list[int]
    digests: list[str]
    failed: list[tuple[int, str]]


def decode_all(
    originals: Originals, spec: ImageSpec, *, title: str, bar: OpenBar = no_bar
) -> tuple[NDArray[np.uint8], Outcome]:
    """Decode every image, in order; those that cannot be read are left out and told of, never replaced.

    Args:
        originals: the images.
        spec: what they are decoded for.
        title: what the bar says.
        bar: shows how far it is.

    Returns:
        uint8 `(kept, height, width, channels)`, in memory or memory-mapped and then read-only; and what became of each.

    Raises:
        DataError: the images do not fit into memory, and the cache cannot be written.
    """
    decoded = _decode_in_order(originals, spec, title, bar)
    needed = len(originals) * int(np.prod(spec.shape))
    if needed > IN_MEMORY_BYTES:
        return _through_cache(originals, spec, decoded)
    if originals.stored_bytes() <= max(LARGE_FILES_BYTES, needed):
        return _in_memory(len(originals), spec, decoded)
    return _spared_by_cache(originals, spec, decoded)


def _in_memory(count: int, spec: ImageSpec, decoded: Iterator[_Result]) -> tuple[NDArray[np.uint8], Outcome]:
    images = np.empty((count, *spec.shape), np.uint8)
    outcome = Outcome([], [], [])
    for position, result in enumerate(decoded):
        pixels = _note(position, result, outcome)
        if pixels is not None:
            images[len(outcome.kept) - 1] = pixels
    return images[: len(outcome.kept)], outcome


def _note(position: int, result: _Result, outcome: Outcome) -> NDArray[np.uint8] | None:
    if isinstance(result, str):
        outcome.failed.append((position, result))
        return None
    digest, pixels = result
    outcome.kept.append(position)
    outcome.digests.append(digest)
    return pixels


def _decode_in_order(originals: Originals, spec: ImageSpec, title: str, bar: OpenBar) -> Iterator[_Result]:
    """For each image its digest and pixels, or why it cannot be read."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # More at once would be no faster, and each takes the memory of a whole picture.
    decoding = threading.BoundedSemaphore(cores)

    def read(position: int) -> _Result:
        try:
            stored = originals.fetch(position)
            with decoding:
                return pixels_of(stored, spec)
        except ImageError as error:
            return error.message

    # Pillow lets go of the interpreter while it decodes and resizes, so threads are enough. Few are under way at a
    # time: executor.map would hold a million futures, and every picture that is not yet asked for.
    under_way = _UNDER_WAY_PER_CORE * cores + _READERS_BESIDE
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(cores + _READERS_BESIDE) as pool, bar(title, len(originals), "image") as advance:
        try:
            for position in range(len(originals)):
                waiting.append(pool.submit(read, position))
                if len(waiting) >= under_way:
                    yield waiting.popleft().result()
                    advance(position + 1 - len(waiting))
            while waiting:
                yield waiting.popleft().result()
                advance(len(originals) - len(waiting))
        finally:
            for future in waiting:
                future.cancel()


def _through_cache(
    originals: Originals, spec: ImageSpec, decoded: Iterator[_Result]
) -> tuple[NDArray[np.uint8], Outcome]:
    """Read the pixels from the cache; what is not there is decoded and put there, whole or not at all."""
    folder = cache_directory() / "decoded"
    pixels, notes = _places(folder, originals, spec)
    try:
        disk.make_directory(folder)
        disk.remove_leftovers_in(folder)
        outcome = _cached_outcome(pixels, notes, originals, spec)
        if outcome is None:
            outcome = _write_cache(pixels, notes, decoded)
        return _mapped(pixels, outcome, spec), outcome
    except OSError as error:
        raise DataError(
            f"the cache in {folder} cannot be used: {error.strerror or error}",
            hint=f"free some space, or set {CACHE_VARIABLE} to a folder with more",
        ) from error


def _spared_by_cache(
    originals: Originals, spec: ImageSpec, decoded: Iterator[_Result]
) -> tuple[NDArray[np.uint8], Outcome]:
    """As `_through_cache`, of images that fit into memory: a cache that cannot be used costs time, and is no error."""
    folder = cache_path() / "decoded"
    pixels, notes = _places(folder, originals, spec)
    with suppress(OSError):
        outcome = _cached_outcome(pixels, notes, originals, spec)
        if outcome is not None:
            return _mapped(pixels, outcome, spec), outcome
    images, outcome = _in_memory(len(originals), spec, decoded)
    with suppress(OSError):
        disk.make_directory(folder)
        disk.remove_leftovers_in(folder)
        _write_both(pixels, notes, images, outcome)
    return images, outcome


def _mapped(pixels: Path, outcome: Outcome, spec: ImageSpec) -> NDArray[np.uint8]:
    if not outcome.kept:
        return np.empty((0, *spec.shape), np.uint8)
    return np.memmap(pixels, np.uint8, "r", shape=(len(outcome.kept), *spec.shape))


def _places(folder: Path, originals: Originals, spec: ImageSpec) -> tuple[Path, Path]:
    key = _key(originals, spec)
    return folder / f"{key}.pixels", folder / f"{key}.json"


def _key(originals: Originals, spec: ImageSpec) -> str:
    digest = hashlib.sha256(originals.identity())
    digest.update(json.dumps([POLICY, spec.model_dump(), PIL.__version__], sort_keys=True).encode())
    return digest.hexdigest()[:32]


def _cached_outcome(pixels: Path, notes: Path, originals: Originals, spec: ImageSpec) -> Outcome | None:
    try:
        stored: dict[str, Any] = json.loads(disk.read_regular(notes, _LARGEST_NOTES))
        outcome = Outcome(stored["kept"], stored["digests"], [(where, why) for where, why in stored["failed"]])
        whole = pixels.stat().st_size == len(outcome.kept) * int(np.prod(spec.shape))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return outcome if whole and _still_fail(originals, spec, outcome) else None


def _still_fail(originals: Originals, spec: ImageSpec, outcome: Outcome) -> bool:
    """Whether what could not be read still cannot: a share may be back, or the extra for a format installed."""
    for position, _ in outcome.failed:
        with suppress(ImageError):
            pixels_of(originals.fetch(position), spec)
            return False
    return True


def _write_cache(pixels: Path, notes: Path, decoded: Iterator[_Result]) -> Outcome:
    outcome = Outcome([], [], [])
    # Plain writes and not a memory map: on a full disk a map kills the process where a write raises an error.
    with disk.writing(pixels) as file:
        for position, result in enumerate(decoded):
            row = _note(position, result, outcome)
            if row is not None:
                file.write(row.data)
    _write_notes(notes, outcome)
    return outcome


def _write_both(pixels: Path, notes: Path, images: NDArray[np.uint8], outcome: Outcome) -> None:
    with disk.writing(pixels) as file:
        file.write(images.data)
    _write_notes(notes, outcome)


def _write_notes(notes: Path, outcome: Outcome) -> None:
    # The notes come last: where they are, the pixels are whole.
    with disk.writing(notes) as file:
        file.write(json.dumps(asdict(outcome)).encode())
