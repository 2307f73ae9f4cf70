"""What a directory that FashionBatch makes for itself holds: nothing else in it is removed, and no link is followed."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fashionbatch.disk import steps
from fashionbatch.disk.names import is_temporary_name_of, stem_of_temporary

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NETWORK_LEFTOVER = re.compile(r"\.nfs[0-9a-f]+")
"""What NFS calls a file that was removed while somebody has it open; the server removes it."""


@dataclass(frozen=True)
class Contents:
    """The names that FashionBatch gives in a directory, each of which stands for a plain file or a folder.

    Attributes:
        files: names of files.
        patterns: whole names of more files.
        folders: names of folders, and what they hold.
        staged: names of files elsewhere that wait in this directory under temporary names.
    """

    files: Sequence[str] = ()
    patterns: Sequence[re.Pattern[str]] = ()
    folders: Mapping[str, Contents] = field(default_factory=dict)
    staged: Sequence[str] = ()

    def has_file(self, name: str) -> bool:
        """Whether a file of this name is FashionBatch's, temporary names included."""
        if name in self.files or any(pattern.fullmatch(name) for pattern in self.patterns):
            return True
        stem = stem_of_temporary(name)
        if stem is None:
            return False
        whole = (*self.files, *self.staged)
        return any(pattern.fullmatch(stem) for pattern in self.patterns) or any(
            is_temporary_name_of(name, Path(file)) for file in whole
        )


class OwnDirectory:
    """A directory that FashionBatch has made, held open so that nobody can put another one in its place.

    Args:
        path: the directory.

    Raises:
        OSError: it cannot be opened; it is a link or no directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, _DIRECTORY)

    def __enter__(self) -> OwnDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def foreign(self, contents: Contents) -> Iterator[Path]:
        """What is there and is not FashionBatch's, in order of names: paths below the directory.

        A link is foreign whatever it is called, and so is a folder where a file is expected.

        Raises:
            OSError: the directory cannot be read.
        """
        yield from (Path(name) for name in _foreign(self._descriptor, contents))

    def holds_files(self, contents: Contents) -> bool:
        """Whether any file is there that these contents name; folders do not count.

        Raises:
            OSError: the directory cannot be read.
        """
        return any(stat.S_ISREG(mode) and contents.has_file(name) for name, mode in _entries(self._descriptor))

    def remove(self, contents: Contents, *, first: Sequence[str] = (), last: Sequence[str] = ()) -> None:
        """Remove what is FashionBatch's, file by file; a folder goes when nothing else is left in it.

        Args:
            contents: what that is.
            first: names that go before the others.
            last: names that go after the others.

        Raises:
            OSError: something cannot be removed.
        """
        _remove(self._descriptor, contents, self.path, key=lambda name: (name in last) - (name in first))


def _is_own(name: str, mode: int, contents: Contents) -> bool:
    return contents.has_file(name) if stat.S_ISREG(mode) else stat.S_ISDIR(mode) and name in contents.folders


def _foreign(directory: int, contents: Contents) -> Iterator[str]:
    for name, mode in _entries(directory):
        if not _is_own(name, mode, contents):
            if not (stat.S_ISREG(mode) and _NETWORK_LEFTOVER.fullmatch(name)):
                yield name
        elif stat.S_ISDIR(mode):
            with _opened(directory, name) as opened:
                yield from (os.path.join(name, found) for found in _foreign(opened, contents.folders[name]))


def _remove(directory: int, contents: Contents, path: Path, key: Callable[[str], int]) -> None:
    for name, mode in sorted(_entries(directory), key=lambda entry: key(entry[0])):
        if not _is_own(name, mode, contents):
            continue
        if stat.S_ISREG(mode):
            steps.step("remove", path / name)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
            continue
        with _opened(directory, name) as opened:
            _remove(opened, contents.folders[name], path / name, key)
        steps.step("remove directory", path / name)
        # Something else in it stays, and so does the folder.
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=directory)


def _entries(directory: int) -> list[tuple[str, int]]:
    entries = []
    for name in sorted(os.listdir(directory)):
        # It may be gone by now: other processes share a job.
        with contextlib.suppress(FileNotFoundError):
            entries.append((name, os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode))
    return entries


@contextlib.contextmanager
def _opened(directory: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
