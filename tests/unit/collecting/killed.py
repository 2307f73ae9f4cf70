"""Collects from the fake web of another process, again and again, and is killed each time.

PORT QUERIES OUTPUT WHERE STEP...: each STEP is one run, killed when it has come to that many steps of writing to the
disk; WHERE is `anywhere`, or `kept` for steps from the first answer on that is on the disk, but for those that bring
another one there.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from fashionbatch.collecting.queries import load_queries
from fashionbatch.collecting.run import collect
from fashionbatch.disk import steps
from fashionbatch.plugins import load_plugins
from fashionbatch.testing.web import FakeClock, exchange_with

port, path, output, where, *numbers = sys.argv[1:]
queries = load_queries(Path(path), load_plugins({"register_image_searches"}).registry)


def killing_at(last: int) -> Callable[[str, Path], None]:
    count = itertools.count(1)
    has_kept = [False]

    def step(_what: str, path: Path) -> None:
        is_keeping = path.parent.name == "store"
        has_kept[0] |= is_keeping
        if (where == "anywhere" or (has_kept[0] and not is_keeping)) and next(count) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


for number in map(int, numbers):
    child = os.fork()
    if child == 0:
        steps.step = killing_at(number)
        collect(queries, Path(output), clock=FakeClock(), exchange=exchange_with(int(port)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
