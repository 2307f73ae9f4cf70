"""The objects of Google Cloud Storage, by gcsfs: one request for each object and each page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fsspec_objects import FsspecObjects, time_of
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Retrying

_PAGE: Final = 1000
_FIELDS: Final = "name,size,updated,generation"


class GcsObjects(FsspecObjects):
    """The objects below an address in Google Cloud Storage. An object's tag is its generation.

    Args:
        url: bucket and prefix.
    """

    def __init__(self, url: Url) -> None:
        super().__init__(url)
        self._bucket, _, key = self._root.partition("/")
        self._prefix = f"{key}/" if key else ""
        # gcsfs tries six times by itself, for half a minute: that is for `Retrying`.
        once = getattr(type(self._system)._request, "__wrapped__", None)
        if once is not None:
            self._system._request = partial(once, self._system)

    def pages(self, retrying: Retrying, below: str = "") -> Iterator[list[StoredObject]]:
        """As `Objects` says."""
        after: dict[str, str] = {}
        while True:
            answer = retrying.call(partial(self._page, below, _PAGE, after))
            yield [self._stored(found) for found in answer.get("items", ())]
            if not answer.get("nextPageToken"):
                return
            after = {"pageToken": answer["nextPageToken"]}

    def look(self, path: str, seconds: float) -> StoredObject:
        """As `Objects` says."""
        asked = {"json_out": True, "fields": _FIELDS}
        found = self._call("call", seconds, "GET", "b/{}/o/{}", self._bucket, self._prefix + path, **asked)
        return self._stored(found)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        """As `Objects` says: one request, which the store refuses where the object has another generation by now."""
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        asked = {"ifGenerationMatch": tag} if tag else {}
        url = self._system.url(f"{self._bucket}/{self._prefix}{path}")
        try:
            content: bytes = self._call("call", seconds, "GET", url, headers=headers, **asked)[1]
        except FileExistsError as error:
            # This is what gcsfs makes of status 412.
            raise StoreFaultError("changed", "FileChanged: its generation is no longer that of the listing") from error
        return content

    def look_at_list(self, seconds: float) -> None:
        """As `Objects` says."""
        self._page("", 1, {}, seconds)

    def _page(self, below: str, most: int, after: Mapping[str, str], seconds: float) -> Any:
        fields = f"nextPageToken,items({_FIELDS})"
        asked = {"prefix": self._prefix + below, "maxResults": most, "fields": fields, **after}
        try:
            return self._call("call", seconds, "GET", "b/{}/o", self._bucket, json_out=True, **asked)
        except FileNotFoundError as error:
            hint = "is the name of the bucket right?"
            raise StoreFaultError("bucket", "NoSuchBucket: the store answered with status 404", hint) from error

    def _stored(self, found: Mapping[str, Any]) -> StoredObject:
        path = str(found["name"])[len(self._prefix) :]
        return StoredObject(path, int(found["size"]), time_of(found), str(found["generation"]))
