"""The objects of a store, whichever library reaches it: how they are listed and read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.names import suggestion
from fashionbatch.stores.address import Url
from fashionbatch.stores.retrying import Retrying

UNKNOWN = -1
"""Size and time of an object that the store does not tell."""

_SCHEMES = ("s3", "gs", "az", "abfs", "http", "https", "memory")
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}


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

    def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
        """All objects, in no certain order, a page at a time.

        Args:
            retrying: asks for each page.

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

    def close(self) -> None:
        """Close connections."""


def open_objects(url: Url) -> Objects:
    """The objects below an address.

    Raises:
        FashionBatchError: as `require_store`.
    """
    require_store(url)
    if url.scheme in {"s3", "s3a"}:
        from fashionbatch.stores.s3 import S3Objects

        return S3Objects(url)
    from fashionbatch.stores.fsspec_objects import FsspecObjects

    return FsspecObjects(url)


def require_store(url: Url) -> None:
    """See that addresses of this kind can be opened here. Nothing is asked of the network.

    Raises:
        DataError: it is no address of a store.
        FashionBatchError: a package is not installed.
    """
    if url.has_credentials:
        raise DataError(
            f"{url}: credentials do not belong in an address",
            hint="they are taken from the environment, such as AWS_ACCESS_KEY_ID, and the files of the store's tools",
        )
    for package in ("fsspec", _PACKAGES.get(url.scheme)):
        if package is not None and find_spec(package) is None:
            wanted = (
                "pip install 'fashionbatch[cloud]'"
                if package in {"fsspec", "s3fs", "aiohttp"}
                else f"pip install {package}"
            )
            raise FashionBatchError(f"{url}: {url.scheme}:// needs {package}, which is not installed", hint=wanted)
    from fsspec.registry import known_implementations, registry

    if url.scheme not in known_implementations and url.scheme not in registry:
        known = f"stores are {', '.join(f'{scheme}://' for scheme in _SCHEMES)}"
        raise DataError(f"{url}: nothing is known of {url.scheme}://{suggestion(url.scheme, _SCHEMES)}", hint=known)
    if not url.rest.strip("/") and url.scheme != "memory":
        raise DataError(f"{url}: names no bucket", hint=f"write {url.scheme}://BUCKET/FOLDER")
