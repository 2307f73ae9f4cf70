from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.labeling.job.manifest import UNKNOWN, Manifest, ScannedFile
from fashionbatch.labeling.source import folder
from fashionbatch.labeling.source.folder import scan_folder
from fashionbatch.labeling.source.left_out import left_out
from fashionbatch.labeling.source.request import ScanOptions, ScanSummary

IMAGES = ScanOptions(extensions=(".jpg", ".png"))
ALL = ScanOptions(extensions=None)


def run(folder: Path, options: ScanOptions = IMAGES) -> tuple[list[ScannedFile], ScanSummary]:
    manifest_path = folder.parent / "manifest"
    summary = scan_folder(os.fsencode(folder), options, manifest_path)
    manifest = Manifest(manifest_path)
    records = list(manifest.rows(0, len(manifest)))
    manifest.close()
    assert summary.rows == len(records)
    return records, summary


def make(folder: Path, *names: bytes) -> None:
    for name in names:
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"x" * 3)


def test_rows_come_in_the_order_of_the_paths_bytes(photos: Path) -> None:
    names = [b"a/b.jpg", b"a.jpg", b"a-b.jpg", b"a/b/c.jpg", b"Z.jpg", b"a b.jpg", b"\xff.jpg", b"a\n.jpg", b"aa.jpg"]
    names += ["é.jpg".encode(), "e\u0301.jpg".encode(), b"a0/x.jpg"]
    make(photos, *names)
    assert [record.path for record in run(photos)[0]] == sorted(names)


@settings(max_examples=40, deadline=None)
@given(names=st.sets(st.text("ab./-0", min_size=1, max_size=8), max_size=30))
def test_any_tree_comes_in_order(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    folder = tmp_path_factory.mktemp("scan") / "photos"
    folder.mkdir()
    for name in sorted(names):
        path = folder / name.strip("/").replace("..", "_")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:
            continue  # one name is a file and another wants it to be a directory
    expected = sorted(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert [record.path for record in run(folder, ScanOptions(extensions=None, hidden=True))[0]] == expected


def test_large_directories_are_sorted_outside_memory_to_the_same_order(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "RUN_LENGTH", 7)
    names = [b"%d/%d.jpg" % (number % 3, number) for number in range(50)] + [b"%d.jpg" % number for number in range(50)]
    make(photos, *names)
    assert [record.path for record in run(photos)[0]] == sorted(names)
    assert set(os.listdir(photos.parent)) == {"photos", "manifest"}


def test_size_and_time_are_those_of_the_file(photos: Path) -> None:
    make(photos, b"a.jpg")
    os.utime(photos / "a.jpg", ns=(1, 123456789))
    assert run(photos)[0] == [ScannedFile(b"a.jpg", 3, 123456789)]


def test_only_image_extensions_are_rows_whatever_their_case(photos: Path) -> None:
    make(photos, b"a.JPG", b"b.Png", b"c.txt", b"d", b"e.jpg.part", b".jpg")
    records, summary = run(photos)
    assert [record.path for record in records] == [b"a.JPG", b"b.Png"]
    assert summary.other == {".txt": 1, "none": 1, ".part": 1}
    assert summary.hidden == 1


LEFT_BEHIND = [
    b"._a.jpg",
    b".hidden.jpg",
    b".thumbs/a.jpg",
    b".ipynb_checkpoints/a-checkpoint.jpg",
    b"__MACOSX/._a.jpg",
    b"__MACOSX/b.jpg",
    b"x/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    b"x/.@__thumb/defaulta.jpg",
    b"x/@__thumb/a.jpg",
    b"$RECYCLE.BIN/$R0.jpg",
    b"#recycle/a.jpg",
    b"lost+found/a.jpg",
    b".git/a.jpg",
]
NOT_LEFT_BEHIND = [b"a.jpg", b"_a.jpg", b"x/@home.jpg", b"thumbs/a.jpg", b"a.b.jpg", b"~a.jpg", b"eaDir/a.jpg"]


def test_what_is_hidden_or_left_by_a_system_is_no_row_unless_it_is_asked_for(photos: Path) -> None:
    make(photos, *LEFT_BEHIND, *NOT_LEFT_BEHIND, b"Thumbs.db", b"desktop.ini", b".DS_Store")
    records, summary = run(photos)
    assert [record.path for record in records] == sorted(NOT_LEFT_BEHIND)
    # A folder counts once.
    assert summary.hidden == 2 + 10 + 3
    assert summary.other == {}
    (photos.parent / "manifest").unlink()
    records, summary = run(photos, ScanOptions(extensions=(".jpg",), hidden=True))
    assert [record.path for record in records] == sorted([*NOT_LEFT_BEHIND, *LEFT_BEHIND])
    assert summary.hidden == 0


def test_a_folder_that_is_hidden_itself_may_be_labeled(tmp_path: Path) -> None:
    (tmp_path / ".photos").mkdir()
    make(tmp_path / ".photos", b"a.jpg")
    assert [record.path for record in run(tmp_path / ".photos")[0]] == [b"a.jpg"]


def test_links_to_folders_are_followed_on_request_into_each_folder_once(photos: Path, tmp_path: Path) -> None:
    make(photos, b"a/own.jpg", b"z.jpg")
    make(tmp_path / "elsewhere", b"far.jpg", b"sub/deep.jpg")
    for name, target in {
        "0inside": photos / "a",
        "a/loop": photos,
        "b_out": tmp_path / "elsewhere",
        "c_again": tmp_path / "elsewhere",
        "d_deeper": tmp_path / "elsewhere" / "sub",
        "e_nowhere": tmp_path / "none",
        "elsewhere_loop": tmp_path,
    }.items():
        os.symlink(target, photos / name)
    os.symlink(tmp_path / "elsewhere", tmp_path / "elsewhere" / "itself")
    taken = ScanOptions(extensions=(".jpg",), follow_links=True)
    records, summary = run(photos, taken)
    assert [record.path for record in records] == [b"a/own.jpg", b"b_out/far.jpg", b"b_out/sub/deep.jpg", b"z.jpg"]
    assert all(record.size == 3 for record in records)
    assert summary.directory_links >= 4
    (tmp_path / "manifest").unlink()
    plain = run(photos)
    assert [record.path for record in plain[0]] == [b"a/own.jpg", b"z.jpg"]
    assert plain[1].directory_links == 6


def test_what_was_left_out_is_told_in_words() -> None:
    summary = ScanSummary(
        hidden=2, special=1, directory_links=1, excluded=1200, unreadable_count=2, other={"none": 3, ".heic": 14}
    )
    assert left_out(summary) == [
        "14 .heic",
        "3 without an ending",
        "2 hidden or left by a system (--hidden takes them)",
        "1,200 by --include and --exclude",
        "1 link to a folder (--follow-links goes into them, into each folder once)",
        "1 socket, pipe or device",
        "2 folders that cannot be read",
    ]
    many = ScanSummary(other={f".{number}": 10 - number for number in range(9)})
    assert left_out(many) == ["10 .0", "9 .1", "8 .2", "7 .3", "6 .4", "5 .5", "9 with other endings"]
    assert left_out(ScanSummary()) == []


def test_all_files_takes_every_regular_file(photos: Path) -> None:
    make(photos, b"a.jpg", b"c.txt", b"d")
    assert [record.path for record in run(photos, ALL)[0]] == [b"a.jpg", b"c.txt", b"d"]


def test_sockets_pipes_and_devices_are_counted_and_left_out(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(photos, b"a.jpg")
    os.mkfifo(photos / "pipe.jpg")
    monkeypatch.chdir(photos)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jpg")
    os.symlink("/dev/zero", photos / "device.jpg")
    records, summary = run(photos)
    assert [record.path for record in records] == [b"a.jpg"]
    assert summary.special == 3


def test_links_to_files_are_rows_and_links_to_folders_are_not_followed(photos: Path) -> None:
    make(photos, b"a.jpg", b"sub/b.jpg")
    os.symlink("a.jpg", photos / "link.jpg")
    os.symlink("..", photos / "sub" / "loop")
    os.symlink("sub", photos / "sub.jpg")
    records, summary = run(photos)
    assert [record.path for record in records] == [b"a.jpg", b"link.jpg", b"sub/b.jpg"]
    assert summary.directory_links == 2


def test_links_that_lead_nowhere_or_in_a_circle_are_rows_that_cannot_be_opened(photos: Path) -> None:
    os.symlink("gone.jpg", photos / "dangling.jpg")
    os.symlink("b.jpg", photos / "a.jpg")
    os.symlink("a.jpg", photos / "b.jpg")
    os.symlink("gone", photos / "no image.txt")
    assert run(photos)[0] == [ScannedFile(name, UNKNOWN, UNKNOWN) for name in (b"a.jpg", b"b.jpg", b"dangling.jpg")]


def test_include_and_exclude_choose_by_pattern(photos: Path) -> None:
    make(photos, b"2023/a.jpg", b"2024/a.jpg", b"2024/b.png", b"2024/thumbs/a.jpg")
    options = ScanOptions(extensions=(".jpg", ".png"), include=("2024/**",), exclude=("thumbs", "*.png"))
    records, summary = run(photos, options)
    assert [record.path for record in records] == [b"2024/a.jpg"]
    assert summary.excluded == 3


def test_a_limit_takes_the_first_rows(photos: Path) -> None:
    make(photos, *(b"%02d.jpg" % number for number in range(30)))
    records, summary = run(photos, ScanOptions(extensions=(".jpg",), limit=10))
    assert [record.path for record in records] == [b"%02d.jpg" % number for number in range(10)]
    assert summary.limited


def test_the_runs_own_files_are_no_rows(photos: Path) -> None:
    make(photos, b"a.jpg", b"labels.csv", b"labels.csv.job/manifest")
    options = ScanOptions(extensions=None, skip=("labels.csv", "labels.csv.job"))
    assert [record.path for record in run(photos, options)[0]] == [b"a.jpg"]


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_goes_on(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(photos, b"a.jpg", b"locked/b.jpg")
    real = os.scandir

    def scandir(path: bytes) -> object:
        if path.endswith(b"locked/"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    records, summary = run(photos)
    assert [record.path for record in records] == [b"a.jpg"]
    assert summary.unreadable == [("locked/", "Permission denied")]


def test_folders_may_be_nested_deeper_than_the_stack(photos: Path) -> None:
    depth = 1500
    folders = [str(photos) + "/d" * number for number in range(1, depth + 1)]
    for path in folders:
        os.mkdir(path)
    deepest = Path(folders[-1], "a.jpg")
    deepest.touch()
    records, _ = run(photos)
    # Nor can pytest's own cleaning go down there.
    deepest.unlink()
    for path in reversed(folders):
        os.rmdir(path)
    assert [len(record.path) for record in records] == [2 * depth + len("a.jpg")]


def test_one_file_is_a_scan_of_one_row(photos: Path) -> None:
    make(photos, b"a.odd")
    summary = scan_folder(os.fsencode(photos / "a.odd"), IMAGES, photos.parent / "manifest")
    assert summary.rows == 1
