"""The process that runs a plugin's code for `fashionbatch.testing.isolation`.

It reads a question as JSON from its standard input and tells of what it does by lines of JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fashionbatch.orphans import end_with_parent
from fashionbatch.processes import limit_memory

_BEAT_SECONDS = 1.0


def main(report: int, traces: int) -> None:
    """Answer the question on standard input.

    Args:
        report: the file descriptor that lines of JSON go to.
        traces: the file descriptor that a crash writes the stack of every thread to.
    """
    # A plugin may hang, and who would kill this process for it may be killed.
    end_with_parent()
    question = json.load(sys.stdin)
    faulthandler.enable(traces)
    _limit_memory(question["memory_limit"])
    sys.path[:] = question["path"]
    reporter = _Reporter(report)
    threading.Thread(target=reporter.beat, name="sign of life", daemon=True).start()
    for message in _answers(question):
        reporter.tell(message)
    # Threads that hang must not keep the process.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _answers(question: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # Imported here, with the module path of the process that asks.
    from fashionbatch.testing.contract import Check, checks_for
    from fashionbatch.testing.verdicts import not_loaded, verdict_of

    began = time.monotonic()
    try:
        yield {"runs": True}
        checks: list[Check] = list(
            checks_for(
                question["distribution"],
                examples=question["examples"],
                base=Path(question["base"]),
                time_limit=question["time_limit"],
            )
        )
    except AssertionError as error:
        verdict = not_loaded(question["distribution"], error, time.monotonic() - began)
        yield {"verdict": dataclasses.asdict(verdict), "is_last": True}
        return
    yield {"plan": [(check.subject.key, check.name, check.promise) for check in checks]}
    for check in checks[question["first"] :]:
        yield {"runs": False}
        check.prepare()
        yield {"runs": True}
        verdict = verdict_of(check)
        is_last = check is checks[-1] or check.hangs
        yield {"verdict": dataclasses.asdict(verdict), "is_last": is_last, "hangs": check.hangs}
        if is_last:
            return


class _Reporter:
    """Writes lines of JSON, from any thread."""

    def __init__(self, report: int) -> None:
        self._report = report
        self._lock = threading.Lock()

    def tell(self, message: dict[str, Any]) -> None:
        """Write one message; the process ends where nobody reads it any more."""
        line = memoryview(json.dumps(message).encode() + b"\n")
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._report, line) :]
            except OSError:
                os._exit(1)

    def beat(self) -> None:
        """Say now and then that the interpreter is not held by anybody."""
        while True:
            time.sleep(_BEAT_SECONDS)
            self.tell({})


def _limit_memory(limit: int) -> None:
    """Let a plugin that takes too much memory fail, and let the system end this process before any other."""
    limit_memory(limit)
    if sys.platform != "linux":
        return
    with (
        contextlib.suppress(OSError),
        open("/proc/self/oom_score_adj", "w", encoding="ascii") as file,
    ):  # disk: the kernel's
        file.write("1000")
