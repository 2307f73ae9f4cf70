"""Locks between processes: flock on a file, which the system lets go when the process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

from fashionbatch.disk.errors import NO_LOCKS
from fashionbatch.disk.names import is_named
from fashionbatch.errors import OutputError

_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LockedError(Exception):
    """Another process holds the lock.

    Attributes:
        holder: who that is, such as `process 4711 on worker-3`; empty where it is not known yet.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class Lock:
    """A lock that is held until it is released, or the process ends.

    Args:
        path: the file, which is made where it is missing; its directory is there.
        shared: whether others may hold it too, if they take it shared as well.

    Raises:
        LockedError: another process holds it.
        OutputError: the file system offers no locks.
        OSError: the file cannot be opened; FileNotFoundError: its directory is gone.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        while True:
            self._descriptor = os.open(path, _OPEN, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                    raise OSError(errno.EINVAL, "it is no plain file")
                self._flock(fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            except BaseException:
                os.close(self._descriptor)
                raise
            # Whoever held it before may have removed the file, and somebody else made another one.
            if is_named(self._descriptor, path):
                break
            os.close(self._descriptor)
        if not shared:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)

    def make_exclusive(self) -> None:
        """Hold alone what was held with others.

        Raises:
            LockedError: others hold it; it may be lost then, also by this process.
        """
        self._flock(fcntl.LOCK_EX)

    def release(self) -> None:
        """Let go. The file stays."""
        os.close(self._descriptor)

    def _flock(self, how: int) -> None:
        try:
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(os.pread(self._descriptor, 200, 0).decode("utf-8", "replace")) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            raise OutputError(
                f"{self.path.parent}: the file system offers no locks ({error.strerror})",
                hint="write to a local disk and copy the result afterwards",
            ) from error


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock. It is taken for a moment to find out, so whoever wants it should try twice."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
