"""The blobs of Azure, by adlfs and the client that it opens: one request for each blob and each page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, Final

from fashionbatch.stores.address import Url
from fashionbatch.stores.fsspec_objects import FsspecObjects, time_of
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.waiting import wait_for

_PAGE: Final = 1000


class AzureObjects(FsspecObjects):
    """The blobs below an address in Azure Blob Storage.

    Args:
        url: container and prefix.
    """

    def __init__(self, url: Url) -> None:
        super().__init__(url)
        self._container, _, key = self._root.partition("/")
        self._prefix = f"{key}/" if key else ""
        # Its client tries three times by itself, and waits for 15 seconds before the first: that is for `Retrying`.
        policy: Any = getattr(getattr(self._system.service_client, "_config", None), "retry_policy", None)
        if hasattr(policy, "total_retries"):
            policy.total_retries = 0

    def pages(self, retrying: Retrying, below: str = "") -> Iterator[list[StoredObject]]:
        """As `Objects` says."""
        after: str | None = None
        while True:
            found, after = retrying.call(partial(self._page, below, _PAGE, after))
            yield found
            if not after:
                return

    def look(self, path: str, seconds: float) -> StoredObject:
        """As `Objects` says."""
        return wait_for(self._system, self._look(path), seconds)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        """As `Objects` says: one request, which the store refuses where the blob has another tag by now."""
        return wait_for(self._system, self._get(path, tag, span), seconds)

    def look_at_list(self, seconds: float) -> None:
        """As `Objects` says."""
        self._page("", 1, None, seconds)

    def _page(self, below: str, most: int, after: str | None, seconds: float) -> tuple[list[StoredObject], str | None]:
        return wait_for(self._system, self._blobs(below, most, after), seconds)

    async def _blobs(self, below: str, most: int, after: str | None) -> tuple[list[StoredObject], str | None]:
        async with self._system.service_client.get_container_client(self._container) as container:
            listed = container.list_blobs(name_starts_with=self._prefix + below or None, results_per_page=most)
            pages = listed.by_page(continuation_token=after)
            async for page in pages:
                return [self._stored(blob) async for blob in page], pages.continuation_token
        return [], None

    async def _look(self, path: str) -> StoredObject:
        async with self._blob(path) as blob:
            return self._stored(await blob.get_blob_properties())

    async def _get(self, path: str, tag: str, span: tuple[int, int] | None) -> bytes:
        from azure.core import MatchConditions

        asked: dict[str, Any] = {"etag": tag, "match_condition": MatchConditions.IfNotModified} if tag else {}
        if span is not None:
            asked |= {"offset": span[0], "length": span[1] - span[0]}
        async with self._blob(path) as blob:
            content: bytes = await (await blob.download_blob(max_concurrency=1, **asked)).readall()
            return content

    @contextlib.asynccontextmanager
    async def _blob(self, path: str) -> AsyncIterator[Any]:
        async with self._system.service_client.get_blob_client(self._container, self._prefix + path) as blob:
            yield blob

    def _stored(self, blob: Any) -> StoredObject:
        # A list has the tag without its quotes in some versions of the service; a request has to have them.
        tag = f'"{blob.etag.strip(chr(34))}"'
        return StoredObject(blob.name[len(self._prefix) :], int(blob.size), time_of(blob), tag)
