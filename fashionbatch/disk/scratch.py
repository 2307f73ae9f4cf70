"""Temporary files: folders that go when their block ends, or with the next one where their process was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fashionbatch.disk.directories import create_directory
from fashionbatch.disk.names import remove_leftovers
from fashionbatch.errors import ScratchError

_NAME = "fashionbatch"
_MAKE_ROOM = "make room there, or name another folder in the environment variable TMPDIR"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for temporary files, which nobody else can read, and which goes with the block.

    What earlier processes left that were killed within such a block goes first; what a living one uses stays.

    Yields:
        The empty folder, such as `/tmp/.fashionbatch.1f2e3d4c.tmp`.

    Raises:
        ScratchError: there is no place for it.
    """
    with scratch_errors():
        place = Path(tempfile.gettempdir(), _NAME)
        remove_leftovers(place)
        folder, claimed = create_directory(place, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(claimed)


@contextlib.contextmanager
def scratch_errors() -> Iterator[None]:
    """Turn what the operating system says about writing temporary files into an error for the user.

    Raises:
        ScratchError: within the block an OSError was raised.
    """
    try:
        yield
    except OSError as error:
        raise scratch_error(error) from error


def scratch_error(why: object) -> ScratchError:
    """The error that temporary files cannot be written.

    Args:
        why: what was said about it: an error, or a sentence.
    """
    try:
        where = f"into {tempfile.gettempdir()}"
    except OSError:  # Python has found no place at all, and names those that it has tried.
        where = "anywhere"
    return ScratchError(f"temporary files cannot be written {where}: {' '.join(str(why).split())}", hint=_MAKE_ROOM)
