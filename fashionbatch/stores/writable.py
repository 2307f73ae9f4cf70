"""Opens what is below an address to write it, by the library that can."""

from __future__ import annotations

from fashionbatch.stores.address import Url
from fashionbatch.stores.reaching import AZURE, GCS, S3, told_as_data_errors
from fashionbatch.stores.writing import WritableObjects, require_writable_store


def open_writable(url: Url) -> WritableObjects:
    """The objects below an address, to read and to write them.

    Raises:
        OutputError: objects of this kind of store are not written, because they could be seen half-written.
        FashionBatchError: as `require_store`.
    """
    require_writable_store(url)
    with told_as_data_errors(url):
        return _writer_for(url)


def _writer_for(url: Url) -> WritableObjects:
    if url.scheme in S3:
        from fashionbatch.stores.s3_writing import S3Writer

        return S3Writer(url)
    from fashionbatch.stores.fsspec_writing import AzureWriter, FsspecWriter, GcsWriter

    if url.scheme in GCS:
        return GcsWriter(url)
    return AzureWriter(url) if url.scheme in AZURE else FsspecWriter(url)
