"""The objects of S3 and of what speaks its language, by s3fs: one request for each object and each page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from fashionbatch.stores.address import Url
from fashionbatch.stores.objects import StoredObject, no_parts
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.waiting import wait_for

_CONNECTIONS: Final = 32
_CONNECT_S: Final = 10
_READ_S: Final = 20
"""Seconds without a byte after which a connection counts as lost."""


class S3Objects:
    """The objects below an address in S3.

    Credentials, region and endpoint are found as s3fs finds them: in the environment, in files of the AWS tools, and in
    fsspec's configuration.

    Args:
        url: bucket and prefix.
    """

    def __init__(self, url: Url) -> None:
        import fsspec
        from fsspec.config import conf

        # Its own tries are switched off: how often a store is asked, and how long, is for `Retrying` alone.
        config: Mapping[str, Any] = {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            "max_pool_connections": _CONNECTIONS,
            **conf.get("s3", {}).get("config_kwargs", {}),
            "retries": {"total_max_attempts": 1},
        }
        self._bucket = url.bucket
        self._prefix = f"{url.key.strip('/')}/" if url.key.strip("/") else ""
        self._system = fsspec.filesystem(
            "s3", skip_instance_cache=True, use_listings_cache=False, config_kwargs=dict(config)
        )

    def pages(self, retrying: Retrying, below: str = "") -> Iterator[list[StoredObject]]:
        """As `Objects` says."""
        asked = {"Prefix": self._prefix + below}
        while True:
            answer = retrying.call(partial(self._page, asked))
            yield [
                StoredObject(
                    found["Key"][len(self._prefix) :],
                    int(found["Size"]),
                    round(found["LastModified"].timestamp()) * 1_000_000_000,
                    found["ETag"],
                )
                for found in answer.get("Contents", ())
            ]
            if not answer.get("IsTruncated"):
                return
            asked["ContinuationToken"] = answer["NextContinuationToken"]

    def look(self, path: str, seconds: float) -> StoredObject:
        """As `Objects` says."""
        found = self._wait(self._head(path), seconds)
        modified = round(found["LastModified"].timestamp()) * 1_000_000_000
        return StoredObject(path, int(found["ContentLength"]), modified, found["ETag"])

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        """As `Objects` says: one request, which the store refuses where the object has another tag by now."""
        asked: dict[str, Any] = {"IfMatch": tag} if tag else {}
        if span is not None:
            asked["Range"] = f"bytes={span[0]}-{span[1] - 1}"
        content: bytes = self._wait(self._get(path, asked), seconds)
        return content

    def look_at_list(self, seconds: float) -> None:
        """As `Objects` says."""
        self._page({"MaxKeys": 1}, seconds)

    def close(self) -> None:
        """Connections are closed when the process ends."""

    def _wait(self, asking: Any, seconds: float) -> Any:
        return wait_for(self._system, asking, seconds)

    async def _client(self) -> Any:
        return await self._system.set_session()

    def _page(self, asked: Mapping[str, Any], seconds: float) -> Any:
        return self._wait(self._list(asked), seconds)

    async def _list(self, asked: Mapping[str, Any]) -> Any:
        client = await self._client()
        return await client.list_objects_v2(
            **{"Bucket": self._bucket, "Prefix": self._prefix, **asked}, **self._system.req_kw
        )

    async def _head(self, path: str) -> Any:
        client = await self._client()
        return await client.head_object(Bucket=self._bucket, Key=self._prefix + path, **self._system.req_kw)

    async def _get(self, path: str, asked: Mapping[str, Any]) -> bytes:
        client = await self._client()
        key = self._prefix + path
        answer = await client.get_object(Bucket=self._bucket, Key=key, **asked, **self._system.req_kw)
        if "Range" in asked and not _is_asked_part(answer, asked["Range"]):
            answer["Body"].close()
            raise no_parts()
        async with answer["Body"] as body:
            content: bytes = await body.read()
            return content


def _is_asked_part(answer: Mapping[str, Any], asked: str) -> bool:
    """Whether an answer is the part that was asked for; some stores answer with all of the object."""
    start, stop = (int(number) for number in asked.removeprefix("bytes=").split("-"))
    given = str(answer.get("ContentRange") or f"bytes 0-{int(answer['ContentLength']) - 1}/")
    return given.startswith(f"bytes {start}-") and int(answer["ContentLength"]) <= stop - start + 1
