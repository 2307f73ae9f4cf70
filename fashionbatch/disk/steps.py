"""The one place where tests inject faults."""

from __future__ import annotations

from pathlib import Path


def step(name: str, path: Path) -> None:
    """Called before each change of the disk. The fault tests replace it, to kill the process or to fail right there.

    Args:
        name: what is about to be done, such as `create`, `sync` or `rename`.
        path: the final name of what is changed, never a temporary one.
    """
