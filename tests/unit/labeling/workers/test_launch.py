"""Workers that are started before anything else is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.labeling.run import label
from fashionbatch.labeling.workers.launch import Launcher


def test_workers_that_were_started_ahead_label_and_more_are_started_where_they_are_needed(
    paint: Callable[[dict[str, int]], Path], options: Callable[..., Any], tmp_path: Path
) -> None:
    paint({f"{number}.png": number % 3 for number in range(20)})
    with Launcher(1) as launcher:
        ahead = label(options(workers=2, output=tmp_path / "ahead.csv"), launcher=launcher)
    usual = label(options(workers=2, output=tmp_path / "usual.csv"))
    assert ahead.table.read_bytes() == usual.table.read_bytes()


def test_workers_that_nobody_takes_end_with_the_launcher() -> None:
    with Launcher(2) as launcher:
        [taken, left] = [launcher.start(), launcher._ahead[0]]
    assert left.process.returncode is not None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(launcher.frame_file)
    os.close(taken.tasks)
    os.close(taken.replies)
    taken.process.wait(60)


def test_the_launcher_loads_no_library(run_python: Callable[[str], str]) -> None:
    printed = run_python(
        "import sys\n"
        "import fashionbatch.labeling.workers.launch\n"
        "print(sorted({'numpy', 'PIL', 'pydantic', 'yaml'} & set(sys.modules)))\n"
    )
    assert printed.strip() == "[]"
