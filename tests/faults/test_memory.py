"""Memory does not grow with the number of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def peak_kib(case: Any, photos: Path, output: Path) -> int:
    """The largest memory of the run's own process and of any worker, as the kernel counts it."""
    command = [sys.executable, "-m", "fashionbatch", "classify", str(photos), "-b", str(case.bundle), "-o", str(output)]
    process = subprocess.Popen([*command, "-j", "1", "-q"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


@pytest.mark.skipif(sys.platform != "linux", reason="units of ru_maxrss differ")
def test_ten_times_the_files_take_no_more_memory(case: Any, tmp_path: Path) -> None:
    sources = sorted(path for path in case.photos.rglob("*.png") if path.stat().st_size > 20)
    peaks = []
    for count in (1000, 10_000):
        photos = tmp_path / f"{count}"
        photos.mkdir()
        for number in range(count):
            os.link(sources[number % len(sources)], photos / f"{number:05}.png")
        peaks.append(peak_kib(case, photos, tmp_path / f"{count}.csv"))
    assert peaks[1] < 1.1 * peaks[0]
