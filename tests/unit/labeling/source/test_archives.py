from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from fashionbatch.errors import DataError
from fashionbatch.labeling.job.manifest import UNKNOWN, Manifest, ScannedFile
from fashionbatch.labeling.source.archives import scan_archives
from fashionbatch.labeling.source.left_out import left_out
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary
from fashionbatch.stores.address import Location, Url
from fashionbatch.stores.archives.members import Place, place_of
from tests.unit.stores.archives.hostile import zip64_of, zip_of

IMAGES = ScanOptions(extensions=(".jpg", ".png"))


def tar(path: Path, *names: str | tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name in names:
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            entry.size = 3 * entry.isreg()
            archive.addfile(entry, io.BytesIO(b"xyz"))
    return path


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "a.jpg"
    return entry


def scan(source: Location, tmp_path: Path, options: ScanOptions = IMAGES) -> tuple[list[ScannedFile], ScanSummary]:
    job = tmp_path / "job"
    job.mkdir(exist_ok=True)
    manifest_path = job / "manifest"
    manifest_path.unlink(missing_ok=True)
    shutil.rmtree(job / "unpacked", ignore_errors=True)
    summary = scan_archives(source, options, manifest_path)
    manifest = Manifest(manifest_path)
    assert manifest.is_ordered
    rows = list(manifest.rows(0, len(manifest)))
    manifest.close()
    return rows, summary


def in_memory(monkeypatch: pytest.MonkeyPatch, *archives: Path) -> Url:
    """The folder of archives as a store has it."""
    memory = pytest.importorskip("fsspec.implementations.memory", reason="pip install 'fashionbatch[cloud]'")
    monkeypatch.setattr(memory.MemoryFileSystem, "store", {})
    for archive in archives:
        memory.MemoryFileSystem().pipe_file(f"/shards/{archive.name}", archive.read_bytes())
    return Url("memory://shards")


def paths(source: Path, tmp_path: Path, options: ScanOptions = IMAGES) -> list[str]:
    return [os.fsdecode(row.path) for row in scan(source, tmp_path, options)[0]]


def test_rows_are_named_by_archive_and_member_in_the_order_of_bytes(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", "./b/2.jpg", "a.jpg", "b.jpg", "b/1.JPG")
    assert paths(archive, tmp_path) == ["p.tar/a.jpg", "p.tar/b.jpg", "p.tar/b/1.JPG", "p.tar/b/2.jpg"]


def test_braces_name_several_archives(tmp_path: Path) -> None:
    for number in (9, 10):
        tar(tmp_path / f"s-{number:02}.tar", "a.jpg")
    assert paths(tmp_path / "s-{09..10}.tar", tmp_path) == ["s-09.tar/a.jpg", "s-10.tar/a.jpg"]
    for name in "ab":
        (tmp_path / name).mkdir()
        tar(tmp_path / name / "s.tar", "x.jpg")
    assert paths(tmp_path / "{b,a}" / "s.tar", tmp_path) == ["a/s.tar/x.jpg", "b/s.tar/x.jpg"]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    names = ["a.jpg", "__MACOSX/._a.jpg", ".hidden/b.jpg", "notes.txt", "README", "skip/c.jpg", "skip/d.jpg"]
    kinds = [special("l.jpg", tarfile.SYMTYPE), special("h.jpg", tarfile.LNKTYPE), special("f.jpg", tarfile.FIFOTYPE)]
    archive = tar(tmp_path / "p.tar", *names, *kinds, special("folder.jpg", tarfile.DIRTYPE))
    rows, summary = scan(archive, tmp_path, ScanOptions(extensions=(".jpg",), exclude=("skip",)))
    assert [row.path for row in rows] == [b"p.tar/a.jpg"]
    assert left_out(summary) == [
        "1 .txt",
        "1 without an ending",
        "2 hidden or left by a system (--hidden takes them)",
        "2 by --include and --exclude",
        "2 links in archives",
        "1 socket, pipe or device",
    ]


def test_patterns_are_of_the_path_within_the_archive(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", "a/1.jpg", "b/1.jpg", "b/2.jpg", "3.jpg")
    options = ScanOptions(extensions=None, include=("b/*", "3.*"), exclude=("2.jpg",))
    assert paths(archive, tmp_path, options) == ["p.tar/3.jpg", "p.tar/b/1.jpg"]


def test_all_files_and_hidden_ones_can_be_asked_for(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", ".x", "y")
    assert paths(archive, tmp_path, ScanOptions(extensions=None, hidden=True)) == ["p.tar/.x", "p.tar/y"]


def test_the_limit_counts_in_the_order_of_the_rows(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", "c.jpg", "b.jpg", "a.jpg")
    rows, summary = scan(archive, tmp_path, ScanOptions(extensions=None, limit=2))
    assert [row.path for row in rows] == [b"p.tar/a.jpg", b"p.tar/b.jpg"]
    assert summary.limited


def test_of_several_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    archive = tmp_path / "p.tar"
    with tarfile.open(archive, "w") as made:
        for content in (b"first", b"second!", b"last"):
            entry = tarfile.TarInfo("a.jpg")
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    rows, summary = scan(archive, tmp_path)
    assert [row.size for row in rows] == [4]
    assert summary.notes == ["2 members with the path of a later one: left out, as unpacking would replace them"]


def test_a_member_that_is_not_to_be_read_is_a_row(tmp_path: Path) -> None:
    rows, _ = scan(tar(tmp_path / "p.tar", "../a.jpg", "b.jpg"), tmp_path)
    assert [(row.path, row.size) for row in rows] == [(b"p.tar/../a.jpg", UNKNOWN), (b"p.tar/b.jpg", 3)]
    assert rows[0].token == "refused ArchiveError: the member's name leads out of the archive"


def test_a_name_that_no_file_can_have_is_counted(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", "a.jpg", "d/" * 40_000 + "b.jpg")
    rows, summary = scan(archive, tmp_path)
    assert len(rows) == 1
    assert summary.notes == ["1 member with a name that no file can have: left out"]


def test_an_archive_that_is_cut_short_gives_its_rows_and_a_warning(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", "a.jpg", "b.jpg")
    os.truncate(archive, 1024)
    rows, summary = scan(archive, tmp_path)
    assert [row.path for row in rows] == [b"p.tar/a.jpg"]
    (note,) = summary.notes
    assert note.startswith(f"warning: {archive}: is damaged or cut short after 1 member: ")


@pytest.mark.parametrize("name", ["p.tar", "p.zip", "p.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"rubbish" * 400, b"\x1f\x8brubbish"])
def test_an_archive_of_which_nothing_can_be_read_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        scan(tmp_path / name, tmp_path)


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_what_is_compressed_as_a_whole_is_unpacked_once(tmp_path: Path, mode: str) -> None:
    archive = tar(tmp_path / f"p.tar.{mode}", "b.jpg", "a.jpg", mode=f"w:{mode}")
    rows, _ = scan(archive, tmp_path)
    assert [row.path for row in rows] == [f"p.tar.{mode}/{name}.jpg".encode() for name in "ab"]
    offset, number = map(int, rows[0].token.split(" ")[-2:])
    assert (tmp_path / "job" / "unpacked" / f"{number:06d}.content").read_bytes()[offset:][:3] == b"xyz"


def test_how_an_archive_is_compressed_is_seen_and_not_read_off_its_name(tmp_path: Path) -> None:
    archive = tar(tmp_path / "p.tar", "a.jpg")
    archive.write_bytes(gzip.compress(archive.read_bytes()))
    assert paths(archive, tmp_path) == ["p.tar/a.jpg"]
    assert paths(tar(tmp_path / "q.tar.gz", "a.jpg"), tmp_path) == ["q.tar.gz/a.jpg"]


def test_a_compressed_archive_that_is_cut_short_gives_what_there_is(tmp_path: Path) -> None:
    content = b"".join(bytes([number % 251]) * 1000 + os.urandom(1000) for number in range(100))
    archive = tmp_path / "p.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        for name in ("a.jpg", "b.jpg"):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    os.truncate(archive, archive.stat().st_size * 3 // 4)
    rows, summary = scan(archive, tmp_path)
    assert [(row.path, row.size) for row in rows] == [(b"p.tar.gz/a.jpg", len(content)), (b"p.tar.gz/b.jpg", UNKNOWN)]
    assert "is damaged or cut short after 2 members: Compressed file ended" in summary.notes[0]


def test_a_zip_is_scanned_by_the_same_rules(tmp_path: Path) -> None:
    archive = tmp_path / "p.ZIP"
    with zipfile.ZipFile(archive, "w") as made:
        for name in ("b.jpg", "__MACOSX/._b.jpg", "a/", "a/c.png", "t.txt"):
            made.writestr(name, b"xyz")
    rows, summary = scan(archive, tmp_path)
    assert [row.path for row in rows] == [b"p.ZIP/a/c.png", b"p.ZIP/b.jpg"]
    assert (summary.hidden, summary.other, summary.bytes) == (1, {".txt": 1}, 6)


def same_rows(local: list[ScannedFile], remote: list[ScannedFile]) -> bool:
    """Whether rows are the same but for the time of their archive, which is that of its upload."""

    def without_time(row: ScannedFile) -> tuple[object, ...]:
        place = place_of(row.token)
        return *row[:3], place._replace(mtime_ns=0, tag="") if isinstance(place, Place) else place

    return [without_time(row) for row in local] == [without_time(row) for row in remote]


@pytest.mark.parametrize("name", ["p.tar", "p.tar.gz", "p.zip"])
def test_an_archive_in_a_store_gives_the_rows_of_the_one_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    names = ["a.jpg", "../b.jpg", "notes.txt", *(f"d/{number}.png" for number in range(300))]
    archive = tmp_path / name
    if name.endswith("zip"):
        archive.write_bytes(zip_of(*((name, b"xyz" * 500) for name in names)))
    else:
        tar(archive, *names, special("l.jpg", tarfile.SYMTYPE), mode="w:gz" if name.endswith("gz") else "w")
    url = in_memory(monkeypatch, archive)
    local, counts = scan(archive, tmp_path)
    remote, summary = scan(url / name, tmp_path)
    assert same_rows(local, remote)
    assert (summary.rows, summary.other, summary.links) == (counts.rows, counts.other, counts.links)


def test_a_comment_as_long_as_can_be_and_zip64_are_read_in_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "p.zip"
    archive.write_bytes(zip64_of(300, b"PK\x05\x06" * ((1 << 14) - 1)))
    local, _ = scan(archive, tmp_path)
    remote, _ = scan(in_memory(monkeypatch, archive) / "p.zip", tmp_path)
    assert len(local) == 300
    assert same_rows(local, remote)


def test_braces_in_an_address_name_archives_of_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = in_memory(monkeypatch, *(tar(tmp_path / f"s-{number}.tar", "a.jpg") for number in (1, 2)))
    rows, _ = scan(url / "s-{1..2}.tar", tmp_path)
    assert [row.path for row in rows] == [b"s-1.tar/a.jpg", b"s-2.tar/a.jpg"]
    with pytest.raises(DataError, match=r"memory://shards/s-3\.tar: FileNotFoundError"):
        scan(url / "s-{1..3}.tar", tmp_path)
    with pytest.raises(DataError, match="one bucket"):
        scan(Url("memory://{a,b}.tar"), tmp_path)


def test_an_archive_in_a_store_that_is_cut_short_gives_its_rows_and_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tar(tmp_path / "p.tar", "a.jpg", "b.jpg")
    os.truncate(archive, 1024)
    rows, summary = scan(in_memory(monkeypatch, archive) / "p.tar", tmp_path)
    assert [row.path for row in rows] == [b"p.tar/a.jpg"]
    assert summary.notes[0].startswith("warning: memory://shards/p.tar: is damaged or cut short after 1 member: ")


@pytest.mark.parametrize("name", ["p.tar", "p.zip", "p.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"rubbish" * 400, b"\x1f\x8brubbish"])
def test_an_archive_in_a_store_of_which_nothing_can_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"^memory://shards/{name}: "):
        scan(in_memory(monkeypatch, tmp_path / name) / name, tmp_path)
