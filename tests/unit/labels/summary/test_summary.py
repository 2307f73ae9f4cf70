"""What is in a table, whoever wrote it and in whatever format."""

from __future__ import annotations

import hashlib
import json
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image

from fashionbatch.cli import summarize
from fashionbatch.errors import DataError, OutputError
from fashionbatch.labels.summary import folders, run, tallies
from fashionbatch.labels.summary.columns import label_columns_of
from fashionbatch.labels.summary.folders import folder_of
from fashionbatch.labels.summary.run import summarize_table
from fashionbatch.pictures import summaries
from fashionbatch.specs import Cell

HEAD = "filepath,status,error,label,prob\n"
SMALL = (
    f"{HEAD}a/1.jpg,ok,,red,0.9\na/2.jpg,ok,note: cut,blue,0.4\nb/3.jpg,ok,,red,0.7\nb/4.jpg,ok,,,\n"
    "b/c/5.jpg,error,OSError: 17 bytes short,,\nb/c/6.jpg,error,OSError: 4 bytes short,,\n7.jpg,missing,,,\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(SMALL)
    return path


def test_rows_are_counted_by_status_and_by_what_went_wrong(table: Path) -> None:
    found = summarize_table(table)
    assert found.rows == 7
    assert found.status == {"ok": 4, "error": 2, "missing": 1}
    assert found.errors == {"OSError: N bytes short": 2, "": 1}
    assert found.noted == 1
    assert found.made_by is None


def test_labels_are_counted_with_shares_of_the_labeled_rows(table: Path) -> None:
    (column,) = summarize_table(table).columns
    assert [(one.label, one.rows, one.share) for one in column.labels] == [
        ("red", 2, pytest.approx(2 / 3)),
        ("blue", 1, pytest.approx(1 / 3)),
    ]
    assert (column.labeled, column.unlabeled) == (3, 1)


def test_the_least_sure_rows_have_their_paths_and_places(table: Path) -> None:
    (column,) = summarize_table(table, least=2).columns
    assert [(row.filepath, row.label, row.prob, row.row) for row in column.least_sure] == [
        ("a/2.jpg", "blue", 0.4, 2),
        ("b/3.jpg", "red", 0.7, 3),
    ]
    assert summarize_table(table, least=0).columns[0].least_sure == ()


def test_files_are_counted_by_folder_down_to_a_level(table: Path) -> None:
    def counted(depth: int) -> dict[str, tuple[int, int, int]]:
        return {one.folder: (one.rows, one.not_ok, one.labeled) for one in summarize_table(table, depth=depth).folders}

    assert counted(0) == {}
    assert counted(1) == {"a": (2, 0, 2), "b": (4, 2, 1), "": (1, 1, 0)}
    assert counted(2) == {"a": (2, 0, 2), "b": (2, 0, 1), "b/c": (2, 2, 0), "": (1, 1, 0)}
    first = summarize_table(table).folders[0]
    assert (first.label, first.label_rows, first.mean_confidence) == ("blue", 1, pytest.approx(0.65))


@pytest.mark.parametrize(
    ("directory", "depth", "folder"),
    [
        ("", 1, ""),
        ("a/", 1, "a"),
        ("a/b/", 1, "a"),
        ("a/b/", 3, "a/b"),
        ("/srv/photos/", 1, "/srv"),
        ("s3://bucket/photos/", 1, "s3://bucket"),
        ("'=a/b/", 1, "=a"),
    ],
)
def test_the_level_of_a_folder_counts_from_its_root(directory: str, depth: int, folder: str) -> None:
    assert folder_of(directory, depth) == folder


def write_random(path: Path, rows: int) -> dict[str, list[float]]:
    numbers = random.Random(7)
    values: dict[str, list[float]] = {}
    with path.open("w") as file:
        file.write(HEAD)
        for row in range(rows):
            label, value = numbers.choice("xyz"), float(f"{numbers.random() ** 0.3:.6g}")
            values.setdefault(label, []).append(value)
            file.write(f"{row // 100:02d}/{row}.jpg,ok,,{label},{value:.6g}\n")
    return values


def test_quantiles_are_exact_to_a_thousandth(tmp_path: Path) -> None:
    values = write_random(tmp_path / "labels.csv", 3000)
    (column,) = summarize_table(tmp_path / "labels.csv").columns
    every = sorted(value for of_label in values.values() for value in of_label)
    measured = {"": (column.confidence, every)} | {
        one.label: (one.confidence, sorted(values[one.label])) for one in column.labels
    }
    assert len(measured) == 4
    for confidence, known in measured.values():
        assert confidence is not None
        cuts = statistics.quantiles(known, n=20, method="inclusive")
        assert confidence.p05 == pytest.approx(cuts[0], abs=0.002)
        assert confidence.p50 == pytest.approx(statistics.median(known), abs=0.002)
        assert confidence.p95 == pytest.approx(cuts[-1], abs=0.002)
        assert (confidence.least, confidence.greatest) == (known[0], known[-1])
        assert confidence.mean == pytest.approx(statistics.fmean(known), abs=1e-6)
    assert sum(column.histogram) == 3000


def test_how_the_table_is_cut_into_parts_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_random(tmp_path / "labels.csv", 500)
    whole = summarize_table(tmp_path / "labels.csv")
    monkeypatch.setattr(run, "_PART", 7)
    assert summarize_table(tmp_path / "labels.csv") == whole


def test_tables_of_many_columns_are_counted_in_small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"prob_{number}" for number in range(500)]
    row = ",".join(["0.5"] * len(names))
    lines = [f"{number},ok,,x,0.7,{row}\n" for number in range(900)]
    (tmp_path / "labels.csv").write_text(f"{HEAD.strip()},{','.join(names)}\n" + "".join(lines))
    sizes: list[int] = []
    add = run._Counting.add

    def noted(self: run._Counting, part: Sequence[Sequence[Cell]], first_row: int) -> None:
        sizes.append(len(part) * len(part[0]))
        add(self, part, first_row)

    monkeypatch.setattr(run._Counting, "add", noted)
    assert summarize_table(tmp_path / "labels.csv").rows == 900
    assert max(sizes) <= 200_000


def test_equal_probabilities_are_their_quantiles(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"{HEAD}a,ok,,x,1\nb,ok,,x,1\n")
    (column,) = summarize_table(tmp_path / "labels.csv").columns
    assert column.confidence is not None
    assert (column.confidence.p05, column.confidence.p50, column.confidence.p95) == (1, 1, 1)


def test_quantiles_of_few_rows_lie_between_them(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"{HEAD}a,ok,,x,0.2\nb,ok,,x,0.8\n")
    (column,) = summarize_table(tmp_path / "labels.csv").columns
    assert column.confidence is not None
    assert column.confidence.p25 == pytest.approx(0.35, abs=0.001)
    assert column.confidence.p50 == pytest.approx(0.5, abs=0.001)
    assert column.confidence.p95 == pytest.approx(0.77, abs=0.001)


def test_several_labels_have_the_probabilities_of_their_classes(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "filepath,status,error,labels,colour,colour_prob,prob_dress,prob_red\n"
        "a,ok,,red|dress,red,0.9,0.6,0.9\nb,ok,,red,red,0.7,0.1,0.7\nc,ok,,,,,0.2,0.3\n"
    )
    several, colour = summarize_table(tmp_path / "labels.csv").columns
    assert (several.column, several.several, several.labeled, several.unlabeled) == ("labels", True, 2, 1)
    assert [(one.label, one.rows, one.share) for one in several.labels] == [("red", 2, 1.0), ("dress", 1, 0.5)]
    red, dress = (one.confidence for one in several.labels)
    assert red is not None
    assert (red.least, red.greatest) == (0.7, 0.9)
    assert dress is not None
    assert (dress.rows, dress.mean) == (1, 0.6)
    assert [row.label for row in several.least_sure] == ["red", "red|dress"]
    assert (colour.column, colour.labeled) == ("colour", 2)


@pytest.mark.parametrize(
    ("columns", "kept", "found"),
    [
        (["filepath", "label", "prob", "top2_label", "top2_prob"], (), ["label"]),
        (["filepath", "shoes_label", "shoes_prob", "shoes_top2_label", "hats_labels", "hats_prob_x"], (),
         ["shoes_label", "hats_labels"]),
        (["filepath", "type", "type_prob", "old_label", "label", "prob"], ("type", "old_label"), ["label"]),
        (["filepath", "label", "prob", "prob_x", "prob_x_prob"], (), ["label"]),
        (["filepath", "sku"], (), []),
    ],
)  # fmt: skip
def test_columns_of_labels_are_told_from_others(columns: list[str], kept: tuple[str, ...], found: list[str]) -> None:
    assert [one.name for one in label_columns_of(columns, kept)] == found


def test_every_format_says_the_same(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    import pyarrow as pa
    from pyarrow import parquet

    rows = [line.split(",") for line in SMALL.splitlines()]
    records = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    cells = [{**one, "prob": float(one["prob"]) if one["prob"] else None} for one in records]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cells))
    parquet.write_table(pa.Table.from_pylist(cells), tmp_path / "labels.parquet")
    expected = summarize_table(table).as_json()
    for name in ("labels.jsonl", "labels.parquet"):
        found = summarize_table(tmp_path / name).as_json()
        assert {**found, "table": expected["table"]} == expected


def test_a_table_of_another_program_needs_no_more_than_paths_and_labels(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("Path;Label\na.jpg;red\nb.jpg;\n")
    found = summarize_table(tmp_path / "theirs.csv")
    (column,) = found.columns
    assert (found.status, column.labeled, column.unlabeled, column.confidence) == ({}, 1, 1, None)
    assert len(found.notes) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("filepath,sku\na,1\n", "needs a column label or labels"),
        ("label\na\n", "needs a column filepath"),
        (f"{HEAD}a,ok,,red,0.5\nb,ok,,red,87%\n", "row 2: '87%' in the column 'prob' is no probability"),
        (f"{HEAD}a,ok,,red,1.5\n", "row 1: '1.5' in the column 'prob' is no probability"),
        (f"{HEAD}a,ok,,red\n", "line 2 has 4 cells"),
    ],
)
def test_what_cannot_be_counted_is_one_clear_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "odd.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        summarize_table(tmp_path / "odd.csv")


def test_a_column_of_other_texts_takes_no_memory_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_LABELS", 3)
    monkeypatch.setattr(run, "_MOST_STATUSES", 3)
    (tmp_path / "labels.csv").write_text(HEAD + "".join(f"{row},ok,,{row},1\n" for row in range(4)))
    with pytest.raises(DataError, match="more than 3 different texts, so it is none of labels"):
        summarize_table(tmp_path / "labels.csv")
    (tmp_path / "status.csv").write_text(HEAD + "".join(f"{row},{row},,x,1\n" for row in range(4)))
    with pytest.raises(DataError, match="the column 'status' has more than 3"):
        summarize_table(tmp_path / "status.csv")


def test_what_is_too_much_to_be_told_apart_is_counted_together(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MOST_FOLDERS", 1)
    monkeypatch.setattr(run, "_MOST_ERRORS", 1)
    monkeypatch.setattr(tallies, "MOST_MEASURED", 1)
    found = summarize_table(table)
    assert [one.folder for one in found.folders] == ["a"]
    assert found.other_folders == 5
    assert (found.errors, found.other_errors) == ({"OSError: N bytes short": 2}, 1)
    red, blue = found.columns[0].labels
    assert red.confidence is not None
    assert blue.confidence is None
    assert found.columns[0].confidence is not None
    assert found.columns[0].confidence.rows == 3
    assert "and 1 row with other messages" in invoke(table)


def write_sidecar(table: Path, **changed: object) -> None:
    document = json.loads((Path(__file__).parents[1] / "sidecar.json").read_text())
    document |= {"sha256": hashlib.sha256(table.read_bytes()).hexdigest(), "rows": 7} | changed
    table.with_name(f"{table.name}.meta.json").write_text(json.dumps(document))


def test_the_sidecar_says_what_made_the_table_and_whether_it_was_changed(table: Path) -> None:
    write_sidecar(table)
    made_by = summarize_table(table).made_by
    assert made_by is not None
    assert made_by.bundles == {"shoes": "0" * 64}
    assert made_by.is_unchanged
    assert "the table is as it was written" in invoke(table)
    table.write_text(SMALL.replace("red", "RED"))
    made_by = summarize_table(table).made_by
    assert made_by is not None
    assert not made_by.is_unchanged
    assert "the table was changed since" in invoke(table)


def test_a_damaged_sidecar_is_a_note(table: Path) -> None:
    table.with_name("labels.csv.meta.json").write_text("{")
    found = summarize_table(table)
    assert found.made_by is None
    assert any("is damaged" in note for note in found.notes)


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(summarize.command, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_prints_what_was_counted(table: Path) -> None:
    out = invoke(table, "--least", 1)
    assert "7 rows" in out
    assert "label: 3 rows with a label, 1 below the threshold" in out
    assert "a/2.jpg" in out
    assert "b/3.jpg" not in out
    assert max(map(len, out.splitlines()[1:])) <= 80


def test_the_json_object_has_documented_keys(table: Path) -> None:
    write_sidecar(table)
    found = json.loads(invoke(table, "--json"))
    assert found["format_version"] == 1
    assert found == json.loads(json.dumps(summarize_table(table).as_json()))
    page = (Path(__file__).parents[4] / "docs" / "labels.md").read_text()
    column = found["columns"][0]
    objects = (found, column, column["labels"][0], column["confidence"], column["least_sure"][0], found["folders"][0])
    keys = {*found["made_by"]}.union(*objects)
    assert sorted(key for key in keys if f"`{key}`" not in page) == []


def test_names_of_any_bytes_are_printed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(HEAD.encode() + b"caf\xe9/1.jpg,ok,,r\x1b[2Jed,0.5\nb/2.jpg,ok,,x,0.6\n")
    out = invoke(tmp_path / "labels.csv")
    assert "\x1b" not in out
    found = json.loads(invoke(tmp_path / "labels.csv", "--json"))
    assert [row["label"] for row in found["columns"][0]["least_sure"]] == ["r\x1b[2Jed", "x"]


def test_a_picture_is_drawn_and_never_replaced_unasked(table: Path, tmp_path: Path) -> None:
    picture = tmp_path / "labels.png"
    invoke(table, "--picture", picture)
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width > drawn.height
    with pytest.raises(OutputError, match="exists already"):
        invoke(table, "--picture", picture)
    invoke(table, "--picture", picture, "--overwrite")


def test_a_table_without_labels_or_probabilities_is_drawn_too(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("filepath,label\na.jpg,red\n")
    (tmp_path / "empty.csv").write_text(HEAD)
    for name in ("theirs", "empty"):
        invoke(tmp_path / f"{name}.csv", "--picture", tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").is_file()


def test_a_bar_for_all_further_labels_leaves_room_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{row}.jpg,ok,,{'first' if row < 5 else row},0.7\n" for row in range(500)]
    (tmp_path / "labels.csv").write_text(HEAD + "".join(rows))
    drawn: list[Figure] = []

    def keep(figure: Figure, path: Path) -> Path:
        drawn.append(figure)
        return path

    monkeypatch.setattr(summaries, "save_figure", keep)
    summaries.draw_summary(summarize_table(tmp_path / "labels.csv"), tmp_path / "labels.png")
    bars = drawn[0].axes[0]
    assert bars.get_xlim()[1] == pytest.approx(6.5)
    assert "466" in [text.get_text() for text in bars.texts]


def test_an_empty_label_of_a_table_without_statuses_is_not_blamed_on_a_threshold(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("filepath,label\na.jpg,x\nb.jpg,\n")
    assert "label: 1 row with a label, 1 without one" in invoke(table)
