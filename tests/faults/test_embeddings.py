"""Faults at every step of a run with embeddings: afterwards the same command completes table and embeddings alike."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
KillEverywhere = Callable[[list[str], Path], Iterator[str]]
LEFT = {"labels.csv", "labels.csv.meta.json", "labels.csv.files", "labels.npy"}


@pytest.fixture
def arguments(case: Any) -> Callable[[Path], list[str]]:
    return lambda place: case.arguments(place / "labels.csv", "--embeddings", str(place / "labels.npy"))


@pytest.fixture
def undisturbed(run: Run, place: Path, arguments: Callable[[Path], list[str]]) -> tuple[bytes, list[str]]:
    """The embeddings of a run without faults, and its steps of writing."""
    folder = place / "undisturbed"
    folder.mkdir()
    ended = run(arguments(folder))
    assert ended.exit == 0, ended.output
    return (folder / "labels.npy").read_bytes(), ended.steps


def require_nothing_half(case: Any, place: Path, embeddings: bytes, step: str) -> None:
    for name, whole in {"labels.csv": case.table, "labels.npy": embeddings}.items():
        path = place / name
        assert not path.exists() or path.read_bytes() == whole, f"half of {name} after {step}"


def test_a_kill_at_any_step_leaves_nothing_half_and_is_made_good(  # noqa: PLR0917
    run: Run,
    case: Any,
    place: Path,
    arguments: Callable[[Path], list[str]],
    undisturbed: tuple[bytes, list[str]],
    kill_everywhere: KillEverywhere,
) -> None:
    embeddings, steps = undisturbed
    assert any(step.startswith("rename 000002.features") for step in steps), "several shards are wanted"
    assert "rename labels.npy" in steps
    folder = place / "run"
    folder.mkdir()
    for step in kill_everywhere(arguments(folder), folder):
        require_nothing_half(case, folder, embeddings, step)
        ended = run(arguments(folder))
        # Killed after all was done, the files are there already and are refused.
        assert ended.exit == 0 or not (folder / "labels.csv.job").exists(), (step, ended.output)
        assert set(os.listdir(folder)) == LEFT, step
        assert (folder / "labels.csv").read_bytes() == case.table
        assert (folder / "labels.npy").read_bytes() == embeddings, step


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_write_that_fails_at_any_step_is_told_and_made_good(  # noqa: PLR0917
    run: Run,
    case: Any,
    place: Path,
    arguments: Callable[[Path], list[str]],
    undisturbed: tuple[bytes, list[str]],
    is_new: Callable[[Path], bool],
    *,
    number: int,
) -> None:
    embeddings, steps = undisturbed
    folder = place / "run"
    for at, step in enumerate(steps, 1):
        if number == errno.ENOSPC and not step.startswith("sync "):
            continue  # EIO has tried the others
        if step == "remove lock":
            continue  # all is done by then
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        failed = run(arguments(folder), fail_at=at, errno=number)
        assert failed.exit == 1, (step, failed.output)
        assert os.strerror(number) in failed.output, (step, failed.output)
        assert "Traceback" not in failed.output
        require_nothing_half(case, folder, embeddings, step)
        if not is_new(folder):
            continue
        ended = run(arguments(folder))
        assert ended.exit == 0, (step, ended.output)
        assert set(os.listdir(folder)) == LEFT, step
        assert (folder / "labels.csv").read_bytes() == case.table
        assert (folder / "labels.npy").read_bytes() == embeddings, step


def test_a_full_disk_is_not_filled_by_half_written_embeddings(
    run: Run, place: Path, arguments: Callable[[Path], list[str]], undisturbed: tuple[bytes, list[str]]
) -> None:
    _, steps = undisturbed
    folder = place / "full"
    folder.mkdir()
    at = steps.index("sync labels.npy") + 1
    assert run(arguments(folder), fail_at=at, errno=errno.ENOSPC).exit == 1
    assert not list(folder.glob("**/.*.tmp"))
