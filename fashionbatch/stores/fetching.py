"""Brings a file of a store to this machine for what reads it from its start to its end more than once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.stores.address import Location, Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import UNKNOWN, Objects
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.retrying import Retrying

_PIECE: Final = 8 << 20


@contextlib.contextmanager
def fetched(location: Location, *, beside: Sequence[str] = (), retrying: Retrying | None = None) -> Iterator[Path]:
    """A file on this machine, or a copy of one in a store under the same name for the time of the block.

    Args:
        location: the file.
        beside: endings of more files, such as `.meta.json`: what the store has of that name is fetched, too.
        retrying: how long each request is tried.

    Raises:
        DataError: it is not in the store, or cannot be read there.
        FashionBatchError: there are no such stores, or a package is not installed.
    """
    if not isinstance(location, Url):
        yield location
        return
    objects, retrying = open_objects(location.parent), retrying or Retrying()
    with contextlib.closing(objects), disk.scratch_folder() as folder:
        path = Path(folder, location.name)
        try:
            if not _fetch(objects, path, retrying):
                raise DataError(f"{location}: there is no such file")
            for ending in beside:
                _fetch(objects, path.with_name(path.name + ending), retrying)
        except StoreFaultError as fault:
            raise DataError(f"{location}: cannot be read: {fault.reason}", hint=fault.hint) from fault
        yield path


def read_object(url: Url, *, retrying: Retrying | None = None) -> bytes | None:
    """A small file of a store; None where there is none.

    Raises:
        DataError: it cannot be read.
        FashionBatchError: there are no such stores, or a package is not installed.
    """
    try:
        with contextlib.closing(open_objects(url.parent)) as objects:
            return (retrying or Retrying()).call(lambda seconds: objects.get(url.name, "", None, seconds))
    except StoreFaultError as fault:
        if fault.kind == "missing":
            return None
        raise DataError(f"{url}: cannot be read: {fault.reason}", hint=fault.hint) from fault


def _fetch(objects: Objects, path: Path, retrying: Retrying) -> bool:
    """Copy an object to the path of its name; returns whether there is one."""
    name = path.name
    try:
        found = retrying.call(lambda seconds: objects.look(name, seconds))
    except StoreFaultError as fault:
        if fault.kind == "missing":
            return False
        raise
    with disk.write_new(path, sync=False) as file:
        if found.size == UNKNOWN:
            file.write(retrying.call(lambda seconds: objects.get(name, found.token, None, seconds)))
        for start in range(0, found.size, _PIECE):
            span = (start, min(start + _PIECE, found.size))
            file.write(retrying.call(lambda seconds, span=span: _piece(objects, name, found.token, span, seconds)))  # type: ignore[misc]
    return True


def _piece(objects: Objects, name: str, tag: str, span: tuple[int, int], seconds: float) -> bytes:
    content = objects.get(name, tag, span, seconds)
    if len(content) != span[1] - span[0]:
        raise StoreFaultError("passing", f"TruncatedBody: {len(content):,} of {span[1] - span[0]:,} bytes came")
    return content
