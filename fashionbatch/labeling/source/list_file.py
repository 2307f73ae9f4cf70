"""One file of a list, on this machine or in a store, where it is read in pieces as it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fashionbatch.errors import DataError
from fashionbatch.labeling.source.request import PARQUET, ListOptions
from fashionbatch.stores.address import Location, Url
from fashionbatch.stores.archives.naming import names_of
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fetching import fetched, parts_below, place_of_object, said_of
from fashionbatch.stores.object_file import open_object
from fashionbatch.stores.objects import UNKNOWN, Objects, StoredObject
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.retrying import Retrying


class ReadList(NamedTuple):
    """What a list in a store was when it was read.

    Attributes:
        address: of the list, without credentials.
        bytes: its size; UNKNOWN where the store does not say it.
        tag: changes with its content, such as an ETag; empty where there is none.
    """

    address: str
    bytes: int
    tag: str


@dataclass(frozen=True)
class ListFile:
    """One file of a list. As text it is its path or its address, without credentials.

    Attributes:
        place: where it lies.
    """

    place: Location

    def __str__(self) -> str:
        return str(self.place)

    @property
    def name(self) -> str:
        """Its name, without what it lies in."""
        return self.place.name

    @property
    def read(self) -> list[ReadList]:
        """What it was, if it lies in a store and was looked at."""
        if isinstance(self.place, Url) and "found" in self.__dict__:
            return [ReadList(str(self), self.found.size, self.found.token)]
        return []

    @cached_property
    def mtime_ns(self) -> int:
        """When it was changed last, in nanoseconds since 1970; UNKNOWN where a store does not say it.

        Raises:
            DataError: it is not there, or the store does not tell.
        """
        return self.place.stat().st_mtime_ns if not isinstance(self.place, Url) else self.found.mtime_ns

    @cached_property
    def found(self) -> StoredObject:
        """What is in the store, looked at once: it has to stay so while it is read.

        Raises:
            DataError: it is not there, or the store does not tell.
        """
        assert isinstance(self.place, Url)
        found = look_at(self.place)
        if found is None:
            hint = None if self.place.is_web else f"a folder of Parquet files ends with a slash: {self}/"
            raise DataError(f"{self}: there is no such file", hint=hint)
        return found

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The list as a file to read, for the time of the block.

        Raises:
            DataError: the store does not give it, also while it is read, or it was written to meanwhile.
            OSError: it cannot be read on this machine.
        """
        if not isinstance(self.place, Url):
            with open(self.place, "rb") as file:
                yield file
            return
        found = self.found
        with contextlib.ExitStack() as stack:
            stack.enter_context(said_of(self.place))
            if found.size == UNKNOWN:
                # A server of the web that knows no parts of files.
                yield stack.enter_context(stack.enter_context(fetched(self.place)).open("rb"))
                return
            objects = stack.enter_context(contextlib.closing(_objects_around(self.place)))
            yield stack.enter_context(open_object(objects, found, Retrying()))


def look_at(url: Url) -> StoredObject | None:
    """What is in a store under an address; None where there is nothing.

    Raises:
        DataError: the store does not tell.
    """
    name = place_of_object(url)[1]
    if not name:
        return None
    with said_of(url), contextlib.closing(_objects_around(url)) as objects:
        try:
            return Retrying().call(lambda seconds: objects.look(name, seconds))
        except StoreFaultError as fault:
            if fault.kind == "missing":
                return None
            raise


def _objects_around(url: Url) -> Objects:
    return open_objects(place_of_object(url)[0])


def parquet_files(options: ListOptions) -> tuple[ListFile, ...]:
    """The Parquet files that a list stands for, in its order: of a folder those in it, by their names.

    Raises:
        DataError: a folder has none, one that braces name is not there, or there are too many.
    """
    place = options.place
    if isinstance(place, Url):
        return _files_at(place)
    if place.is_dir():
        found = [place / name for name in _of_parts(each.name for each in place.iterdir())]
        if not found:
            raise _without_files(place)
        return tuple(map(ListFile, found))
    if place.exists():
        return (ListFile(place),)
    paths = tuple(map(Path, names_of(options.file)))
    for path in paths:
        if not path.is_file():
            raise DataError(f"cannot read {path}: {'is no file' if path.exists() else 'No such file or directory'}")
    return tuple(map(ListFile, paths))


def _files_at(url: Url) -> tuple[ListFile, ...]:
    """The files that an address stands for: what is no object may be a folder of them."""
    named = (url.text,) if url.is_web and "?" in url.rest else names_of(url.text)
    files = tuple(ListFile(Url(text)) for text in named)
    if len(files) > 1 or url.is_web:
        return files
    is_folder = url.text.endswith("/") or not place_of_object(url)[1]
    if not is_folder and look_at(url) is not None:
        return files
    with said_of(url):
        below = parts_below(url, lambda path: "/" not in path, Retrying())
    if not below and not is_folder:
        raise DataError(f"{url}: there is no such file")
    names = _of_parts(each.path for each in below)
    if not names:
        raise _without_files(url)
    return tuple(ListFile(url / name) for name in names)


def _of_parts(names: Iterator[str]) -> list[str]:
    return sorted(name for name in names if name.lower().endswith(PARQUET) and not name.startswith((".", "_")))


def _without_files(folder: Location) -> DataError:
    return DataError(f"{folder}: is a folder without Parquet files", hint="--files-from names a list of photos")
