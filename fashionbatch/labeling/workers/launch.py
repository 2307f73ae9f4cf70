"""Starts the processes of decode workers, and the memory that they share.

It imports next to nothing, so that a program can start them first of all: they load while it loads.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from fashionbatch import disk
from fashionbatch.errors import FashionBatchError
from fashionbatch.processes import memory_file, start_python

_ALLOCATOR: Final = {
    # A decoder takes and gives back tens of megabytes for every large photo. Left to itself, glibc has the kernel make
    # those pages anew each time, which is a fifth of the time of a WebP photo of four megapixels.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    # Each thread that reads ahead would take 64 MB of addresses, which count towards the limit of memory.
    "MALLOC_ARENA_MAX": "1",
}


@dataclass(frozen=True)
class Launched:
    """A process that waits to be told what to decode.

    Attributes:
        process: the process.
        tasks: descriptor to write to it.
        replies: descriptor to read from it.
    """

    process: subprocess.Popen[bytes]
    tasks: int
    replies: int


class Launcher:
    """Starts workers on one shared memory.

    Args:
        ahead: how many to start at once; `start` hands these out first.

    Attributes:
        frame_file: descriptor of the shared memory, still without a size.
        errors: what all of them write to standard error.

    Raises:
        FashionBatchError: processes cannot be started.
        ScratchError: there is no room for temporary files.
    """

    def __init__(self, ahead: int = 0) -> None:
        self.frame_file = create_frame_file()
        with disk.scratch_errors():  # on a disk: nobody knows how much libraries say about millions of files
            self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._ahead: deque[Launched] = deque()
        try:
            for _ in range(ahead):
                self._ahead.append(self._launch())
        except BaseException:
            self.close()
            raise

    def start(self) -> Launched:
        """A worker that nobody else has; the caller ends it.

        Raises:
            FashionBatchError: it cannot be started.
        """
        return self._ahead.popleft() if self._ahead else self._launch()

    def close(self) -> None:
        """End those that nobody took, and give back the memory, which who has mapped it keeps."""
        while self._ahead:
            worker = self._ahead.popleft()
            os.close(worker.tasks)
            os.close(worker.replies)
            worker.process.kill()
            worker.process.wait()
        self.errors.close()
        os.close(self.frame_file)

    def __enter__(self) -> Launcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _launch(self) -> Launched:
        tasks_read, tasks_write = os.pipe()
        replies_read, replies_write = os.pipe()
        try:
            process = start_python(
                "fashionbatch.labeling.workers.worker",
                [tasks_read, replies_write, self.frame_file],
                pass_fds=[tasks_read, replies_write, self.frame_file],
                stderr=self.errors,
                environment=_ALLOCATOR,
            )
        except OSError as error:
            os.close(tasks_write)
            os.close(replies_read)
            raise FashionBatchError(f"cannot start a decode worker: {error}") from error
        finally:
            os.close(tasks_read)
            os.close(replies_write)
        return Launched(process, tasks_write, replies_read)


def create_frame_file() -> int:
    """A new anonymous file, empty; `Frames` gives it its size. Returns the descriptor."""
    with memory_file("fashionbatch-frames") as file:
        return os.dup(file.fileno())
