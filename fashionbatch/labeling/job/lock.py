"""Holds a job directory, so that no second run works on it."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterator

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.labeling.job.paths import JobPaths

_POLL_S = 0.1
_TRIES = 3
_SHOWN_FOREIGN = 3


class JobLock:
    """Holds an output's job directory, so that no second run works on it.

    Several parts of one job may be at work together: they share the lock, and each holds another one for its part. What
    runs that were killed left half written goes once no other part can be making the job.

    Args:
        paths: of the output. The directory is made where there is none.
        part: what distinguishes a part from the others, such as `2-of-8`; None for a run that does all.

    Raises:
        OutputError: another run holds it; or it cannot be made; or the directory's name belongs to something else, or
            somebody else's files are in it.
    """

    def __init__(self, paths: JobPaths, part: str | None = None) -> None:
        self.paths = paths
        self._held: list[disk.Lock] = []
        with disk.output_errors(paths.directory):
            _require_own(paths)
            self._held.append(self._acquire(shared=part is not None))
            if part is not None:
                try:
                    self._held.append(self._hold_part(part))
                except BaseException:
                    self.release()
                    raise
        if part is None:
            self._remove_leftovers()

    @contextlib.contextmanager
    def setting_up(self, stop_signal: Callable[[], int]) -> Iterator[None]:
        """Keep other parts waiting while one of them makes the job.

        Raises:
            InterruptedRunError: there was a signal while another part was making it.
        """
        path = self.paths.directory / "lock.setup"
        while True:
            with disk.output_errors(path), contextlib.suppress(disk.LockedError):
                lock = disk.Lock(path)
                break
            if stop_signal():
                raise InterruptedRunError("interrupted", signal_number=stop_signal())
            time.sleep(_POLL_S)
        try:
            # Not before: the list of files that another part's scan is writing looks as one that a killed run left.
            self._remove_leftovers()
            yield
        finally:
            lock.release()

    def _remove_leftovers(self) -> None:
        for directory in (self.paths.directory, self.paths.shards):
            disk.remove_leftovers_in(directory)

    def is_alone(self) -> bool:
        """Whether no other part is at work, and none can begin before this one lets go, which has to be soon."""
        try:
            self._held[0].make_exclusive()
        except disk.LockedError:
            return False
        return True

    def release(self) -> None:
        """Let go; a directory that holds nothing but locks goes too, where nobody else is at work in it."""
        if not self._held:
            return
        with contextlib.suppress(OSError, disk.LockedError), disk.OwnDirectory(self.paths.directory) as directory:
            # Before the lock is let go: who opened the file meanwhile sees that it has no name any more.
            if not directory.holds_files(self.paths.contents):
                self._held[0].make_exclusive()
                directory.remove(self.paths.locks)
                self.paths.directory.rmdir()
        for lock in reversed(self._held):
            lock.release()
        self._held.clear()

    def _hold_part(self, part: str) -> disk.Lock:
        try:
            return disk.Lock(self.paths.directory / f"lock.{part}")
        except disk.LockedError:
            raise OutputError(f"part {part} of {self.paths.output} is being done by another run") from None

    def _acquire(self, *, shared: bool) -> disk.Lock:
        tries = 0
        while True:
            self.paths.directory.mkdir(exist_ok=True)
            try:
                return disk.Lock(self.paths.lock, shared=shared)
            except FileNotFoundError:
                # The run that held it has just finished and removed the directory.
                continue
            except disk.LockedError as locked:
                tries += 1
                if tries == _TRIES:
                    raise OutputError(
                        f"{self.paths.output} is being written by another run "
                        f"({locked.holder or 'which has just begun'})",
                        hint="wait for it, or give another -o/--output",
                    ) from None
                # `status` takes the lock for a moment, to see whether anybody holds it.
                time.sleep(_POLL_S)


def _require_own(paths: JobPaths) -> None:
    """Refuse a job directory that is a link, or in which somebody else has put something: before anything is made."""
    name = paths.directory.name
    hint = "move it away, or give another -o/--output"
    try:
        mode = os.lstat(paths.directory).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        what = "a link" if stat.S_ISLNK(mode) else "no directory"
        raise OutputError(f"{paths.directory}: is {what}, where a run keeps what it has done", hint=hint)
    # It may go meanwhile, with the run that has made it.
    with contextlib.suppress(FileNotFoundError), disk.OwnDirectory(paths.directory) as directory:
        foreign = list(itertools.islice(directory.foreign(paths.all_contents), _SHOWN_FOREIGN + 1))
        if foreign:
            names = ", ".join(repr(str(path)) for path in foreign[:_SHOWN_FOREIGN])
            more = " and more" if len(foreign) > _SHOWN_FOREIGN else ""
            raise OutputError(
                f"{paths.directory}: holds {names}{more}, which FashionBatch did not put there",
                hint=f"{name} is where a run keeps what it has done; {hint}",
            )
