"""`--match sha256`: what has the same content is the same, whatever its time."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fashionbatch.errors import DataError, InterruptedRunError, OutputError
from fashionbatch.labeling.job.manifest import Manifest
from fashionbatch.labeling.options import LabelOptions, ReuseOptions
from fashionbatch.labeling.run import LABELING, label
from fashionbatch.progress import Advance, Reporter
from fashionbatch.specs import LabelingReport

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
SIZE = 128
"""Bytes of each photo: the colours alone do not all take the same."""


@pytest.fixture
def by_content(options: MakeOptions) -> MakeOptions:
    return lambda **changes: options(match="sha256", **changes)


@pytest.fixture
def last_week(paint: Paint, by_content: MakeOptions, tmp_path: Path) -> Path:
    """A table of 40 files, one of which cannot be decoded and one of which leads nowhere."""
    folder = paint({f"{number:02}.png": number % 3 for number in range(39)})
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().ljust(SIZE, b"\0"))  # What follows a PNG's end is no part of the picture.
    (folder / "07.png").write_bytes(b"broken")
    os.symlink("nowhere", folder / "39.png")
    label(by_content(output=tmp_path / "last.csv"))
    for path in folder.iterdir():
        os.utime(path, ns=(3, 3), follow_symlinks=False)
    return tmp_path / "last.csv"


def rows(path: Path) -> dict[str, dict[str, str]]:
    with open(path, newline="") as file:
        return {row["filepath"]: row for row in csv.DictReader(file)}


def digests(table: Path) -> dict[bytes, bytes]:
    manifest = Manifest(table.with_name(table.name + ".files"))
    found = {record.path: record.sha256 for record in manifest.rows(0, len(manifest))}
    manifest.close()
    return found


def of_files(folder: Path) -> dict[bytes, bytes]:
    return {
        os.fsencode(path.name): hashlib.sha256(path.read_bytes()).digest() if path.exists() else b""
        for path in folder.iterdir()
    }


def equals_full_run(report: LabelingReport, options: LabelOptions, tmp_path: Path) -> bool:
    full = replace(options.output, table=tmp_path / "full.csv")
    label(replace(options, output=full, reuse=ReuseOptions(match="sha256")))
    return report.table.read_bytes() == (tmp_path / "full.csv").read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_the_same_content_is_reused_though_all_times_differ(
    last_week: Path, paint: Paint, photos: Path, by_content: MakeOptions, tmp_path: Path
) -> None:
    paint({"00a.png": 2, "zz.png": 1, "03.png": 2})
    (photos / "11.png").unlink()
    options = by_content(previous=last_week, workers=2)
    report = label(options)
    # The link that leads nowhere has no content to compare.
    assert report.meta["reused"] == {"reused": 37, "new": 2, "changed": 2, "retried": 0, "gone": 1}
    assert report.meta["counts"]["status"] == {"ok": 39, "error": 1, "missing": 1}
    assert equals_full_run(report, options, tmp_path)
    assert digests(report.table) == of_files(photos)


def test_content_that_changed_at_the_same_size_and_time_is_labeled_anew(
    last_week: Path, photos: Path, by_content: MakeOptions
) -> None:
    path, other = photos / "00.png", photos / "01.png"
    assert path.stat().st_size == other.stat().st_size == SIZE
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(3, 3))
    report = label(by_content(previous=last_week))
    assert rows(report.table)["00.png"]["label"] == "green"
    assert report.meta["reused"]["changed"] == 2


def test_what_is_the_same_is_read_and_not_decoded(
    last_week: Path, by_content: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
    report = label(by_content(previous=last_week, decoder="odd_decoders:decode_into"))
    assert report.meta["counts"]["status"] == {"ok": 38, "error": 1, "missing": 1}


def test_digests_are_those_of_what_was_decoded_and_the_table_is_as_without_them(
    last_week: Path, photos: Path, options: MakeOptions
) -> None:
    assert digests(last_week) == of_files(photos)
    without = label(options())
    assert without.table.read_bytes() == last_week.read_bytes()
    assert set(digests(without.table).values()) == {b""}


def test_a_file_that_goes_or_changes_meanwhile_is_not_reused(
    last_week: Path, photos: Path, by_content: MakeOptions, tmp_path: Path
) -> None:
    class Meanwhile(Reporter):
        @contextmanager
        def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
            if title == LABELING:
                (photos / "37.png").unlink()
                os.utime(photos / "38.png", ns=(9, 9))
            with super().bar(title, total, unit, before=before) as advance:
                yield advance

    # One worker has no more than two chunks of eight ahead of the networks.
    report = label(by_content(previous=last_week, batch_size=8), reporter=Meanwhile(print, bars=False))
    found = rows(report.table)
    assert (found["37.png"]["status"], found["38.png"]["status"]) == ("missing", "changed")
    assert report.meta["reused"]["reused"] + report.meta["reused"]["changed"] == 40


@pytest.mark.usefixtures("small_shards")
def test_a_run_that_was_stopped_goes_on_to_the_same_table_digests_and_numbers(
    last_week: Path, photos: Path, by_content: MakeOptions, tmp_path: Path
) -> None:
    labeled = 0

    class Stop(Reporter):
        @contextmanager
        def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
            def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
                nonlocal labeled
                labeled = done if title == LABELING else labeled

            yield advance

    options = by_content(previous=last_week)
    with pytest.raises(InterruptedRunError):
        label(options, reporter=Stop(print, bars=False), stop_signal=lambda: 15 if labeled >= 12 else 0)
    assert 1 <= len(list((tmp_path / "labels.csv.job" / "shards").glob("*.rows"))) < 4
    with pytest.raises(OutputError, match=r"options\.match is sha256 in the job and time now"):
        label(replace(options, reuse=replace(options.reuse, match="time")))
    report = label(options)
    assert report.meta["reused"] == {"reused": 39, "new": 0, "changed": 1, "retried": 0, "gone": 0}
    assert equals_full_run(report, options, tmp_path)
    assert digests(report.table) == of_files(photos)


def test_errors_can_be_tried_again_by_content(
    last_week: Path, photos: Path, by_content: MakeOptions, tmp_path: Path
) -> None:
    options = by_content(previous=last_week, retry_errors=True)
    report = label(options)
    assert report.meta["reused"] == {"reused": 38, "new": 0, "changed": 1, "retried": 1, "gone": 0}
    assert equals_full_run(report, options, tmp_path)


def test_next_week_goes_on_from_this_week(last_week: Path, by_content: MakeOptions) -> None:
    for _ in range(2):
        report = label(by_content(output=last_week, previous=last_week, overwrite=True))
        assert report.meta["reused"]["reused"] == 39


def test_a_table_without_digests_is_one_clear_error(paint: Paint, options: MakeOptions, tmp_path: Path) -> None:
    paint({"a.png": 0})
    label(options(output=tmp_path / "last.csv"))
    with pytest.raises(DataError, match=r"made without --match sha256.*\n.*label once with --match sha256"):
        label(options(previous=tmp_path / "last.csv", match="sha256"))
    assert not (tmp_path / "labels.csv.job").exists()


def test_a_table_with_digests_can_be_compared_by_time(
    paint: Paint, by_content: MakeOptions, options: MakeOptions, tmp_path: Path
) -> None:
    paint({"a.png": 0, "b.png": 1})
    label(by_content(output=tmp_path / "last.csv"))
    assert label(options(previous=tmp_path / "last.csv")).meta["reused"]["reused"] == 2
