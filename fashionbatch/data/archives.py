"""Unpacks an archive once into the cache: safely, and whole or not at all."""

from __future__ import annotations

import hashlib
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.progress import OpenBar, no_bar

ARCHIVE_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.xz")
_MB = 1_000_000


def unpack_once(archive: Path, cache: Path, *, bar: OpenBar = no_bar) -> Path:
    """The folder with an archive's content, unpacked now unless this very archive was unpacked before.

    It is unpacked beside its final place and renamed, so that a run that is killed leaves nothing that looks finished,
    and of two runs at the same time one wins and both go on.

    Args:
        archive: a tar archive, compressed or not.
        cache: the folder in which unpacked archives lie.
        bar: shows how far it is.

    Returns:
        The folder; where the archive holds one folder and nothing else, that one.

    Raises:
        DataError: it is no archive, is damaged, would write outside its folder, or the cache cannot be written.
    """
    try:
        with disk.open_regular(archive) as file:
            status = os.fstat(file.fileno())
        identity = f"{archive.absolute()}\0{status.st_size}\0{status.st_mtime_ns}"
        digest = hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]
        target = cache / f"{archive.name.split('.tar')[0]}-{digest}"
        if not target.is_dir():
            disk.make_directory(cache)
            disk.remove_leftovers_in(cache)
            _unpack(archive, target, bar)
        return _descend(target)
    except disk.UnreadableError as error:
        raise DataError(f"{archive} {error.strerror}") from None
    except OSError as error:
        raise DataError(f"{archive} cannot be unpacked into {cache}: {error.strerror or error}") from error


def _unpack(archive: Path, target: Path, bar: OpenBar) -> None:
    try:
        with (
            disk.new_directory(target) as partial,
            disk.open_regular(archive) as file,
            tarfile.open(fileobj=file) as tar,
            bar(f"unpacking {archive.name}", max(1, os.fstat(file.fileno()).st_size // _MB), "MB") as advance,
        ):

            def members() -> Iterator[tarfile.TarInfo]:
                for member in tar:
                    advance(file.tell() // _MB)
                    yield member

            # The filter refuses absolute names, names that climb out, devices, and links that lead outside.
            tar.extractall(partial, members(), filter="data")
    except FileExistsError:
        # Another run finished first: the same archive, so the same content.
        if not target.is_dir():
            raise
    except tarfile.FilterError as error:
        raise DataError(f"{archive} is not unpacked: it would write outside its folder ({error})") from error
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{archive} is no tar archive or is damaged: {error}") from error


def _descend(folder: Path) -> Path:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
