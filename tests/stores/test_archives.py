"""Labeling members of archives in a store: the table is that of the same archive on this machine."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify
from fashionbatch.errors import DataError, FashionBatchError

Paint = Callable[[Mapping[str, int]], Path]
MANY = {f"{'ab'[number % 2]}/{number:02}.png": number % 3 for number in range(40)}


def label(where: str | Path, bundle: Path, output: Path, **asked: Any) -> bytes:
    classify(where, bundle, output, **{"workers": 1, "progress": False, **asked})
    return output.read_bytes()


@pytest.fixture
def folder(paint: Paint, store: Any) -> Path:
    folder = paint(MANY)
    (folder / "broken.jpg").write_bytes(b"broken")
    (folder / "notes.txt").write_text("no photo")
    return folder


def pack(folder: Path, archive: Path) -> Path:
    if archive.suffix == ".zip":
        return Path(shutil.make_archive(str(archive.with_suffix("")), "zip", folder))
    with tarfile.open(archive, f"w:{'gz' if archive.suffix == '.gz' else ''}") as made:
        for path in sorted((path for path in folder.rglob("*") if path.is_file()), reverse=True):
            made.add(path, path.relative_to(folder))
    return archive


@pytest.mark.parametrize("name", ["photos.tar", "photos.tar.gz", "photos.zip"])
def test_the_table_is_that_of_the_archive_on_this_machine(folder: Path, tiny: Path, store: Any, name: str) -> None:
    tmp_path = folder.parent
    archive = pack(folder, tmp_path / name)
    store.put(f"packed/{name}", archive.read_bytes())
    local = label(archive, tiny, tmp_path / "local.csv")
    faults = ("429", "503", "lost", "truncated")
    store.proxy.plan = lambda method, path, number: None if number % 3 else faults[number // 3 % 4]
    assert label(f"s3://bucket/packed/{name}", tiny, tmp_path / "remote.csv", workers=2) == local


def test_neighbours_of_a_chunk_are_one_request(folder: Path, tiny: Path, store: Any, tmp_path: Path) -> None:
    store.put("photos.zip", pack(folder, tmp_path / "photos.zip").read_bytes())
    label("s3://bucket/photos.zip", tiny, tmp_path / "remote.csv")
    # Of the archive as a whole, of its directory, and one for each eight of 41 photos.
    assert store.proxy.counts["GET", "/bucket/photos.zip"] <= 2 + 6


def test_copies_of_what_lies_in_a_store_are_sorted_into_folders(
    folder: Path, tiny: Path, store: Any, tmp_path: Path
) -> None:
    store.put("photos.tar", pack(folder, tmp_path / "photos.tar").read_bytes())
    store.put_folder(folder, "photos")
    for where, prefix in (("s3://bucket/photos.tar", "photos.tar/"), ("s3://bucket/photos", "")):
        into = tmp_path / where.replace("/", "_")
        asked = {"workers": 1, "progress": False, "sort_into": into, "overwrite": True}
        done = classify(where, tiny, tmp_path / "sorted.csv", way="copy", **asked)
        assert done.sorted == "40 files in place, 1 without a label"
        copied = into / "red" / prefix / "a/00.png"
        assert copied.read_bytes() == (folder / "a/00.png").read_bytes()
        with pytest.raises(FashionBatchError, match="cannot link what is no file of this machine"):
            classify(where, tiny, tmp_path / "sorted.csv", way="link", **asked)


def test_braces_name_several_archives_of_a_bucket(folder: Path, tiny: Path, store: Any, tmp_path: Path) -> None:
    for number in (9, 10):
        archive = pack(folder, tmp_path / f"s-{number:02}.tar")
        store.put(f"shards/s-{number:02}.tar", archive.read_bytes())
    local = label(tmp_path / "s-{09..10}.tar", tiny, tmp_path / "local.csv")
    assert label("s3://bucket/shards/s-{09..10}.tar", tiny, tmp_path / "remote.csv") == local
    with pytest.raises(DataError) as caught:
        label("s3://bucket/shards/s-{09..11}.tar", tiny, tmp_path / "none.csv")
    assert caught.value.message.startswith("s3://bucket/shards/s-11.tar: ")
    assert "status 404" in caught.value.message


def test_an_archive_that_is_replaced_after_the_scan_gives_rows_that_say_so(
    folder: Path, tiny: Path, store: Any, tmp_path: Path
) -> None:
    archive = pack(folder, tmp_path / "photos.tar")
    store.put("photos.tar", archive.read_bytes())

    def plan(method: str, path: str, number: int) -> None:
        # The scan looks at the archive and reads its headers; then members are asked for.
        if path == "/bucket/photos.tar" and method == "GET" and number > 3 and not done:
            done.append(path)
            store.put("photos.tar", archive.read_bytes()[:-512] + bytes(512) + b"\0")

    done: list[str] = []
    store.proxy.plan = plan
    rows = label("s3://bucket/photos.tar", tiny, tmp_path / "remote.csv").decode().splitlines()[1:]
    assert done
    assert len(rows) == len(MANY) + 1
    changed = [row for row in rows if ",changed,FileChanged: it was written to after the listing" in row]
    assert changed
    assert all(",ok," in row or row in changed or "broken.jpg" in row for row in rows)


@pytest.mark.parametrize("name", ["photos.tar", "photos.zip"])
def test_a_store_that_sends_the_whole_archive_for_a_part_is_one_line(
    folder: Path, tiny: Path, store: Any, tmp_path: Path, name: str
) -> None:
    store.put(name, pack(folder, tmp_path / name).read_bytes() + bytes(1 << 18))
    store.proxy.plan = lambda method, path, number: "whole"
    with pytest.raises(DataError) as caught:
        label(f"s3://bucket/{name}", tiny, tmp_path / "remote.csv")
    assert caught.value.message == (
        f"s3://bucket/{name}: NoPartsError: it does not send the part of a file that it is asked for"
    )
    assert not list(tmp_path.glob("remote.csv*"))
