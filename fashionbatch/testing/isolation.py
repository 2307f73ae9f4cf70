"""Runs the contract suite in a process of its own, so that a plugin which ends it or never ends harms nobody else.

A thread cannot contain `os._exit`, a crash in compiled code or a loop that never gives the interpreter back. So the
checks run in `isolated_checks`, a process that tells of each verdict as it comes. Where it dies or falls silent, the
check that was running has failed, and another process goes on with the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashionbatch.processes import memory_file, start_python
from fashionbatch.testing.contract import Examples
from fashionbatch.testing.deadline import TIME_LIMIT, is_library
from fashionbatch.testing.verdicts import PLUGINS_ARE_LOADED, Verdict

_TICK_SECONDS = 0.25
_SECONDS_TO_START = 180.0
"""Importing a framework may hold the interpreter for long on a busy machine."""
_GRACE_SECONDS = 5.0
"""Beyond the limit, for the process that checks to notice by itself that a check is overdue, and to say where it is."""
_LOST_AT_MOST = 2
"""Processes that one component may cost; its other checks are not run, so that the suite ends."""
_FRAME = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)')


@dataclass(frozen=True)
class _Planned:
    """A check that is to be run: what a verdict on it says when the process cannot."""

    component: str
    contract: str
    promise: str

    def failed(self, reason: str, remedy: str, seconds: float = 0.0) -> Verdict:
        return Verdict(self.component, self.contract, self.promise, "fail", reason, remedy, seconds)


class _LostError(Exception):
    """The process ended or was ended.

    Args:
        reason: what became of it.
        remedy: how to mend it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def isolated_verdicts(
    distribution: str,
    *,
    examples: Examples | None = None,
    base: Path | None = None,
    time_limit: float = TIME_LIMIT,
    memory_limit: int | None = None,
) -> Iterator[Verdict]:
    """A verdict for every check of a distribution, as they are made, whatever the plugin does to its process.

    What the plugin prints goes to standard error.

    Args:
        distribution: its name, as `pip` knows it.
        examples: parameters by `kind/name`.
        base: the folder that relative paths in examples are relative to; the working directory where omitted.
        time_limit: seconds that a check may take.
        memory_limit: bytes that the process may take, where the system can limit them; three quarters of the machine's
            memory where omitted.
    """
    question = {
        "path": [os.path.abspath(entry) for entry in sys.path],
        "distribution": distribution,
        "examples": dict(examples or {}),
        "base": str(base or Path.cwd()),
        "time_limit": time_limit,
        "memory_limit": memory_limit or _usual_memory_limit(),
    }
    return _Suite(question, time_limit).verdicts()


class _Suite:
    """All checks of a distribution, in as many processes as it takes.

    Args:
        question: what each process is asked.
        time_limit: seconds that a check may take.
    """

    def __init__(self, question: Mapping[str, Any], time_limit: float) -> None:
        self._question = question
        self._time_limit = time_limit
        self._distribution = str(question["distribution"])
        self._plan: list[_Planned] | None = None
        self._done = 0
        self._lost: Counter[str] = Counter()

    def verdicts(self) -> Iterator[Verdict]:
        """A verdict for every check, in their order."""
        while self._plan is None or self._done < len(self._plan):
            if self._plan is not None and self._lost[self._plan[self._done].component] >= _LOST_AT_MOST:
                yield self._not_run(self._plan[self._done])
            else:
                yield from self._of_one_process()

    def _of_one_process(self) -> Iterator[Verdict]:
        began = time.monotonic()
        with _Process({**self._question, "first": self._done}, self._time_limit) as process:
            try:
                for message in process.messages():
                    if message.get("runs"):
                        began = time.monotonic()
                    if "plan" in message and self._plan is None:
                        self._plan = [_Planned(*entry) for entry in message["plan"]]
                    if "verdict" in message:
                        yield self._told(message)
                    if message.get("is_last"):
                        return
                process.raise_end()
            except _LostError as error:
                yield self._ended(error, time.monotonic() - began)

    def _told(self, message: Mapping[str, Any]) -> Verdict:
        verdict = Verdict(**message["verdict"])
        if self._plan is None:
            self._plan = []  # The only verdict says why nothing could be loaded.
        if message.get("hangs"):
            self._lost[verdict.component] += 1
        self._done += 1
        return verdict

    def _ended(self, error: _LostError, seconds: float) -> Verdict:
        if self._plan is None:
            self._plan = []
            loading = _Planned(self._distribution, *PLUGINS_ARE_LOADED)
            return loading.failed(f"loading it {error.reason}", error.remedy, seconds)
        running = self._plan[self._done]
        self._lost[running.component] += 1
        self._done += 1
        return running.failed(f"{running.component} {error.reason}", error.remedy, seconds)

    def _not_run(self, check: _Planned) -> Verdict:
        self._done += 1
        return check.failed(
            f"not run, since earlier checks of {check.component} ended {_LOST_AT_MOST} processes", "mend those first"
        )


class _Process:
    """The process that checks, from the outside. As a context manager it leaves no process behind.

    Args:
        question: what it is asked.
        time_limit: seconds that a check may take.
    """

    def __init__(self, question: Mapping[str, Any], time_limit: float) -> None:
        self._time_limit = time_limit
        self._traces = memory_file("fashionbatch-traces")  # closed with the process
        self._pipe, report = os.pipe()
        try:
            traces = self._traces.fileno()
            self._process = start_python(
                "fashionbatch.testing.isolated_checks",
                [report, traces],
                pass_fds=[report, traces],
                stdin=subprocess.PIPE,
                # What a plugin prints must not get into the table, or into JSON.
                stdout=2,
                stderr=2,
            )
        finally:
            os.close(report)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(json.dumps(question).encode())

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *error: object) -> None:
        self._kill()
        os.close(self._pipe)
        self._traces.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the process tells, until it ends.

        Raises:
            _LostError: it gave no sign of life for too long, and was killed.
        """
        allowed, rest, heard = _SECONDS_TO_START, b"", time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while True:
                if selector.select(_TICK_SECONDS):
                    data = os.read(self._pipe, 1 << 16)
                    if not data:
                        return
                    heard = time.monotonic()
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        message: dict[str, Any] = json.loads(line)
                        if "runs" in message:
                            allowed = self._time_limit + _GRACE_SECONDS if message["runs"] else _SECONDS_TO_START
                        yield message
                elif self._process.poll() is not None:
                    return  # Something that the plugin started holds the pipe open.
                elif time.monotonic() - heard > allowed:
                    raise self._overdue()

    def raise_end(self) -> None:
        """Say how the process ended.

        Raises:
            _LostError: always.
        """
        try:
            status = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise _LostError(
                "closed the files of the process that checks it",
                "close only what you opened",
            ) from None
        if status >= 0:
            raise _LostError(
                f"ended the process with exit status {status}",
                "raise an error instead: never call os._exit, nor anything that calls exit() in compiled code",
            )
        name = signal.Signals(-status).name if -status in signal.valid_signals() else f"signal {-status}"
        memory = ", as the system does where memory runs out" if -status == signal.SIGKILL else ""
        raise _LostError(
            f"ended the process by {name}{memory}{self._standing()}",
            "look for a crash in compiled code, or for what takes all memory",
        )

    def _overdue(self) -> _LostError:
        # Its handler of SIGABRT writes where every thread stands, which needs nothing of the interpreter.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_SECONDS)
        return _LostError(
            f"ran longer than {self._time_limit:g} seconds without giving the interpreter back, and was killed"
            f"{self._standing()}",
            "look for a loop or a wait in compiled code that never ends",
        )

    def _kill(self) -> None:
        """End the process and what it started: they are one process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _standing(self) -> str:
        self._traces.seek(0)
        for match in _FRAME.finditer(self._traces.read().decode("utf-8", "replace")):
            if not is_library(match["file"]):
                return f"; it stood at {match['file']}:{match['line']}, in {match['name']}"
        return ""


def _usual_memory_limit() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
