"""What killed processes left is recognised and removed, and nothing else is."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.disk import names


def killed_while_writing(path: Path) -> None:
    child = os.fork()
    if not child:
        staged = disk.StagedFile(path)
        staged.file.write(b"half")
        staged.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("name", ["labels.csv", "드레스 (2).csv", "x" * 250, "x" * 249 + "y", "a\nb", "\udcff.csv"])
def test_leftovers_of_a_name_are_removed_and_those_of_another_are_not(tmp_path: Path, name: str) -> None:
    for killed in (name, "other", "x" * 240):
        killed_while_writing(tmp_path / killed)
    assert len(os.listdir(tmp_path)) == 3
    disk.remove_leftovers(tmp_path / name)
    assert len(os.listdir(tmp_path)) == 2
    disk.remove_leftovers_in(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_a_living_process_writes_is_no_leftover(tmp_path: Path) -> None:
    with disk.StagedFile(tmp_path / "a") as staged:
        staged.file.write(b"half")
        disk.remove_leftovers_in(tmp_path)
        staged.sync()
        staged.give_name()
    assert (tmp_path / "a").read_bytes() == b"half"


def test_what_is_not_ours_is_no_leftover(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").touch()
    others = [".a.tmp", "a.01234567.tmp", ".a.0123456.tmp", ".a.0123456X.tmp", ".a.01234567.tmp2", ".b.01234567.tmp"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".a.00000001.tmp").symlink_to(victim)
    os.mkfifo(tmp_path / ".a.00000002.tmp")
    before = sorted(os.listdir(tmp_path))
    disk.remove_leftovers(tmp_path / "a")
    assert sorted(os.listdir(tmp_path)) == before
    assert (victim / "precious").exists()


def test_one_that_is_taken_for_a_leftover_before_it_is_claimed_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, removed = names.claim, []

    def claim(descriptor: int, temporary: Path, directory: int | None = None) -> bool:
        if not removed:
            removed.append(temporary)
            disk.remove_leftovers_in(tmp_path)
        return real(descriptor, temporary, directory)

    monkeypatch.setattr("fashionbatch.disk.files.claim", claim)
    disk.write_file(tmp_path / "a", b"x")
    assert len(removed) == 1
    assert (tmp_path / "a").read_bytes() == b"x"


def test_a_folder_that_cannot_be_listed_has_no_leftovers(tmp_path: Path) -> None:
    disk.remove_leftovers_in(tmp_path / "no such folder")


@pytest.mark.parametrize(("age_s", "stays"), [(0, True), (25 * 3600, False)])
def test_without_locks_age_tells_a_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: int, stays: bool
) -> None:
    import errno
    import fcntl

    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    path = tmp_path / ".a.01234567.tmp"
    path.touch()
    seen = path.stat().st_mtime
    os.utime(path, (seen - age_s, seen - age_s))
    disk.remove_leftovers(tmp_path / "a")
    assert path.exists() is stays
    disk.write_file(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
