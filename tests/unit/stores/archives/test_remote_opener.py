"""Members of archives in a store, as decode workers read them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fashionbatch.labeling.workers.files import FileTask
from fashionbatch.stores.archives.members import Place, ZipPlace, refusal_token
from fashionbatch.stores.archives.remote_opener import RemoteArchiveOpener
from fashionbatch.stores.archives.zip import zip_members
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.opening import FileStatusError
from fashionbatch.stores.retrying import Patience, Retrying
from tests.unit.stores.archives.hostile import zip_entry, zip_of

TAG = '"tag"'


class FakeObjects:
    """A store of one archive."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.spans: list[tuple[int, int]] = []
        self.fault: StoreFaultError | None = None
        self.answer: Callable[[bytes], bytes] = bytes

    def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
        yield []

    def look(self, path: str, seconds: float) -> StoredObject:
        return StoredObject(path, len(self.content), 0, TAG)

    def get(self, path: str, tag: str, span: tuple[int, int] | None, seconds: float) -> bytes:
        assert span is not None
        assert (path, tag) == ("a b.tar", TAG)
        self.spans.append(span)
        if self.fault is not None:
            raise self.fault
        return self.answer(self.content[slice(*span)])

    def look_at_list(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def opened(objects: FakeObjects, numbers: tuple[int, ...], size: int, kind: str = "tar") -> bytes | tuple[str, str]:
    """What a worker reads, or the status and reason of its row."""
    place = Place(kind, len("a b.tar"), len(objects.content), 5, numbers, TAG)
    retrying = Retrying(Patience(tries=2), sleep=lambda seconds: None)
    opener = RemoteArchiveOpener(objects, Path("unpacked"), retrying)
    try:
        content = opener.read(FileTask(0, "a b.tar/x", size, 0, "", place.token())).content
        assert content is not None
        return content
    except FileStatusError as problem:
        return problem.status, problem.error


def test_a_member_of_a_tar_is_one_request_for_its_bytes() -> None:
    objects = FakeObjects(bytes(range(100)))
    assert opened(objects, (10,), 30) == bytes(range(10, 40))
    assert objects.spans == [(10, 40)]


def test_a_large_member_is_fetched_in_pieces() -> None:
    objects = FakeObjects(bytes(range(256)) * (80 << 10))
    content = opened(objects, (3,), 18 << 20)
    assert content == objects.content[3 : 3 + (18 << 20)]
    assert [stop - start for start, stop in objects.spans] == [8 << 20, 8 << 20, 2 << 20]


def test_an_empty_member_needs_no_request() -> None:
    objects = FakeObjects(b"x")
    assert opened(objects, (0,), 0) == b""
    assert objects.spans == []


@pytest.mark.parametrize("method", [0, 8])
def test_a_member_of_a_zip_is_one_request(method: int, tmp_path: Path) -> None:
    contents = {"a.jpg": b"a" * 50_000, "b.jpg": bytes(range(256)) * 50}
    objects = FakeObjects(zip_of(*contents.items(), method=method))
    (tmp_path / "a.zip").write_bytes(objects.content)
    with (tmp_path / "a.zip").open("rb") as file:
        members = list(zip_members(file))
    for member, content in zip(members, contents.values(), strict=True):
        assert opened(objects, member.numbers, member.size, "zip") == content
    assert len(objects.spans) == 2


def test_a_member_of_a_zip_with_a_very_long_name_is_found() -> None:
    name = b"d/" * 20_000 + b"a.jpg"
    objects = FakeObjects(zip_entry(name, b"abc"))
    place = ZipPlace(0, 3, 0, zlib.crc32(b"abc"), zlib.crc32(name))
    assert opened(objects, tuple(place), 3, "zip") == b"abc"


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("changed", ("changed", "FileChanged: it was written to after the listing")),
        ("missing", ("missing", "FileNotFoundError: it is no longer in the store")),
        ("denied", ("error", "AccessDenied")),
    ],
)
def test_what_the_store_refuses_is_a_row(kind: str, row: tuple[str, str]) -> None:
    objects = FakeObjects(bytes(100))
    objects.fault = StoreFaultError(kind, "AccessDenied")  # type: ignore[arg-type]
    assert opened(objects, (0,), 10) == row


@pytest.mark.parametrize(("answer", "asked"), [(lambda part: part[:-1], 2), (lambda part: part * 2, 1)])
def test_a_store_that_sends_too_little_or_too_much_gives_no_content(
    answer: Callable[[bytes], bytes], asked: int
) -> None:
    objects = FakeObjects(bytes(100))
    objects.answer = answer
    row = opened(objects, (0,), 10)
    assert row[0] == "error"
    assert len(objects.spans) == asked


@pytest.mark.parametrize(("offset", "size"), [(95, 10), (1000, 10), (0, 1 << 40), (0, -1)])
def test_a_size_that_cannot_be_is_a_row_and_asks_for_little(offset: int, size: int) -> None:
    objects = FakeObjects(bytes(100))
    row = opened(objects, (offset,), size)
    assert isinstance(row, tuple)
    assert row[0] == "error"
    assert sum(stop - start for start, stop in objects.spans) <= 100


def test_what_the_scan_refused_is_not_asked_for() -> None:
    objects = FakeObjects(bytes(100))
    opener = RemoteArchiveOpener(objects, Path("unpacked"))
    with pytest.raises(FileStatusError, match="leads out"):
        opener.open(FileTask(0, "a b.tar/../x", 10, 0, "", refusal_token("ArchiveError: leads out")))
    assert objects.spans == []


def test_what_was_unpacked_is_read_on_this_machine(tmp_path: Path) -> None:
    objects = FakeObjects(bytes(100))
    (tmp_path / "000002.content").write_bytes(b"0123456789")
    token = Place("unpacked", 7, 100, 5, (3, 2), TAG).token()
    opener = RemoteArchiveOpener(objects, tmp_path)
    assert opener.open(FileTask(0, "a b.tar/x", 4, 0, "", token)).content == b"3456"
    (tmp_path / "000002.content").unlink()
    with pytest.raises(FileStatusError, match="FileNotFoundError"):
        opener.open(FileTask(0, "a b.tar/x", 4, 0, "", token))
    assert objects.spans == []


def tasks(objects: FakeObjects, *places: tuple[int, int]) -> list[FileTask]:
    """Members of a tar, each by its offset and its size."""
    return [
        FileTask(
            number,
            f"a b.tar/{number}",
            size,
            0,
            "",
            Place("tar", len("a b.tar"), len(objects.content), 5, (offset,), TAG).token(),
        )
        for number, (offset, size) in enumerate(places)
    ]


def opener_of(objects: FakeObjects) -> RemoteArchiveOpener:
    return RemoteArchiveOpener(objects, Path("unpacked"), Retrying(Patience(tries=2), sleep=lambda seconds: None))


def test_small_members_that_were_announced_and_lie_side_by_side_are_one_request() -> None:
    objects = FakeObjects(bytes(range(256)) * 2000)
    files = tasks(objects, (1000, 500), (40_000, 20_000), (3000, 30_000), (200_000, 10), (205_000, 0), (200_100, 10))
    opener = opener_of(objects)
    opener.announce(files)
    contents = {file.path: opener.read(file).content for file in files}
    assert list(contents.values()) == [
        objects.content[place : place + file.size]
        for file, place in zip(files, (1000, 40_000, 3000, 200_000, 205_000, 200_100), strict=True)
    ]
    assert objects.spans == [(1000, 60_000), (200_000, 200_110)]


def test_what_was_had_together_is_asked_for_again_by_itself() -> None:
    objects = FakeObjects(bytes(range(256)))
    files = tasks(objects, (0, 10), (20, 10))
    opener = opener_of(objects)
    opener.announce(files)
    for _ in range(2):
        assert [opener.read(file).content for file in files] == [objects.content[:10], objects.content[20:30]]
    assert objects.spans == [(0, 30), (0, 10), (20, 30)]


def test_large_members_are_requests_of_their_own() -> None:
    objects = FakeObjects(bytes(4 << 20))
    files = tasks(objects, (0, 700_000), (700_000, 700_000), (1_400_000, 700_000))
    opener = opener_of(objects)
    opener.announce(files)
    for file in files:
        opener.read(file)
    assert objects.spans == [(0, 700_000), (700_000, 1_400_000), (1_400_000, 2_100_000)]


def test_members_whose_places_overlap_or_lie_behind_the_end_are_had_as_they_are_alone() -> None:
    objects = FakeObjects(bytes(range(100)))
    files = tasks(objects, (0, 50), (10, 20), (90, 50))
    opener = opener_of(objects)
    opener.announce(files)
    assert opener.read(files[0]).content == objects.content[:50]
    assert opener.read(files[1]).content == objects.content[10:30]
    with pytest.raises(FileStatusError, match="ends within the member"):
        opener.read(files[2])


def test_a_request_for_several_that_fails_is_followed_by_one_for_each() -> None:
    objects = FakeObjects(bytes(range(100)))
    files = tasks(objects, (0, 10), (20, 10))
    opener = opener_of(objects)
    opener.announce(files)
    objects.answer = lambda part: part[:-1] if len(part) > 10 else part
    assert [opener.read(file).content for file in files] == [objects.content[:10], objects.content[20:30]]
    assert objects.spans == [(0, 30), (0, 30), (0, 10), (20, 30)]


def test_an_archive_that_has_changed_is_asked_once_for_several() -> None:
    objects = FakeObjects(bytes(range(100)))
    files = tasks(objects, (0, 10), (20, 10))
    opener = opener_of(objects)
    opener.announce(files)
    objects.fault = StoreFaultError("changed", "FileChanged")
    for file in files:
        with pytest.raises(FileStatusError, match="FileChanged"):
            opener.read(file)
    assert objects.spans == [(0, 30)]


def test_several_threads_that_ask_for_neighbours_make_one_request() -> None:
    objects = FakeObjects(bytes(range(256)) * 100)
    files = tasks(objects, *((number * 1000, 700) for number in range(16)))
    opener = opener_of(objects)
    opener.announce(files)
    with ThreadPoolExecutor(16) as threads:
        contents = [opened.content for opened in threads.map(opener.read, files)]
    assert contents == [objects.content[number * 1000 :][:700] for number in range(16)]
    assert objects.spans == [(0, 15_700)]
