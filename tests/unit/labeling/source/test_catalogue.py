from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.run import label
from fashionbatch.labeling.source import external_sort
from fashionbatch.progress import Reporter

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture
def items(paint: Paint, tmp_path: Path) -> Path:
    paint({"b.png": 1, "sub/a.png": 0})
    path = tmp_path / "items.csv"
    path.write_text(
        '\ufeffsku,image,shop\n3,b.png,"Kim, Lee"\n1,sub/a.png,x\n2,gone.png,y\n4,b.png,"two\nlines"\n5,,z\n6,sub,w\n'
    )
    return path


def test_a_catalogue_gives_one_row_a_line_in_its_order_with_its_columns(
    items: Path, options: MakeOptions, tmp_path: Path
) -> None:
    label(options(files_from=items, path_column="image", keep=("sku", "shop")))
    found = rows(tmp_path / "labels.csv")
    assert [(row["sku"], row["filepath"], row["status"], row["label"], row["shop"]) for row in found] == [
        ("3", "b.png", "ok", "green", "Kim, Lee"),
        ("1", "sub/a.png", "ok", "red", "x"),
        ("2", "gone.png", "missing", "", "y"),
        ("4", "b.png", "ok", "green", "two\nlines"),
        ("5", "", "missing", "", "z"),
        ("6", "sub", "error", "", "w"),
    ]


@pytest.mark.parametrize(("end", "null"), [("\n", False), ("\r\n", False), ("\0", True)])
def test_a_plain_list_has_one_path_a_line(  # noqa: PLR0917
    paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path, end: str, null: bool
) -> None:
    paint({"b.png": 1, "a.png": 0})
    name = os.fsencode("c\n.png" if null else "c.png") + b"\xff.png"
    os.rename(photos / "a.png", os.path.join(os.fsencode(photos), name))
    (tmp_path / "list").write_bytes(end.encode().join([b"b.png", name]))
    label(options(files_from=tmp_path / "list", null=null))
    assert [(os.fsencode(row["filepath"]), row["label"]) for row in rows(tmp_path / "labels.csv")] == [
        (b"b.png", "green"),
        (name, "red"),
    ]


def test_absolute_paths_are_taken_as_they_are(paint: Paint, options: MakeOptions, tmp_path: Path) -> None:
    folder = paint({"a.png": 2})
    (tmp_path / "list").write_text(f"{folder / 'a.png'}\n")
    label(options(folder=tmp_path, files_from=tmp_path / "list"))
    assert [row["label"] for row in rows(tmp_path / "labels.csv")] == ["blue"]


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("sku,image\n1,a.png\n", {"path_column": "picture"}, "no column 'picture'; there are: sku, image"),
        ("sku,image\n1,a.png\n", {"path_column": "image", "keep": ("shop",)}, "no column 'shop'"),
        ("sku,image\n1\n", {"path_column": "image"}, "line 2 has 1 cell where the header has 2"),
        ("sku,image\n", {"path_column": "image"}, "the list names no files"),
        ("", {}, "the list names no files"),
        ("a.png\n", {"keep": ("sku",)}, "--keep needs --path-column"),
    ],
)
def test_a_list_that_is_not_what_the_options_say_is_one_clear_error(
    options: MakeOptions, tmp_path: Path, text: str, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(DataError, match=message):
        label(options(files_from=tmp_path / "list", **changes))
    assert sorted(os.listdir(tmp_path)) == ["list", "photos"]


def test_a_kept_column_that_the_table_has_too_is_an_error_before_the_run(
    items: Path, options: MakeOptions, tmp_path: Path
) -> None:
    items.write_text(items.read_text().replace("sku", "label"))
    with pytest.raises(FashionBatchError, match="two columns of the table would be called 'label'"):
        label(options(files_from=items, path_column="image", keep=("label",)))


def test_a_list_that_is_missing_is_one_clear_error(options: MakeOptions, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt: No such file"):
        label(options(files_from=tmp_path / "nowhere.txt"))


# ---------------------------------------------------------------------------------------- with last week's table


@pytest.fixture
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting on the disk, with few rows."""
    monkeypatch.setattr(external_sort.external_sort, "__defaults__", (3,))


@pytest.mark.usefixtures("short_runs", "small_shards")
@pytest.mark.parametrize("match", ["time", "sha256"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_new_catalogue_reuses_rows_by_path_and_keeps_its_own_columns(  # noqa: PLR0917
    paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path, match: str, suffix: str
) -> None:
    paint({f"{number:02}.png": number % 3 for number in range(30)})
    (photos / "07.png").write_bytes(b"broken")
    old = [(f"{number * 7 % 30:02}.png", f"old {number}") for number in range(28)] + [("00.png", "again")]
    new = [(f"{number * 11 % 30:02}.png", f"new {number}", f"=x{number}") for number in range(29)]
    new += [("03.png", "twice", ""), ("gone.png", "none", "y"), ("", "empty", "")]
    (tmp_path / "old.csv").write_text("image,sku\n" + "".join(f"{path},{sku}\n" for path, sku in old))
    (tmp_path / "new.csv").write_text("shop,image,sku\n" + "".join(f"{shop},{path},{s}\n" for path, s, shop in new))
    last, table, full = (tmp_path / f"{name}.{suffix}" for name in ("last", "labels", "full"))
    label(options(output=last, files_from=tmp_path / "old.csv", path_column="image", keep=("sku",), match=match))
    paint({"05.png": 1})
    os.utime(photos / "05.png", ns=(7, 7))
    catalogue = {"files_from": tmp_path / "new.csv", "path_column": "image", "keep": ("sku", "shop"), "match": match}
    report = label(options(output=table, previous=last, **catalogue))
    label(options(output=full, **catalogue))
    assert table.read_bytes() == full.read_bytes()
    before, now = {path for path, _ in old}, [path for path, *_ in new]
    assert report.meta["reused"] == {
        "reused": sum(path in before and path != "05.png" for path in now),
        "new": sum(path not in before for path in now),
        "changed": now.count("05.png"),
        "retried": 0,
        "gone": sum(path not in now for path, _ in old),
    }


def test_catalogue_and_scan_reuse_each_others_rows(items: Path, options: MakeOptions, tmp_path: Path) -> None:
    catalogue = {"files_from": items, "path_column": "image", "keep": ("sku",)}
    scan = label(options(output=tmp_path / "scan.csv"))
    report = label(options(output=tmp_path / "list.csv", previous=scan.table, **catalogue))
    assert report.meta["reused"] == {"reused": 3, "new": 3, "changed": 0, "retried": 0, "gone": 0}
    again = label(options(previous=report.table))
    assert again.meta["reused"] == {"reused": 2, "new": 0, "changed": 0, "retried": 0, "gone": 3}
    assert again.table.read_bytes() == scan.table.read_bytes()


def test_errors_of_a_catalogue_can_be_tried_again_in_place(items: Path, options: MakeOptions, photos: Path) -> None:
    catalogue = {"files_from": items, "path_column": "image", "keep": ("sku",)}
    last = label(options(**catalogue))
    (photos / "gone.png").write_bytes((photos / "b.png").read_bytes())
    report = label(options(previous=last.table, retry_errors=True, overwrite=True, **catalogue))
    assert report.meta["reused"] == {"reused": 3, "new": 0, "changed": 3, "retried": 0, "gone": 0}
    assert [row["label"] for row in rows(report.table)] == ["green", "red", "green", "green", "", ""]


# --------------------------------------------------------------------------------------------- as people have lists


class _Told(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(self.lines.append, bars=False)


@pytest.mark.parametrize(
    ("content", "encoding", "changes"),
    [
        ("sku;image\r\n1;sub\\a.png\r\n\r\n2;ä.png\r\n", "cp1252", {"path_column": "image"}),
        ("image\tsku\nsub/a\t1\nä.png\tx\n", "utf-16", {"path_column": "image"}),
        ("sku,image\n옷,sub/a.png\n,ä.png\n", "cp949", {"path_column": "image", "keep": ("sku",), "encoding": "cp949"}),
        ("sub\\a.png\r\n\r\n \r\nä.png\r\n", "utf-16", {}),
        ('\ufeff"sub\\a.png"\r\n\r\nä.png', "utf-8", {}),
        ("./sub/a\nä.png\n", "cp1252", {}),
    ],
)
def test_a_list_of_another_machine_names_the_files_that_it_means(  # noqa: PLR0917
    paint: Paint, options: MakeOptions, tmp_path: Path, content: str, encoding: str, changes: dict[str, Any]
) -> None:
    paint({"sub/a.png": 0, "ä.png": 1})
    content = content.replace("ä", "a" if encoding == "cp949" else "ä")
    if encoding == "cp949":
        paint({"a.png": 1})
    (tmp_path / "list").write_bytes(content.encode(encoding))
    told = _Told()
    label(options(files_from=tmp_path / "list", **changes), reporter=told)
    found = rows(tmp_path / "labels.csv")
    assert [(row["filepath"].removeprefix("./"), row["label"]) for row in found] == [
        ("sub/a.png", "red"),
        ("a.png" if encoding == "cp949" else "ä.png", "green"),
    ]
    assert any(line.startswith(f"note: {tmp_path / 'list'}: ") for line in told.lines) or encoding == "cp949"


def test_the_first_file_that_is_not_there_is_told_in_full(paint: Paint, options: MakeOptions, tmp_path: Path) -> None:
    folder = paint({"a.png": 0})
    (tmp_path / "list").write_text("a.png\nC:/photos/b.png\nc.png\n")
    told = _Told()
    label(options(files_from=tmp_path / "list"), reporter=told)
    path = "C:/photos/b.png"
    place = f"'{folder}/{path}' ({path!r}, relative to '{folder}')"
    said = f"note: {tmp_path}/list: 2 files are not there; the first is {place}, which is a path of a Windows machine"
    assert said in "".join(told.lines)
    assert [row["status"] for row in rows(tmp_path / "labels.csv")] == ["ok", "missing", "missing"]


def test_a_list_of_which_no_file_is_there_warns_and_names_the_option_for_columns(
    options: MakeOptions, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text("picture,sku\na.png,1\n")
    told = _Told()
    label(options(files_from=tmp_path / "list"), reporter=told)
    warning = next(line for line in told.lines if line.startswith("warning: "))
    assert "none of its files is there; the first is " in warning
    assert warning.endswith("of a list with columns, --path-column names that of the paths")


@pytest.mark.parametrize(
    ("header", "column"), [("sku,image", "image"), ('\ufeff"FilePath";label', "FilePath"), ("path", "path")]
)
def test_a_table_in_place_of_a_list_is_refused_with_the_option_that_names_its_column(
    paint: Paint, options: MakeOptions, tmp_path: Path, header: str, column: str
) -> None:
    paint({"a.png": 0})
    (tmp_path / "list").write_text(f"{header}\n1,a.png\n", encoding="utf-8")
    with pytest.raises(DataError, match="the first one reads like the header of a table") as caught:
        label(options(files_from=tmp_path / "list"))
    assert caught.value.hint == f"`--path-column {column}` names the column of the paths"
    assert sorted(os.listdir(tmp_path)) == ["list", "photos"]


def test_a_list_with_a_file_in_it_is_a_list_whatever_its_first_line_is(
    paint: Paint, options: MakeOptions, tmp_path: Path
) -> None:
    paint({"a.png": 0})
    (tmp_path / "list").write_text("filepath\na.png\n")
    label(options(files_from=tmp_path / "list"))
    assert [row["status"] for row in rows(tmp_path / "labels.csv")] == ["missing", "ok"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'sku,image\n1,"a.png\n', r"list: line 2: a quote is opened and never closed"),
        ("sku,image\n셔츠,a.png\n".encode("cp949"), r"list: line 2 is no UTF-8(.|\n)*--encoding"),
        (b"sku,image\n1,a.png,x\n", r"list: line 2 has 3 cells where the header has 2"),
    ],
)
def test_what_is_wrong_with_a_list_names_file_and_line(
    options: MakeOptions, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(DataError, match=message):
        label(options(files_from=tmp_path / "list", path_column="image"))
