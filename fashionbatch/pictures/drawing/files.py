"""Where a picture goes: whole or not at all, and over nothing that is there unless that is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fashionbatch import disk
from fashionbatch.errors import OutputError

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".pdf", ".svg")
"""The endings of file names that say what a figure is written as."""


def check_picture_path(path: Path, *, overwrite: bool, endings: Sequence[str] = PICTURE_ENDINGS) -> None:
    """Refuse a place where a picture cannot go, before the work that leads to it.

    Args:
        path: where it will go.
        overwrite: whether it may replace what is there.
        endings: those that its name may have.

    Raises:
        OutputError: the name ends otherwise, or something is there already.
    """
    if path.suffix.lower() not in endings:
        what = "no kind of picture" if len(endings) > 1 else f"not named as a {endings[0].lstrip('.').upper()} file"
        raise OutputError(f"{path} is {what}", hint=f"end its name in {', '.join(endings)}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder", hint="name a file in it")
    if not overwrite and os.path.lexists(path):
        raise OutputError(f"{path} exists already", hint="`--overwrite` replaces it")


def write_picture(path: Path, data: bytes) -> None:
    """Write a picture, or what is written beside pictures, whole; makes the folder where it is missing.

    Raises:
        OutputError: the file or its folder cannot be written.
    """
    with disk.output_errors(path):
        disk.make_directory(path.parent)
    disk.remove_leftovers(path)
    disk.write_file(path, data)
