"""A process that has everything imported and forks a child for each run, so that dozens of killed runs take seconds.

It reads a JSON object a line: `argv` of `fashionbatch`, or a `call` of writers.py, and what is to happen at a step of
writing to the disk: `kill_at` or `fail_at` the number of the step, `errno` of the failure. It answers with the child's
exit status, what it printed, and the steps it went through. A child is forked before OpenVINO has started a thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import openvino  # noqa: F401 - loaded ahead
import writers  # beside this file

import fashionbatch.cli.classify
from fashionbatch.cli import main
from fashionbatch.disk import steps as disk_steps
from fashionbatch.labeling import setup
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.workers.frames import Frames
from fashionbatch.labeling.workers.tasks import Outcome, Task

SHARD_ROWS = 20


class DecodingHere:
    """A pool of workers without processes, for faults that are not theirs."""

    def __init__(self, count: int, frame_file: int, **_: Any) -> None:
        self.count = 1
        self.waiting: list[Task] = []

    def configure(self, frames: Frames, *, folder: bytes, specs: list[dict[str, Any]]) -> None:
        from fashionbatch.images import PlainSpec

        self.frames, self.folder = frames, os.fsdecode(folder)
        self.specs = [PlainSpec.from_dump(spec) for spec in specs]

    def put(self, tasks: list[Task]) -> None:
        self.waiting += tasks

    @property
    def busy(self) -> bool:
        return bool(self.waiting)

    @property
    def wants_more(self) -> bool:
        return len(self.waiting) < 16

    def wait(self, timeout_s: float) -> list[Outcome]:
        tasks, self.waiting = self.waiting, []
        return [self.decode(task) for task in tasks]

    def decode(self, task: Task) -> Outcome:
        from fashionbatch.errors import ImageError
        from fashionbatch.images import decode_into

        try:
            for images, spec in zip(self.frames.images, self.specs, strict=True):
                decode_into(Path(self.folder, os.fsdecode(task.path)), spec, images[task.place])
        except ImageError as error:
            return Outcome(task.place, "error", error.message)
        return Outcome(task.place, "ok", "")

    def close(self) -> None:
        self.waiting.clear()


def run_child(request: dict[str, Any], steps: int) -> None:
    count = 0

    def step(name: str, path: Path) -> None:
        nonlocal count
        if request.get("only") and request["only"] not in str(path):
            return
        count += 1
        os.write(steps, f"{name} {path.name}\n".encode())
        if count == request.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        if count == request.get("fail_at"):
            raise OSError(request["errno"], os.strerror(request["errno"]))

    disk_steps.step = step
    if not request.get("real_workers"):
        setup.WorkerPool = DecodingHere  # type: ignore[misc,assignment]
    # The machinery has been tried at its usual sizes elsewhere; here many commits are wanted.
    shards.SMALLEST = shards._CELLS = SHARD_ROWS
    if "call" in request:
        sys.exit(writers.write(*request["call"]))
    main(request["argv"])


def serve() -> None:
    assert fashionbatch.cli.classify.command is not None
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as steps, tempfile.TemporaryFile() as output:
            child = os.fork()
            if not child:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                try:
                    run_child(request, steps.fileno())
                except SystemExit as end:
                    os._exit(end.code if isinstance(end.code, int) else 98)
                finally:
                    os._exit(99)
            kill_after = request.get("kill_after")
            if kill_after is not None:
                _kill_later(child, kill_after)
            _, status = os.waitpid(child, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            steps.seek(0)
            output.seek(0)
            answer = {
                "exit": os.waitstatus_to_exitcode(status),
                "steps": steps.read().decode().splitlines(),
                "output": output.read().decode("utf-8", "replace"),
            }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _kill_later(child: int, seconds: float) -> None:
    # The timer's signal interrupts waitpid, kills, and waitpid goes on.
    def kill(number: int, frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    serve()
