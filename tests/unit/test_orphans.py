"""A process of ours ends with the one that has started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = "from fashionbatch.orphans import end_with_parent\nend_with_parent()\nprint('here', flush=True)\n{}"
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=1)
time.sleep(600)
"""
STUCK = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass"


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends orphans on Linux alone")
def test_a_process_that_heeds_nothing_ends_when_its_parent_is_killed() -> None:
    arguments = [sys.executable, "-c", PARENT, CHILD.format(STUCK)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "here\n"
        os.kill(parent.pid, signal.SIGKILL)
        # The child holds the other end of the pipe, too: it is closed when both have ended.
        assert parent.stdout.read() == ""


def test_a_process_whose_parent_lives_goes_on() -> None:
    arguments = [sys.executable, "-c", CHILD.format("print('still here')")]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout == "here\nstill here\n"


# Is so slow to start that its parent has ended before it asks to end with it.
LATE = """
import os, time
from fashionbatch.orphans import end_with_parent

def main(parent):
    while os.getppid() == parent:
        time.sleep(0.01)
    end_with_parent()
    print("goes on", flush=True)
"""
STARTER = "import os; from fashionbatch.processes import start_python; start_python('late', [os.getpid()], stdout=1)"


def test_a_process_whose_parent_is_killed_while_it_starts_ends_too(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(LATE)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    command = [sys.executable, "-W", "ignore", "-c", f"{STARTER}; os._exit(0)"]
    # The late one holds the other end of the pipe: what it says comes here, too.
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("", "")
