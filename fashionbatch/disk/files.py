"""Whole files: written under a temporary name, fsynced, and renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from fashionbatch.disk import steps
from fashionbatch.disk.errors import BEGIN_AGAIN, output_errors
from fashionbatch.disk.names import claim, temporary_name
from fashionbatch.disk.renaming import rename_new

_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BUFFER = 1 << 18


def write_file(
    path: Path,
    content: bytes | Callable[[BinaryIO], None],
    *,
    within: Path | None = None,
    replace: bool = True,
) -> None:
    """Write a whole file under its final name.

    Args:
        path: the final name. A link there is replaced, not followed.
        content: the bytes, or a function that writes them.
        within: the directory, on the same file system, for the temporary file; by default the file's own.
        replace: whether it takes the place of a file that is there.

    Raises:
        OutputError: the disk is full, read-only or broken, or the name is taken; the temporary file is gone and the
            final name is as it was.
    """
    with output_errors(path, when_full=BEGIN_AGAIN), writing(path, within=within, replace=replace) as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            content(file)


@contextlib.contextmanager
def writing(path: Path, *, within: Path | None = None, replace: bool = True) -> Iterator[BinaryIO]:
    """A file that takes its name when the block has ended without an error, and never exists otherwise.

    Args:
        path: as in `write_file`.
        within: as in `write_file`.
        replace: as in `write_file`.

    Raises:
        OSError: it cannot be written; FileExistsError: it is there, and is not to be replaced.
    """
    with StagedFile(path, within=within) as staged:
        yield staged.file
        staged.sync()
        staged.give_name(replace=replace)


class StagedFile:
    """A file that is written, or is whole already, and waits for its name.

    As a context manager it removes the temporary file at the end, unless it was named or kept.

    Args:
        path: the name that it will get.
        within: the directory, on the same file system, for the temporary file; by default the file's own.

    Attributes:
        path: the name that it will get.
        temporary: the name that it has meanwhile.
        file: what is written to.

    Raises:
        OSError: it cannot be made, or what has the name is no plain file.
    """

    def __init__(self, path: Path, *, within: Path | None = None) -> None:
        _require_plain(path)
        steps.step("create", path)
        self.path = path
        self.temporary, descriptor = _create(path if within is None else within / path.name)
        self.file: BinaryIO = open(descriptor, "wb", buffering=_BUFFER)  # noqa: SIM115 - closed by __exit__
        self._leave = False

    def __enter__(self) -> StagedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # On a full disk half a file holds the space that others need. Removed before it is let go: see `claim`.
        if not self._leave:
            with contextlib.suppress(OSError):
                self.temporary.unlink(missing_ok=True)
        # What could not be written is told already; closing would try it once more.
        with contextlib.suppress(OSError):
            self.file.close()

    def sync(self) -> None:
        """Wait until everything that was written is on the disk."""
        steps.step("sync", self.path)
        self.file.flush()
        os.fsync(self.file.fileno())

    def give_name(self, *, replace: bool = True) -> None:
        """Give it its name, for good, once it is synced."""
        rename(self.temporary, self.path, replace=replace)
        self._leave = True

    def keep(self) -> None:
        """Leave it under its temporary name for `rename`: the caller has noted that name."""
        self._leave = True


@contextlib.contextmanager
def write_new(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A file that is new under exactly this name, and on the disk when the block ends.

    It is for files in a directory that nobody sees yet, and for a name that another process gave and will rename.

    Args:
        path: the name.
        sync: False where `new_directory` syncs everything at its end.

    Raises:
        OSError: it cannot be written, and is gone; FileExistsError: something has the name already.
    """
    steps.step("create", path)
    descriptor = os.open(path, _NEW_FILE, 0o666)
    try:
        with open(descriptor, "wb", buffering=_BUFFER) as file:
            yield file
            if sync:
                steps.step("sync", path)
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def rename(temporary: Path, path: Path, *, replace: bool = True) -> None:
    """Give an fsynced file its final name, for good.

    Args:
        temporary: the name that it has.
        path: the final one.
        replace: whether it takes the place of a file that is there.

    Raises:
        OSError: the directory cannot be written; FileExistsError: the name is taken, and `replace` is not given.
    """
    steps.step("rename", path)
    if replace:
        os.replace(temporary, path)
    else:
        rename_new(os.fsencode(temporary), os.fsencode(path))
    steps.step("sync directory", path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power failure, where the file system offers that."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_names(descriptor)
    finally:
        os.close(descriptor)


def sync_names(descriptor: int) -> None:
    """As `sync_directory`, of a directory that is open."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise


def link_or_copy(file: Path, target: Path) -> None:
    """Give a file a second name in a directory that `new_directory` made; where there are no hard links, copy it.

    Raises:
        OSError: it cannot be read, or not be written there.
    """
    steps.step("link", target)
    try:
        os.link(file, target)
    except OSError:
        copy_new(file, target)


def give_second_name(file: Path, target: Path) -> None:
    """Give an fsynced file a second name, under which it is whole from the first moment; it replaces what had the name.

    Where there are no hard links, it is copied.

    Raises:
        OSError: it cannot be read, or not be written there.
        OutputError: the same, where it is copied.
    """
    with contextlib.suppress(FileNotFoundError):
        if os.path.samefile(file, target):
            return
    temporary = temporary_name(target)
    steps.step("link", target)
    try:
        os.link(file, temporary)
    except OSError:
        # Not every file system has links; what else is wrong shows itself when the file is copied.
        _copy_whole(file, target)
        return
    try:
        steps.step("rename", target)
        temporary.replace(target)
    finally:
        # Two names of one file stay as they are when one is renamed to the other.
        temporary.unlink(missing_ok=True)


def _copy_whole(file: Path, target: Path) -> None:
    def write(copy: BinaryIO) -> None:
        with open(file, "rb") as source:
            shutil.copyfileobj(source, copy, 1 << 20)

    write_file(target, write)


def copy_new(file: Path, target: Path) -> None:
    """Copy a file into a directory that `new_directory` made.

    Raises:
        OSError: it cannot be read, or not be written there.
    """
    with write_new(target, sync=False) as copy, open(file, "rb") as source:
        shutil.copyfileobj(source, copy, 1 << 20)


def make_directory(path: Path) -> None:
    """Make a directory and its parents, where they are missing.

    Raises:
        OSError: they cannot be made.
    """
    if not path.is_dir():
        steps.step("make directory", path)
        path.mkdir(parents=True, exist_ok=True)


def require_writable(directory: Path) -> None:
    """Try to write in a directory: permissions alone do not tell of read-only and of strange file systems.

    Raises:
        OSError: nothing can be made there.
    """
    temporary, descriptor = _create(directory / "fashionbatch")
    os.close(descriptor)
    temporary.unlink()


def remove(path: Path) -> None:
    """Remove a file if it is there.

    Raises:
        OSError: it cannot be removed.
    """
    steps.step("remove", path)
    path.unlink(missing_ok=True)


def remove_tree(path: Path) -> None:
    """Remove a directory with everything in it, as far as that can be done. A link is removed, not followed."""
    steps.step("remove tree", path)
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path, ignore_errors=True)


def _create(path: Path) -> tuple[Path, int]:
    """A new and empty temporary file for `path`, and its descriptor."""
    while True:
        temporary = temporary_name(path)
        try:
            descriptor = os.open(temporary, _NEW_FILE, 0o666)
        except FileExistsError:
            continue
        if claim(descriptor, temporary):
            return temporary, descriptor
        os.close(descriptor)


def _require_plain(path: Path) -> None:
    """Refuse to put a file in the place of a folder, a pipe or a device, such as `/dev/stdout`."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # What is wrong with the path shows when it is written.
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no plain file")
