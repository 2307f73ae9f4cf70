"""The objects of any store that fsspec knows, by what all its file systems have in common."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import UNKNOWN, StoredObject
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.waiting import wait_for

_LOGGING: Final = ("gcsfs", "adlfs", "azure", "google")
_TAGS: Final = ("ETag", "etag", "generation", "md5Hash", "content_md5")
_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


class FsspecObjects:
    """The objects below an address.

    Args:
        url: the address.
    """

    def __init__(self, url: Url) -> None:
        import fsspec

        _silence_logs()
        self._system, self._root = fsspec.core.url_to_fs(url.text, skip_instance_cache=True, use_listings_cache=False)
        self._root = self._root.rstrip("/")

    def pages(self, retrying: Retrying, below: str = "") -> Iterator[list[StoredObject]]:
        """As `Objects` says: a page is one directory."""
        directories = [self._name(below.rstrip("/"))]
        is_first = True
        while directories:
            directory = directories.pop()
            try:
                found = retrying.call(partial(self._list, directory))
            except StoreFaultError as fault:
                # What has no object is no directory either; one that has lost its last one meanwhile has none.
                if fault.kind != "missing" or is_first:
                    raise
                continue
            is_first = False
            files = []
            for each in found:
                if each["type"] == "directory":
                    if each["name"].rstrip("/") != directory:
                        directories.append(each["name"].rstrip("/"))
                else:
                    files.append(self._object(each))
            yield files

    def look(self, path: str, seconds: float) -> StoredObject:
        """As `Objects` says."""
        found = self._call("info", seconds, self._name(path))
        if found.get("type") == "directory":
            raise FileNotFoundError(None, "is a directory")
        return self._object(found)._replace(path=path)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        """As `Objects` says. These libraries cannot ask for a tag: it is looked at first, by a request of its own."""
        if tag and self.look(path, seconds).token != tag:
            raise StoreFaultError("changed", "FileChanged: its tag is no longer that of the listing")
        start, stop = span or (None, None)
        content: bytes = self._call("cat_file", seconds, self._name(path), start=start, end=stop)
        return content

    def look_at_list(self, seconds: float) -> None:
        """As `Objects` says: these libraries look for one object to tell whether there is a folder."""
        self._call("info", seconds, self._root)

    def close(self) -> None:
        """Connections are closed when the process ends."""

    def _list(self, directory: str, seconds: float) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("ls", seconds, directory, detail=True)
        return found

    def _name(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _call(self, name: str, seconds: float, *arguments: Any, **named: Any) -> Any:
        """Call a method of the file system, within so many seconds where it is one that can be left waiting."""
        if getattr(self._system, "async_impl", False):
            return wait_for(self._system, getattr(self._system, f"_{name}")(*arguments, **named), seconds)
        method: Callable[..., Any] = getattr(self._system, name)
        return method(*arguments, **named)

    def _object(self, found: Mapping[str, Any]) -> StoredObject:
        size = found.get("size")
        path = str(found["name"])[len(self._root) :].lstrip("/") if self._root else str(found["name"]).lstrip("/")
        tag = next((str(found[name]) for name in _TAGS if found.get(name)), "")
        return StoredObject(path, UNKNOWN if size is None else int(size), time_of(found), tag)


def _silence_logs() -> None:
    """Keep what libraries log off the terminal, where nobody has asked for it: errors are raised, too."""
    for name in _LOGGING:
        logging.getLogger(name).addHandler(logging.NullHandler())


def time_of(found: Mapping[str, Any]) -> int:
    """When an object was changed last, in nanoseconds; UNKNOWN where it is not said."""
    value = next((found[name] for name in _TIMES if found.get(name)), None)
    try:
        if isinstance(value, str):
            value = datetime.datetime.fromisoformat(value)
        if isinstance(value, datetime.datetime):
            value = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
            return int(value.timestamp()) * 1_000_000_000 + value.microsecond * 1000
        return int(float(value) * 1_000_000_000) if value is not None else UNKNOWN
    except (TypeError, ValueError):
        return UNKNOWN
