"""SIGKILL at every step of writing, and at random moments: the same command again completes the same table."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Run = Callable[..., Any]
KillEverywhere = Callable[[list[str], Path], Iterator[str]]


def resume(run: Run, case: Any, output: Path) -> None:
    """Start the same command again; where the run was killed after all was done, the table is there already."""
    ended = run(case.arguments(output))
    if ended.exit:
        assert ended.exit == 1
        assert f"{output} exists" in ended.output
        assert not output.with_name(output.name + ".job").exists()
    assert output.read_bytes() == case.table
    assert set(os.listdir(output.parent)) == {"labels.csv", "labels.csv.meta.json", "labels.csv.files"}


def test_a_kill_at_any_step_of_writing_loses_and_invents_nothing(
    run: Run, case: Any, place: Path, kill_everywhere: KillEverywhere
) -> None:
    output = place / "run" / "labels.csv"
    output.parent.mkdir()
    seen = []
    for step in kill_everywhere(case.arguments(output), output.parent):
        seen.append(step)
        assert not output.exists() or output.read_bytes() == case.table, f"half a table after {step}"
        resume(run, case, output)
    assert len(seen) > 20
    assert any(step.endswith(" 000002.rows") for step in seen), "several shards are wanted"


def test_a_kill_at_any_step_of_labeling_a_compressed_archive_loses_and_invents_nothing(
    run: Run, case: Any, place: Path, kill_everywhere: KillEverywhere
) -> None:
    archive = shutil.make_archive(str(place / "photos"), "gztar", case.photos)
    output = place / "run" / "labels.csv"
    output.parent.mkdir()
    arguments = ["classify", archive, "-b", str(case.bundle), "-o", str(output)]
    seen = []
    for step in kill_everywhere(arguments, output.parent):
        seen.append(step)
        ended = run(arguments)
        assert ended.exit == 0 or f"{output} exists" in ended.output, ended.output
        assert output.read_bytes().replace(b"photos.tar.gz/", b"") == case.table, step
        assert not output.with_name("labels.csv.job").exists()
    assert len(seen) > 20


def test_kills_of_a_run_that_replaces_a_table_leave_the_old_or_the_new_one(run: Run, case: Any, place: Path) -> None:
    output = place / "labels.csv"
    output.write_bytes(b"old")
    steps = len(run(case.arguments(output, "--overwrite")).steps)
    for number in range(1, steps + 1, 3):
        for path in place.iterdir():
            path.unlink()
        output.write_bytes(b"old")
        run(case.arguments(output, "--overwrite"), kill_at=number)
        assert output.read_bytes() in {b"old", case.table}
        ended = run(case.arguments(output, "--overwrite"))
        assert ended.exit == 0, ended.output
        assert output.read_bytes() == case.table


def test_kills_while_digests_are_kept_leave_the_table_and_its_list_of_files(
    run: Run, case: Any, place: Path, kill_everywhere: KillEverywhere
) -> None:
    output = place / "run" / "labels.csv"
    output.parent.mkdir()
    arguments = case.arguments(output, "--match", "sha256")
    is_listing = False
    for step in kill_everywhere(arguments, output.parent):
        is_listing = is_listing or step.endswith(" files")
        if not is_listing:
            continue
        ended = run(arguments)
        assert ended.exit == 0 or f"{output} exists" in ended.output, ended.output
        assert output.read_bytes() == case.table
        files = output.with_name("labels.csv.files").read_bytes()
        meta = json.loads(output.with_name("labels.csv.meta.json").read_bytes())
        assert hashlib.sha256(files).hexdigest() == meta["files"]["digest"], step
        assert not output.with_name("labels.csv.job").exists()
    assert is_listing


def empty(place: Path, output: Path) -> bytes:
    """Remove a table and all beside it; gives the table."""
    table = output.read_bytes()
    for path in place.iterdir():
        path.unlink()
    return table


def test_twenty_kills_at_random_moments_lose_and_invent_nothing(run: Run, case: Any, place: Path) -> None:
    chance = random.Random(4)
    output = place / "labels.csv"
    arguments = case.arguments(output, "-j", "1")
    began = time.monotonic()
    assert run(arguments, real=True).exit == 0
    lasts = time.monotonic() - began
    table = empty(place, output)
    kills = 0
    while kills < 20:
        ended = run(arguments, real=True, kill_after=chance.uniform(0.05, 1.1) * lasts)
        if ended.exit in {0, 1}:
            # Done; or the kill before it had come after the last step, and the table that was there is refused.
            assert ended.exit == 0 or f"{output} exists" in ended.output, ended.output
            assert not output.with_name(output.name + ".job").exists()
            assert empty(place, output) == table
            continue
        assert ended.exit == -signal.SIGKILL, ended.output
        kills += 1
    ended = run(arguments, real=True)
    assert ended.exit == 0 or f"{output} exists" in ended.output, ended.output
    assert empty(place, output) == table
