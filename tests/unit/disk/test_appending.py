"""A line is on the disk or not there; a torn one never spoils the next."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.disk import steps
from fashionbatch.errors import OutputError


def test_lines_follow_one_another(tmp_path: Path) -> None:
    for line in (b"one", "둘".encode(), b""):
        disk.append_line(tmp_path / "a", line)
    assert (tmp_path / "a").read_bytes() == "one\n둘\n\n".encode()


def test_a_torn_last_line_stays_on_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"whole": 1}\n{"tor')
    disk.append_line(tmp_path / "a", b'{"next": 2}')
    assert (tmp_path / "a").read_bytes() == b'{"whole": 1}\n{"tor\n{"next": 2}\n'


def test_a_line_that_cannot_be_synced_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.append_line(tmp_path / "a", b"one")

    def fail(name: str, _: Path) -> None:
        if name == "sync":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(steps, "step", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        disk.append_line(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one\n"


def test_a_line_end_within_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no line end"):
        disk.append_line(tmp_path / "a", b"one\ntwo")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_plain_file_is_not_appended_to(tmp_path: Path, kind: str) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    if kind == "link":
        (tmp_path / "a").symlink_to("victim")
    else:
        os.mkfifo(tmp_path / "a")
    with pytest.raises(OutputError):
        disk.append_line(tmp_path / "a", b"one")
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_processes_that_append_at_once_lose_no_line(tmp_path: Path) -> None:
    children = []
    for name in range(4):
        children.append(os.fork())
        if not children[-1]:
            try:
                for number in range(25):
                    disk.append_line(tmp_path / "a", f"{name} {number}".encode())
            finally:
                os._exit(0)
    for child in children:
        os.waitpid(child, 0)
    lines = (tmp_path / "a").read_text().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in range(4) for number in range(25))
