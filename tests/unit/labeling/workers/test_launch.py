"""Workers that are started before anything else is known."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import FashionBatchError
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


def test_a_worker_keeps_the_memory_that_decoders_give_back_unless_the_user_wants_it_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "4096")
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    given: dict[str, str] = {}

    def refuse(command: list[str], *, env: dict[str, str], **_: object) -> None:
        given.update(env)
        raise OSError("enough is known")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(FashionBatchError, match="cannot start a decode worker: enough is known"):
        Launcher(1)
    assert (given["MALLOC_TRIM_THRESHOLD_"], given["MALLOC_MMAP_THRESHOLD_"]) == ("4096", str(32 << 20))


def test_the_launcher_loads_no_library(run_python: Callable[[str], str]) -> None:
    printed = run_python(
        "import sys\n"
        "import fashionbatch.labeling.workers.launch\n"
        "print(sorted({'numpy', 'PIL', 'pydantic', 'yaml'} & set(sys.modules)))\n"
    )
    assert printed.strip() == "[]"
