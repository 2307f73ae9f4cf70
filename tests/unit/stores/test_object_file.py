"""An object of a store as a file that is read forward."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.object_file import FIRST_BYTES, LARGEST_BYTES, open_object
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Patience, Retrying

TAG = '"tag"'
QUICK = Retrying(Patience(tries=3), sleep=lambda seconds: None)


class FakeObjects:
    """A store of one large object, whose content is made up as it is asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.spans: list[tuple[int, int]] = []
        self.answers: list[bytes | Exception] = []

    def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
        yield []

    def look(self, path: str, seconds: float) -> StoredObject:
        return StoredObject(path, self.size, 0, TAG)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        assert span is not None
        assert (path, tag) == ("a.tar", TAG)
        self.spans.append(span)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return blocks(*span)

    def look_at_list(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def blocks(start: int, stop: int) -> bytes:
    """What the object holds, from one byte up to another."""
    pattern = bytes(range(251)) * (-(-(stop - start) // 251) + 1)
    return pattern[start % 251 :][: stop - start]


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects((64 << 20) + 5)


def test_what_is_read_forward_is_asked_for_in_few_large_parts(objects: FakeObjects) -> None:
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        at = 0
        while piece := file.read(100_000):
            assert piece == blocks(at, at + len(piece))
            at += len(piece)
    assert at == objects.size
    assert len(objects.spans) < 25
    assert sum(stop - start for start, stop in objects.spans) == objects.size
    assert max(stop - start for start, stop in objects.spans) == LARGEST_BYTES


def test_what_is_large_is_jumped_over(objects: FakeObjects) -> None:
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        for at in range(0, 64 << 20, 8 << 20):
            file.seek(at)
            assert file.read(512) == blocks(at, at + 512)
    assert [stop - start for start, stop in objects.spans] == [FIRST_BYTES] * 8


def test_what_is_small_is_read_over(objects: FakeObjects) -> None:
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        for at in range(0, objects.size, 20_480):
            file.seek(at)
            assert file.read(512) == blocks(at, at + 512)
    assert len(objects.spans) < 25


def test_few_parts_are_on_their_way_at_once(objects: FakeObjects) -> None:
    objects.size = 1 << 40
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        file.read(40 << 20)
    assert max(stop for _, stop in objects.spans) <= (40 << 20) + 6 * LARGEST_BYTES


@pytest.mark.parametrize("seed", range(3))
def test_any_place_gives_what_lies_there(objects: FakeObjects, seed: int) -> None:
    draw = random.Random(seed)
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        for _ in range(60):
            at, length = draw.randrange(objects.size + 1000), draw.choice([1, 512, 70_000, 3 << 20])
            file.seek(at)
            assert file.read(length) == blocks(at, max(at, min(at + length, objects.size)))
            assert file.tell() == max(at, min(at + length, objects.size))
        assert file.seek(-30, os.SEEK_END) == objects.size - 30
        assert len(file.read()) == 30


def test_what_passes_is_asked_for_again(objects: FakeObjects) -> None:
    objects.answers = [b"short", StoreFaultError("passing", "lost")]
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        assert file.read(512) == blocks(0, 512)
    assert len(objects.spans) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (StoreFaultError("changed", "FileChanged"), "changed", "FileChanged"),
        (bytes(1 << 20), "failed", "NoPartsError: it does not send the part of a file that it is asked for"),
    ],
)
def test_what_does_not_pass_is_told_and_not_asked_for_again(
    objects: FakeObjects, answer: bytes | Exception, kind: str, said: str
) -> None:
    objects.answers = [answer]
    with (
        open_object(objects, objects.look("a.tar", 1), QUICK) as file,
        pytest.raises(StoreFaultError) as caught,
    ):
        file.read(512)
    assert (caught.value.kind, caught.value.reason) == (kind, said)
    assert len(objects.spans) == 1


def test_a_place_that_could_not_be_read_is_not_taken_for_another(objects: FakeObjects) -> None:
    with open_object(objects, objects.look("a.tar", 1), QUICK) as file:
        assert file.read(512) == blocks(0, 512)
        objects.answers = [StoreFaultError("failed", "no")]
        file.seek(32 << 20)
        with pytest.raises(StoreFaultError):
            file.read(512)
        file.seek(5 << 20)
        assert file.read(512) == blocks(5 << 20, (5 << 20) + 512)
