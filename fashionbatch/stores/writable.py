"""Opens what is below an address to write it, by the library that can."""

from __future__ import annotations

from fashionbatch.stores.address import Url
from fashionbatch.stores.writing import WritableObjects, require_writable_store


def open_writable(url: Url) -> WritableObjects:
    """The objects below an address, to read and to write them.

    Raises:
        OutputError: objects of this kind of store are not written, because they could be seen half-written.
        FashionBatchError: as `require_store`.
    """
    require_writable_store(url)
    if url.scheme in {"s3", "s3a"}:
        from fashionbatch.stores.s3_writing import S3Writer

        return S3Writer(url)
    from fashionbatch.stores.fsspec_writing import FsspecWriter

    return FsspecWriter(url)
