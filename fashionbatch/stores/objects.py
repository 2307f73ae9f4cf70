"""The objects of a store, whichever library reaches it: how they are listed and read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.retrying import Retrying

UNKNOWN = -1
"""Size and time of an object that the store does not tell."""


class StoredObject(NamedTuple):
    """An object as a listing shows it.

    Attributes:
        path: its name below what was listed, `/`-separated.
        size: in bytes; UNKNOWN where the store does not say it.
        mtime_ns: of its last change, in nanoseconds since 1970; UNKNOWN likewise.
        token: changes with its content, such as an ETag; empty where there is none.
    """

    path: str
    size: int
    mtime_ns: int
    token: str


class Objects(Protocol):
    """The objects below one address.

    `look` and `get` ask once and raise what libraries raise: `Retrying` says what that means, and asks again. They are
    called by several threads at once.
    """

    def pages(self, retrying: Retrying, below: str = "") -> Iterator[list[StoredObject]]:
        """All objects, in no certain order, a page at a time.

        Args:
            retrying: asks for each page.
            below: only those whose paths begin with it: empty, or a path that ends with a slash.

        Raises:
            StoreFaultError: the store does not list them.
        """

    def look(self, path: str, seconds: float) -> StoredObject:
        """An object as it is now."""

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        """What an object holds, by one request where the store allows that.

        Args:
            path: below the address.
            tag: that it must still have; empty for any.
            span: the bytes from the first up to the second number; None for all of them.
            seconds: that it may take.
        """

    def look_at_list(self, seconds: float) -> None:
        """See that objects are listed, by a request that takes next to nothing."""

    def close(self) -> None:
        """Close connections."""


def get_piece(objects: Objects, path: str, tag: str, span: tuple[int, int], seconds: float) -> bytes:
    """Some bytes of an object, as many as were asked for.

    Args:
        objects: what it is among.
        path: below the address.
        tag: that it must still have; empty for any.
        span: the bytes from the first up to the second number.
        seconds: that it may take.

    Raises:
        StoreFaultError: fewer came, which passes, or more, which does not.
    """
    content = objects.get(path, tag, span, seconds)
    asked = span[1] - span[0]
    if len(content) < asked:
        raise StoreFaultError("passing", f"TruncatedBody: {len(content):,} of {asked:,} bytes came")
    if len(content) > asked:
        raise no_parts()
    return content


def no_parts() -> StoreFaultError:
    """The fault of a store that answers with another part than the one that was asked for."""
    return StoreFaultError("failed", "NoPartsError: it does not send the part of a file that it is asked for")
