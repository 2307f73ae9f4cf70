from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from fashionbatch import disk
from fashionbatch.disk import renaming
from fashionbatch.errors import OutputError


def test_a_file_is_there_whole_and_nothing_else_is(tmp_path: Path) -> None:
    disk.write_file(tmp_path / "a", b"one")
    disk.write_file(tmp_path / "a", lambda file: file.writelines([b"t", b"wo"]))
    assert (tmp_path / "a").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, number: int) -> None:
    disk.write_file(tmp_path / "a", b"old")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError, match=os.strerror(number)):
        disk.write_file(tmp_path / "a", fail)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk_comes_with_a_hint_that_the_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="start the same command again"), disk.output_errors(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_promises_no_going_on_where_a_whole_file_is_written(tmp_path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError) as caught:
        disk.write_file(tmp_path / "a", fail)
    assert caught.value.hint == "make room, then start the same command again"


def test_data_are_on_the_disk_before_they_get_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("fsync"), real_fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda one, other: (events.append("rename"), real_replace(one, other))[1])
    disk.write_file(tmp_path / "a", b"x")
    assert events == ["fsync", "rename", "fsync"]


def test_a_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        disk.write_file(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_name_that_is_taken_is_not_replaced_unless_that_is_asked_for(tmp_path: Path) -> None:
    disk.write_file(tmp_path / "a", b"old")
    with pytest.raises(FileExistsError), disk.writing(tmp_path / "a", replace=False) as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]
    with disk.writing(tmp_path / "b", replace=False) as file:
        file.write(b"new")
    assert (tmp_path / "b").read_bytes() == b"new"


def test_a_name_is_not_replaced_either_where_the_system_cannot_rename_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renaming, "_renameat2", lambda *_: errno.ENOSYS)
    disk.write_file(tmp_path / "a", b"old")
    for name in ("a", "b"):
        with contextlib.suppress(FileExistsError), disk.writing(tmp_path / name, replace=False) as file:
            file.write(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old", "b": b"new"}


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    longest = "드" * (os.pathconf(tmp_path, "PC_NAME_MAX") // len("드".encode()))
    disk.write_file(tmp_path / longest, b"x")
    assert os.listdir(tmp_path) == [longest]


def test_a_link_under_the_final_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a").symlink_to("victim")
    disk.write_file(tmp_path / "a", b"x")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "a").is_symlink()


@pytest.mark.parametrize("plant", ["symlink", "dangling link", "hard link", "pipe"])
def test_what_somebody_has_put_under_the_temporary_name_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: str
) -> None:
    victim, planted = tmp_path / "victim", tmp_path / ".a.00000000.tmp"
    victim.write_bytes(b"precious")
    if plant == "pipe":
        os.mkfifo(planted)
    elif plant == "hard link":
        os.link(victim, planted)
    else:
        planted.symlink_to(victim if plant == "symlink" else tmp_path / "new victim")
    random = itertools.chain([bytes(4)], iter(lambda: b"\1\2\3\4", None))
    monkeypatch.setattr(os, "urandom", lambda _: next(random))
    disk.write_file(tmp_path / "a", b"x")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "a").read_bytes() == b"x"
    assert sorted(os.listdir(tmp_path)) == [".a.00000000.tmp", "a", "victim"]
    monkeypatch.undo()
    with pytest.raises(FileExistsError), disk.write_new(planted):
        pass


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(os.devnull)
    before = os.lstat(path)
    with pytest.raises(OutputError, match="it is a folder" if kind == "folder" else "it is no plain file"):
        disk.write_file(path, b"x")
    assert os.lstat(path) == before
    assert os.listdir(tmp_path) == ["a"]


def test_a_temporary_file_may_lie_in_another_folder(tmp_path: Path) -> None:
    seen = []
    (tmp_path / "job").mkdir()
    disk.write_file(tmp_path / "a", lambda _: seen.append(sorted(os.listdir(tmp_path))), within=tmp_path / "job")
    assert seen == [["job"]]
    assert (tmp_path / "a").is_file()
    assert not os.listdir(tmp_path / "job")


def test_a_file_can_be_whole_before_it_gets_its_name(tmp_path: Path) -> None:
    with disk.StagedFile(tmp_path / "a") as staged:
        staged.file.write(b"x")
        staged.sync()
        staged.keep()
    assert os.listdir(tmp_path) == [staged.temporary.name]
    assert disk.is_temporary_name_of(staged.temporary.name, tmp_path / "a")
    disk.rename(staged.temporary, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"x"
