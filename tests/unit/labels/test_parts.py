"""Tables that are folders of parts, of ours and of other programs."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.errors import DataError, OutputError
from fashionbatch.labels import TableReader, read
from fashionbatch.labels.parts import PartedTable, digest_of_table

LINES = [f'{{"filepath": "{name}.jpg", "status": "ok", "label": "red"}}\n' for name in "abcd"]


@pytest.fixture
def table(tmp_path: Path) -> PartedTable:
    parted = PartedTable(tmp_path / "labels.jsonl", ".jsonl")
    parted.begin()
    for shard, line in enumerate(LINES):
        file = tmp_path / f"{shard}.rows"
        file.write_text(line)
        parted.publish(shard, file)
    return parted


def test_parts_have_the_content_of_the_shards_under_names_that_sort(table: PartedTable, tmp_path: Path) -> None:
    names = sorted(os.listdir(table.folder))
    assert names == [f"part-{shard:06}.jsonl" for shard in range(4)]
    assert [(table.folder / name).read_text() for name in names] == LINES
    assert (table.folder / names[0]).samefile(tmp_path / "0.rows")


def test_a_folder_is_read_in_the_order_of_its_parts(table: PartedTable) -> None:
    (table.folder / "_SUCCESS").touch()
    (table.folder / ".part-000009.jsonl.1a2b3c4d.tmp").write_text("half")
    assert read(table.folder).filepath.tolist() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    with TableReader(table.folder) as reader:
        assert reader.columns == ["filepath", "status", "label"]


def test_parts_of_another_program_are_read_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "spark"
    folder.mkdir()
    for number in range(2):
        (folder / f"part-0000{number}-c0ffee.csv").write_text(f"filepath,label\n{number}.jpg,red\n")
    (folder / "part-00002-c0ffee.csv").touch()
    assert read(folder).filepath.tolist() == ["0.jpg", "1.jpg"]


def test_what_is_no_table_is_one_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "labels.csv"
    folder.mkdir()
    with pytest.raises(DataError, match="without parts of a table"):
        TableReader(folder)
    (folder / "a.csv").write_text("filepath,label\na.jpg,red\n")
    (folder / "b.csv").write_text("filepath,kind\na.jpg,red\n")
    with pytest.raises(DataError, match=r"its part b\.csv has other columns"):
        read(folder)
    (folder / "0.png").touch()
    with pytest.raises(DataError, match=r"is a folder, and 0\.png, its first file, is no part of a table"):
        read(folder)
    (folder / "year=2024").mkdir()
    with pytest.raises(DataError, match="a folder of folders"):
        read(folder)


def test_the_digest_is_that_of_what_sha256sum_prints(table: PartedTable) -> None:
    printed = subprocess.run("sha256sum part-*", shell=True, cwd=table.folder, capture_output=True, check=True).stdout
    assert digest_of_table(table.folder) == hashlib.sha256(printed).hexdigest()


def test_beginning_removes_the_parts_of_an_earlier_table_and_nothing_else(table: PartedTable) -> None:
    table.begin()
    assert os.listdir(table.folder) == []
    (table.folder / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"holds other files than parts of a table, such as 'mine\.txt'"):
        table.begin()
    assert os.listdir(table.folder) == ["mine.txt"]


def test_no_file_and_no_link_is_taken_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("file", "link"):
        with pytest.raises(OutputError, match="is no folder"):
            PartedTable(tmp_path / name, ".jsonl").begin()


def test_a_part_is_replaced_by_another_shard_of_its_number(table: PartedTable, tmp_path: Path) -> None:
    (tmp_path / "again").write_text("other\n")
    for _ in range(2):
        table.publish(0, tmp_path / "again")
    assert table.path(0).read_text() == "other\n"
    table.remove_others(1)
    assert os.listdir(table.folder) == ["part-000000.jsonl"]


def test_a_part_is_copied_where_there_are_no_links(
    table: PartedTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    disk.give_second_name(tmp_path / "1.rows", table.path(7))
    assert table.path(7).read_text() == LINES[1]
    assert not table.path(7).samefile(tmp_path / "1.rows")


def test_what_a_killed_run_left_undone_is_caught_up_with(table: PartedTable, tmp_path: Path) -> None:
    (tmp_path / "2.rows").unlink()
    (tmp_path / "1.rows").unlink()
    (tmp_path / "1.rows").write_text("anew\n")
    (table.folder / "part-0000003.jsonl").write_text("mine, by another name\n")
    table.catch_up(lambda shard: shard in {0, 1}, lambda shard: tmp_path / f"{shard}.rows")
    assert sorted(os.listdir(table.folder)) == ["part-000000.jsonl", "part-000001.jsonl"]
    assert table.path(1).read_text() == "anew\n"
