"""Every image of a split as uint8 pixels: decoded once, in memory or, where they are many, in a file of the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import PIL
from numpy.typing import NDArray
from tqdm import tqdm

from fashionbatch import disk
from fashionbatch.data.context import CACHE_VARIABLE, cache_directory
from fashionbatch.errors import DataError, ImageError
from fashionbatch.images import POLICY, decode_image, fit_pixels, one_line, open_regular
from fashionbatch.specs import ImageSpec

IN_MEMORY_BYTES: Final = 1 << 30
"""Up to this many bytes the pixels of a split are kept in memory; more go to a memory-mapped file."""

_UNDER_WAY_PER_THREAD: Final = 4

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


class Originals(Protocol):
    """Images that can be read one by one."""

    def __len__(self) -> int:
        """How many there are."""

    def identity(self) -> bytes:
        """What changes when an image may have changed."""

    def read(self, position: int, spec: ImageSpec) -> tuple[str, NDArray[np.uint8]]:
        """The hash of an image's content and its pixels; raises ImageError."""


@dataclass(frozen=True)
class Files:
    """Image files."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.paths)

    def identity(self) -> bytes:
        """The paths, sizes and times of the files."""
        digest = hashlib.sha256()
        for path in self.paths:
            digest.update(os.fsencode(path.absolute()))
            try:
                status = path.stat()
                digest.update(f"\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
            except OSError:
                digest.update(b"\0missing\0")
        return digest.digest()

    def read(self, position: int, spec: ImageSpec) -> tuple[str, NDArray[np.uint8]]:
        """The hash of a file's bytes and its pixels."""
        try:
            with open_regular(self.paths[position]) as file:
                content = file.read()
        except (OSError, MemoryError) as error:
            raise ImageError(one_line(error)) from error
        return content_digest(content), decode_image(content, spec)


@dataclass(frozen=True)
class Rows:
    """Some rows of one uint8 array `(n, height, width, 1 or 3)`."""

    array: NDArray[np.uint8]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.indices)

    def identity(self) -> bytes:
        """The content of the rows."""
        return hashlib.sha256(self.array[self.indices].tobytes()).digest()

    def read(self, position: int, spec: ImageSpec) -> tuple[str, NDArray[np.uint8]]:
        """The hash of a row and its pixels."""
        row = self.array[self.indices[position]]
        return content_digest(row.tobytes()), fit_pixels(row, spec)


def content_digest(content: bytes) -> str:
    """A hash that equal content shares and nothing else does."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def decode_all(
    originals: Originals, spec: ImageSpec, *, title: str, progress: bool | None = None
) -> tuple[NDArray[np.uint8], Outcome]:
    """Decode every image, in order; those that cannot be read are left out and told of, never replaced.

    Args:
        originals: the images.
        spec: what they are decoded for.
        title: what the progress bar says.
        progress: whether to show one; None shows it on a terminal.

    Returns:
        uint8 `(kept, height, width, channels)`, in memory or memory-mapped and then read-only; and what became of each.

    Raises:
        DataError: the cache cannot be written.
    """
    decoded = _decode_in_order(originals, spec, title, progress)
    if len(originals) * int(np.prod(spec.shape)) > IN_MEMORY_BYTES:
        return _through_cache(originals, spec, decoded)
    images = np.empty((len(originals), *spec.shape), np.uint8)
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


def _decode_in_order(originals: Originals, spec: ImageSpec, title: str, progress: bool | None) -> Iterator[_Result]:
    """For each image its digest and pixels, or why it cannot be read."""

    def read(position: int) -> _Result:
        try:
            return originals.read(position, spec)
        except ImageError as error:
            return error.message

    # Pillow lets go of the interpreter while it decodes and resizes, so threads are enough. Few are under way at a
    # time: executor.map would hold a million futures, and every picture that is not yet asked for.
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[Future[_Result]] = deque()
    hidden = None if progress is None else not progress
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(originals), desc=title, unit=" images", disable=hidden) as bar,
    ):
        try:
            for position in range(len(originals)):
                waiting.append(pool.submit(read, position))
                if len(waiting) >= _UNDER_WAY_PER_THREAD * threads:
                    yield waiting.popleft().result()
                    bar.update()
            while waiting:
                yield waiting.popleft().result()
                bar.update()
        finally:
            for future in waiting:
                future.cancel()


def _through_cache(
    originals: Originals, spec: ImageSpec, decoded: Iterator[_Result]
) -> tuple[NDArray[np.uint8], Outcome]:
    """Read the pixels from the cache; what is not there is decoded and put there, whole or not at all."""
    folder = cache_directory() / "decoded"
    key = _key(originals, spec)
    pixels, notes = folder / f"{key}.pixels", folder / f"{key}.json"
    try:
        disk.make_directory(folder)
        disk.remove_leftovers_in(folder)
        outcome = _cached_outcome(pixels, notes, spec)
        if outcome is None:
            outcome = _write_cache(pixels, notes, decoded)
        if not outcome.kept:
            return np.empty((0, *spec.shape), np.uint8), outcome
        return np.memmap(pixels, np.uint8, "r", shape=(len(outcome.kept), *spec.shape)), outcome
    except OSError as error:
        raise DataError(
            f"the cache in {folder} cannot be used: {error.strerror or error}",
            hint=f"free some space, or set {CACHE_VARIABLE} to a folder with more",
        ) from error


def _key(originals: Originals, spec: ImageSpec) -> str:
    digest = hashlib.sha256(originals.identity())
    digest.update(json.dumps([POLICY, spec.model_dump(), PIL.__version__], sort_keys=True).encode())
    return digest.hexdigest()[:32]


def _cached_outcome(pixels: Path, notes: Path, spec: ImageSpec) -> Outcome | None:
    try:
        stored: dict[str, Any] = json.loads(notes.read_text(encoding="utf-8"))
        outcome = Outcome(stored["kept"], stored["digests"], [(where, why) for where, why in stored["failed"]])
        whole = pixels.stat().st_size == len(outcome.kept) * int(np.prod(spec.shape))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return outcome if whole else None


def _write_cache(pixels: Path, notes: Path, decoded: Iterator[_Result]) -> Outcome:
    outcome = Outcome([], [], [])
    # Plain writes and not a memory map: on a full disk a map kills the process where a write raises an error.
    with disk.writing(pixels) as file:
        for position, result in enumerate(decoded):
            row = _note(position, result, outcome)
            if row is not None:
                file.write(row.data)
    # The notes come last: where they are, the pixels are whole.
    with disk.writing(notes) as file:
        file.write(json.dumps(asdict(outcome)).encode())
    return outcome
