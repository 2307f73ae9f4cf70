from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.stores.archives.members import ArchiveError, Member, plain_name
from fashionbatch.stores.archives.tar import tar_members
from tests.unit.stores.archives.hostile import MTIME, tar_header, tar_of


def read(tmp_path: Path, data: bytes) -> tuple[list[Member], str]:
    """The members, and why they end too early."""
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    members: list[Member] = []
    with path.open("rb") as file:
        try:
            members.extend(tar_members(file))
        except ArchiveError as error:
            return members, str(error)
    return members, ""


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_lie_where_they_are_said_to(tmp_path: Path, format_: int) -> None:
    names = ["a.jpg", "b" * 90 + "/" + "c" * 90 + ".jpg", "é.jpg", "d/\udcff.jpg"]
    data = tar_of(*((name, name.encode("utf-8", "surrogateescape") * 100) for name in names), format=format_)
    members, problem = read(tmp_path, data)
    assert not problem
    assert [member.name.decode("utf-8", "surrogateescape") for member in members] == names
    for member in members:
        assert data[member.numbers[0] :][: member.size] == member.name * 100
        assert (member.kind, member.mtime_ns, member.problem) == ("file", MTIME * 10**9, "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.FIFOTYPE, "special"),
        (tarfile.CHRTYPE, "special"),
        (tarfile.BLKTYPE, "special"),
        (tarfile.CONTTYPE, "file"),
    ],
)
def test_what_is_no_plain_file_is_known(tmp_path: Path, kind: bytes, expected: str) -> None:
    members, _ = read(tmp_path, tar_of(("a.jpg", b""), type=kind, linkname="/etc/passwd"))
    assert [member.kind for member in members] == [expected]


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "a/../../b.jpg"])
def test_a_name_that_leads_out_is_not_read(tmp_path: Path, name: str) -> None:
    members, _ = read(tmp_path, tar_of((name, b"x")))
    assert members[0].problem == "ArchiveError: the member's name leads out of the archive"


def test_a_size_that_lies_costs_its_member(tmp_path: Path) -> None:
    huge = tar_header(b"huge.jpg", b"77777777777\0") + bytes(1024)
    members, problem = read(tmp_path, tar_of(("a.jpg", b"x"))[:1024] + huge)
    assert [member.problem for member in members] == ["", "ArchiveError: the member is larger than 256 MiB"]
    assert problem == "unexpected end of data"
    short = tar_header(b"short.jpg", b"00000010000\0") + bytes(1024)
    assert read(tmp_path, short)[0][0].problem == "ArchiveError: the archive ends within the member"


@pytest.mark.parametrize("kind", [b"0", b"x", b"L", b"g", b"K", b"S"])
@pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"\xff" * 4 + b"\0" * 8, b"-0000001000\0"])
def test_a_negative_or_boundless_size_ends_the_archive(tmp_path: Path, kind: bytes, size: bytes) -> None:
    data = tar_of(("a.jpg", b"x"))[:1024] + tar_header(b"b.jpg", size, kind) + bytes(1024)
    members, problem = read(tmp_path, data)
    assert members[0].name == b"a.jpg"
    assert problem or all(member.problem for member in members[1:])


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_extended_header_of_a_gigabyte_is_not_read(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(tar_header(b"pax", b"%011o\0" % (1 << 30), kind))
        file.truncate(1 << 31)
    with path.open("rb") as opened, pytest.raises(ArchiveError, match="a header of 1,073,741,824 bytes"):
        list(tar_members(opened))


def test_extended_headers_without_end_are_not_followed(tmp_path: Path) -> None:
    chain = (tar_header(b"pax", b"00000000000\0", b"x")) * 3000
    members, problem = read(tmp_path, tar_of(("a.jpg", b"x"))[:1024] + chain)
    assert len(members) == 1
    assert problem


def test_sparse_members_are_not_read(tmp_path: Path) -> None:
    members, _ = read(tmp_path, tar_header(b"a.jpg", b"00000000000\0", b"S") + bytes(1024))
    assert [member.problem for member in members] == ["ArchiveError: the member is stored with holes"]


@pytest.mark.parametrize(("end", "problem"), [(1024, "no end mark"), (700, "unexpected end"), (1124, "header")])
def test_an_archive_that_is_cut_short_says_so(tmp_path: Path, end: int, problem: str) -> None:
    data = tar_of(("a.jpg", b"x" * 512), ("b.jpg", b"y" * 512))
    members, found = read(tmp_path, data[:end])
    assert [member.name for member in members] == [b"a.jpg"]
    assert problem in found


def test_rubbish_in_the_place_of_a_header_says_so(tmp_path: Path) -> None:
    data = tar_of(("a.jpg", b"x"), ("b.jpg", b"y"))
    members, problem = read(tmp_path, data[:1024] + b"?" * 512 + data[1536:])
    assert [member.name for member in members] == [b"a.jpg"]
    assert problem == "no header at byte 1,024"
    members, problem = read(tmp_path, b"?" * 2048)
    assert not members
    assert problem.startswith("no tar archive")


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 3000), bytes_=st.binary(min_size=1, max_size=20), kept=st.integers(0, 12_000))
def test_whatever_is_damaged_members_are_what_they_can_be(
    tmp_path_factory: pytest.TempPathFactory, at: int, bytes_: bytes, kept: int
) -> None:
    data = bytearray(tar_of(*((f"{'d' * 120}/{number}.jpg", b"x" * 600) for number in range(3))))
    data[at : at + len(bytes_)] = bytes_
    members, _ = read(tmp_path_factory.mktemp("tar"), bytes(data[:kept]))
    for member in members:
        assert member.problem or member.numbers[0] + member.size <= kept
        assert member.mtime_ns >= 0


@pytest.mark.parametrize(
    ("name", "plain"),
    [(b"./a/b.jpg", b"a/b.jpg"), (b"a//b/./c", b"a/b/c"), (b"/a", b"/a"), (b"./.hidden", b".hidden"), (b".", b"")],
)
def test_names_lose_what_means_nothing(name: bytes, plain: bytes) -> None:
    assert plain_name(name) == plain
