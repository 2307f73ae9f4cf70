"""Opens the archives of a source, one after the other, on this machine or in a store."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from fashionbatch.errors import DataError
from fashionbatch.stores.address import Location, Url, archives_in, folder_of
from fashionbatch.stores.faults import StoreFaultError, refusal_hint
from fashionbatch.stores.object_file import open_object
from fashionbatch.stores.objects import UNKNOWN, Objects, StoredObject
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.retrying import Retrying

_LOOKS_AT_ONCE: Final = 16


@dataclass(frozen=True)
class ArchiveFile:
    """One archive, open.

    Attributes:
        location: where it lies.
        name: what its rows begin with, relative to the folder of them all.
        size: in bytes.
        mtime_ns: of its last change.
        tag: of the object in its store; empty for a file of this machine.
        file: its bytes, at the start; reading it may raise `StoreFaultError`.
    """

    location: Location
    name: bytes
    size: int
    mtime_ns: int
    tag: str
    file: BinaryIO


def archive_files(source: Location, retrying: Retrying | None = None) -> Iterator[ArchiveFile]:
    """The archives that a source stands for, in its order; each is open until the next one is asked for.

    Raises:
        DataError: one of them is not there, or cannot be read at any place.
    """
    archives, root = archives_in(source), folder_of(source, ())
    if isinstance(root, Url):
        yield from _of_store([each for each in archives if isinstance(each, Url)], root, retrying or Retrying())
        return
    for archive in archives:
        assert isinstance(archive, Path)
        with _opened(archive) as file:
            seen = os.fstat(file.fileno())
            name = os.fsencode(archive.relative_to(root))
            yield ArchiveFile(archive, name, seen.st_size, seen.st_mtime_ns, "", file)


def fault_at(archive: Location, fault: StoreFaultError) -> DataError:
    """What a user is told of an archive that a store does not give."""
    reason = "it was written to while it was read" if fault.kind == "changed" else fault.reason
    hint = "start the same command again" if fault.kind == "changed" else refusal_hint(fault)
    if isinstance(archive, Url) and archive.query and fault.kind in {"denied", "credentials"}:
        hint = "has the signature in the address expired? Give the address with a new one"
    return DataError(f"{archive}: {reason}", hint=hint)


def _of_store(archives: Sequence[Url], root: Url, retrying: Retrying) -> Iterator[ArchiveFile]:
    with contextlib.closing(open_objects(root)) as objects, ThreadPoolExecutor(_LOOKS_AT_ONCE) as threads:
        # All of them, before the first one is read: one that is missing is told at once.
        for archive, found in zip(
            archives, list(threads.map(partial(_look, objects, root, retrying), archives)), strict=True
        ):
            with open_object(objects, found, retrying) as file:
                yield ArchiveFile(archive, os.fsencode(found.path), found.size, found.mtime_ns, found.token, file)


def _look(objects: Objects, root: Url, retrying: Retrying, archive: Url) -> StoredObject:
    name = archive.text[len(root.text) :].lstrip("/")
    try:
        found = retrying.call(partial(objects.look, name))
    except StoreFaultError as fault:
        raise fault_at(archive, fault) from fault
    if found.size == UNKNOWN:
        raise DataError(
            f"{archive}: the server does not send parts of files, and members are read where they lie",
            hint="fetch the archive first, and label the file",
        )
    return found


def _opened(archive: Path) -> BinaryIO:
    try:
        descriptor = os.open(archive, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"{archive}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{archive}: is no plain file")
    return open(descriptor, "rb")
