"""Kills and failures at every step of whatever writes besides labeling: the old version or the new one, whole."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Run = Callable[..., Any]


def load_writers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("writers", Path(__file__).with_name("writers.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


writers = load_writers()
# What is replaced, and what there is only once; a run that is replaced may be seen empty, which is none.
CASES = [(name, old) for name in writers.WRITERS for old in ("old", "nothing")]
ONLY_OVER_AN_OLD_ONE = {"measured bundle", "quantized bundle", "archive", "appended line", "plugin"}


def left_behind(place: Path) -> list[str]:
    return [path.name for path in place.rglob(".*") if path.name.endswith((".tmp", ".old"))]


class Case:
    """One writer, with a folder that is as it was before."""

    def __init__(self, run: Run, place: Path, name: str, *, over_old: bool) -> None:
        self._run = run
        self._place = place
        self.name = name
        self.writer = writers.WRITERS[name]
        self.before = place / "before"
        self.before.mkdir()
        if over_old:
            ended = self.write(self.before, version="old")
            assert ended.exit == 0, ended.output
        self.seen_before = self.writer.read(self.before) if over_old else None
        self.steps = self.write(self.fresh("count")).steps

    def write(self, folder: Path, *, version: str = "new", **fault: Any) -> Any:
        return self._run([], call=[self.name, str(folder), version], **fault)

    def fresh(self, name: str) -> Path:
        return Path(shutil.copytree(self.before, self._place / name, symlinks=True))


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} over {case[1]}")
def case(request: pytest.FixtureRequest, run: Run, place: Path) -> Case:
    name, old = request.param
    if old == "nothing" and name in ONLY_OVER_AN_OLD_ONE:
        pytest.skip("it needs what it writes to")
    return Case(run, place, name, over_old=old == "old")


def allowed(case: Case) -> set[str | None]:
    # A run directory is emptied before the new run begins in it.
    return {case.seen_before, "new", *([None] if case.name == "run directory" else [])}


def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_is_made_good(case: Case) -> None:
    assert len(case.steps) >= 2
    for number, step in enumerate(case.steps, 1):
        folder = case.fresh(str(number))
        killed = case.write(folder, kill_at=number)
        assert killed.exit == -signal.SIGKILL, (step, killed.output)
        assert case.writer.read(folder) in allowed(case), step
        ended = case.write(folder)
        assert ended.exit == 0, (step, ended.output)
        assert case.writer.read(folder) == "new", step
        assert left_behind(folder) == [], step


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_step_that_fails_is_told_and_leaves_nothing_half(case: Case, number: int) -> None:
    for at, step in enumerate(case.steps, 1):
        if number == errno.ENOSPC and not step.startswith("sync "):
            continue  # EIO has tried the others
        folder = case.fresh(f"{at}")
        failed = case.write(folder, fail_at=at, errno=number)
        assert failed.exit == 1, (step, failed.output)
        assert os.strerror(number) in failed.output, (step, failed.output)
        assert "Traceback" not in failed.output
        assert case.writer.read(folder) in allowed(case), step
        assert left_behind(folder) == [], step
        ended = case.write(folder)
        assert ended.exit == 0, (step, ended.output)
        assert case.writer.read(folder) == "new", step
