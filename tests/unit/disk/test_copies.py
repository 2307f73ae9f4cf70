"""Copies and moves never replace anything, and leave nothing half."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.disk import steps


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root").mkdir()
    (tmp_path / "photo").write_bytes(b"photo")
    os.utime(tmp_path / "photo", ns=(1, 2))
    descriptor = os.open(tmp_path / "root", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("put", [disk.copy_into, disk.move_into, disk.link_into])
def test_a_file_gets_into_a_folder_once(tmp_path: Path, root: int, put: type) -> None:
    source = os.fsencode(tmp_path / "photo")
    with disk.open_inside(root, [b"a", b"b"]) as directory:
        put(source, b"photo", directory, root)
        assert (tmp_path / "photo").exists() is (put is not disk.move_into)
        placed = tmp_path / "root/a/b/photo"
        if put is not disk.link_into:
            assert placed.read_bytes() == b"photo"
            assert placed.stat().st_mtime_ns == 2
        (tmp_path / "photo").write_bytes(b"another")
        with pytest.raises(FileExistsError):
            put(source, b"photo", directory, root)
    assert sorted(path.name for path in (tmp_path / "root").rglob("*")) == ["a", "b", "photo"]
    assert (tmp_path / "photo").read_bytes() == b"another"


def test_a_move_across_file_systems_copies(tmp_path: Path, root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    disk.move_into(os.fsencode(tmp_path / "photo"), b"photo", root, root)
    assert (tmp_path / "root/photo").read_bytes() == b"photo"
    assert not (tmp_path / "photo").exists()


@pytest.mark.parametrize("step", ["create", "sync", "rename"])
def test_a_copy_that_fails_leaves_nothing(
    tmp_path: Path, root: int, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(name: str, _: Path) -> None:
        if name == step:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(steps, "step", fail)
    with pytest.raises(OSError, match="No space left"):
        disk.copy_into(os.fsencode(tmp_path / "photo"), b"photo", root, root)
    assert os.listdir(root) == []


def test_what_a_killed_copy_left_is_removed(tmp_path: Path, root: int) -> None:
    (tmp_path / "root/.fashionbatch.01234567.tmp").touch()
    (tmp_path / "root/.fashionbatch.tmp").touch()
    disk.remove_staged(tmp_path / "root")
    assert os.listdir(root) == [".fashionbatch.tmp"]


def test_a_link_on_the_way_leads_nowhere(tmp_path: Path, root: int) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root/a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a"), disk.open_inside(root, [b"a"]):
        pass
