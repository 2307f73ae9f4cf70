"""Folders for temporary files: they go with their block, and what a killed process left goes with the next one."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.errors import OutputError, ScratchError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_closed_to_others_and_goes_with_its_block(place: Path) -> None:
    with disk.scratch_folder() as folder:
        assert folder.parent == place
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "images.npy").write_bytes(b"pixels")
    assert not list(place.iterdir())


def test_it_goes_when_a_signal_ends_the_block(place: Path) -> None:
    def interrupted() -> None:
        with disk.scratch_folder() as folder:
            (folder / "images.npy").write_bytes(b"pixels")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(place.iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_uses_stays(place: Path) -> None:
    child = os.fork()
    if not child:
        with disk.scratch_folder() as folder:
            (folder / "images.npy").write_bytes(b"pixels")
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    [left] = place.iterdir()
    assert (left / "images.npy").exists()
    (place / "somebody's").mkdir()
    with disk.scratch_folder() as living, disk.scratch_folder() as other:
        assert set(place.iterdir()) == {living, other, place / "somebody's"}


def test_no_room_is_one_clear_error_with_the_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(ScratchError, match="No space left on device") as raised, disk.scratch_folder():
        pass
    assert isinstance(raised.value, OutputError)
    assert raised.value.message.startswith(f"temporary files cannot be written into {place}: ")
    assert "TMPDIR" in str(raised.value.hint)


def test_where_python_finds_no_place_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with pytest.raises(ScratchError, match=r"cannot be written anywhere: .*No usable"), disk.scratch_folder():
        pass


def test_an_error_of_the_block_itself_stays_what_it_is() -> None:
    with pytest.raises(FileNotFoundError), disk.scratch_folder() as folder:
        (folder / "missing").read_bytes()
