"""Which stores can be reached here, and by which library."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.names import suggestion
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import fault_of
from fashionbatch.stores.objects import Objects

S3, GCS, AZURE = frozenset({"s3", "s3a"}), frozenset({"gs", "gcs"}), frozenset({"az", "abfs", "abfss"})
"""Schemes of the stores that are reached by a library of their own."""

_SCHEMES = ("s3", "gs", "az", "abfs", "http", "https", "memory")
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}


def open_objects(url: Url) -> Objects:
    """The objects below an address.

    Raises:
        FashionBatchError: as `require_store`.
    """
    require_store(url)
    with told_as_data_errors(url):
        return _objects_for(url)


@contextlib.contextmanager
def told_as_data_errors(url: Url) -> Iterator[None]:
    """Tell what a library has against its settings, such as credentials that are none, while a store is opened.

    Raises:
        DataError: it has something.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - each library has its own
        hint = "are the credentials and settings of this store in the environment, and are they right?"
        raise DataError(f"{url}: the store cannot be opened: {fault_of(error).reason}", hint=hint) from None


def _objects_for(url: Url) -> Objects:
    if url.scheme in S3:
        from fashionbatch.stores.s3 import S3Objects

        return S3Objects(url)
    if url.is_web:
        from fashionbatch.stores.web import WebObjects

        return WebObjects(url)
    if url.scheme in GCS:
        from fashionbatch.stores.gcs import GcsObjects

        return GcsObjects(url)
    if url.scheme in AZURE:
        from fashionbatch.stores.azure import AzureObjects

        return AzureObjects(url)
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
