"""A process that has everything imported and forks a child for each run, so that dozens of killed runs take seconds.

It reads a JSON object a line: `argv` of `fashionbatch`, or a `call` of writers.py, and what is to happen at a step of
writing to the disk: `kill_at` or `fail_at` the number of the step, `errno` of the failure; or `watch`, a folder that is
copied into `copies` at every step, as a kill right there would leave it. It answers with the child's exit status, what
it printed, and the steps it went through. Faults of the disk are none of the decoders' and of the network's: unless a
request says `real`, stand-ins for both work within the child, which is ready at once then. No child is forked after
OpenVINO has started a thread.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import writers  # beside this file
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.cli import main
from fashionbatch.disk import steps as disk_steps
from fashionbatch.labeling import load, setup
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.source import process
from fashionbatch.labeling.workers.files import FileTask
from fashionbatch.labeling.workers.frames import Frames
from fashionbatch.labeling.workers.tasks import Outcome, Task
from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.specs import RuntimeRequest
from fashionbatch.stores.opening import FileStatusError
from fashionbatch.stores.sources import Source, open_source
from fashionbatch.testing.bundles import make_tiny_bundle, tiny_probabilities
from fashionbatch_plugins import runtimes

with runtimes._without_converter():
    import openvino  # noqa: F401 - loaded ahead

SHARD_ROWS = 20


class DecodingHere:
    """A pool of workers without processes, for faults that are not theirs."""

    def __init__(self, count: int, frame_file: int, **_: Any) -> None:
        self.count = 1
        self.waiting: list[Task] = []

    def configure(self, frames: Frames, *, source: Source, specs: list[dict[str, Any]]) -> None:
        from fashionbatch.images import PlainSpec

        self.frames, self.opener = frames, open_source(source)
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

        wanted = FileTask(task.place, os.fsdecode(task.path), task.size, task.mtime_ns, "", task.token)
        try:
            with contextlib.closing(self.opener.open(wanted)) as opened:
                content = opened.reader().read() if opened.content is None else opened.content
            for images, spec in zip(self.frames.images, self.specs, strict=True):
                decode_into(content, spec, images[task.place])
        except ImageError as error:
            return Outcome(task.place, "error", error.message)
        except FileStatusError as problem:
            return Outcome(task.place, problem.status, problem.error)  # type: ignore[arg-type]
        return Outcome(task.place, "ok", "")

    def close(self) -> None:
        self.waiting.clear()


class ComputingHere:
    """A runtime that computes the tiny bundle's network by NumPy, for faults that are not its own."""

    slots = 2
    version = "NumPy"

    def __init__(self, request: RuntimeRequest) -> None:
        self.request = request
        self.waiting: list[tuple[int, NDArray[np.float32]]] = []

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        rows = tiny_probabilities(batch, self.request.outputs, "one_of_many")
        if self.request.features is not None:
            # Its only layer reads the mean colour.
            rows = np.concatenate([rows, batch.mean(axis=(1, 2), dtype=np.float32)], axis=1)
        self.waiting.append((key, rows))

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        collected, self.waiting = self.waiting, []
        return collected

    def close(self) -> None:
        self.waiting.clear()


class ForkedScan:
    """The scan as a fork of this process, which has imported everything: no interpreter is started for it."""

    def __init__(self, module: str, arguments: list[int], *, pass_fds: list[int], **_: Any) -> None:
        read, write = os.pipe()
        sys.stdout.flush()
        self.returncode: int | None = None
        self._process = os.fork()
        if not self._process:
            disk_steps.step = lambda name, path: None
            os.dup2(write, 1)
            last = 2
            for descriptor in sorted(pass_fds):
                os.closerange(last + 1, descriptor)
                last = descriptor
            os.closerange(last + 1, 1 << 16)  # the writing ends of its own pipes among them
            try:
                importlib.import_module(module).main(*arguments)
            finally:
                os._exit(0)
        os.close(write)
        self.stdout = os.fdopen(read, "rb")
        self.stderr = None

    def poll(self) -> int | None:
        return self._look(os.WNOHANG)

    def wait(self) -> int | None:
        return self._look(0)

    def kill(self) -> None:
        os.kill(self._process, signal.SIGKILL)

    def _look(self, options: int) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self._process, options)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode


@functools.cache
def loaded_plugins(hooks: tuple[str, ...]) -> Plugins:
    return load_plugins(hooks)


@contextlib.contextmanager
def stand_ins() -> Iterator[None]:
    """Within the block labeling takes neither a new interpreter nor OpenVINO, nor looks for plugins again."""
    with (
        patch.object(load, "load_plugins", loaded_plugins),
        patch.object(process, "start_python", ForkedScan),
        patch.object(setup, "WorkerPool", DecodingHere),
        patch.object(runtimes, "OpenVinoRuntime", ComputingHere),
        patch.object(runtimes, "openvino_precisions", lambda device: ("float32",)),
    ):
        yield


def warm_up() -> None:
    """Do once what children do: the imports, and the models of files, which are made when they are first used."""
    with tempfile.TemporaryDirectory() as folder, stand_ins():
        photo = Path(folder, "photos", "a.png")
        photo.parent.mkdir()
        Image.new("RGB", (8, 8)).save(photo)
        make_tiny_bundle(Path(folder, "bundle"))
        with contextlib.suppress(SystemExit):
            main(["classify", str(photo.parent), "-b", f"{folder}/bundle", "-o", f"{folder}/labels.csv", "-q"])
        assert Path(folder, "labels.csv").exists()
    for writer in writers.WRITERS.values():
        with tempfile.TemporaryDirectory() as folder:
            for version in ("old", "new"):
                writer.write(Path(folder), version)
    gc.freeze()  # A child that collects garbage would copy every page that it looks at.


def run_child(request: dict[str, Any], steps: int) -> None:
    count = 0
    one_by_one = threading.Lock()

    def step(name: str, path: Path) -> None:
        nonlocal count
        if request.get("only") and request["only"] not in str(path):
            return
        with one_by_one:
            count += 1
            os.write(steps, f"{name} {path.name}\n".encode())
            if count == request.get("kill_at"):
                os.kill(os.getpid(), signal.SIGKILL)
            if count == request.get("fail_at"):
                raise OSError(request["errno"], os.strerror(request["errno"]))
            if "watch" in request:
                # To this thread, which goes no step further then; all others stop with it.
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    disk_steps.step = step
    # The machinery has been tried at its usual sizes elsewhere; here many commits are wanted.
    shards.SMALLEST = shards._CELLS = SHARD_ROWS
    if "call" in request:
        sys.exit(writers.write(*request["call"]))
    with contextlib.nullcontext() if request.get("real") else stand_ins():
        main(request["argv"])


def serve() -> None:
    warm_up()
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
            status = _wait(child, request)
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


def _wait(child: int, request: dict[str, Any]) -> int:
    """Wait until a child has ended; where a folder is watched, copy it whenever the child stands still."""
    stops = 0
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return status
        stops += 1
        shutil.copytree(request["watch"], Path(request["copies"], f"{stops}"))
        os.kill(child, signal.SIGCONT)


def _kill_later(child: int, seconds: float) -> None:
    # The timer's signal interrupts waitpid, kills, and waitpid goes on.
    def kill(number: int, frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    serve()
