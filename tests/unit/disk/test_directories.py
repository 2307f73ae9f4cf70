"""A directory appears when it is whole, and takes the place of an earlier one in one step."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.disk import directories, steps


def make(path: Path, content: bytes = b"x", *, replace: bool = False) -> None:
    with disk.new_directory(path, replace=replace) as folder:
        with disk.write_new(folder / "a", sync=False) as file:
            file.write(content)
        (folder / "b").mkdir()
        (folder / "b" / "c").touch()


def test_a_directory_is_there_whole_with_its_parents_and_nothing_else_is(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        make(tmp_path / "x" / "d")
    finally:
        os.umask(before)
    assert sorted(path.name for path in (tmp_path / "x").rglob("*")) == ["a", "b", "c", "d"]
    assert stat.S_IMODE((tmp_path / "x" / "d").stat().st_mode) == 0o750


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    make(tmp_path / "d", b"old")
    with contextlib.suppress(ZeroDivisionError), disk.new_directory(tmp_path / "d", replace=True) as folder:
        (folder / "a").touch()
        raise ZeroDivisionError
    assert (tmp_path / "d" / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["d"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_an_earlier_one_is_replaced_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(directories, "exchange", lambda one, other: False)
    make(tmp_path / "d", b"old")
    with pytest.raises(FileExistsError):
        make(tmp_path / "d", b"new")
    assert (tmp_path / "d" / "a").read_bytes() == b"old"
    make(tmp_path / "d", b"new", replace=True)
    assert (tmp_path / "d" / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["d"]


def test_a_kill_between_two_renames_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "exchange", lambda one, other: False)
    make(tmp_path / "d", b"old")
    child = os.fork()
    if not child:
        try:
            steps.step = lambda name, path: os._exit(7) if name == "rename" else None
            make(tmp_path / "d", b"new", replace=True)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert not (tmp_path / "d").exists()
    with pytest.raises(ZeroDivisionError), disk.new_directory(tmp_path / "d", replace=True):
        raise ZeroDivisionError
    assert (tmp_path / "d" / "a").read_bytes() == b"old", "brought back"
    assert os.listdir(tmp_path) == ["d"]


def test_many_files_are_on_the_disk_too_before_they_get_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(directories, "_MANY", 3)
    monkeypatch.setattr(directories, "_sync_file_system", lambda _: synced.append("file system") is None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append("fsync"), real(descriptor))[1])
    with disk.new_directory(tmp_path / "d") as folder:
        for number in range(5):
            (folder / f"{number}").touch()
        assert synced == []
    assert synced == ["file system", "fsync"]
    synced.clear()
    make(tmp_path / "few")
    assert synced == ["fsync"] * 5, "two files, two directories, and the one that they lie in"


def test_two_at_once_do_not_remove_one_another(tmp_path: Path) -> None:
    with disk.new_directory(tmp_path / "d", replace=True) as first:
        (first / "a").touch()
        make(tmp_path / "d", b"second")
        assert first.exists()
    assert os.listdir(tmp_path / "d") == ["a"]


@pytest.mark.parametrize("replace", [False, True])
def test_one_that_appears_at_the_last_moment_is_as_one_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    target = tmp_path / "bundle"

    def somebody_is_quicker(name: str, path: Path) -> None:
        if name == "rename" and not target.exists():
            target.mkdir()
            (target / "theirs").touch()

    monkeypatch.setattr(steps, "step", somebody_is_quicker)
    expected = contextlib.nullcontext() if replace else pytest.raises(FileExistsError)
    with expected, disk.new_directory(target, replace=replace) as partial:
        (partial / "ours").touch()
    assert [path.name for path in target.iterdir()] == ["ours" if replace else "theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
