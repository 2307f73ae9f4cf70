"""What is handed to decode workers, and what is known about each of them."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from fashionbatch.labeling.workers import messages

RowStatus: TypeAlias = Literal["ok", "error", "timeout", "crashed", "missing", "changed"]
Verdict: TypeAlias = RowStatus | Literal["same"]
"""Of a file that was looked at; `same`: its content is the one that the task names, so it was not decoded."""

_DEPTH = 2
_AHEAD_BYTES = 1 << 15


class Task(NamedTuple):
    """One image to decode.

    Attributes:
        place: where in the shared memory its pixels belong.
        path: relative to the folder.
        size: in bytes, as the scan saw it.
        mtime_ns: as the scan saw it.
        sha256: of a content that need not be decoded; empty where any has to be.
        token: what else the store needs to find the file's content; empty for files of a folder.
    """

    place: int
    path: bytes
    size: int
    mtime_ns: int
    sha256: bytes = b""
    token: str = ""


class Outcome(NamedTuple):
    """What became of one task; `error` is empty where the status is `same`, and at most a note where `ok`."""

    place: int
    status: Verdict
    error: str


@dataclass
class Chunk:
    """Images that one worker decodes, one after the other.

    Attributes:
        number: distinct among all chunks.
        tasks: the images.
        tries: how many workers were lost at it; from the first on it is one image, a suspect, and tried alone.
    """

    number: int
    tasks: Sequence[Task]
    tries: int = 0

    def __post_init__(self) -> None:
        tasks = [
            [task.place, os.fsdecode(task.path), task.size, task.mtime_ns, task.sha256.hex(), task.token]
            for task in self.tasks
        ]
        self.message = messages.pack({"chunk": self.number, "tasks": tasks})

    @property
    def is_suspect(self) -> bool:
        """Whether it is one image that a worker died of or hung at."""
        return self.tries > 0


@dataclass
class Worker:
    """One process and what it has been given.

    Attributes:
        number: its place among the workers; the one that replaces it gets the same.
        process: the process.
        tasks: descriptor to write to it.
        replies: descriptor to read from it.
        inbox: puts its messages together.
        started: when it was started or configured, by `time.monotonic()`.
        heard: when it last said something, or was given something to do while it had nothing, likewise.
        is_loaded: whether it has imported what it needs.
        is_ready: whether it takes chunks.
        is_fresh: whether it has not finished a chunk yet.
        chunks: what it has not answered yet, at most two, so that it need not wait for the next.
    """

    number: int
    process: subprocess.Popen[bytes]
    tasks: int
    replies: int
    inbox: messages.Inbox
    started: float
    heard: float
    is_loaded: bool = False
    is_ready: bool = False
    is_fresh: bool = True
    chunks: deque[Chunk] = field(default_factory=deque)

    def has_room_for(self, chunk: Chunk) -> bool:
        """Whether it can be given the chunk now without the pipe filling up while it is busy."""
        if not self.is_ready:
            return False
        if not self.chunks:
            return True
        if chunk.is_suspect or self.chunks[0].is_suspect:
            return False
        return len(self.chunks) < _DEPTH and len(chunk.message) <= _AHEAD_BYTES
