"""Starts Python processes of our own that run nothing but our own code."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import fashionbatch

_ROOT = str(Path(fashionbatch.__file__).resolve().parent.parent)
# Appended, so that it never hides anything; it is needed where FashionBatch runs from a checkout without installation.
_BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main(*map(int, sys.argv[2:]))"


def start_python(
    module: str,
    arguments: Sequence[int] = (),
    *,
    pass_fds: Sequence[int] = (),
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `main(*arguments)` of a module in a fresh interpreter, in a process group of its own.

    So a Ctrl-C on the terminal does not reach it. `-P` keeps the current directory out of the module path: it may
    be a folder of strangers' files, and a `numpy.py` among them must not run.
    """
    command = [sys.executable, "-P", "-c", _BOOTSTRAP.format(module=module), _ROOT, *map(str, arguments)]
    # One thread each: there are as many of them as cores, and numpy's pool would only take memory.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # Who reads the terminal has to stay in its group.
    options: dict[str, Any] = {} if stdin is None else {"process_group": 0}
    return subprocess.Popen(  # noqa: S603 - this interpreter, with a fixed program
        command, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=pass_fds, env=environment, **options
    )


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
