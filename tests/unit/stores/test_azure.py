"""The blobs of Azure: what its client is asked, and what becomes of its answers. Neither adlfs nor it is installed."""

from __future__ import annotations

import datetime
import sys
import types
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from fashionbatch.stores.address import Url
from fashionbatch.stores.azure import AzureObjects
from fashionbatch.stores.faults import fault_of
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Patience, Retrying

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'fashionbatch[cloud]'")
ONCE = Retrying(Patience(tries=1))
WHEN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Blob(dict[str, Any]):
    """What a list and a look at a blob give, by keys and as attributes."""

    def __init__(self, name: str, etag: str = "0x8D") -> None:
        super().__init__(name=name, size=3, last_modified=WHEN, etag=etag)

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Pages:
    """Pages of a list, as the client gives them."""

    def __init__(self, pages: list[list[Blob]], first: int) -> None:
        self._pages, self._next, self.continuation_token = pages, first, ""

    def __aiter__(self) -> Pages:
        return self

    async def __anext__(self) -> AsyncIterator[Blob]:
        if self._next >= len(self._pages):
            raise StopAsyncIteration
        page, self._next = self._pages[self._next], self._next + 1
        self.continuation_token = str(self._next) if self._next < len(self._pages) else ""

        async def blobs() -> AsyncIterator[Blob]:
            for blob in page:
                yield blob

        return blobs()


class FakeClient:
    """One container of the client, and one of its blobs, at once."""

    def __init__(self, *pages: list[Blob]) -> None:
        self.pages = list(pages)
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self._config = SimpleNamespace(retry_policy=SimpleNamespace(total_retries=3))

    def get_container_client(self, name: str) -> FakeClient:
        assert name == "container"
        return self

    def get_blob_client(self, container: str, name: str) -> FakeClient:
        self.asked.append({"name": name})
        return self

    async def __aenter__(self) -> FakeClient:
        return self

    async def __aexit__(self, *given: object) -> None: ...

    def list_blobs(self, *, name_starts_with: str, results_per_page: int) -> Any:
        self.asked.append({"prefix": name_starts_with})
        return SimpleNamespace(by_page=lambda continuation_token: Pages(self.pages, int(continuation_token or 0)))

    async def get_blob_properties(self) -> Blob:
        return Blob("photos/a.jpg", '"0x8D"')

    async def download_blob(self, **asked: Any) -> Any:
        self.asked[-1] |= asked
        if self.error is not None:
            raise self.error
        return self

    async def readall(self) -> bytes:
        return b"content"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    core = types.ModuleType("azure.core")
    core.MatchConditions = SimpleNamespace(IfNotModified="if not modified")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure", types.ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.core", core)

    def open_with(*pages: list[Blob]) -> tuple[AzureObjects, FakeClient]:
        client = FakeClient(*pages)
        system = SimpleNamespace(service_client=client, loop=fsspec.asyn.get_loop())
        monkeypatch.setattr("fsspec.core.url_to_fs", lambda url, **named: (system, "container/photos"))
        return AzureObjects(Url("az://container/photos")), client

    return open_with


def test_a_list_comes_page_by_page_with_tags_as_a_request_needs_them(opened: Any) -> None:
    objects, client = opened([Blob("photos/a.jpg"), Blob("photos/b/c.jpg", '"0x8E"')], [Blob("photos/d.jpg")])
    pages = list(objects.pages(ONCE))
    when = int(WHEN.timestamp()) * 1_000_000_000
    assert pages == [
        [StoredObject("a.jpg", 3, when, '"0x8D"'), StoredObject("b/c.jpg", 3, when, '"0x8E"')],
        [StoredObject("d.jpg", 3, when, '"0x8D"')],
    ]
    assert client.asked == [{"prefix": "photos/"}] * 2
    assert objects.look("a.jpg", 5.0) == pages[0][0]


def test_an_empty_list_is_one_page(opened: Any) -> None:
    assert list(opened()[0].pages(ONCE)) == [[]]


def test_a_blob_is_one_request_for_its_tag(opened: Any) -> None:
    objects, client = opened()
    assert objects.get("a.jpg", '"0x8D"', None, 5.0) == b"content"
    objects.get("a.jpg", "", (4, 12), 5.0)
    tagged = {"etag": '"0x8D"', "match_condition": "if not modified"}
    assert client.asked == [
        {"name": "photos/a.jpg", "max_concurrency": 1, **tagged},
        {"name": "photos/a.jpg", "max_concurrency": 1, "offset": 4, "length": 8},
    ]


def test_the_client_leaves_trying_again_to_whoever_asks(opened: Any) -> None:
    assert opened()[1]._config.retry_policy.total_retries == 0


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (412, "ConditionNotMet", "changed"),
        (404, "BlobNotFound", "missing"),
        (404, "ContainerNotFound", "bucket"),
        (403, "AuthenticationFailed", "credentials"),
        (403, "AuthorizationPermissionMismatch", "denied"),
        (503, "ServerBusy", "passing"),
    ],
)
def test_what_the_client_raises_is_told_apart(status: int, code: str, kind: str, opened: Any) -> None:
    class HttpResponseError(Exception):
        status_code = status
        error_code = code

    objects, client = opened()
    client.error = HttpResponseError("AccountKey=PLANTED")
    with pytest.raises(HttpResponseError) as caught:
        objects.get("a.jpg", "", None, 5.0)
    fault = fault_of(caught.value)
    assert (fault.kind, "PLANTED" in fault.reason) == (kind, False)
