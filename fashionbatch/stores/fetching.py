"""Brings files of a store to this machine for what reads them from their start to their end more than once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from fashionbatch import disk
from fashionbatch.errors import DataError
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.stores.address import Location, Url
from fashionbatch.stores.faults import Kind, StoreFaultError, refusal_hint
from fashionbatch.stores.objects import UNKNOWN, Objects, StoredObject
from fashionbatch.stores.reaching import open_objects, require_store
from fashionbatch.stores.retrying import Retrying

_PIECE: Final = 8 << 20
_AT_ONCE: Final = 8
_MEGABYTE: Final = 1_000_000
_NOT_THERE: Final = frozenset[Kind]({"missing"})
_NOT_SHOWN: Final = frozenset[Kind]({"missing", "denied"})
"""S3 says to who may not list a bucket that he may not read what is not there."""


@contextlib.contextmanager
def fetched(
    location: Location,
    *,
    beside: Sequence[str] = (),
    is_part: Callable[[str], bool] | None = None,
    bar: OpenBar = no_bar,
    retrying: Retrying | None = None,
) -> Iterator[Path]:
    """A file on this machine, or a copy of one in a store under the same name for the time of the block.

    Args:
        location: the file.
        beside: endings of more files, such as `.meta.json`: what the store shows of that name is fetched, too.
        is_part: whether a name belongs to a folder that may stand in the place of the file; what it raises ends the
            listing. None where there is never a folder.
        bar: shows how far it is.
        retrying: how long each request is tried.

    Raises:
        DataError: it is not in the store, or cannot be read there.
        ScratchError: there is no room for it on this machine.
        FashionBatchError: there are no such stores, or a package is not installed.
    """
    if not isinstance(location, Url):
        yield location
        return
    require_store(location)
    place, name = place_of_object(location)
    with contextlib.closing(open_objects(place)) as objects, disk.scratch_folder() as folder:
        copy = folder / (location.name or "table")
        with said_of(location), disk.scratch_errors():
            here = _Copying(objects, bar, retrying or Retrying())
            if not name or location.text.endswith("/") or not here.fetch(name, copy):
                parts = None if is_part is None or location.is_web else parts_below(location, is_part, here.retrying)
                if not parts:
                    raise DataError(f"{location}: there is no such file")
                _fetch_parts(location, parts, copy, bar, here.retrying)
            for ending in _that_can_be_asked_for(location, beside):
                here.fetch(name + ending, copy.with_name(copy.name + ending), absent=_NOT_SHOWN)
        yield copy


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


def fetch_object(objects: Objects, name: str, path: Path, retrying: Retrying) -> bool:
    """Bring an object to this machine, for good: whole, or not at all.

    Args:
        objects: among which it is.
        name: its path there.
        path: of the file, which is replaced where there is one.
        retrying: sends each request.

    Returns:
        Whether there is such an object.

    Raises:
        StoreFaultError: the store does not give it.
        OSError: it cannot be written here.
    """
    try:
        found = retrying.call(lambda seconds: objects.look(name, seconds))
    except StoreFaultError as fault:
        if fault.kind == "missing":
            return False
        raise
    with disk.writing(path) as file:
        _Copying(objects, no_bar, retrying).fill(file, found, path.name)
    return True


@contextlib.contextmanager
def said_of(location: Url) -> Iterator[None]:
    """Tell what goes wrong with an object that is read, once it was looked at or listed.

    Raises:
        DataError: the store failed for good, or it is another object by now.
    """
    try:
        yield
    except StoreFaultError as fault:
        # It was there when it was looked at or listed.
        if fault.kind in {"changed", "missing"}:
            raise DataError(f"{location}: was written to while it was read", hint="try it again") from fault
        raise DataError(f"{location}: cannot be read: {fault.reason}", hint=refusal_hint(fault)) from fault


def place_of_object(location: Url) -> tuple[Url, str]:
    """What an object lies in, and its name there, which is empty for what is no object, such as a whole bucket.

    What stands behind the path of a web address belongs to the name.
    """
    if location.is_web:
        return Url(f"{location.scheme}://{location.bucket}"), location.key
    plain = Url(location.text.rstrip("/"))
    return (plain.parent, plain.name) if plain.key else (location, "")


def _that_can_be_asked_for(location: Url, beside: Sequence[str]) -> Sequence[str]:
    """The endings, unless the address is of one file alone, as one that carries a signature is."""
    return () if location.is_web and "?" in location.rest else beside


def parts_below(url: Url, is_part: Callable[[str], bool], retrying: Retrying) -> list[StoredObject]:
    """The objects below an address whose paths there are wanted, as they are listed now; none where there are none.

    Raises:
        StoreFaultError: the store does not list them.
    """
    try:
        with contextlib.closing(open_objects(url)) as objects:
            return [one for page in objects.pages(retrying) for one in page if one.path and is_part(one.path)]
    except StoreFaultError as fault:
        if fault.kind == "missing":
            return []
        raise


def _fetch_parts(url: Url, parts: Sequence[StoredObject], folder: Path, bar: OpenBar, retrying: Retrying) -> None:
    """Copy some objects below an address into a new folder, several at once."""
    folder.mkdir()  # disk: in a scratch folder
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
    with contextlib.closing(open_objects(url)) as objects, bar(f"fetching {url.name}", len(parts), "part") as advance:
        copying = _Copying(objects, no_bar, retrying)
        try:
            for done, _ in enumerate(pool.map(lambda one: copying.copy(one, folder / one.path), parts), 1):
                advance(done)
        finally:
            copying.is_over = True
            pool.shutdown(cancel_futures=True)


@dataclass
class _Copying:
    """Copies objects to files.

    Attributes:
        objects: below one address.
        bar: shows how far each one is.
        retrying: how long each request is tried.
        is_over: whether nothing more is asked for.
    """

    objects: Objects
    bar: OpenBar
    retrying: Retrying
    is_over: bool = field(default=False, init=False)

    def fetch(self, name: str, path: Path, *, absent: Collection[Kind] = _NOT_THERE) -> bool:
        """Copy the object of a name; returns whether there is one.

        Args:
            name: below the address.
            path: of the copy.
            absent: what the store says of an object that is not there.
        """
        try:
            found = self.retrying.call(lambda seconds: self.objects.look(name, seconds))
        except StoreFaultError as fault:
            if fault.kind in absent:
                return False
            raise
        self.copy(found, path)
        return True

    def copy(self, found: StoredObject, path: Path) -> None:
        """Copy an object, a piece a request; it has to stay what it was when it was looked at."""
        with disk.write_new(path, sync=False) as file:
            self.fill(file, found, path.name)

    def fill(self, file: BinaryIO, found: StoredObject, name: str) -> None:
        """Copy an object into an empty file, which the bar calls by this name; see `copy`."""
        size = found.size
        if size == UNKNOWN:
            file.write(self._ask(found, None))
            return
        with self.bar(f"fetching {name}", size // _MEGABYTE, "megabyte") as advance:
            while (start := file.tell()) < size:
                advance(start // _MEGABYTE)
                file.write(self._ask(found, (start, min(start + _PIECE, size))))

    def _ask(self, found: StoredObject, span: tuple[int, int] | None) -> bytes:
        def ask(seconds: float) -> bytes:
            if self.is_over:
                raise StoreFaultError("failed", "Interrupted: nothing more is asked for")
            content = self.objects.get(found.path, found.token, span, seconds)
            wanted = len(content) if span is None else span[1] - span[0]
            # A server of the web that knows no ranges answers with the whole.
            if len(content) != wanted and not (span and span[0] == 0 and len(content) == found.size):
                raise StoreFaultError("passing", f"TruncatedBody: {len(content):,} of {wanted:,} bytes came")
            return content

        return self.retrying.call(ask)
