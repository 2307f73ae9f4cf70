from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.labeling.reuse.join import Join, OldRow
from fashionbatch.specs import Cell

_PATHS = st.sampled_from([b"a", b"a.b", b"a/b", b"\xff", b"\xed\xb3\xa9", b"z"])
_FILES = st.builds(ScannedFile, _PATHS, st.sampled_from([-1, 1, 2]), st.just(7), st.sampled_from([b"", b"\0" * 32]))
_CELLS: st.SearchStrategy[Sequence[Cell]] = st.lists(st.one_of(st.none(), st.floats(0, 1), st.just("\udcff|드")))
_OLD = st.lists(st.tuples(_FILES, st.sampled_from(["ok", "error"]), _CELLS), max_size=8)


def decide(now: ScannedFile, then: ScannedFile | None, status: str) -> bool:
    return then is not None and now.size == then.size and status == "ok"


def expected(old: Sequence[OldRow], new: Sequence[ScannedFile]) -> tuple[list[Sequence[Cell] | None], int]:
    """By the first row of each path; with that, how many rows have paths that are no more."""
    first: dict[bytes, OldRow] = {}
    for row in old:
        first.setdefault(row[0].path, row)
    cells: list[Sequence[Cell] | None] = []
    for file in new:
        found = first.get(file.path)
        cells.append(found[2] if found is not None and decide(file, found[0], found[1]) else None)
    return cells, sum(row[0].path not in {file.path for file in new} for row in old)


@settings(deadline=None)
@given(old=_OLD, new=st.lists(_FILES, max_size=8))
def test_rows_are_found_by_path_in_any_order_and_the_first_of_a_repeated_path_counts(
    old: list[OldRow], new: list[ScannedFile], tmp_path_factory: pytest.TempPathFactory
) -> None:
    scratch = tmp_path_factory.getbasetemp()
    join = Join(iter(old), iter(new), decide, in_order=False, scratch=scratch)
    assert (list(join.cells()), join.gone) == expected(old, new)
    assert not (scratch / "reuse.sqlite").exists()


@settings(deadline=None)
@given(old=_OLD, new=st.lists(_FILES, max_size=8))
def test_what_is_in_order_is_merged_to_the_same_without_a_database(
    old: list[OldRow], new: list[ScannedFile], tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = sorted({row[0].path: row for row in old}.values(), key=lambda row: row[0].path)
    new = sorted({file.path: file for file in new}.values())
    join = Join(iter(old), iter(new), decide, in_order=True, scratch=Path("/nowhere"))
    assert (list(join.cells()), join.gone) == expected(old, new)


def test_what_a_killed_run_left_of_the_database_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "reuse.sqlite").write_bytes(b"torn")
    file = ScannedFile(b"a", 1, 7)
    join = Join(iter([(file, "ok", ["x"])]), iter([file]), decide, in_order=False, scratch=tmp_path)
    assert list(join.cells()) == [["x"]]


def test_a_disk_without_room_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, isolation_level: None) -> sqlite3.Connection:
        database = connect(path, isolation_level=isolation_level)
        database.execute("PRAGMA max_page_count = 1")
        return database

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", full)
    join = Join(iter(()), iter(()), decide, in_order=False, scratch=tmp_path)
    with pytest.raises(OutputError, match=r"reuse\.sqlite: cannot be written: database or disk is full"):
        list(join.cells())
    assert not (tmp_path / "reuse.sqlite").exists()
