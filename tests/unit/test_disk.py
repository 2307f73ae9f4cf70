from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from fashionbatch import disk
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


def test_data_are_on_the_disk_before_they_get_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("fsync"), real_fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda one, other: (events.append("rename"), real_replace(one, other))[1])
    disk.write_file(tmp_path / "a", b"x")
    assert events == ["fsync", "rename", "fsync"]
