"""Ctrl-C and SIGTERM, two runs on one output, workers that are killed: the real program, from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Three shards of a thousand rows; the photos are links to a few files, which are real files all the same.
FILES = 3300
# The program, which stands still as soon as its first shard is on the disk, until it is told to go on: however long the
# test takes until it does something to it, the run is in its middle then.
HELD = """
import signal, sys, threading
from fashionbatch.cli import main
from fashionbatch.disk import steps

is_over = False

def step(name, path):
    global is_over
    if not is_over and path.parent.name == "shards" and (path.parent / "000000.rows").exists():
        is_over = True
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

steps.step = step
main(sys.argv[1:])
"""
StartRun = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def photos(case: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    sources = sorted(path for path in case.photos.rglob("*") if path.is_file())
    for number in range(FILES):
        os.link(sources[number % len(sources)], folder / f"{number:04}{sources[number % len(sources)].suffix}")
    return folder


def command(case: Any, photos: Path, output: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "fashionbatch",
        "classify",
        str(photos),
        "-b",
        str(case.bundle),
        "-o",
        str(output),
        *more,
    ]


@pytest.fixture(scope="module")
def table(case: Any, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("whole") / "labels.csv"
    subprocess.run(command(case, photos, output), check=True, capture_output=True)
    return output.read_bytes()


@pytest.fixture
def run_held(case: Any, photos: Path) -> Iterator[StartRun]:
    """Start a run that stands still as soon as its first shard is on the disk, until it gets SIGCONT."""
    started: list[subprocess.Popen[str]] = []

    def begin(output: Path, *more: str) -> subprocess.Popen[str]:
        python, _, _, *arguments = command(case, photos, output, *more)
        process = subprocess.Popen([python, "-c", HELD, *arguments], stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def start(run_held: StartRun) -> StartRun:
    """The same, and wait until it stands still."""

    def begin(output: Path, *more: str) -> subprocess.Popen[str]:
        process = run_held(output, *more)
        while not is_held(process):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        return process

    return begin


def is_held(process: subprocess.Popen[str]) -> bool:
    """Whether it stands still."""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def finish(case: Any, photos: Path, output: Path, table: bytes) -> None:
    subprocess.run(command(case, photos, output), check=True, capture_output=True)
    assert output.read_bytes() == table


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_first_signal_commits_what_is_in_hand(  # noqa: PLR0917
    case: Any, photos: Path, table: bytes, start: StartRun, tmp_path: Path, number: int, code: int
) -> None:
    output = tmp_path / "labels.csv"
    process = start(output, "-j", "1")
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    said = process.communicate()[1]
    assert process.returncode == code, said
    assert "of 3,300 rows are done" in said
    assert "start the same command again" in said
    assert not output.exists()
    assert not list((tmp_path / "labels.csv.job").glob("**/.*.tmp"))
    finish(case, photos, output, table)


def test_a_second_signal_leaves_at_once_and_nothing_is_lost(
    case: Any, photos: Path, table: bytes, start: StartRun, tmp_path: Path
) -> None:
    output = tmp_path / "labels.csv"
    process = start(output, "-j", "1")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    process.communicate()
    assert process.returncode in {130, 143}
    finish(case, photos, output, table)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_all_while_a_list_is_read_from_standard_input_is_an_interruption(
    case: Any, tmp_path: Path, number: int, code: int
) -> None:
    # As a terminal does it on Ctrl-C: every process of the group gets the signal.
    process = subprocess.Popen(
        command(case, case.photos, tmp_path / "labels.csv", "--files-from", "-"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    while not any("labeling.source" in line for _, line in children(process.pid)):
        assert process.poll() is None
        time.sleep(0.001)
    os.killpg(process.pid, number)
    said = process.communicate()[1]
    assert process.returncode == code, said
    assert "interrupted during the scan" in said
    assert "failed" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("redirected", "code"),
    [("<&-", 0), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 1), ("2>/dev/full", 0), ("| true", 141)],
)
def test_the_table_is_whole_whatever_standard_streams_are(
    case: Any, tmp_path: Path, redirected: str, code: int
) -> None:
    outputs = tmp_path / "plain.csv", tmp_path / "labels.csv"
    subprocess.run(command(case, case.photos, outputs[0]), check=True, capture_output=True)
    line = f'"$@" {redirected}; exit ${{PIPESTATUS[0]}}'
    process = subprocess.run(
        ["bash", "-c", line, "bash", *command(case, case.photos, outputs[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == code, process.stderr
    assert outputs[1].read_bytes() == outputs[0].read_bytes()
    assert not list(tmp_path.glob("*.job"))


def test_a_second_run_on_the_same_output_is_refused(
    case: Any, photos: Path, table: bytes, start: StartRun, tmp_path: Path
) -> None:
    output = tmp_path / "labels.csv"
    process = start(output, "-j", "1")
    second = subprocess.run(command(case, photos, output), capture_output=True, text=True, check=False)
    process.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert f"is being written by another run (process {process.pid}" in second.stderr
    assert process.wait() == 0
    assert output.read_bytes() == table


def test_workers_that_are_killed_again_and_again_cost_nothing(table: bytes, run_held: StartRun, tmp_path: Path) -> None:
    output = tmp_path / "labels.csv"
    process = run_held(output, "-j", "2")
    killed = 0
    while process.poll() is None:
        held = is_held(process)
        workers = [pid for pid, line in children(process.pid) if "labeling.worker" in line]
        # The newest, as soon as it is there; and all of them when the run is in its middle.
        for pid in workers if held else workers[-1:] if killed < 6 else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
            # Until the next one is there, for which the run must not stand still.
            while process.poll() is None and pid in dict(children(process.pid)) and not is_held(process):
                time.sleep(0.001)
        if held:
            process.send_signal(signal.SIGCONT)
        time.sleep(0.001)
    assert process.wait() == 0, process.communicate()[1]
    process.communicate()
    assert killed >= 2
    assert output.read_bytes() == table


def test_workers_do_not_outlive_a_run_that_is_killed(start: StartRun, tmp_path: Path) -> None:
    process = start(tmp_path / "labels.csv", "-j", "2")
    workers = dict(children(process.pid))
    assert workers
    process.kill()
    process.communicate()
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):
        time.sleep(0.01)


def children(parent: int) -> list[tuple[int, str]]:
    """Process ids and command lines of a process's children."""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread or a child may be gone by now
            children_of_task = task.read_text().split()
            found += [(int(pid), Path(f"/proc/{pid}/cmdline").read_text()) for pid in children_of_task]
    return found
