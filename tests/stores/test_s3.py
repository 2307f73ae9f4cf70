"""The objects of S3, each thing that goes wrong by itself, without processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.labeling.workers.files import FileTask
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import Objects
from fashionbatch.stores.opening import FileStatusError
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Patience, Retrying

CONTENT = bytes(range(256)) * 40
QUICK = Retrying(Patience(tries=4, first_pause_s=0.01))
TOO_SLOW_S = 1.0
"""Seconds that a try may take where the store takes twice as long."""


@pytest.fixture
def objects(store: Any) -> Iterator[Objects]:
    store.put("photos/a.jpg", CONTENT)
    opened = open_objects(Url("s3://bucket/photos"))
    yield opened
    opened.close()


def task_of(objects: Objects, path: str = "a.jpg") -> FileTask:
    found = objects.look(path, 60.0)
    return FileTask(0, path, found.size, found.mtime_ns, "", found.token)


def in_a_hurry_twice() -> Retrying:
    """The first two tries have not the time that a slow answer takes; the third has all that a busy machine needs."""
    total_s = QUICK.patience.total_s
    # It is looked at once for the end, and then before and after each try.
    clock = itertools.chain([0.0, total_s - TOO_SLOW_S, 0.0, total_s - TOO_SLOW_S], itertools.repeat(0.0))
    return replace(QUICK, clock=clock.__next__)


@pytest.mark.parametrize("fault", ["429", "500", "503", "lost", "truncated", "slow"])
def test_what_passes_is_asked_for_again(fault: str, objects: Objects, store: Any) -> None:
    task = task_of(objects)
    store.proxy.plan = lambda method, path, number: fault if method == "GET" and number <= 2 else None
    assert RemoteOpener(objects, in_a_hurry_twice() if fault == "slow" else QUICK).read(task).content == CONTENT
    assert store.proxy.counts["GET", "/bucket/photos/a.jpg"] == 3


@pytest.mark.parametrize("fault", ["503", "lost", "truncated", "slow"])
def test_what_does_not_pass_ends(fault: str, objects: Objects, store: Any) -> None:
    task = task_of(objects)
    store.proxy.plan = lambda method, path, number: fault
    patience = Patience(tries=2, first_pause_s=0.01, try_s=TOO_SLOW_S if fault == "slow" else 60.0)
    with pytest.raises(FileStatusError) as caught:
        RemoteOpener(objects, Retrying(patience)).read(task)
    assert caught.value.status == "error"
    assert caught.value.error.endswith("(tried 2 times)")
    assert "PLANTED" not in caught.value.error
    # aiohttp itself asks once more where a connection that it has used before was closed.
    assert store.proxy.counts["GET", "/bucket/photos/a.jpg"] == (4 if fault == "lost" else 2)


def test_an_object_that_was_written_to_is_changed_also_at_the_same_size(objects: Objects, store: Any) -> None:
    task = task_of(objects)
    store.put("photos/a.jpg", CONTENT[::-1])
    with pytest.raises(FileStatusError) as caught:
        RemoteOpener(objects, QUICK).read(task)
    assert caught.value.status == "changed"


def test_an_object_that_has_gone_is_missing(objects: Objects, store: Any) -> None:
    task = task_of(objects)
    store.client.delete_object(Bucket="bucket", Key="photos/a.jpg")
    with pytest.raises(FileStatusError) as caught:
        RemoteOpener(objects, QUICK).read(task)
    assert caught.value.status == "missing"


def test_a_listing_comes_in_pages_and_each_is_tried_again(
    objects: Objects, store: Any, proxy_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        store.put(f"photos/{number:02}.jpg", b"x" * number)
    page = type(objects)._list

    async def of_ten(self: Any, after: Any) -> Any:
        return await page(self, {**after, "MaxKeys": 10})

    monkeypatch.setattr(type(objects), "_list", of_ten)
    store.proxy.plan = lambda method, path, number: ["503", None, "truncated", None, "lost", None][number - 1]
    pages = list(objects.pages(QUICK))
    assert [len(page) for page in pages] == [10, 10, 6]
    sizes = {each.path: each.size for page in pages for each in page}
    assert sizes == {"a.jpg": len(CONTENT), **{f"{number:02}.jpg": number for number in range(25)}}
    assert store.proxy.counts["GET", "/bucket"] == 6


def test_a_listing_that_is_denied_is_asked_for_once(objects: Objects, store: Any) -> None:
    store.proxy.plan = lambda method, path, number: "403"
    with pytest.raises(StoreFaultError) as caught:
        list(objects.pages(QUICK))
    assert caught.value.kind == "denied"
    assert store.proxy.counts["GET", "/bucket"] == 1


@pytest.mark.parametrize("name", ["é ü.jpg", "a+b%20c.jpg", "a?b#c.jpg", "a//b.jpg", "../b.jpg", "한 글.jpg"])
def test_any_name_is_listed_and_read(name: str, objects: Objects, store: Any) -> None:
    store.put(f"photos/{name}", b"content")
    found = {each.path: each for page in objects.pages(QUICK) for each in page}
    assert set(found) == {"a.jpg", name}
    file = ScannedFile(name.encode(), 7, found[name].mtime_ns, token=found[name].token)
    assert objects.get(file.path.decode(), file.token, None, 60.0) == b"content"
