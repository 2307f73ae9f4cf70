"""Holds a job directory, so that no second run works on it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.labeling.job.paths import JobPaths

_POLL_S = 0.1


class JobLock:
    """Holds an output's job directory, so that no second run works on it.

    Several parts of one job may be at work together: they share the lock, and each holds another one for its part.

    Args:
        paths: of the output. The directory is made where there is none.
        part: what distinguishes a part from the others, such as `2-of-8`; None for a run that does all.

    Raises:
        OutputError: another run holds it, or it cannot be made.
    """

    def __init__(self, paths: JobPaths, part: str | None = None) -> None:
        self.paths = paths
        self._held: list[int] = []
        with disk.output_errors(paths.directory):
            if part is None:
                self._held.append(self._acquire())
                os.ftruncate(self._held[0], 0)
                os.pwrite(self._held[0], f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
                return
            try:
                self._held.append(self._acquire(fcntl.LOCK_SH))
                self._held.append(self._hold(f"lock.{part}", f"part {part} of {paths.output}"))
            except BaseException:
                self.release()
                raise

    @contextlib.contextmanager
    def setting_up(self, stop_signal: Callable[[], int]) -> Iterator[None]:
        """Keep other parts waiting while one of them makes the job.

        Raises:
            InterruptedRunError: there was a signal while another part was making it.
        """
        path = self.paths.directory / "lock.setup"
        with disk.output_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if stop_signal():
                    raise InterruptedRunError("interrupted", signal_number=stop_signal())
                time.sleep(_POLL_S)
            yield
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Let go; a directory that holds nothing but locks goes too, where nobody else is at work in it."""
        if not self._held:
            return
        with contextlib.suppress(OSError):
            names = list(self.paths.directory.iterdir())
            if all(path.name.startswith(self.paths.lock.name) for path in names):
                fcntl.flock(self._held[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Before the lock is let go: who opened the file meanwhile sees that it has no name any more.
                for path in names:
                    path.unlink(missing_ok=True)
                self.paths.directory.rmdir()
        for descriptor in reversed(self._held):
            os.close(descriptor)
        self._held.clear()

    def _hold(self, name: str, what: str) -> int:
        path = self.paths.directory / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise OutputError(f"{what} is being done by another run") from None
        return descriptor

    def _acquire(self, how: int = fcntl.LOCK_EX) -> int:
        tries = 3
        while True:
            self.paths.directory.mkdir(exist_ok=True)
            try:
                descriptor = os.open(self.paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            except FileNotFoundError:
                # The run that held it has just finished and removed the directory.
                continue
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
                if _is_named(descriptor, self.paths.lock):
                    return descriptor
            except BlockingIOError:
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
                os.close(descriptor)
                tries -= 1
                if tries:
                    # `status` takes the lock for a moment, to see whether anybody holds it.
                    time.sleep(_POLL_S)
                    continue
                raise OutputError(
                    f"{self.paths.output} is being written by another run ({holder or 'which has just begun'})",
                    hint="wait for it, or give another -o/--output",
                ) from None
            except OSError as error:
                os.close(descriptor)
                if error.errno in {errno.ENOLCK, errno.ENOTSUP}:
                    raise OutputError(
                        f"{self.paths.directory}: the file system offers no locks ({error.strerror})",
                        hint="write to a local disk and copy the table afterwards",
                    ) from error
                raise
            os.close(descriptor)


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        named = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    opened = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
