"""Arrays of images -> whole batches -> a runtime -> rows, in the order of the images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import Runtime


def whole_batches(
    arrays: Iterable[NDArray[np.uint8]], batch_size: int, shape: tuple[int, int, int]
) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Batches of the full size, each with the number of its images that count.

    Whole batches are views; only the last one of an array, filled up with black, is a copy.

    Args:
        arrays: uint8 `(n, height, width, channels)`, of any length.
        batch_size: images in a batch.
        shape: `(height, width, channels)` of an image.

    Raises:
        ValueError: an array of another shape or dtype.
    """
    for array in arrays:
        if array.dtype != np.uint8 or array.shape[1:] != shape:
            raise ValueError(
                f"expected uint8 images (n, {', '.join(map(str, shape))}), got {array.dtype} {array.shape}"
            )
        for start in range(0, len(array), batch_size):
            batch = array[start : start + batch_size]
            length = len(batch)
            if length < batch_size:
                batch = np.concatenate([batch, np.zeros((batch_size - length, *shape), np.uint8)])
            yield batch, length


def in_order(runtime: Runtime, batches: Iterable[tuple[NDArray[np.uint8], int]]) -> Iterator[NDArray[np.float32]]:
    """Run batches and give the rows of each, in the order of the batches, without those that only fill it up.

    No more batches are asked for than the runtime has slots. What is still under way when the caller turns away, or
    when something fails, is waited for: it would come out as the results of the next call.

    Args:
        runtime: has nothing under way.
        batches: as `whole_batches` makes them.
    """
    done: dict[int, NDArray[np.float32]] = {}
    lengths: dict[int, int] = {}
    due = 0
    try:
        for key, (batch, length) in enumerate(batches):
            lengths[key] = length
            runtime.submit(key, batch)
            done.update(runtime.collect(wait=False))
            while due in done:
                yield done.pop(due)[: lengths.pop(due)]
                due += 1
        while lengths:
            while due not in done:
                done.update(runtime.collect(wait=True))
            yield done.pop(due)[: lengths.pop(due)]
            due += 1
    except BaseException:
        drain(runtime)
        raise


def drain(runtime: Runtime) -> None:
    """Throw away what is under way: it would come out among the results of what is computed next."""
    with suppress(Exception):
        while runtime.collect(wait=True):
            pass
