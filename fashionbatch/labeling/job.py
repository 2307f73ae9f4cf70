"""The job directory beside an output: what a run needs so that it can be killed at any moment and go on.

labels.csv.job/
    lock          held by flock while a run is at work
    job.json      what the rows depend on; it is written last, so its being there means that the rest is complete
    manifest      the frozen scan
    kept          for each row the cells of the user's own columns, where there are any
    reused        for each row what is reused of an earlier table, where there is one
    files         the manifest with the files' digests, where they are kept; made with the table
    shards/       a file for each finished shard
    table.json    that the table is complete, and its digest; written before the table gets its name
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError, OutputError

JOB_FORMAT = 1
_NOT_COMPARED = {"created", "files", "shards", "columns", "bundle_paths", "fashionbatch", "reused"}
_POLL_S = 0.1


class JobPaths:
    """The names that belong to an output.

    Args:
        output: the table.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.meta = output.with_name(output.name + ".meta.json")
        self.files = output.with_name(output.name + ".files")
        self.directory = output.with_name(output.name + ".job")
        self.lock = self.directory / "lock"
        self.job = self.directory / "job.json"
        self.manifest = self.directory / "manifest"
        self.kept = self.directory / "kept"
        self.reused = self.directory / "reused"
        self.hashed = self.directory / "files"
        self.shards = self.directory / "shards"
        self.table = self.directory / "table.json"

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names in the output's directory that a scan of it must not take for input."""
        temporary = disk.temporary_name(self.output).name
        return (self.output.name, self.meta.name, self.files.name, self.directory.name, temporary)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Every name that a run makes in the output's directory, if only for a moment."""
        return (*self.own_names, *(disk.temporary_name(path).name for path in (self.meta, self.files)))


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


def read_job(paths: JobPaths) -> dict[str, Any] | None:
    """The job that is under way, None where none was begun.

    Raises:
        OutputError: its description is damaged or of another version.
    """
    return _read_object(paths.job, "`--restart` begins anew")


def read_table_record(paths: JobPaths) -> dict[str, Any] | None:
    """What `table.json` says, None where the table was not assembled yet."""
    return _read_object(paths.table, "`--restart` begins anew")


def write_job(paths: JobPaths, description: dict[str, Any]) -> None:
    """Put the description of a job on the disk: from now on the job exists.

    Raises:
        OutputError: it could not be written.
    """
    disk.write_file(paths.job, _dump(description))


def write_object(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object whole.

    Raises:
        OutputError: it could not be written.
    """
    disk.write_file(path, _dump(content))


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """In what two jobs' descriptions differ, a phrase each, leaving out what each run finds out by itself."""
    old, new = ({key: value for key, value in one.items() if key not in _NOT_COMPARED} for one in (old, new))
    return [
        f"{name} is {_brief(one)} in the job and {_brief(other)} now"
        for name, one, other in _walk("", json.loads(_dump(old)), json.loads(_dump(new)))
    ]


def discard(paths: JobPaths) -> None:
    """Remove a job's files; the lock and, last of all, `table.json` go when the caller releases them.

    Raises:
        OutputError: they cannot be removed.
    """
    with disk.output_errors(paths.directory):
        # job.json first: without it nothing of the rest counts.
        disk.remove(paths.job)
        disk.step("remove shards", paths.shards)
        shutil.rmtree(paths.shards, ignore_errors=True)
        for path in sorted(paths.directory.iterdir()):
            if path != paths.table and not path.name.startswith(paths.lock.name):
                disk.remove(path)
        disk.remove(paths.table)


def _walk(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            difference
            for key in sorted(old.keys() | new.keys())
            for difference in _walk(f"{name}.{key}" if name else key, old.get(key), new.get(key))
        ]
    return [] if old == new else [(name, old, new)]


def _brief(value: Any) -> str:
    if value is None:
        return "not given"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _dump(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode("ascii")


def _read_object(path: Path, hint: str) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: cannot be read: {error}", hint=hint) from None
    if not isinstance(content, dict) or content.get("format") != JOB_FORMAT:
        raise OutputError(f"{path}: not written by this version of FashionBatch", hint=hint)
    return content
