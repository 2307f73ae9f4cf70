from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import DataError
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.run import label
from fashionbatch.labels.sidecar import find_sidecar, sidecar_path
from fashionbatch.stores.address import Url

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]


@pytest.fixture
def last_week(paint: Paint, options: MakeOptions, tmp_path: Path) -> Path:
    """A table of 40 files, one of which cannot be decoded."""
    folder = paint({f"{number:02}.png": number % 3 for number in range(40)})
    (folder / "07.png").write_bytes(b"broken")
    label(options(output=tmp_path / "last.csv"))
    return tmp_path / "last.csv"


def rows(path: Path) -> dict[str, dict[str, str]]:
    with open(path, newline="") as file:
        return {row["filepath"]: row for row in csv.DictReader(file)}


@pytest.mark.usefixtures("small_shards")
def test_what_has_not_changed_is_reused_and_the_table_equals_a_full_one(
    last_week: Path, paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path
) -> None:
    paint({"00a.png": 2, "zz.png": 1, "03.png": 2})
    os.utime(photos / "03.png", ns=(7, 7))
    (photos / "11.png").unlink()
    report = label(options(previous=last_week))
    label(options(output=tmp_path / "full.csv"))
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "full.csv").read_bytes()
    assert report.meta["reused"] == {"reused": 38, "new": 2, "changed": 1, "retried": 0, "gone": 1}
    assert report.meta["counts"]["status"] == {"ok": 40, "error": 1}


def test_reused_rows_are_not_read_again(last_week: Path, photos: Path, options: MakeOptions, tmp_path: Path) -> None:
    # Other pixels, but the same size and time: who reads the file again would see it.
    before = (photos / "01.png").stat()
    data = bytearray((photos / "01.png").read_bytes())
    data[-20] ^= 1
    (photos / "01.png").write_bytes(data)
    os.utime(photos / "01.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    label(options(previous=last_week))
    assert rows(tmp_path / "labels.csv")["01.png"]["status"] == "ok"


def test_errors_can_be_tried_again(last_week: Path, photos: Path, options: MakeOptions, tmp_path: Path) -> None:
    before = (photos / "07.png").stat()
    (photos / "07.png").write_bytes(b"<html>")
    os.utime(photos / "07.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    report = label(options(previous=last_week, retry_errors=True))
    assert report.meta["reused"] == {"reused": 39, "new": 0, "changed": 0, "retried": 1, "gone": 0}
    assert rows(tmp_path / "labels.csv")["07.png"]["error"] != rows(last_week)["07.png"]["error"]


def test_a_table_can_be_brought_up_to_date_in_place(last_week: Path, paint: Paint, options: MakeOptions) -> None:
    paint({"new.png": 1})
    report = label(options(output=last_week, previous=last_week, overwrite=True))
    assert report.meta["reused"]["reused"] == 40
    assert rows(last_week)["new.png"]["label"] == "green"


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_other_formats_can_be_reused_too(
    paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path, suffix: str
) -> None:
    paint({"a.png": 0, "b.png": 1})
    os.rename(photos / "b.png", os.fsencode(photos) + b"/\xff.png")
    last = tmp_path / f"last{suffix}"
    label(options(output=last))
    paint({"c.png": 2})
    new, full = tmp_path / f"new{suffix}", tmp_path / f"full{suffix}"
    assert label(options(output=new, previous=last)).meta["reused"]["reused"] == 2
    label(options(output=full))
    assert new.read_bytes() == full.read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_a_folder_of_parts_is_reused_and_replaced_by_the_new_one(
    paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path
) -> None:
    paint({f"{number:02}.png": number % 3 for number in range(25)})
    (photos / "07.png").write_bytes(b"broken")
    last = tmp_path / "last.jsonl"
    label(options(output=last, partitioned=True))
    paint({"new.png": 2})
    assert label(options(previous=last, output=tmp_path / "one.jsonl")).meta["reused"]["reused"] == 25
    again = label(options(output=last, partitioned=True, previous=last, retry_errors=True, overwrite=True))
    assert again.meta["reused"] == {"reused": 24, "new": 1, "changed": 0, "retried": 1, "gone": 0}
    joined = b"".join((last / name).read_bytes() for name in sorted(os.listdir(last)))
    assert joined == (tmp_path / "one.jsonl").read_bytes()


@pytest.mark.parametrize("is_parted", [False, True])
def test_a_table_in_a_store_is_reused(
    paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path, is_parted: bool
) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
    system = fsspec.filesystem("memory")
    system.store.clear()
    paint({f"{number:02}.png": number % 3 for number in range(5)})
    last = tmp_path / "last.jsonl"
    label(options(output=last, partitioned=is_parted))
    paint({"new.png": 2})
    for path in tmp_path.rglob("last.jsonl*"):
        if path.is_file():
            system.pipe_file(f"/out/{path.name}", path.read_bytes())
    for path in last.glob("part-*"):
        system.pipe_file(f"/out/last.jsonl/{path.name}", path.read_bytes())
    url = Url("memory://out/last.jsonl")
    found = label(options(previous=url, output=tmp_path / "new.jsonl"))
    assert found.sidecar.reused is not None
    assert (found.sidecar.reused.reused, found.sidecar.reused.new) == (5, 1)
    assert found.sidecar.options.previous == "memory://out/last.jsonl"
    system.pipe_file("/out/last.jsonl.files", b"?")
    with pytest.raises(DataError, match=r"^memory://out/last\.jsonl\.files: the list of files is not the table's"):
        label(options(previous=url, output=tmp_path / "another.jsonl"))
    with pytest.raises(DataError, match=r"^memory://out/nothing\.csv: nothing\.csv\.meta\.json is not beside it"):
        label(options(previous=Url("memory://out/nothing.csv"), output=tmp_path / "another.jsonl"))
    system.store.clear()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": RowOptions(topk=2)}, "options.topk is 1 there and 2 now"),
        ({"batch_size": 4}, "compute.batch_size is 8 there and 4 now"),
    ],
)
def test_rows_of_another_making_are_not_reused(
    last_week: Path, options: MakeOptions, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        label(options(previous=last_week, **changes))
    assert not (tmp_path / "labels.csv.job").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("last.csv", "changed after it was written"),
        ("last.csv.files", "not the table's"),
        ("last.csv.meta.json", r"meta\.json: is damaged"),
    ],
)
def test_a_table_that_was_changed_is_not_reused(
    last_week: Path, options: MakeOptions, tmp_path: Path, name: str, message: str
) -> None:
    with open(tmp_path / name, "ab") as file:
        file.write(b"!")
    with pytest.raises(DataError, match=message):
        label(options(previous=last_week))


def test_a_table_without_its_sidecar_is_not_reused(last_week: Path, options: MakeOptions, tmp_path: Path) -> None:
    (tmp_path / "last.csv.meta.json").unlink()
    with pytest.raises(DataError, match="is not beside it"):
        label(options(previous=last_week))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("error,label", "error,name", 1), "its columns are not those that its sidecar names"),
        (lambda text: text + "more.png,ok,,red,1\n", "more or fewer rows than its list of files"),
    ],
)
def test_a_table_that_does_not_fit_what_stands_beside_it_is_not_reused(
    last_week: Path, options: MakeOptions, change: Callable[[str], str], message: str
) -> None:
    last_week.write_text(change(last_week.read_text()))
    sidecar = find_sidecar(last_week)
    assert sidecar is not None
    digest = hashlib.sha256(last_week.read_bytes()).hexdigest()
    sidecar_path(last_week).write_bytes(sidecar.model_copy(update={"sha256": digest}).to_json())
    with pytest.raises(DataError, match=message):
        label(options(previous=last_week))
