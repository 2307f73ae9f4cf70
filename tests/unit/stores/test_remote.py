"""Files of a store as decode workers read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fashionbatch.stores import remote
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.opening import FileStatusError, OpenFile
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Patience, Retrying


class FakeObjects:
    """A store of one object, which answers with what it is given first."""

    def __init__(self, content: bytes, *answers: Any) -> None:
        self.content = content
        self.answers = list(answers)
        self.asked: list[tuple[str, str, tuple[int, int] | None]] = []

    def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
        yield [self.look("a.jpg", 1.0)]

    def look(self, path: str, seconds: float) -> StoredObject:
        return StoredObject(path, len(self.content), 0, '"tag"')

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        self.asked.append((path, tag, span))
        answer = self.answers.pop(0) if self.answers else self.content
        if isinstance(answer, Exception):
            raise answer
        return answer[slice(*span)] if span else answer

    def look_at_list(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def opener_of(objects: FakeObjects) -> RemoteOpener:
    return RemoteOpener(objects, Retrying(Patience(tries=3), sleep=lambda seconds: None))


def wanted(size: int = 7, tag: str = '"tag"') -> StoredObject:
    return StoredObject("a.jpg", size, 0, tag)


def content_of(opened: OpenFile) -> bytes:
    try:
        return opened.reader().read() if opened.content is None else opened.content
    finally:
        opened.close()


def test_a_file_is_one_request_for_the_tag_of_the_listing() -> None:
    objects = FakeObjects(b"content")
    opened = opener_of(objects).read(wanted())
    assert (opened.content, opened.descriptor) == (b"content", -1)
    assert objects.asked == [("a.jpg", '"tag"', None)]


def test_a_body_that_is_cut_short_is_asked_for_again() -> None:
    objects = FakeObjects(b"content", b"cont", ConnectionResetError())
    assert content_of(opener_of(objects).open(wanted())) == b"content"
    assert len(objects.asked) == 3


def test_a_body_that_is_always_cut_short_is_an_error_after_some_tries() -> None:
    objects = FakeObjects(b"content", *[b"cont"] * 9)
    with pytest.raises(FileStatusError) as caught:
        opener_of(objects).open(wanted())
    assert (caught.value.status, len(objects.asked)) == ("error", 3)
    assert caught.value.error == "TruncatedBody: 4 of 7 bytes came (tried 3 times)"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (StoreFaultError("missing", "NoSuchKey"), "missing"),
        (StoreFaultError("changed", "PreconditionFailed"), "changed"),
        (StoreFaultError("denied", "AccessDenied: status 403"), "error"),
        (ValueError("odd"), "error"),
    ],
)
def test_what_the_store_refuses_is_the_status_of_the_row(answer: Exception, status: str) -> None:
    objects = FakeObjects(b"content", answer)
    with pytest.raises(FileStatusError) as caught:
        opener_of(objects).open(wanted())
    assert (caught.value.status, len(objects.asked)) == (status, 1)


def test_without_a_tag_another_size_is_a_change() -> None:
    with pytest.raises(FileStatusError) as caught:
        opener_of(FakeObjects(b"longer content")).open(wanted(tag=""))
    assert caught.value.status == "changed"


def test_an_unknown_size_takes_what_comes() -> None:
    assert content_of(opener_of(FakeObjects(b"any")).open(wanted(size=-1, tag=""))) == b"any"


def test_a_large_file_comes_in_pieces_and_is_not_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "READ_AHEAD_LIMIT", 10)
    monkeypatch.setattr(remote, "_PIECE", 8)
    objects = FakeObjects(b"0123456789abcdefghij", b"0123", TimeoutError())
    opened = opener_of(objects).read(wanted(size=20))
    assert opened.content is None
    assert content_of(opened) == b"0123456789abcdefghij"
    assert [span for _, _, span in objects.asked] == [(0, 8), (0, 8), (0, 8), (8, 16), (16, 20)]
