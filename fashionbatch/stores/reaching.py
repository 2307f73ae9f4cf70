"""Which stores can be reached here, and by which library."""

from __future__ import annotations

from importlib.util import find_spec

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.names import suggestion
from fashionbatch.stores.address import Url
from fashionbatch.stores.objects import Objects

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


def open_objects(url: Url) -> Objects:
    """The objects below an address.

    Raises:
        FashionBatchError: as `require_store`.
    """
    require_store(url)
    if url.scheme in {"s3", "s3a"}:
        from fashionbatch.stores.s3 import S3Objects

        return S3Objects(url)
    if url.is_web:
        from fashionbatch.stores.web import WebObjects

        return WebObjects(url)
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
