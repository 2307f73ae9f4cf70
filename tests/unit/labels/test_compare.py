from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from fashionbatch import cli
from fashionbatch.errors import DataError, OutputError
from fashionbatch.labels.compare import compare_tables


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.csv"
    path.write_text(
        "filepath,status,error,label,prob\n"
        "a,ok,,red,1\nb,ok,,red,1\nc,ok,,blue,1\nd,error,OSError: x,,\ngone,ok,,red,1\n"
    )
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.jsonl"
    path.write_text(
        "".join(
            f'{{"filepath": "{name}", "status": "ok", "label": "{label}"}}\n'
            for name, label in {"d": "red", "c": "blue", "b": "blue", "a": "red", "new": "green"}.items()
        )
    )
    return path


def test_tables_of_any_order_and_format_are_compared_by_file(old: Path, new: Path) -> None:
    found = compare_tables(old, new)
    assert (found.both, found.only_old, found.only_new, found.changed) == (4, 1, 1, 2)
    assert found.changes == {("", "red"): 1, ("red", "blue"): 1}
    assert found.shares == {"red": (0.75, 0.4), "blue": (0.25, 0.4), "green": (0.0, 0.2)}
    assert found.largest_shift == ("red", pytest.approx(0.35))
    assert found.accuracy is None


def test_accuracy_is_that_of_the_files_that_all_have(old: Path, new: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("path,label\na,red\nb,blue\nc,red\nd,red\nunknown,red\ngone,red\n")
    found = compare_tables(old, new, truth=truth)
    assert found.truths == 4
    assert found.accuracy == (0.25, 0.75)


def test_several_labels_are_compared_as_sets(tmp_path: Path) -> None:
    for name, labels in {"one": "a|b", "other": "b|a"}.items():
        (tmp_path / f"{name}.csv").write_text(f"filepath,labels\nx,{labels}\n")
    found = compare_tables(tmp_path / "one.csv", tmp_path / "other.csv")
    assert found.changed == 0
    assert found.shares == {"a": (1.0, 1.0), "b": (1.0, 1.0)}  # of photos, not of labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "needs a column filepath"),
        ("filepath,label\na\n", "line 2 has 1 cell where"),
    ],
)
def test_what_is_no_label_table_is_one_clear_error(old: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "odd.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        compare_tables(old, tmp_path / "odd.csv")


def test_names_and_labels_of_any_bytes_are_compared(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes(b"filepath,label\ncaf\xe9.jpg,\xe9t\xe9\n\xed\xb3\xa9,a\n")
    (tmp_path / "new.jsonl").write_bytes(
        b'{"filepath": "?", "filepath_b64": "Y2Fm6S5qcGc=", "label": "summer"}\n{"filepath": "\\ud800", "label": "a"}\n'
    )
    found = compare_tables(tmp_path / "old.csv", tmp_path / "new.jsonl")
    assert (found.both, found.only_old, found.only_new) == (1, 1, 1)
    assert found.changes == {("été", "summer"): 1}
    assert "is no UTF-8; the text is read as cp1252" in found.notes[0]


def test_a_disk_without_room_is_one_clear_error(old: Path, new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(name: str) -> sqlite3.Connection:
        database = connect(name)
        database.execute("PRAGMA max_page_count = 1")
        return database

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(OutputError, match=r"cannot compare .*: database or disk is full\n.*TMPDIR"):
        compare_tables(old, new)


def test_the_command_exits_with_5_where_a_share_shifts_too_far(
    old: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(["compare", str(old), str(new)]) == 0
    assert cli._run(["compare", str(old), str(new), "--max-shift", "0.36"]) == 0
    capsys.readouterr()
    assert cli._run(["compare", str(old), str(new), "--max-shift", "0.3"]) == 5
    said = capsys.readouterr()
    assert "2 labels changed (50.00%)" in said.out
    assert "the share of red shifted by 35.00%" in said.err


# ------------------------------------------------------------------------------------------- truths of other programs


def table_of(path: Path, labels: Mapping[str, str], *, classes: Sequence[str] = ()) -> Path:
    head = ",".join(["filepath", "status", "error", "label", *(f"prob_{name}" for name in classes)])
    rows = (f"{name},ok,,{label}{',0.5' * len(classes)}\n" for name, label in labels.items())
    path.write_text(f"{head}\n{''.join(rows)}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("table", "truth", "pair"),
    [
        ("1", "1.0", "'1.0' for '1'"),
        ("1", "001", "'001' for '1'"),
        ("001", "1", "'1' for '001'"),
        ("dress", "Dress", "'Dress' for 'dress'"),
        ("red dress", " red  dress", "' red  dress' for 'red dress'"),
    ],
)
def test_right_labels_that_no_table_can_give_are_an_error_with_the_repair(
    tmp_path: Path, table: str, truth: str, pair: str
) -> None:
    ours, right = table_of(tmp_path / "t.csv", {"a": table, "b": table}), tmp_path / "truth.csv"
    right.write_text(f"filepath,label\na,{truth}\nb,{truth}\n")
    with pytest.raises(DataError) as error:
        compare_tables(ours, ours, truth=right)
    assert f"truth.csv: neither table gives the label {truth!r} (2 rows, first row 1)" in str(error.value)
    assert f"hint: --truth-as-text takes {pair}" in str(error.value)
    found = compare_tables(ours, ours, truth=right, as_text=True)
    assert found.accuracy == (1.0, 1.0)
    assert pair in found.notes[0]


def test_numbers_in_a_parquet_truth_are_not_silently_wrong(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    ours = table_of(tmp_path / "t.csv", {"a": "1", "b": "2"})
    pq.write_table(pa.table({"filepath": ["a", "b"], "label": [1, 2]}), tmp_path / "truth.parquet")
    with pytest.raises(DataError, match=r"neither table gives the labels '1.0' .*(.|\n)*--truth-as-text"):
        compare_tables(ours, ours, truth=tmp_path / "truth.parquet")
    assert compare_tables(ours, ours, truth=tmp_path / "truth.parquet", as_text=True).accuracy == (1.0, 1.0)


def test_a_label_that_no_row_happens_to_have_is_told_and_one_that_the_bundle_lacks_is_an_error(tmp_path: Path) -> None:
    right = tmp_path / "truth.csv"
    right.write_text("filepath,label\na,red\nb,green\n")
    open_ = table_of(tmp_path / "open.csv", {"a": "red", "b": "blue"})
    found = compare_tables(open_, open_, truth=right)
    assert found.accuracy == (0.5, 0.5)
    assert "neither table gives the label 'green' (1 row, first row 2)" in found.notes[0]
    able = table_of(tmp_path / "able.csv", {"a": "red", "b": "blue"}, classes=("red", "blue", "green"))
    assert compare_tables(able, able, truth=right).notes == ()
    unable = table_of(tmp_path / "unable.csv", {"a": "red", "b": "blue"}, classes=("red", "blue"))
    with pytest.raises(DataError, match=r"gives the label 'green' .*(.|\n)*hint: the labels are 'blue', 'red'"):
        compare_tables(unable, unable, truth=right)
    right.write_text("filepath,label\na,x\nb,y\n")
    with pytest.raises(DataError, match="gives the labels 'x'"):
        compare_tables(open_, open_, truth=right)


def test_labels_are_the_same_however_their_letters_are_composed(tmp_path: Path) -> None:
    ours, right = table_of(tmp_path / "t.csv", {"a": "한복"}), tmp_path / "truth.csv"
    right.write_text(f"filepath,label\na,{unicodedata.normalize('NFD', '한복')}\n", encoding="utf-8")
    assert compare_tables(ours, ours, truth=right).accuracy == (1.0, 1.0)
    assert compare_tables(ours, right).changed == 0


def test_a_truth_may_be_in_any_usual_form(tmp_path: Path) -> None:
    ours, right = table_of(tmp_path / "t.csv", {"sub/ä.jpg": "Größe", "b.jpg": "x"}), tmp_path / "truth.csv"
    for content, encoding in [
        ("file;label\r\nsub\\ä.jpg;Größe\r\n\r\nb.jpg;x\r\n", "cp1252"),
        ("image\tlabel\n./sub/ä.jpg\tGröße\nb.jpg\tx\n", "utf-16"),
        ("\ufefffilepath,label\nsub/ä.jpg,Größe\nb.jpg,x\n", "utf-8"),
    ]:
        right.write_bytes(content.encode(encoding))
        found = compare_tables(ours, ours, truth=right)
        assert (found.truths, found.accuracy) == (2, (1.0, 1.0))


def test_files_of_a_truth_that_no_table_has_are_told(tmp_path: Path) -> None:
    ours, right = table_of(tmp_path / "t.csv", {"a": "x"}), tmp_path / "truth.csv"
    right.write_text("filepath,label\na,x\nC:\\b.jpg,x\n")
    assert compare_tables(ours, ours, truth=right).notes == (
        rf"{right}: 1 file is in neither table, such as 'C:\\b.jpg'",
    )
    right.write_text("filepath,label\n/x/a,x\n")
    with pytest.raises(DataError, match=r"none of the files(.|\n)*its first is '/x/a', that of .* is 'a'"):
        compare_tables(ours, ours, truth=right)


def test_a_table_for_spreadsheets_is_compared_like_any_other(tmp_path: Path) -> None:
    plain = table_of(tmp_path / "plain.csv", {"=a.jpg": "+x", "b.jpg": "y"})
    safe = table_of(tmp_path / "safe.csv", {"'=a.jpg": "'+x", "b.jpg": "y"})
    safe.write_bytes(b"\xef\xbb\xbf" + safe.read_bytes())
    found = compare_tables(plain, safe, truth=safe)
    assert (found.both, found.changed, found.accuracy) == (2, 0, (1.0, 1.0))


def test_the_command_tells_what_is_unusual_and_takes_an_encoding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, right = table_of(tmp_path / "t.csv", {"a": "셔츠"}), tmp_path / "truth.csv"
    right.write_bytes("filepath;label\na;셔츠\n".encode("cp949"))
    assert cli._run(["compare", str(ours), str(ours), "--truth", str(right)]) == 1
    assert "--encoding" in capsys.readouterr().err
    assert cli._run(["compare", str(ours), str(ours), "--truth", str(right), "--encoding", "cp949"]) == 0
    said = capsys.readouterr()
    assert "accuracy on 1 file: 100.00% old" in said.out
    assert "its cells are parted by semicolons" in said.err


def test_tables_without_a_file_in_common_say_what_their_paths_are(tmp_path: Path) -> None:
    one, other = table_of(tmp_path / "one.csv", {"a": "x"}), table_of(tmp_path / "other.csv", {"b/a": "x"})
    assert compare_tables(one, other).notes == (
        f"the tables have no file in common: {one} has 'a' and {other} has 'b/a'",
    )


def test_rows_of_empty_cells_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("filepath;label;;\na;x;;\n;;;\n\n;;\nb;y;;\n")
    found = compare_tables(tmp_path / "a.csv", tmp_path / "a.csv")
    assert (found.both, found.shares) == (2, {"x": (0.5, 0.5), "y": (0.5, 0.5)})


@pytest.mark.parametrize("cell", ["red, dress", "['red', 'dress']", '["red"]', "red;dress"])
def test_right_labels_that_are_lists_say_how_several_are_joined(tmp_path: Path, cell: str) -> None:
    ours = table_of(tmp_path / "t.csv", {"a": "red|dress", "b": "red"})
    quoted = cell.replace('"', '""')
    (tmp_path / "truth.csv").write_text(f'filepath,label\na,"{quoted}"\nb,red\n')
    with pytest.raises(DataError, match=r"hint: several labels of a file are joined by `\|`"):
        compare_tables(ours, ours, truth=tmp_path / "truth.csv")
