from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.open import read_manifest
from fashionbatch.errors import FashionBatchError
from fashionbatch.labeling.job.frozen import ShardRows
from fashionbatch.labeling.job.manifest import ScannedFile
from fashionbatch.labeling.job.shards import Counts
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.products.table import NO_PROBABILITIES, BundleColumns, TableRows
from fashionbatch.specs import Cell
from fashionbatch.testing.bundles import make_tiny_bundle


def manifest(tmp_path: Path, **options: Any) -> BundleManifest:
    return read_manifest(make_tiny_bundle(tmp_path / "bundle", **options)).manifest


def table_of(bundle: BundleManifest, **options: Any) -> TableRows:
    chosen = RowOptions(**options)
    return TableRows([BundleColumns(bundle, chosen)], spreadsheet_safe=chosen.spreadsheet_safe)


def rows_of(
    table: TableRows,
    probabilities: list[list[float]],
    failed: dict[int, tuple[str, str]] | None = None,
    counts: Counts | None = None,
) -> list[dict[str, Cell]]:
    files = [ScannedFile(b"%d.jpg" % number, 1, 1) for number in range(len(probabilities))]
    shard = ShardRows(files, failed=failed or {})
    rows = table.rows(shard, [np.array(probabilities, np.float32)], counts if counts is not None else Counts())
    return [dict(zip(table.names, row, strict=True)) for row in rows]


def test_one_of_many_gives_label_and_probability(tmp_path: Path) -> None:
    table = table_of(manifest(tmp_path))
    assert table.names == ("filepath", "status", "error", "label", "prob")
    [row] = rows_of(table, [[0.25, 0.5, 0.25]])
    assert row == {"filepath": "0.jpg", "status": "ok", "error": "", "label": "green", "prob": 0.5}


def test_ties_go_to_the_earlier_class(tmp_path: Path) -> None:
    assert rows_of(table_of(manifest(tmp_path)), [[0.2, 0.4, 0.4]])[0]["label"] == "green"


def test_label_columns_show_display_names_and_probability_columns_the_class_names(tmp_path: Path) -> None:
    table = table_of(manifest(tmp_path, display_names=["빨강", "초록", "파랑"]), probabilities=True)
    assert table.names[-3:] == ("prob_red", "prob_green", "prob_blue")
    assert rows_of(table, [[1, 0, 0]])[0]["label"] == "빨강"


def test_topk_names_the_next_classes(tmp_path: Path) -> None:
    table = table_of(manifest(tmp_path), topk=3)
    [row] = rows_of(table, [[0.25, 0.125, 0.625]])
    assert [row[name] for name in ("label", "top2_label", "top2_prob", "top3_label", "top3_prob")] == [
        "blue",
        "red",
        0.25,
        "green",
        0.125,
    ]


def test_topk_beyond_the_classes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FashionBatchError, match="topk is 4, and the bundle has 3 classes"):
        table_of(manifest(tmp_path), topk=4)


def test_yes_or_no_gives_the_winning_classs_probability(tmp_path: Path) -> None:
    bundle = manifest(tmp_path, class_names=["cat", "dog"], decoding="yes_or_no")
    rows = rows_of(table_of(bundle, probabilities=True), [[0.25], [0.75], [0.5]])
    assert [(row["label"], row["prob"]) for row in rows] == [("cat", 0.75), ("dog", 0.75), ("cat", 0.5)]
    assert (rows[0]["prob_cat"], rows[0]["prob_dog"]) == (0.75, 0.25)


def test_several_of_many_joins_labels_by_probability_and_always_has_all_probabilities(tmp_path: Path) -> None:
    bundle = manifest(tmp_path, decoding="several_of_many", thresholds=[0.5, 0.25, 0.5])
    table = table_of(bundle)
    assert table.names == ("filepath", "status", "error", "labels", "prob_red", "prob_green", "prob_blue")
    counts = Counts()
    rows = rows_of(table, [[0.5, 0.75, 0.0], [0.25, 0.25, 0.25], [0.0, 0.0, 0.0]], counts=counts)
    assert [row["labels"] for row in rows] == ["green|red", "green", ""]
    assert counts.labels == [{"green": 2, "red": 1, "": 1}]


def test_a_threshold_takes_the_place_of_the_bundles_for_several_labels(tmp_path: Path) -> None:
    bundle = manifest(tmp_path, decoding="several_of_many", thresholds=[0.5, 0.25, 0.5])
    rows = rows_of(table_of(bundle, threshold=0.1), [[0.125, 0.75, 0.05]])
    assert rows[0]["labels"] == "green|red"


def test_groups_have_one_winner_each(tmp_path: Path) -> None:
    bundle = manifest(
        tmp_path,
        class_names=["red", "blue", "dress", "shirt"],
        decoding="several_of_many",
        groups={"colour": ["red", "blue"], "type": ["shirt", "dress"]},
    )
    table = table_of(bundle)
    assert table.names[3:8] == ("labels", "colour", "colour_prob", "type", "type_prob")
    [row] = rows_of(table, [[0.25, 0.75, 0.125, 0.125]])
    assert (row["colour"], row["colour_prob"], row["type"], row["type_prob"]) == ("blue", 0.75, "dress", 0.125)


def test_below_the_threshold_the_label_is_empty_and_the_probability_stays(tmp_path: Path) -> None:
    counts = Counts()
    rows = rows_of(table_of(manifest(tmp_path), threshold=0.9), [[0.9, 0.1, 0], [0.875, 0.125, 0]], counts=counts)
    assert [row["label"] for row in rows] == ["red", ""]
    assert rows[1]["prob"] == 0.875
    assert counts.labels == [{"red": 1, "": 1}]


def test_the_threshold_is_compared_with_what_the_table_shows(tmp_path: Path) -> None:
    # 0.9 as float32 is a little less than 0.9; the table says 0.9.
    assert rows_of(table_of(manifest(tmp_path), threshold=0.9), [[0.9, 0.1, 0]])[0]["label"] == "red"


def test_rows_that_failed_have_empty_cells_and_their_error(tmp_path: Path) -> None:
    counts = Counts()
    rows = rows_of(
        table_of(manifest(tmp_path), probabilities=True),
        [[1, 0, 0], [0, 0, 0]],
        {1: ("error", "OSError: broken")},
        counts,
    )
    assert list(rows[1].values()) == ["1.jpg", "error", "OSError: broken", None, None, None, None, None]
    assert counts.statuses == {"ok": 1, "error": 1}


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -3.0, 17.0])
def test_numbers_that_are_no_probabilities_are_an_error_of_the_row(tmp_path: Path, nonsense: float) -> None:
    rows = rows_of(table_of(manifest(tmp_path)), [[1, 0, 0], [nonsense, 0, 0]])
    assert [(row["status"], row["error"], row["label"]) for row in rows] == [
        ("ok", "", "red"),
        ("error", NO_PROBABILITIES, None),
    ]


def test_two_columns_of_one_name_are_an_error_before_the_run(tmp_path: Path) -> None:
    bundle = manifest(
        tmp_path, class_names=["a", "b"], decoding="several_of_many", groups={"prob_a": ["a"], "label": ["b"]}
    )
    with pytest.raises(FashionBatchError, match="two columns of the table would be called 'prob_a'"):
        table_of(bundle)


def test_text_that_looks_like_a_formula_is_guarded_on_request(tmp_path: Path) -> None:
    bundle = manifest(tmp_path, class_names=["=1+1", "b"])
    files = [ScannedFile(b"-cmd.jpg", 1, 1), ScannedFile(b"a=1.jpg", 1, 1)]
    probabilities = [np.array([[1, 0], [0, 1]], np.float32)]
    safe = list(table_of(bundle, spreadsheet_safe=True).rows(ShardRows(files), probabilities, Counts()))
    exact = list(table_of(bundle).rows(ShardRows(files), probabilities, Counts()))
    assert [row[0] for row in safe] == ["'-cmd.jpg", "a=1.jpg"]
    assert safe[0][3] == "'=1+1"
    assert [row[0] for row in exact] == ["-cmd.jpg", "a=1.jpg"]


def test_several_bundles_have_columns_with_their_names(tmp_path: Path) -> None:
    one = read_manifest(make_tiny_bundle(tmp_path / "one")).manifest
    other = read_manifest(make_tiny_bundle(tmp_path / "other", class_names=["x", "y"])).manifest
    table = TableRows([BundleColumns(one, RowOptions(), "one_"), BundleColumns(other, RowOptions(), "other_")])
    assert table.names[3:] == ("one_label", "one_prob", "other_label", "other_prob")
    probabilities = [np.array([[0, 0, 1]], np.float32), np.array([[1, 0]], np.float32)]
    [row] = table.rows(ShardRows([ScannedFile(b"a", 1, 1)]), probabilities, Counts())
    assert list(row) == ["a", "ok", "", "blue", 1.0, "x", 1.0]


def test_kept_columns_and_reused_rows_stand_between_the_others(tmp_path: Path) -> None:
    bundle = manifest(tmp_path)
    table = TableRows([BundleColumns(bundle, RowOptions())], kept=["sku"])
    files = [ScannedFile(b"a", 1, 1), ScannedFile(b"b", 1, 1), ScannedFile(b"c", 1, 1), ScannedFile(b"d", 1, 1)]
    shard = ShardRows(
        files,
        kept=[["1"], ["2"], ["3"], ["4"]],
        reused=[None, ["ok", "", "blue", 0.5], ["error", "OSError: x", None, None], None],
        failed={1: ("missing", "FileNotFoundError: y")},
    )
    counts = Counts()
    rows = table.rows(shard, [np.array([[0, 1, 0], [0, 0, 0]], np.float32)], counts)
    assert [list(row) for row in rows] == [
        ["a", "ok", "", "1", "green", 1.0],
        ["b", "ok", "", "2", "blue", 0.5],
        ["c", "error", "OSError: x", "3", None, None],
        ["d", "missing", "FileNotFoundError: y", "4", None, None],
    ]
    assert counts.statuses == {"ok": 2, "error": 1, "missing": 1}
    assert counts.labels == [{"green": 1, "blue": 1}]
    assert [file.path for file in shard.to_label] == [b"a", b"d"]
