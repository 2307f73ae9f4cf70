from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.labeling.workers.files import FileTask
from fashionbatch.stores.archives.members import ArchiveError, Member, Place
from fashionbatch.stores.archives.opener import ArchiveOpener
from fashionbatch.stores.archives.zip import zip_members
from fashionbatch.stores.opening import FileStatusError
from tests.unit.stores.archives.hostile import zip_entry, zip_of


def members_of(tmp_path: Path, data: bytes) -> list[Member]:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with path.open("rb") as file:
        return list(zip_members(file))


def content_of(tmp_path: Path, member: Member) -> bytes | tuple[str, str]:
    """What a worker reads of a member of `a.zip`, or the status and reason of its row."""
    seen = (tmp_path / "a.zip").stat()
    place = Place("zip", len("a.zip"), seen.st_size, seen.st_mtime_ns, member.numbers)
    opener = ArchiveOpener(bytes(tmp_path), tmp_path)
    try:
        opened = opener.open(FileTask(0, "a.zip/x", member.size, 0, "", place.token()))
        assert opened.content is not None
        return opened.content
    except FileStatusError as problem:
        return problem.status, problem.error
    finally:
        opener.close()


def only(tmp_path: Path, **fields: Any) -> Member:
    (member,) = members_of(tmp_path, zip_entry(fields.pop("name", b"a.jpg"), fields.pop("packed", b"abc"), **fields))
    return member


@pytest.mark.parametrize("method", [0, 8])
@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nexit 0\n" * 50])
def test_members_are_read_where_they_lie(tmp_path: Path, method: int, prefix: bytes) -> None:
    contents = {"a.jpg": b"a" * 5000, "d/é.png": b"", "c.jpg": bytes(range(256))}
    members = members_of(tmp_path, prefix + zip_of(*contents.items(), method=method))
    assert [member.name.decode() for member in members] == list(contents)
    assert [content_of(tmp_path, member) for member in members] == list(contents.values())
    assert {member.mtime_ns for member in members} == {1715949008 * 10**9}


def test_folders_are_no_members(tmp_path: Path) -> None:
    assert members_of(tmp_path, zip_of(("d/", b""))) == []


@pytest.mark.parametrize(("mode", "kind"), [(stat.S_IFLNK, "link"), (stat.S_IFIFO, "special"), (stat.S_IFREG, "file")])
def test_links_and_pipes_are_known(tmp_path: Path, mode: int, kind: str) -> None:
    assert only(tmp_path, mode=mode | 0o644).kind == kind


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"flags": 1}, "ArchiveError: the member is encrypted"),
        ({"method": 14}, "ArchiveError: the member is compressed by LZMA; deflate is read"),
        ({"method": 77}, "ArchiveError: the member is compressed by method 77; deflate is read"),
        ({"name": b"../a.jpg"}, "ArchiveError: the member's name leads out of the archive"),
        ({"size": 1 << 31, "method": 8}, "ArchiveError: the member is larger than 256 MiB"),
        ({"size": 0xFFFFFFFF, "extra": b"\1\0\4\0abcd"}, "ArchiveError: the member's entry is damaged"),
    ],
)
def test_a_member_that_is_not_to_be_read_says_why(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    assert only(tmp_path, **fields).problem == problem


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"local_name": b"b.jpg"},
            "ArchiveError: the archive is damaged: its directory and the member's header differ",
        ),
        ({"crc": 1}, "ArchiveError: the archive is damaged: the member's checksum is wrong"),
        ({"size": 5}, "ArchiveError: the archive is damaged: the member is not of the size that is told"),
        ({"told": 1 << 20}, "ArchiveError: the archive ends within the member"),
    ],
)
def test_a_member_that_is_not_what_it_says_is_an_error(tmp_path: Path, fields: dict[str, Any], problem: str) -> None:
    assert content_of(tmp_path, only(tmp_path, **fields)) == ("error", problem)


def test_rubbish_in_the_place_of_what_was_deflated_is_an_error(tmp_path: Path) -> None:
    found = content_of(tmp_path, only(tmp_path, packed=b"\xff" * 10, method=8))
    assert found[0] == "error"


def test_a_bomb_is_inflated_no_further_than_it_says(tmp_path: Path) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(bytes(50 << 20)) + deflate.flush()
    found = content_of(tmp_path, only(tmp_path, packed=packed, method=8, size=1000))
    assert found == ("error", "ArchiveError: the archive is damaged: the member is not of the size that is told")


def test_a_size_of_64_bits_is_read(tmp_path: Path) -> None:
    extra = struct.pack("<2H2Q", 1, 16, 3, 3)
    member = only(tmp_path, size=0xFFFFFFFF, told=0xFFFFFFFF, extra=extra)
    assert member.size == 3
    assert content_of(tmp_path, member) == b"abc"


def test_the_directory_of_a_zip64_is_found(tmp_path: Path) -> None:
    data = zip_of(("a.jpg", b"abc"))
    body, end = data[:-22], data[-22:]
    _, _, _, _, _, length, offset, _ = struct.unpack("<4s4H2LH", end)
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, length, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    small = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for prefix in (b"", b"before"):
        (member,) = members_of(tmp_path, prefix + body + large + locator + small)
        assert content_of(tmp_path, member) == b"abc"


def test_a_name_without_a_flag_is_utf_8_where_it_can_be(tmp_path: Path) -> None:
    assert only(tmp_path, name="é.jpg".encode()).name == "é.jpg".encode()
    assert only(tmp_path, name=b"\x82.jpg").name == "é.jpg".encode()


@pytest.mark.parametrize("data", [b"", b"PK", b"x" * 100, zip_of(("a.jpg", b"abc"))[:60], b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveError):
        members_of(tmp_path, data)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 420), bytes_=st.binary(min_size=1, max_size=12), kept=st.integers(100, 600))
def test_whatever_is_damaged_members_are_whole_or_told(
    tmp_path_factory: pytest.TempPathFactory, at: int, bytes_: bytes, kept: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("zip")
    contents = {f"{number}.jpg": bytes([number]) * 50 for number in range(3)}
    data = bytearray(zip_of(*contents.items()))
    data[at : at + len(bytes_)] = bytes_
    try:
        members = members_of(tmp_path, bytes(data[:kept]))
    except ArchiveError:
        return
    for member in members:
        if not member.problem:
            found = content_of(tmp_path, member)
            assert found in contents.values() or found[0] == "error"
