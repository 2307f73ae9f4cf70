"""A table of parts, killed at every step of writing: what can be seen is whole, and the same command completes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.labels.parts import digest_of_table

Run = Callable[..., Any]
KillEverywhere = Callable[[list[str], Path], Iterator[str]]


def contents(folder: Path) -> dict[str, bytes]:
    """What readers see of it."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith((".", "_"))}


@pytest.fixture(scope="module")
def whole(run: Run, case: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("whole") / "labels.jsonl"
    ended = run(case.arguments(output, "--partitioned"))
    assert ended.exit == 0, ended.output
    single = output.with_name("single.jsonl")
    assert run(case.arguments(single)).exit == 0
    found = contents(output)
    assert len(found) == 3
    assert b"".join(found[name] for name in sorted(found)) == single.read_bytes()
    return found


def test_a_kill_at_any_step_leaves_whole_parts_and_a_run_that_goes_on(
    run: Run, case: Any, place: Path, kill_everywhere: KillEverywhere, whole: dict[str, bytes]
) -> None:
    output = place / "run" / "labels.jsonl"
    output.parent.mkdir()
    meta = output.with_name("labels.jsonl.meta.json")
    arguments = case.arguments(output, "--partitioned")
    seen = []
    for step in kill_everywhere(arguments, output.parent):
        seen.append(step)
        assert contents(output).items() <= whole.items(), step
        assert not meta.exists() or contents(output) == whole, step
        ended = run(arguments)
        assert ended.exit == 0 or f"{output} exists" in ended.output, ended.output
        assert contents(output) == whole
        assert digest_of_table(output) == json.loads(meta.read_bytes())["sha256"]
        assert not [path.name for path in output.iterdir() if path.name not in whole]
        assert not output.with_name("labels.jsonl.job").exists()
    assert any(step.endswith(" part-000002.jsonl") for step in seen), seen


def test_a_kill_while_a_table_is_replaced_leaves_no_sidecar_that_speaks_of_another(
    run: Run, case: Any, place: Path, whole: dict[str, bytes]
) -> None:
    output = place / "labels.jsonl"
    meta = output.with_name("labels.jsonl.meta.json")
    arguments = case.arguments(output, "--partitioned", "--overwrite")
    steps = len(run(arguments).steps)
    for number in range(1, steps + 1, 5):
        run(arguments, kill_at=number)
        assert contents(output).items() <= whole.items()
        assert not meta.exists() or digest_of_table(output) == json.loads(meta.read_bytes())["sha256"]
        ended = run(arguments)
        assert ended.exit == 0, ended.output
        assert contents(output) == whole


def test_a_kill_while_rows_of_the_table_itself_are_reused_loses_none(
    run: Run, case: Any, place: Path, kill_everywhere: KillEverywhere, whole: dict[str, bytes]
) -> None:
    output = place / "run" / "labels.jsonl"
    output.parent.mkdir()
    meta = output.with_name("labels.jsonl.meta.json")
    assert run(case.arguments(output, "--partitioned")).exit == 0
    arguments = case.arguments(output, "--partitioned", "--retry-errors")
    seen = []
    for step in kill_everywhere(arguments, output.parent):
        seen.append(step)
        assert contents(output).items() <= whole.items(), step
        ended = run(arguments)
        assert ended.exit == 0, (step, ended.output)
        assert contents(output) == whole, step
        assert digest_of_table(output) == json.loads(meta.read_bytes())["sha256"]
    assert any(step.endswith(" part-000002.jsonl") for step in seen), seen
