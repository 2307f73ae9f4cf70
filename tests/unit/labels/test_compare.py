from __future__ import annotations

import sqlite3
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
    assert found.shares == {"a": (0.5, 0.5), "b": (0.5, 0.5)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "needs a column filepath"),
        ("filepath,label\na\n", "line 2 has 1 cells"),
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
    assert found.changes == {("\udce9t\udce9", "summer"): 1}


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
