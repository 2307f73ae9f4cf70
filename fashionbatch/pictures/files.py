"""Where a picture goes: whole or not at all, and over nothing that is there unless that is asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fashionbatch.errors import OutputError

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".pdf", ".svg")
"""The endings of file names that say what a figure is written as."""


def check_picture_path(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where a figure cannot go, before the work that leads to it.

    Raises:
        OutputError: the ending is none of PICTURE_ENDINGS, or something is there already.
    """
    if path.suffix.lower() not in PICTURE_ENDINGS:
        raise OutputError(f"{path} is no kind of picture", hint=f"end its name in {', '.join(PICTURE_ENDINGS)}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder", hint="name a file in it")
    if not overwrite and os.path.lexists(path):
        raise OutputError(f"{path} exists already", hint="`--overwrite` replaces it")


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
