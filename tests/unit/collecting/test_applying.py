"""The table that the user edits: what it moves, and that nothing is ever deleted."""

from __future__ import annotations

import csv
import io

import pytest
from PIL import Image

from fashionbatch.collecting.applying import apply_table
from fashionbatch.errors import DataError

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import Reply


@pytest.fixture
def collected(collecting, web, photo):
    urls = [web.put(f"photos.example/{number}.jpg", Reply(photo(number))) for number in range(3)]
    collecting.path = collecting.list_of(urls)
    collecting.report = collecting.run(collecting.path)
    return collecting


def files(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def edit(collecting, **changes):
    """Write into the column keep, by the last part of the address."""
    table = collecting.output / "collected.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["keep"] = changes.get("n" + row["url"].rpartition("/")[2].removesuffix(".jpg"), row["keep"])
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return table


def test_what_does_not_belong_is_put_aside_and_comes_back(collected):
    before = files(collected.output)
    table = edit(collected, n1="no")

    report = apply_table(collected.output, table)

    [row] = [row for row in report.rows if row.outcome == "aside"]
    assert row.take.hit.url.endswith("1.jpg")
    assert sorted({*before} - {*files(collected.output)}) == [row.file]
    assert (collected.output / ".collected" / "aside" / row.file).is_file()

    apply_table(collected.output, edit(collected, n1="Yes"))

    assert files(collected.output) == before


def test_a_table_that_was_applied_changes_nothing_more(collected):
    table = edit(collected, n0="no", n2="NO")
    apply_table(collected.output, table)
    before, text = files(collected.output), table.read_bytes()

    apply_table(collected.output, table)

    assert (files(collected.output), table.read_bytes()) == (before, text)


@pytest.mark.parametrize(("yes", "no"), [("TRUE", "FALSE"), ("1", "0"), ("Y", "n"), ("", "No")])
def test_a_table_that_a_spreadsheet_has_written_is_read(collected, yes, no):
    table = collected.output / "collected.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    keep = rows[0].index("keep")
    for row, cell in zip(rows[1:], (yes, no, yes), strict=True):
        row[keep] = cell
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\r\n").writerows(rows)

    report = apply_table(collected.output, table)

    assert [row.outcome for row in report.rows] == ["ok", "aside", "ok"]


def test_a_row_that_was_deleted_or_left_empty_changes_nothing(collected):
    apply_table(collected.output, edit(collected, n0="no"))
    before = files(collected.output)
    table = edit(collected, n0="", n1="")
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))

    report = apply_table(collected.output, table)

    assert [row.outcome for row in report.rows] == ["aside", "ok", "ok"]
    assert files(collected.output) == before


def test_what_is_taken_for_a_copy_and_is_none_comes_back(collecting, web, photo):
    near = io.BytesIO()
    Image.open(io.BytesIO(photo(1))).resize((84, 70)).save(near, "PNG")
    web.put("photos.example/1.jpg", Reply(photo(1)))
    web.put("photos.example/2.jpg", Reply(near.getvalue()))
    collecting.run(collecting.list_of(f"http://photos.example/{number}.jpg" for number in (1, 2)))

    kept = apply_table(collecting.output, edit(collecting, n2="yes"))
    again = apply_table(collecting.output, edit(collecting, n2="no"))

    assert [row.outcome for row in kept.rows] == ["ok", "ok"]
    assert [row.outcome for row in again.rows] == ["ok", "duplicate"]
    assert len(list(collecting.output.glob("dress/*"))) == 1


def test_a_word_on_the_row_of_what_was_refused_does_nothing(collecting, web, photo):
    web.put("photos.example/1.jpg", Reply(photo(1)))
    collecting.run(collecting.list_of([f"http://photos.example/{number}.jpg" for number in (1, 2)]))

    report = apply_table(collecting.output, edit(collecting, n2="yes"))

    assert [row.outcome for row in report.rows] == ["ok", "refused"]


def test_the_next_run_heeds_the_table_and_looks_for_what_is_lacking(collected, web, photo):
    edit(collected, n1="no")
    more = web.put("photos.example/9.jpg", Reply(photo(9)))
    path = collected.list_of([*(f"http://photos.example/{number}.jpg" for number in range(3)), more])
    path.write_text(path.read_text().replace("count: 4", "count: 3"))

    report = collected.run(path)

    # The list was read once; a hit that came later is not in it.
    assert [row.outcome for row in report.rows] == ["ok", "aside", "ok"]
    assert web.times("photos.example/1.jpg") == 1


def test_a_photo_that_was_taken_out_by_hand_is_not_fetched_again(collected, web):
    [row, *_] = collected.report.rows
    (collected.output / row.file).unlink()

    report = collected.run(collected.path)

    assert [one.outcome for one in report.rows] == ["aside", "ok", "ok"]
    assert web.times(row.take.hit.url) == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\nyes,", "\nperhaps,", "write yes or no"),
        ("keep,", "kept,", "has no column 'keep'"),
        ("yes,dress,dress/", "no,dress,../", "there is no collected photo '../"),
    ],
)
def test_a_table_that_says_what_cannot_be_done_is_refused(collected, old, new, expected):
    table = collected.output / "collected.csv"
    before = files(collected.output)
    table.write_text(table.read_text().replace(old, new, 1))

    with pytest.raises(DataError, match=expected):
        apply_table(collected.output, table)
    assert files(collected.output) == before


def test_a_folder_that_nothing_was_collected_into_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing was collected"):
        apply_table(tmp_path, tmp_path / "collected.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_strangers_words_are_no_formula_in_a_spreadsheet(collecting, web, photo):
    url = web.put("photos.example/1.jpg", Reply(photo(1)))
    path = collecting.list_of([url])
    (collecting.folder / "dress.csv").write_text(f'url,licence,creator\n{url},cc0,"=HYPERLINK(""x"")"\n')

    collecting.run(path)

    with (collecting.output / "collected.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["creator"] == '\'=HYPERLINK("x")'
