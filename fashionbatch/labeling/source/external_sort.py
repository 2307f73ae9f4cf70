"""Sorts more than memory should hold: runs on the disk, merged."""

from __future__ import annotations

import heapq
import itertools
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from fashionbatch.labeling.job.paths import SORT_PREFIX, SORT_SUFFIX

RUN_LENGTH = 50_000
"""Items in memory at once: about 10 MB of a directory's entries."""

_CHUNK = 1000
Item = TypeVar("Item", bound="tuple[Any, ...]")


def external_sort(items: Iterator[Item], scratch: Path, run_length: int = RUN_LENGTH) -> Iterator[Item]:
    """The items, ascending.

    Args:
        items: tuples; few are held at a time.
        scratch: a folder for files without a name. Not /tmp, which may be memory.
        run_length: how many are sorted in memory.

    Raises:
        OSError: the folder cannot be written.
    """
    run = sorted(itertools.islice(items, run_length))
    if len(run) < run_length:
        return iter(run)
    runs = [_spill(run, scratch)]
    while run := sorted(itertools.islice(items, run_length)):
        runs.append(_spill(run, scratch))
    return heapq.merge(*runs)


def _spill(run: list[Item], scratch: Path) -> Iterator[Item]:
    file = tempfile.TemporaryFile(dir=scratch, prefix=SORT_PREFIX, suffix=SORT_SUFFIX)  # noqa: SIM115 - closed when the run is used up
    for start in range(0, len(run), _CHUNK):
        pickle.dump(run[start : start + _CHUNK], file, pickle.HIGHEST_PROTOCOL)
    count = -(-len(run) // _CHUNK)
    file.seek(0)

    def items() -> Iterator[Item]:
        with file:
            for _ in range(count):
                yield from pickle.load(file)  # noqa: S301 - an unnamed file that this process wrote

    return items()
