"""Writes a picture whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fashionbatch.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside its place, then rename it; makes the folder where it is missing.

    Raises:
        OutputError: the file or its folder cannot be written.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
