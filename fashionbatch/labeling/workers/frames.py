"""The memory that decode workers and the network share: pixels, and what each worker is at.

One anonymous file (memfd where there is one, else an unnamed temporary file), passed to the workers as an open
descriptor, so that no name is left behind whoever is killed.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PAGE = 4096
_DIGEST_BYTES = 32

PENDING, DOING, OK, FAILED, SAME, NOTED = range(6)
"""What became of a place so far. The worker writes it, and who replaces a dead worker reads it.

SAME: the file's content is the one that the task names, so it was not decoded.
"""


@dataclass(frozen=True)
class FrameLayout:
    """How the memory is divided.

    Attributes:
        shapes: `(height, width, channels)` of each kind of image that a file is decoded to.
        batch_size: images in a buffer.
        buffers: batches that fit in at once. A place is `buffer * batch_size + row of the batch`.
        workers: the most workers that there will be.
    """

    shapes: tuple[tuple[int, int, int], ...]
    batch_size: int
    buffers: int
    workers: int

    @property
    def places(self) -> int:
        """How many images fit in."""
        return self.buffers * self.batch_size

    @property
    def sizes(self) -> list[int]:
        """Bytes of: the workers' clocks, states and digests of the places, then the images of each shape."""
        images = [self.places * height * width * channels for height, width, channels in self.shapes]
        return [8 * self.workers, self.places, _DIGEST_BYTES * self.places, *images]

    @property
    def size(self) -> int:
        """Bytes of it all."""
        return sum(_whole_pages(size) for size in self.sizes)


class Frames:
    """A view of the shared memory.

    Args:
        descriptor: of the file that `create_frame_file` made.
        layout: the same in every process.
        create: whether to give the file its size; the parent does, before any worker looks.

    Attributes:
        clocks: float64 `(workers,)`: when each worker began its present image, by `time.monotonic()`; 0 when idle.
        states: uint8 `(places,)`: PENDING, DOING, OK, FAILED, SAME or NOTED, which is decoded with a note.
        digests: uint8 `(places, 32)`: each file's SHA-256, where workers make it; zeros where none could be.
        images: for each shape uint8 `(places, height, width, channels)`.
    """

    def __init__(self, descriptor: int, layout: FrameLayout, *, create: bool = False) -> None:
        if create:
            os.ftruncate(descriptor, layout.size)  # disk: memory
        self._memory = mmap.mmap(descriptor, layout.size)
        views = []
        offset = 0
        for size in layout.sizes:
            views.append(np.frombuffer(self._memory, np.uint8, size, offset))
            offset += _whole_pages(size)
        self.layout = layout
        self.clocks: NDArray[np.float64] = views[0].view(np.float64)
        self.states: NDArray[np.uint8] = views[1]
        self.digests: NDArray[np.uint8] = views[2].reshape(layout.places, _DIGEST_BYTES)
        self.images: tuple[NDArray[np.uint8], ...] = tuple(
            view.reshape(layout.places, *shape) for view, shape in zip(views[3:], layout.shapes, strict=True)
        )

    def batch(self, buffer: int, shape: int) -> NDArray[np.uint8]:
        """The images of one buffer in one shape, `(batch_size, height, width, channels)`."""
        start = buffer * self.layout.batch_size
        return self.images[shape][start : start + self.layout.batch_size]


def _whole_pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE
