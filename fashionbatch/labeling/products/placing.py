"""Puts copies of photos that are no files, such as members of archives and objects of a store, into label folders."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from typing import BinaryIO, Final

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.labeling.products.sorted_paths import Sorted, safe_parts
from fashionbatch.labeling.workers.files import Files, FileTask
from fashionbatch.stores.opening import FileStatusError, Opener, OpenFile, StoreOutError

_AT_ONCE: Final = 64
"""Photos of which it is known what comes next, so that their contents can be on their way together."""

_BLOCK: Final = 1 << 20


class Placing:
    """One pass over the photos of a table.

    Args:
        opener: of what they lie in.
        root: open, where they go.

    Attributes:
        done: what became of them.
    """

    def __init__(self, opener: Opener, root: int) -> None:
        self.done = Sorted()
        self._opener = opener
        self._files = Files(opener)
        self._root = root
        self._count = 0
        self._waiting: list[tuple[FileTask, Sequence[str]]] = []

    def place(self, file: ScannedFile, labels: Sequence[str]) -> None:
        """Put a photo into the folders of its labels, perhaps later.

        Raises:
            OSError: there is no room.
            DataError: the store gives nothing any more.
        """
        if not labels:
            self.done.unlabeled += 1
            return
        task = FileTask(self._count, os.fsdecode(file.path), file.size, file.mtime_ns, "", file.token)
        self._count += 1
        self._waiting.append((task, labels))
        if len(self._waiting) == _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Put those that wait where they belong.

        Raises:
            OSError, DataError: as `place`.
        """
        waiting, self._waiting = self._waiting, []
        if self._opener.is_remote:
            self._files.announce([task for task, _ in waiting])
        for task, labels in waiting:
            try:
                with contextlib.closing(self._files.open(task)) as opened:
                    self._opener.require_unchanged(opened, task)
                    for label in labels:
                        self._put(task, opened, label)
            except FileStatusError:
                self.done.changed += len(labels)
            except StoreOutError as error:
                raise DataError(error.reason, hint=error.hint) from error

    def _put(self, task: FileTask, opened: OpenFile, label: str) -> None:
        *inner, name = safe_parts(os.fsencode(task.path))
        with (
            disk.open_inside(self._root, [os.fsencode(label), *inner]) as directory,
            io.BytesIO(opened.content) if opened.content is not None else opened.reader() as content,
        ):
            content.seek(0)
            try:
                disk.put_into(content, max(0, task.mtime_ns), name, directory, self._root)
            except FileExistsError:
                content.seek(0)
                if not _holds(name, directory, content):
                    self.done.taken += 1
                    return
            self.done.placed += 1


def _holds(name: bytes, directory: int, content: BinaryIO) -> bool:
    """Whether a plain file of a directory holds a content."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return False
    with open(descriptor, "rb") as file:
        while True:
            blocks = file.read(_BLOCK), content.read(_BLOCK)
            if blocks[0] != blocks[1]:
                return False
            if not blocks[0]:
                return True
