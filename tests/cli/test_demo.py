"""`fashionbatch demo`: what it writes, what it says about the table, and what it leaves alone."""

from __future__ import annotations

import csv
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fashionbatch.cli import demo
from fashionbatch.cli.console.progress import reporter_on_standard_output
from fashionbatch.cli.demo.photos import AWKWARD_NAME, INBOX, read_known_labels, write_known_labels, write_photos
from fashionbatch.cli.demo.summary import summarise
from fashionbatch.data.prepared import SplitData
from fashionbatch.errors import OutputError

DISPLAY_NAMES = {"coat": "코트", "bag": "bag"}


@pytest.fixture
def split() -> SplitData:
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 1)).astype(np.uint8)
    labels = [("coat",) if index % 3 else ("bag",) for index in range(12)]
    return SplitData("test", images, np.zeros((12, 2), np.float32), labels, [f"test {index}" for index in range(12)])


def test_every_test_image_becomes_a_photo_with_a_known_label(split: SplitData, tmp_path: Path) -> None:
    photos = write_photos(split, tmp_path, DISPLAY_NAMES)
    assert sorted(photos.labels.values()) == sorted(DISPLAY_NAMES[names[0]] for names in split.labels)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == set(photos.labels) | set(photos.broken)
    formats = set()
    for relative in photos.labels:
        with Image.open(tmp_path / relative) as photo:
            photo.load()
            assert photo.size == (28, 28)
            formats.add(photo.format)
    assert formats == {"JPEG", "PNG"}
    assert len({Path(relative).parent for relative in written}) > 2


def test_the_folder_has_what_real_folders_have(split: SplitData, tmp_path: Path) -> None:
    photos = write_photos(split, tmp_path, DISPLAY_NAMES)
    assert f"{INBOX}/{AWKWARD_NAME}" in photos.labels
    assert all(wanted in AWKWARD_NAME for wanted in ",\n원")
    cut, empty, text = ((tmp_path / relative).read_bytes() for relative in photos.broken)
    assert cut.startswith(b"\xff\xd8")
    with Image.open(tmp_path / next(iter(photos.broken))) as photo, pytest.raises(OSError, match="truncated"):
        photo.load()
    assert empty == b""
    assert text.decode("ascii")


def test_known_labels_survive_the_way_through_the_file(tmp_path: Path) -> None:
    labels = {f"{INBOX}/{AWKWARD_NAME}": "코트", "a/b.png": "bag", "a.b.png": "bag"}
    write_known_labels(labels, tmp_path / "known.csv")
    assert read_known_labels(tmp_path / "known.csv") == labels
    assert list(read_known_labels(tmp_path / "known.csv")) == ["a.b.png", "a/b.png", f"{INBOX}/{AWKWARD_NAME}"]


def test_the_summary_counts_statuses_and_right_labels(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = [
        ("inbox/empty.jpg", "error", "", "", "ImageError: the file is empty"),
        ("inbox/니트, 새\n.jpg", "ok", "코트", "0.9", ""),
        ("shelf/1.png", "ok", "bag", "0.8", ""),
        ("shelf/2.png", "ok", "bag", "0.7", ""),
    ]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("filepath", "status", "label", "prob", "error"))
        writer.writerows(rows)
    known = {"inbox/니트, 새\n.jpg": "코트", "shelf/1.png": "코트", "shelf/2.png": "bag", "inbox/empty.jpg": "bag"}
    summary = summarise(table, known, head_rows=2)
    assert summary.head == rows[:2]
    assert summary.statuses == {"ok": 3, "error": 1}
    assert (summary.right, summary.known, summary.rows) == (2, 3, 4)
    assert summary.accuracy == pytest.approx(2 / 3)


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    treasure = tmp_path / "photos" / "wedding.jpg"
    treasure.parent.mkdir()
    treasure.write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="not empty, and no demo made"):
            demo.run_demo(tmp_path, overwrite=overwrite)
    assert treasure.read_bytes() == b"mine"


def test_a_path_that_cannot_be_a_directory_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write the demo"):
        demo.run_demo(tmp_path / "file" / "demo")


def test_overwriting_removes_the_demo_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = demo.DemoFiles(tmp_path)
    (tmp_path / demo.MARKER).write_text("made by fashionbatch demo\n")
    for path in (files.run / "summary.json", files.photos / INBOX / "empty.jpg", files.table, files.known_labels):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("old")
    (tmp_path / "my notes.txt").write_text("mine")
    for step in ("_train", "_write_photos", "_label", "_show"):
        monkeypatch.setattr(demo, step, lambda *arguments: None)
    result = CliRunner().invoke(demo.command, [str(tmp_path), "--overwrite"])
    assert result.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [demo.MARKER, "my notes.txt"]


@pytest.mark.parametrize("mine", ["photos/inbox/mine.jpg", "run/labels.csv", "labels.csv.job/note", "photos/shelf-9"])
def test_overwriting_keeps_what_the_user_has_put_into_a_folder_of_the_demo(tmp_path: Path, mine: str) -> None:
    (tmp_path / demo.MARKER).write_text("made by fashionbatch demo\n")
    (tmp_path / mine).parent.mkdir(parents=True)
    (tmp_path / mine).write_text("mine")
    folder, _, name = mine.partition("/")
    with pytest.raises(OutputError, match=f"{folder}: holds '{name}', which the demo did not make"):
        demo.run_demo(tmp_path, overwrite=True)
    assert (tmp_path / mine).read_text() == "mine"


def test_a_step_that_fails_ends_the_demo_with_its_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as stopped:
        demo._Steps(reporter_on_standard_output(quiet=False)).run(["no-such-verb"])
    assert stopped.value.exit_code == 2
    output = capfd.readouterr()
    assert "$ fashionbatch no-such-verb" in output.out
    assert "no command 'no-such-verb'" in output.err
