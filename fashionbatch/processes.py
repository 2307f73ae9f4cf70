"""Starts Python processes of our own that run nothing but our own code."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import fashionbatch
from fashionbatch import disk, errors
from fashionbatch.orphans import end_with_parent

_ROOT = str(Path(fashionbatch.__file__).resolve().parent.parent)
# Appended, so that it never hides anything; it is needed where FashionBatch runs from a checkout without installation.
_BOOTSTRAP = (
    "import sys; sys.path.append(sys.argv[1]); from fashionbatch import orphans; "
    "orphans.started_by = int(sys.argv[2]); from {module} import main; main(*map(int, sys.argv[3:]))"
)


def start_python(
    module: str,
    arguments: Sequence[int] = (),
    *,
    pass_fds: Sequence[int] = (),
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `main(*arguments)` of a module in a fresh interpreter, in a process group of its own.

    So a Ctrl-C on the terminal does not reach it. `-P` keeps the current directory out of the module path: it may
    be a folder of strangers' files, and a `numpy.py` among them must not run. What `environment` says holds where
    the user's own says nothing.
    """
    told = map(str, (os.getpid(), *arguments))
    command = [sys.executable, "-P", "-c", _BOOTSTRAP.format(module=module), _ROOT, *told]
    # One thread each: there are as many of them as cores, and numpy's pool would only take memory.
    variables = {**(environment or {}), **os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # Who reads the terminal has to stay in its group.
    options: dict[str, Any] = {} if stdin is None else {"process_group": 0}
    return subprocess.Popen(  # noqa: S603 - this interpreter, with a fixed program
        command, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=pass_fds, env=variables, **options
    )


class ProcessEndedError(Exception):
    """A process that was asked something has ended without an answer.

    Attributes:
        status: its exit code; the negative number of a signal that ended it.
        told: what it wrote on standard error.
    """

    def __init__(self, status: int, told: bytes) -> None:
        super().__init__(f"status {status}:\n{told.decode('utf-8', 'replace')}")
        self.status, self.told = status, told

    @property
    def wants_memory(self) -> bool:
        """Whether it has ended for want of memory, as far as that can be told: SIGKILL comes from the system."""
        return self.status == -signal.SIGKILL or b"MemoryError" in self.told or b"bad_alloc" in self.told

    @property
    def signal(self) -> str:
        """The signal that ended it, such as `SIGSEGV`; empty where none did."""
        return signal.Signals(-self.status).name if self.status < 0 else ""


def memory_file(name: str) -> IO[bytes]:
    """A new file without a name, in memory where the system can, so that no full disk is in its way.

    Args:
        name: what it is called where the system lists what is open.

    Raises:
        ScratchError: it is to be a temporary file on this system, and there is no room for one.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC), "w+b")
    with disk.scratch_errors():
        return tempfile.TemporaryFile()


def ask_python(
    module: str,
    question: Mapping[str, Any],
    *,
    time_limit_s: float | None = None,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Have a process of our own answer a question: what it does may crash, and takes only the process along.

    Args:
        module: its `main` calls `answer_question`.
        question: JSON.
        time_limit_s: seconds that it may take; None for no limit.
        progress: is called with what the other process reports of its way, which `main` then takes a place for.

    Returns:
        The answer.

    Raises:
        FashionBatchError: what the other process raised, of the same class.
        ProcessEndedError: there is no answer.
        ScratchError: there is no room for temporary files.
        TimeoutError: it took longer, and was ended.
    """
    with contextlib.ExitStack() as stack:
        asked, answered, failed = (stack.enter_context(memory_file("fashionbatch-answer")) for _ in range(3))
        # Libraries leave files among the temporary ones that nobody removes when a process ends as these do.
        scratch = stack.enter_context(disk.scratch_folder())
        asked.write(json.dumps({**question, "scratch": str(scratch)}).encode())
        asked.seek(0)
        places: tuple[int, ...] = ()
        process = None
        if progress is not None:
            reports, place = os.pipe()
            stack.callback(os.close, reports)
            places = (place,)
        try:
            try:
                process = start_python(module, places, pass_fds=places, stdin=asked, stdout=answered, stderr=failed)
            finally:
                for place in places:
                    os.close(place)
            ends = None if time_limit_s is None else time.monotonic() + time_limit_s
            if progress is not None:
                _follow(reports, progress, ends)
            status = process.wait(_left(ends))
        except (subprocess.TimeoutExpired, TimeoutError):
            raise TimeoutError(f"no answer within {time_limit_s:g} s") from None
        finally:
            # A Ctrl-C may come at any moment, right after the start, too.
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for file in (answered, failed):
            file.seek(0)
        if status:
            raise ProcessEndedError(status, failed.read())
        answer = json.loads(answered.read())
    if "error" in answer:
        kind = getattr(errors, answer["error"], None)
        if not (isinstance(kind, type) and issubclass(kind, errors.FashionBatchError)):
            kind = errors.FashionBatchError
        raise kind(str(answer["message"]), hint=answer["hint"])
    assert isinstance(answer, dict)
    return answer


def _follow(reports: int, progress: Callable[[int], object], ends: float | None) -> None:
    """Tell what comes through a pipe, a number a line, until its other end is closed."""
    poll = select.poll()
    poll.register(reports, select.POLLIN)
    rest = b""
    while True:
        left = _left(ends)
        if not poll.poll(None if left is None else 1000 * left):
            raise TimeoutError
        data = os.read(reports, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            progress(int(lines[-1]))


def _left(ends: float | None) -> float | None:
    return None if ends is None else max(0.0, ends - time.monotonic())


def report_progress(place: int, done: int) -> None:
    """In the other process: say how far it is. Who asked may have gone."""
    with contextlib.suppress(OSError):
        os.write(place, b"%d\n" % done)


def answer_question(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> NoReturn:
    """The other end of `ask_python`: answer the question on standard input, then end this process.

    What goes wrong unexpectedly ends it with a traceback. It ends with the process that asks, too.

    Args:
        answer: gives the answer, as JSON. `memory_limit` in a question is bytes that this process may take, `scratch`
            the folder for its temporary files, which goes with the answer.
    """
    # Who waits for the answer may be killed, and what is done here may be endless.
    end_with_parent()
    question = json.load(sys.stdin)
    # Whatever libraries print is no answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    tempfile.tempdir = os.environ["TMPDIR"] = question["scratch"]
    if "memory_limit" in question:
        limit_memory(question["memory_limit"])
    try:
        found = answer(question)
    except errors.FashionBatchError as error:
        found = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    with open(answers, "w", encoding="ascii") as file:  # disk: standard output
        json.dump(found, file)
    sys.stderr.flush()
    # Threads of a library must not keep the process, or crash it now that the work is done.
    os._exit(0)


def limit_memory(limit: int) -> None:
    """Let this process fail where it asks for more memory than that, on Linux.

    Args:
        limit: bytes of all that is not shared with other processes.
    """
    if sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit if most < 0 else min(limit, most), most))
