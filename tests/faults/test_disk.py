"""Disks that are full, broken or read-only: one clear error, and the same command completes the table afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_write_that_fails_at_any_step_is_told_and_made_good_later(
    run: Run, case: Any, place: Path, is_new: Callable[[Path], bool], number: int
) -> None:
    output = place / "run" / "labels.csv"
    steps = run(case.arguments(place / "count.csv")).steps
    for at, step in enumerate(steps, 1):
        if number == errno.ENOSPC and not step.startswith("sync "):
            continue  # EIO has tried the others
        shutil.rmtree(output.parent, ignore_errors=True)
        output.parent.mkdir()
        failed = run(case.arguments(output), fail_at=at, errno=number)
        if step == "remove lock":
            # All is done by then, and a lock that nobody holds stands in nobody's way.
            assert failed.exit == 0, failed.output
            assert output.read_bytes() == case.table
            assert run(case.arguments(output, "--overwrite")).exit == 0
            assert set(os.listdir(output.parent)) == {"labels.csv", "labels.csv.meta.json", "labels.csv.files"}
            continue
        assert failed.exit == 1, (step, failed.output)
        assert os.strerror(number) in failed.output, (step, failed.output)
        assert "Traceback" not in failed.output
        assert not output.exists() or output.read_bytes() == case.table
        assert not list(output.parent.glob("**/.*.tmp")), "what was half written holds no room"
        if not is_new(output.parent):
            continue
        ended = run(case.arguments(output))
        assert ended.exit == 0, (step, ended.output)
        assert output.read_bytes() == case.table
        assert set(os.listdir(output.parent)) == {"labels.csv", "labels.csv.meta.json", "labels.csv.files"}


# ------------------------------------------------------------------------------------------------ real small disks


class Disk:
    """A small file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mount(self, **options: Any) -> None:
        self._mount("size=64k,nr_inodes=1k")

    def change(self, options: str) -> None:
        self._mount(f"remount,{options}")

    def _mount(self, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "fashionbatch-test", str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    path = tmp_path / "disk"
    path.mkdir()
    small = Disk(path)
    small.mount()
    yield small
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize("pages", range(2, 15, 2))
def test_a_disk_that_fills_up_loses_nothing(run: Run, case: Any, disk: Disk, pages: int) -> None:
    """A few pages are full at the manifest, more of them in a shard, more in the table."""
    output = disk.path / "labels.csv"
    disk.change(f"size={4 * pages}k")
    failed = run(case.arguments(output))
    disk.change("size=1m")
    if failed.exit:
        assert failed.exit == 1, failed.output
        assert "No space left on device" in failed.output
        assert f"cannot write {disk.path}" in failed.output, "not the folder of photos, which was only read"
        assert "make room" in failed.output
        assert not output.exists() or output.read_bytes() == case.table
        assert run(case.arguments(output)).exit == 0
    assert output.read_bytes() == case.table


def test_a_read_only_disk_is_one_clear_error(run: Run, case: Any, disk: Disk) -> None:
    disk.change("ro")
    failed = run(case.arguments(disk.path / "labels.csv"))
    assert failed.exit == 1
    assert "Read-only file system" in failed.output
    assert "give -o/--output a place that you may write to" in failed.output


def test_a_disk_that_becomes_read_only_loses_nothing(run: Run, case: Any, disk: Disk) -> None:
    output = disk.path / "labels.csv"
    assert run(case.arguments(output), kill_at=20).exit < 0
    disk.change("ro")
    failed = run(case.arguments(output))
    assert failed.exit == 1
    assert "Read-only file system" in failed.output
    disk.change("rw")
    assert run(case.arguments(output)).exit == 0
    assert output.read_bytes() == case.table
