from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fashionbatch.testing.bundles import class_colour, make_tiny_bundle


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code (negative: the signal), what it printed, the steps of writing that it took."""

    exit: int
    output: str
    steps: list[str]


@dataclass(frozen=True)
class Case:
    """What all fault tests label.

    Attributes:
        photos: 63 files in sub-folders, three of which cannot be decoded: three shards.
        bundle: red, green, blue.
        table: the bytes of an undisturbed run's table.
    """

    photos: Path
    bundle: Path
    table: bytes

    def arguments(self, output: Path, *more: str) -> list[str]:
        return ["classify", str(self.photos), "-b", str(self.bundle), "-o", str(output), *more]


_CHANCE = re.compile(rb"process \d+ on|[\"']created[\"']: *[\"'][^\"']*[\"']")
Run = Callable[..., Ended]
KillEverywhere = Callable[[list[str], Path], Iterator[str]]


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Run `fashionbatch ARGUMENTS`, with a fault: `run(arguments, kill_at=3)`; see zygote.py."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("zygote.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    def start(arguments: list[str], **fault: Any) -> Ended:
        process.stdin.write(json.dumps({"argv": arguments, **fault}) + "\n")
        process.stdin.flush()
        return Ended(**json.loads(process.stdout.readline()))

    with process:
        yield start
        process.stdin.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where there is one: hundreds of fsyncs on a disk take minutes and show no more."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """All that a run can find in a folder, by path, but for numbers of processes and for when a job began."""
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return {str(path.relative_to(folder)): _CHANCE.sub(b"", path.read_bytes()) for path in files}


@pytest.fixture
def is_new() -> Callable[[Path], bool]:
    """Whether what stands in a folder is something else than in all calls before, so that it is worth going on from."""
    seen: list[dict[str, bytes]] = []

    def look(folder: Path) -> bool:
        found = contents(folder)
        if found in seen:
            return False
        seen.append(found)
        return True

    return look


@pytest.fixture
def kill_everywhere(run: Run, is_new: Callable[[Path], bool], place: Path) -> KillEverywhere:
    """Put into a folder, one after the other, what is left there by a run that is killed at each step of writing.

    The run itself is done once: it stands still at each step, and the folder is copied, since a process that is killed
    changes nothing more. What two steps leave alike comes once. Gives the names of the steps.
    """

    def kill(arguments: list[str], folder: Path) -> Iterator[str]:
        copies = place / "copies"
        copies.mkdir()
        ended = run(arguments, watch=str(folder), copies=str(copies))
        assert ended.exit == 0, ended.output
        for number, step in enumerate(ended.steps, 1):
            shutil.rmtree(folder)
            (copies / f"{number}").rename(folder)
            if is_new(folder):
                yield step

    return kill


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Case:
    folder = tmp_path_factory.mktemp("case")
    bundle = make_tiny_bundle(folder / "bundle")
    photos = folder / "photos"
    for number in range(63):
        path = photos / f"{number % 4}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), class_colour(number % 3, 3)).save(path)
    (photos / "0" / "00.png").write_bytes(b"")
    (photos / "1" / "33.png").write_text("no image")
    (photos / "3" / "63.jpg").write_bytes(b"\xff\xd8\xff")
    undisturbed = Case(photos, bundle, b"")
    ended = run(undisturbed.arguments(folder / "labels.csv"))
    assert ended.exit == 0, ended.output
    return Case(photos, bundle, (folder / "labels.csv").read_bytes())
