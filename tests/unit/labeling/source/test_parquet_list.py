"""Lists in Parquet, of paths and of images."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'fashionbatch[parquet]'")

import pyarrow as pa
from pyarrow import parquet

from fashionbatch.errors import DataError, FashionBatchError, InterruptedRunError
from fashionbatch.labeling.estimate import estimate
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.run import label, label_part
from fashionbatch.progress import Reporter, silent

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
COLOURS = ("red", "green", "blue")


def rows(path: Path) -> list[tuple[str, str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["filepath"], row["status"], row["label"]) for row in csv.DictReader(file, strict=True)]


def table(path: Path, columns: Mapping[str, Any], **asked: Any) -> Path:
    parquet.write_table(pa.table(dict(columns)), path, **asked)
    return path


def images(contents: Sequence[bytes | None], paths: Sequence[str | None]) -> Any:
    """A column as data sets on the web have it."""
    type_ = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": each, "path": path} for each, path in zip(contents, paths, strict=True)], type_)


@pytest.fixture
def contents(paint: Paint) -> list[bytes]:
    """Photos in red, green, blue, red and so on."""
    folder = paint({f"{number:02}.png": number % 3 for number in range(25)})
    return [(folder / f"{number:02}.png").read_bytes() for number in range(25)]


@pytest.mark.parametrize("type_", ["string", "large_string", "dictionary"])
def test_a_column_of_paths_gives_the_table_of_a_catalogue(
    paint: Paint, options: MakeOptions, tmp_path: Path, type_: str
) -> None:
    paint({"b.png": 1, "sub/a b.png": 0})
    paths = ["b.png", "sub/a b.png", "gone.png", None, "b.png"]
    numbers, shops = [3, None, 5, 1 << 60, 7], ["Kim, Lee", "", "é", None, "two\nlines"]
    column = pa.array(paths).dictionary_encode() if type_ == "dictionary" else pa.array(paths, getattr(pa, type_)())
    table(tmp_path / "list.parquet", {"sku": numbers, "image": column, "shop": shops})
    with open(tmp_path / "list.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("sku", "image", "shop"), *zip(numbers, paths, shops, strict=True)])
    label(options(files_from=tmp_path / "list.csv", path_column="image", keep=("sku", "shop")))
    expected = (tmp_path / "labels.csv").read_bytes()
    label(options(files_from=tmp_path / "list.parquet", keep=("sku", "shop"), output=tmp_path / "parquet.csv"))
    assert (tmp_path / "parquet.csv").read_bytes() == expected


def test_images_of_a_data_set_are_rows_by_their_paths_or_numbers(
    contents: list[bytes], paint: Paint, options: MakeOptions, tmp_path: Path
) -> None:
    paint({"beside.png": 2})
    cells = [contents[0], contents[1], None, None, b"", b"rubbish", contents[2]]
    paths = ["../a.png", None, None, "beside.png", "empty.png", "http://x/é.png", "../a.png"]
    table(tmp_path / "train.parquet", {"image": images(cells, paths), "sku": list(range(7))})
    label(options(files_from=tmp_path / "train.parquet", keep=("sku",)))
    assert rows(tmp_path / "labels.csv") == [
        ("../a.png", "ok", "red"),
        ("train.parquet/000001", "ok", "green"),
        ("train.parquet/000002", "error", ""),
        ("beside.png", "ok", "blue"),
        ("empty.png", "error", ""),
        ("http://x/é.png", "error", ""),
        ("../a.png", "ok", "blue"),
    ]
    assert "EmptyCellError: the list holds no image there" in (tmp_path / "labels.csv").read_text()
    assert not (tmp_path / "labels.csv.job").exists()


@pytest.mark.parametrize("type_", ["binary", "large_binary"])
@pytest.mark.parametrize("named", [True, False])
def test_a_plain_column_of_images_is_named_by_another_one(
    contents: list[bytes], options: MakeOptions, tmp_path: Path, type_: str, named: bool
) -> None:
    names = {"filename": [f"{number}.png" for number in range(25)]} if named else {}
    table(tmp_path / "t.parquet", {"jpg": pa.array(contents, getattr(pa, type_)()), **names}, row_group_size=10)
    label(options(files_from=tmp_path / "t.parquet", path_column="jpg", workers=2))
    expected = [f"{number}.png" if named else f"t.parquet/{number:06}" for number in range(25)]
    assert rows(tmp_path / "labels.csv") == [(name, "ok", COLOURS[number % 3]) for number, name in enumerate(expected)]


def test_a_folder_and_braces_name_several_files(contents: list[bytes], options: MakeOptions, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(2):
        part = images(contents[number * 2 :][:2], [None, None])
        table(tmp_path / "data" / f"train-{number:05}-of-00002.parquet", {"image": part})
    label(options(files_from=tmp_path / "data"))
    assert [name for name, _, _ in rows(tmp_path / "labels.csv")] == [
        "train-00000-of-00002.parquet/000000",
        "train-00000-of-00002.parquet/000001",
        "train-00001-of-00002.parquet/000000",
        "train-00001-of-00002.parquet/000001",
    ]
    braces = tmp_path / "data" / "train-{00000..00001}-of-00002.parquet"
    label(options(files_from=braces, output=tmp_path / "braces.csv"))
    assert rows(tmp_path / "braces.csv") == rows(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"train-00002-of-00002\.parquet: No such file"):
        label(
            options(files_from=tmp_path / "data" / "train-{00000..00002}-of-00002.parquet", output=tmp_path / "n.csv")
        )


@pytest.mark.usefixtures("small_shards")
def test_a_run_of_images_that_was_stopped_goes_on_though_the_list_has_gone(
    contents: list[bytes], options: MakeOptions, tmp_path: Path
) -> None:
    list_ = table(tmp_path / "t.parquet", {"image": images(contents, [None] * 25)})
    label(options(files_from=list_, output=tmp_path / "whole.csv"))
    done = 0

    def stop_after_a_shard() -> int:
        nonlocal done
        done += any((tmp_path / "labels.csv.job" / "shards").glob("*"))
        return 15 if done else 0

    with pytest.raises(InterruptedRunError):
        label(options(files_from=list_), stop_signal=stop_after_a_shard)
    list_.write_bytes(b"replaced")
    label(options(files_from=list_))
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_parts_of_a_list_of_images_are_merged(contents: list[bytes], options: MakeOptions, tmp_path: Path) -> None:
    list_ = table(tmp_path / "t.parquet", {"image": images(contents, [None] * 25)})
    label(options(files_from=list_, output=tmp_path / "whole.csv"))
    for number in (2, 1):
        label_part(options(files_from=list_, part=Part(number, 2)))
    merge(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("match", ["time", "sha256"])
def test_rows_of_images_are_reused(contents: list[bytes], options: MakeOptions, tmp_path: Path, match: str) -> None:
    list_ = table(tmp_path / "t.parquet", {"image": images(contents, [f"{each}.png" for each in range(25)])})
    label(options(files_from=list_, output=tmp_path / "before.csv", match=match))
    report = label(options(files_from=list_, previous=tmp_path / "before.csv", match=match))
    assert report.sidecar.reused is not None
    assert report.sidecar.reused.reused == 25
    assert rows(tmp_path / "labels.csv") == rows(tmp_path / "before.csv")


def test_a_run_of_images_can_be_estimated(contents: list[bytes], options: MakeOptions, tmp_path: Path) -> None:
    column = images(contents, [None] * 25)
    list_ = table(tmp_path / "t.parquet", {"image": column}, row_group_size=10, use_dictionary=False)
    found = estimate(options(files_from=list_), reporter=silent(), stop_signal=lambda: 0)
    assert (found.files, found.sample) == (25, 25)
    assert sum(map(len, contents)) <= found.bytes < 2 * sum(map(len, contents))
    few = estimate(options(files_from=list_, limit=4), reporter=silent(), stop_signal=lambda: 0)
    assert (few.files, few.sample) == (4, 4)


def test_the_limit_counts_rows(contents: list[bytes], options: MakeOptions, tmp_path: Path) -> None:
    list_ = table(tmp_path / "t.parquet", {"image": images(contents, [None] * 25)})
    label(options(files_from=list_, limit=3))
    assert len(rows(tmp_path / "labels.csv")) == 3


@pytest.mark.parametrize(
    ("columns", "asked", "said", "hint"),
    [
        ({"image": [1, 2]}, {}, "the column 'image' holds int64, where paths, addresses or images", "image (int64)"),
        ({"image": [["a"]]}, {}, "the column 'image' holds list<", "image (list<"),
        ({"a": ["x"], "b": [1]}, {}, "no column is called as those of paths are", "a (string), b (int64)"),
        ({"path": ["x"], "image": ["y"]}, {}, "several columns may hold the paths: path, image", "--path-column"),
        ({"image": ["x"]}, {"path_column": "imag"}, "no column 'imag'; did you mean 'image'", "image (string)"),
        ({"image": ["x"]}, {"keep": ("sku",)}, "no column 'sku'", "image (string)"),
        ({"image": ["x"], "t": [[1]]}, {"keep": ("t",)}, "the column 't' holds list<", "--keep"),
        ({"image": ["x"], "t": [b"1"]}, {"keep": ("t",)}, "the column 't' holds binary", "--keep"),
        ({"image": ["x\0y"]}, {}, "row 0: the path holds a NUL character", ""),
    ],
)
def test_a_list_that_is_not_what_is_asked_for_is_one_line(  # noqa: PLR0917
    photos: Path,
    options: MakeOptions,
    tmp_path: Path,
    columns: Mapping[str, Any],
    asked: Mapping[str, Any],
    said: str,
    hint: str,
) -> None:
    list_ = table(tmp_path / "t.parquet", columns)
    with pytest.raises(DataError) as caught:
        label(options(files_from=list_, **asked))
    assert str(list_) in caught.value.message
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")
    assert not list(tmp_path.glob("labels.csv*"))


def test_files_of_one_list_have_the_same_columns(contents: list[bytes], options: MakeOptions, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table(tmp_path / "data" / "a.parquet", {"image": images(contents[:1], [None])})
    table(tmp_path / "data" / "b.parquet", {"image": ["a.png"]})
    with pytest.raises(
        DataError, match=r"b\.parquet: its columns are not those of .*a\.parquet: image \(string\) inst"
    ):
        label(options(files_from=tmp_path / "data"))


@pytest.mark.parametrize("where", ["head", "data", "tail"])
def test_a_damaged_file_is_one_line_and_leaves_nothing(
    contents: list[bytes], options: MakeOptions, tmp_path: Path, where: str
) -> None:
    list_ = table(tmp_path / "t.parquet", {"image": images(contents * 40, [None] * 1000)}, write_page_checksum=True)
    size = list_.stat().st_size
    with list_.open("r+b") as file:
        file.seek({"head": 0, "data": size // 3, "tail": size - 8}[where])
        file.write(b"\xff" * 8)
    if where == "head":
        os.truncate(list_, size // 2)
    with pytest.raises(DataError, match=r"t\.parquet: is no Parquet file, or damaged or cut short: ") as caught:
        label(options(files_from=list_))
    assert "\n" not in caught.value.message
    assert not list(tmp_path.glob("labels.csv*"))


def test_what_is_for_text_is_refused(photos: Path, options: MakeOptions, tmp_path: Path) -> None:
    list_ = table(tmp_path / "t.parquet", {"image": ["a.png"]})
    for asked in ({"null": True}, {"encoding": "cp949"}):
        with pytest.raises(FashionBatchError, match="for lists that are text"):
            label(options(files_from=list_, **asked))
    with pytest.raises(DataError, match="is a list, not a photo") as caught:
        label(options(folder=list_))
    assert "--files-from" in (caught.value.hint or "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is a folder without Parquet files"):
        label(options(files_from=tmp_path / "empty"))
    with pytest.raises(DataError, match=r"cannot read .*none\.parquet: No such file"):
        label(options(files_from=tmp_path / "none.parquet"))


def test_missing_files_are_told_as_of_any_list(paint: Paint, options: MakeOptions, tmp_path: Path) -> None:
    paint({"a.png": 0})
    list_ = table(tmp_path / "t.parquet", {"image": ["a.png", "gone.png"]})
    lines: list[str] = []
    label(options(files_from=list_), reporter=Reporter(lines.append, bars=False))
    assert any("1 file is not there; the first is" in line for line in lines)
