"""A store that gives nothing any more ends a run; a file that cannot be had is a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fashionbatch.stores.faults import Kind, StoreFaultError
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.opening import FileStatusError, StoreOutError
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Patience, Retrying
from fashionbatch.stores.watching import ArchiveWatch, StoreWatch, WebWatch

ONCE = Retrying(Patience(tries=1))
LIST = "its list"


class FakeObjects:
    """A store in which some things fail, each with a kind of fault; it notes what it is asked for."""

    def __init__(self, **failing: Kind) -> None:
        self.failing: dict[str, Kind] = dict(failing)
        self.asked: list[str] = []

    def _answer(self, path: str) -> None:
        self.asked.append(path)
        kind = self.failing.get(path) or self.failing.get("everything")
        if kind is not None:
            raise StoreFaultError(kind, "Told")

    def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
        yield []

    def look(self, path: str, seconds: float) -> StoredObject:
        self._answer(path)
        return StoredObject(path, 7, 0, "tag")

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        self._answer(path)
        return b"content"

    def look_at_list(self, seconds: float) -> None:
        self._answer(LIST)

    def close(self) -> None: ...


def opener_of(objects: FakeObjects, *, is_listed: bool = True) -> RemoteOpener:
    watch = StoreWatch(objects, "s3://bucket", is_listed=is_listed, retrying=ONCE)
    return RemoteOpener(objects, ONCE, watch=watch)


def read(opener: RemoteOpener, path: str) -> bytes:
    content = opener.read(StoredObject(path, 7, 0, "tag")).content
    assert content is not None
    return content


def refused(opener: RemoteOpener, path: str) -> str:
    with pytest.raises(FileStatusError) as caught:
        read(opener, path)
    return caught.value.status


def test_what_a_store_says_of_a_mere_look_is_told_in_the_words_of_its_list() -> None:
    objects = FakeObjects()
    opener = opener_of(objects)
    assert read(opener, "a") == b"content"
    objects.failing = {"a": "failed", "b": "failed", LIST: "credentials"}
    with pytest.raises(StoreOutError) as caught:
        opener.look("b")
    assert caught.value.hint.startswith("when the credentials are renewed")
    objects.failing = {"everything": "failed"}
    with pytest.raises(StoreOutError) as caught:
        opener.look("b")
    assert caught.value.hint.startswith("when it answers again")


@pytest.mark.parametrize("kind", ["denied", "credentials", "failed"])
@pytest.mark.parametrize("is_listed", [True, False])
def test_one_file_that_cannot_be_had_is_a_row(kind: Kind, is_listed: bool) -> None:
    objects = FakeObjects(b=kind)
    opener = opener_of(objects, is_listed=is_listed)
    assert refused(opener, "b") == "error"
    assert LIST in objects.asked, "nothing was read before"
    assert read(opener, "a") == b"content"
    objects.asked.clear()
    assert refused(opener, "b") == "error"
    assert objects.asked[:2] == ["b", "a"], "what was read before is asked for again"
    assert LIST not in objects.asked


@pytest.mark.parametrize("kind", ["missing", "changed"])
def test_what_only_a_store_that_works_can_tell_is_not_doubted(kind: Kind) -> None:
    objects = FakeObjects(b=kind)
    assert refused(opener_of(objects), "b") == kind
    assert objects.asked == ["b"]


@pytest.mark.parametrize("kind", ["denied", "credentials", "failed", "bucket"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_store_that_gives_nothing_ends_the_run(kind: Kind, is_first: bool) -> None:
    objects = FakeObjects()
    opener = opener_of(objects)
    if not is_first:
        read(opener, "a")
    objects.failing["everything"] = kind
    with pytest.raises(StoreOutError) as caught:
        read(opener, "b")
    assert caught.value.reason == "s3://bucket: nothing can be read there any more: Told"
    assert "start the same command again" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "ends"), [("denied", False), ("bucket", False), ("credentials", True), ("failed", True)]
)
def test_whoever_writes_a_list_may_be_wrong_about_a_bucket_but_not_about_credentials(kind: Kind, ends: bool) -> None:
    opener = opener_of(FakeObjects(everything=kind), is_listed=False)
    with pytest.raises(StoreOutError if ends else FileStatusError):
        read(opener, "b")


def test_rights_to_read_that_are_taken_away_end_the_run_though_the_list_is_shown() -> None:
    objects = FakeObjects()
    opener = opener_of(objects)
    read(opener, "a")
    objects.failing |= {"a": "denied", "b": "denied"}
    with pytest.raises(StoreOutError):
        read(opener, "b")


def test_a_file_that_was_read_and_has_gone_says_nothing_so_the_list_is_asked_for() -> None:
    objects = FakeObjects(b="denied")
    opener = opener_of(objects)
    read(opener, "a")
    objects.failing["a"] = "missing"
    assert refused(opener, "b") == "error"
    assert objects.asked[-2:] == ["a", LIST]


@pytest.mark.parametrize("error", [ConnectionResetError(), StoreFaultError("credentials", "ExpiredToken")])
def test_a_file_is_asked_for_once_more_where_the_store_was_away_for_a_while(error: Exception) -> None:
    objects = FakeObjects()
    opener = opener_of(objects)
    read(opener, "a")
    answers: list[Any] = [error]
    get = objects.get

    def get_when_back(*asked: Any) -> bytes:
        if answers:
            raise answers.pop()
        return get(*asked)

    objects.get = get_when_back  # type: ignore[method-assign]
    assert read(opener, "b") == b"content"


def test_other_files_that_were_read_meanwhile_are_proof_enough() -> None:
    objects = FakeObjects(b="denied")
    watch = StoreWatch(objects, "s3://bucket", is_listed=True, retrying=ONCE, clock=lambda: 5.0)
    watch.was_read(objects, "a", began=3.0)
    denied = StoreFaultError("denied", "Told")
    assert not watch.require_answers(denied, since=2.0)
    assert objects.asked == []
    assert not watch.require_answers(denied, since=4.0)
    assert not watch.require_answers(denied, since=4.5)
    assert objects.asked == ["a"], "what one has found serves all who wait for it"


def test_all_who_waited_for_a_store_that_was_away_ask_once_more() -> None:
    objects = FakeObjects()
    watch = StoreWatch(objects, "s3://bucket", is_listed=True, retrying=ONCE, clock=lambda: 5.0)
    watch.was_read(objects, "a", began=3.0)
    no_answer = StoreFaultError("failed", "Told")
    assert [watch.require_answers(no_answer, since=4.0) for _ in range(3)] == [True] * 3
    assert objects.asked == ["a"]


def test_a_host_that_has_gone_is_a_row_while_another_answers() -> None:
    one, other = FakeObjects(), FakeObjects()
    watch = WebWatch(ONCE)
    openers = [RemoteOpener(objects, ONCE, watch=watch) for objects in (one, other)]
    one.failing["everything"] = "failed"
    assert refused(openers[0], "first") == "error", "of a host that has never answered nothing is known"
    one.failing.clear()
    assert [read(opener, "a") for opener in openers] == [b"content"] * 2
    one.failing["everything"] = "failed"
    assert refused(openers[0], "b") == "error"
    other.failing["everything"] = "denied"
    assert refused(openers[0], "c") == "error"
    other.failing["everything"] = "failed"
    with pytest.raises(StoreOutError, match="nothing can be read there any more"):
        read(openers[0], "d")


def archive_opener_of(objects: FakeObjects) -> RemoteOpener:
    return RemoteOpener(objects, ONCE, watch=ArchiveWatch(objects, "https://host", has_query=True, retrying=ONCE))


@pytest.mark.parametrize("kind", ["denied", "credentials", "bucket"])
def test_an_archive_that_is_refused_before_anything_of_it_was_read_ends_the_run(kind: Kind) -> None:
    with pytest.raises(StoreOutError, match=r"^\('https://host: nothing can be read there any more: Told'"):
        read(archive_opener_of(FakeObjects(a=kind)), "a")


def test_one_archive_that_is_refused_beside_another_is_a_matter_of_its_rows() -> None:
    opener = archive_opener_of(FakeObjects(b="denied"))
    assert read(opener, "a") == b"content"
    with pytest.raises(FileStatusError):
        read(opener, "b")
