from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.errors import OutputError


def test_a_lock_that_is_held_says_by_whom(tmp_path: Path) -> None:
    lock = disk.Lock(tmp_path / "lock")
    assert disk.is_locked(tmp_path / "lock")
    with pytest.raises(disk.LockedError, match=f"process {os.getpid()} on "):
        disk.Lock(tmp_path / "lock")
    lock.release()
    assert not disk.is_locked(tmp_path / "lock")
    disk.Lock(tmp_path / "lock").release()


def test_a_shared_lock_is_held_by_many_and_then_by_one(tmp_path: Path) -> None:
    one, other = (disk.Lock(tmp_path / "lock", shared=True) for _ in range(2))
    with pytest.raises(disk.LockedError):
        disk.Lock(tmp_path / "lock")
    with pytest.raises(disk.LockedError):
        one.make_exclusive()
    other.release()
    one.make_exclusive()
    with pytest.raises(disk.LockedError):
        disk.Lock(tmp_path / "lock", shared=True)
    one.release()


def test_a_file_that_nobody_has_made_is_not_locked_and_is_not_made(tmp_path: Path) -> None:
    assert not disk.is_locked(tmp_path / "lock")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_lock_that_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    if kind == "link":
        (tmp_path / "lock").symlink_to(tmp_path / "victim")
    else:
        os.mkfifo(tmp_path / "lock")
    with pytest.raises(OSError, match=r"symbolic links|no plain file"):
        disk.Lock(tmp_path / "lock")
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_file_system_without_locks_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OutputError, match=r"offers no locks \(No locks available\)"):
        disk.Lock(tmp_path / "lock")
