"""The scan of a store: the rows, their order and what is left out are those of the same files in a folder."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.errors import DataError
from fashionbatch.labeling.job.manifest import Manifest, ScannedFile
from fashionbatch.labeling.source import external_sort, store
from fashionbatch.labeling.source.folder import scan_folder
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary
from fashionbatch.labeling.source.store import scan_store
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Patience, Retrying

IMAGES = ScanOptions(extensions=(".jpg", ".png"))
ONCE = Retrying(Patience(tries=1))


class Listed:
    """A store that lists these paths, a few a page, in no order."""

    def __init__(self, *paths: str) -> None:
        self.paths = sorted(paths, key=lambda path: path[::-1])

    def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
        for start in range(0, len(self.paths), 3):
            yield [StoredObject(path, 3, 7, f'"{path}"') for path in self.paths[start : start + 3]]

    def look(self, path: str, seconds: float) -> StoredObject:
        if path not in self.paths:
            raise FileNotFoundError(2, "nothing")
        return StoredObject(path, 3, 7, "tag")

    def look_at_list(self, seconds: float) -> None: ...


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(objects: Any, options: ScanOptions = IMAGES, url: str = "s3://bucket/photos") -> Any:
        monkeypatch.setattr(store, "open_objects", lambda url: objects)
        path = tmp_path / "manifest"
        summary = scan_store(Url(url), options, path, report=lambda rows: None, retrying=ONCE)
        return records_of(path), summary

    return run


def records_of(path: Path) -> list[ScannedFile]:
    manifest = Manifest(path)
    try:
        return list(manifest.rows(0, len(manifest)))
    finally:
        manifest.close()


NAMES = st.text("ab./-é", min_size=1, max_size=9)


@given(names=st.sets(NAMES, max_size=25), include=st.sampled_from([(), ("*a*",), ("a/**",)]), hidden=st.booleans())
def test_any_tree_gives_what_the_folder_gives(
    names: set[str], include: tuple[str, ...], hidden: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("scan")
    folder = base / "photos"
    folder.mkdir()
    for name in names:
        path = folder / (name.strip("/").replace("..", "_") + ".jpg")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"abc")
        except OSError:
            continue  # one name is a file and another wants it to be a directory
    options = ScanOptions(extensions=(".jpg",), include=include, exclude=("b*", "a/b/**"), hidden=hidden)
    expected = scan_folder(os.fsencode(folder), options, base / "local")
    objects = Listed(*(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "open_objects", lambda url: objects)
        summary = scan_store(Url("s3://b/p"), options, base / "remote", report=lambda rows: None, retrying=ONCE)
    assert [record.path for record in records_of(base / "remote")] == [each.path for each in records_of(base / "local")]
    assert counts_of(summary) == counts_of(expected)


def counts_of(summary: ScanSummary) -> tuple[Any, ...]:
    return summary.rows, summary.bytes, summary.hidden, summary.excluded, summary.other


def test_a_row_has_size_time_and_tag_of_the_object(scan: Any) -> None:
    records, summary = scan(Listed("b.jpg", "a/b.jpg", "a.jpg", "note.txt", "folder/"))
    assert records == [ScannedFile(name, 3, 7, token=f'"{name.decode()}"') for name in (b"a.jpg", b"a/b.jpg", b"b.jpg")]
    assert (summary.bytes, summary.other) == (9, {".txt": 1})


def test_more_objects_than_memory_should_hold_are_sorted_on_the_disk(
    scan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external_sort.external_sort, "__defaults__", (4,))
    names = [f"{number * 37 % 100:03}.jpg" for number in range(100)]
    records, _ = scan(Listed(*names))
    assert [record.path.decode() for record in records] == sorted(names)


def test_a_limit_ends_the_rows(scan: Any) -> None:
    records, summary = scan(Listed("a.jpg", "b.jpg", "c.jpg"), ScanOptions(extensions=(".jpg",), limit=2))
    assert ([record.path for record in records], summary.limited) == ([b"a.jpg", b"b.jpg"], True)


def test_one_photo_is_the_only_row(scan: Any) -> None:
    records, _ = scan(Listed("a.jpg", "b.jpg"), url="s3://bucket/photos/a.jpg")
    assert records == [ScannedFile(b"a.jpg", 3, 7, token="tag")]


@pytest.mark.parametrize(
    ("kind", "hint"), [("denied", "credentials"), ("missing", "address"), ("failed", None), ("passing", None)]
)
def test_a_store_that_does_not_list_is_one_line(kind: Any, hint: str | None, scan: Any) -> None:
    class Refusing(Listed):
        def pages(self, retrying: Retrying) -> Iterator[list[StoredObject]]:
            raise StoreFaultError(kind, "AccessDenied: the store answered with status 403")
            yield []

    with pytest.raises(DataError) as caught:
        scan(Refusing(), url="s3://bucket/photos")
    assert caught.value.message == "s3://bucket/photos: AccessDenied: the store answered with status 403"
    assert (hint is None and caught.value.hint is None) or hint in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["denied", "credentials"])
def test_rights_to_list_without_any_to_read_end_the_run(kind: Any, scan: Any) -> None:
    class Unreadable(Listed):
        def look(self, path: str, seconds: float) -> StoredObject:
            looked.append(path)
            raise StoreFaultError(kind, "Told")

    looked: list[str] = []
    with pytest.raises(DataError) as caught:
        scan(Unreadable(*(f"{number:03}.jpg" for number in range(100))))
    assert "lets nothing be read: Told (16 objects tried)" in caught.value.message
    assert len(set(looked)) == 16
    assert max(looked) > "050.jpg", "any row may be among them"


def test_one_object_that_may_be_read_is_enough(scan: Any) -> None:
    class Partly(Listed):
        def look(self, path: str, seconds: float) -> StoredObject:
            looked.append(path)
            if path < "b.jpg":
                raise StoreFaultError("denied", "Told")
            return super().look(path, seconds)

    looked: list[str] = []
    records, _ = scan(Partly("a.jpg", "b.jpg", "c.jpg"))
    assert (len(records), looked) == (3, ["a.jpg", "b.jpg"])


def test_any_store_of_fsspec_is_listed_and_read(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'fashionbatch[cloud]'")
    from fashionbatch.stores.opening import FileStatusError
    from fashionbatch.stores.reaching import open_objects
    from fashionbatch.stores.remote import RemoteOpener

    memory = fsspec.filesystem("memory")
    names = ["b/c.jpg", "b.jpg", "b/a/d.jpg", "note.txt", ".hidden/a.jpg"]
    memory.pipe({f"/scan/photos/{name}": name.encode() for name in names})
    try:
        url = Url("memory://scan/photos")
        summary = scan_store(url, IMAGES, tmp_path / "manifest", report=lambda rows: None, retrying=ONCE)
        records = records_of(tmp_path / "manifest")
        assert [record.path for record in records] == [b"b.jpg", b"b/a/d.jpg", b"b/c.jpg"]
        assert (summary.hidden, summary.other) == (1, {".txt": 1})
        now = datetime.datetime.now(datetime.UTC).timestamp() * 1e9
        assert all(abs(record.mtime_ns - now) < 3600e9 for record in records)

        class Wanted(ScannedFile):
            path = property(lambda self: "b/c.jpg")

        opener = RemoteOpener(open_objects(url), ONCE)
        assert opener.read(Wanted(*records[2])).content == b"b/c.jpg"
        memory.rm("/scan/photos/b/c.jpg")
        with pytest.raises(FileStatusError) as caught:
            opener.read(Wanted(*records[2]))
        assert caught.value.status == "missing"
    finally:
        memory.rm("/scan", recursive=True)
