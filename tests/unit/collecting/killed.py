"""Collects from the fake web of another process, and is killed at a step: PORT QUERIES OUTPUT STEP."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from fashionbatch.collecting.queries import load_queries
from fashionbatch.collecting.run import collect
from fashionbatch.disk import steps
from fashionbatch.plugins import load_plugins
from fashionbatch.testing.web import FakeClock, exchange_with

port, queries, output, last = sys.argv[1:]
numbers = itertools.count(1)


def step(_what: str, _path: Path) -> None:
    if next(numbers) == int(last):
        os.kill(os.getpid(), signal.SIGKILL)


steps.step = step
registry = load_plugins({"register_image_searches"}).registry
collect(load_queries(Path(queries), registry), Path(output), clock=FakeClock(), exchange=exchange_with(int(port)))
