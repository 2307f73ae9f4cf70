"""Labeling from a program, and tables with types."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fashionbatch as fb
from fashionbatch.api.labeling import label_folder, label_options
from fashionbatch.progress import silent


def test_a_folder_becomes_a_table_and_says_what_is_in_it(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    told: list[str] = []
    labels = fb.classify(str(photos), str(bundle_path), str(tmp_path / "t.csv"), workers=1, progress=told.append)
    assert (labels.rows, labels.failed, labels.counts) == (7, 1, {"ok": 6, "error": 1})
    assert labels.path.read_text().startswith("filepath,status,error,label,prob\n")
    assert any(line.startswith("Labeling 7 files") for line in told)
    assert repr(labels) == f"<Labels {str(labels.path)!r}: 7 rows>"
    assert "<td>status ok</td><td>6</td>" in labels._repr_html_()


def test_silence_is_kept(bundle_path: Path, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fb.classify(photos, bundle_path, tmp_path / "t.csv", workers=1, progress=False)
    assert capfd.readouterr() == ("", "")


def test_an_output_that_is_there_is_an_error_with_a_hint(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(fb.OutputError) as caught:
        fb.classify(photos, bundle_path, tmp_path / "t.csv", workers=1, progress=False)
    assert caught.value.hint
    assert (tmp_path / "t.csv").read_text() == "mine"


def test_strict_raises_and_leaves_the_table(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(fb.RowError, match="1 of 7 files"):
        fb.classify(photos, bundle_path, tmp_path / "t.csv", workers=1, strict=True, progress=False)
    assert len(fb.read_labels(tmp_path / "t.csv")) == 7


def test_files_are_sorted_into_folders(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    labels = fb.classify(
        photos, bundle_path, tmp_path / "t.csv", workers=1, sort_into=tmp_path / "sorted", way="copy", progress=False
    )
    assert labels.sorted
    assert sorted(path.name for path in (tmp_path / "sorted" / "red").rglob("*.png")) == ["0.png", "3.png"]


def test_patterns_and_limits_choose_files(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    labels = fb.classify(
        photos, bundle_path, tmp_path / "t.csv", include="*.png", exclude=["blue/*"], limit=3, workers=1, progress=False
    )
    assert list(labels.to_frame().filepath) == ["green/1.png", "green/4.png", "red/0.png"]


def test_parts_are_labeled_apart(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    part = fb.classify(photos, bundle_path, tmp_path / "t.csv", shard=(1, 1), workers=1, progress=False)
    assert (part.rows, part.sidecar, part.counts) == (7, None, {})
    with pytest.raises(fb.DataError):
        part.to_frame()
    with pytest.raises(ValueError, match="second of eight"):
        fb.classify(photos, bundle_path, tmp_path / "u.csv", shard=(3, 2), progress=False)


def test_a_signal_stops_a_run_which_the_same_call_goes_on_with(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    asked = {
        "job": None, "shard": None, "keep": None, "previous": None, "retry_errors": False, "path_column": None,
        "null": False, "partitioned": False, "encoding": "auto", "all_files": False, "hidden": False,
        "follow_links": False, "limit": None,
        "files_from": None, "include": (), "exclude": (), "format_set": None, "embeddings": None, "overwrite": False,
        "format": None, "restart": False, "topk": 1, "probabilities": False, "threshold": None,
        "spreadsheet_safe": False, "accept_truncated": None, "runtime": None, "runtime_set": None, "device": "cpu",
        "precision": "auto", "measure": False, "batch_size": 8, "engine": None, "engine_set": None, "workers": 1,
        "timeout": 30.0, "match": "time",
    }  # fmt: skip
    options = label_options(photos, bundle_path, tmp_path / "t.csv", **asked)
    with pytest.raises(fb.InterruptedRunError):
        label_folder(options, reporter=silent(), stop_signal=lambda: signal.SIGINT)
    assert not (tmp_path / "t.csv").exists()
    assert fb.classify(photos, bundle_path, tmp_path / "t.csv", workers=1, progress=False).rows == 7


def test_it_works_in_another_thread_and_leaves_the_handlers_alone(
    bundle_path: Path, photos: Path, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)
    found: list[int] = []

    def run() -> None:
        found.append(fb.classify(photos, bundle_path, tmp_path / "t.csv", workers=1, progress=False).rows)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [7]
    assert signal.getsignal(signal.SIGINT) is before


# ------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_table_has_the_same_types_in_each_format(
    bundle_path: Path, photos: Path, tmp_path: Path, ending: str
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    path = tmp_path / f"t.{ending}"
    table = fb.classify(photos, bundle_path, path, workers=1, probabilities=True, progress=False).to_frame()
    assert list(table.label.cat.categories) == ["red", "green", "blue"]
    assert list(table.status.cat.categories) == ["ok", "error", "timeout", "crashed", "missing", "changed"]
    assert {str(table[name].dtype) for name in table if name.startswith("prob")} == {"Float64"}
    assert table.prob.isna().sum() == table.label.isna().sum() == 1


def test_the_order_of_labels_is_looked_for_in_the_table_where_the_bundle_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("filepath,status,error,label,prob,prob_b,prob_a\nx,ok,,a,0.9,0.1,0.9\n")
    assert list(fb.read_labels(path).label.cat.categories) == ["b", "a"]
    path.write_text("filepath,status,error,label,prob\nx,ok,,b,0.9\ny,ok,,a,0.8\n")
    assert list(fb.read_labels(path).label.cat.categories) == ["a", "b"]


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("epoch,loss", "'label', 'labels' or 'prob'"),
        ("filepath,sku", "'label', 'labels' or 'prob'"),
        ("id,label", "'filepath'"),
    ],
)
def test_what_is_no_table_of_labels_is_refused_with_its_columns(tmp_path: Path, header: str, missing: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(fb.DataError) as caught:
        fb.read_labels(tmp_path / "t.csv")
    assert f"there is no column {missing}; there are {header.replace(',', ', ')}" in caught.value.message


@pytest.mark.parametrize(
    "header", ["path,label", "filepath,labels", "image,a_label", "filepath,prob_dress", "file,b_labels"]
)
def test_tables_of_other_programs_and_of_several_bundles_are_tables_of_labels(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\nx.png,1\n")
    assert list(fb.read_labels(tmp_path / "t.csv").columns) == header.split(",")


def test_a_bundle_may_be_named(bundle_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("filepath,status,error,label,prob\nx,ok,,green,0.9\n")
    assert list(fb.read_labels(path, bundle=bundle_path).label.cat.categories) == ["red", "green", "blue"]


def test_a_label_that_was_written_by_hand_is_kept(bundle_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("filepath,status,error,label,prob\nx,ok,,mauve,0.9\n")
    table = fb.read_labels(path, bundle=bundle_path)
    assert list(table.label) == ["mauve"]
    assert list(table.label.cat.categories) == ["red", "green", "blue", "mauve"]


def test_two_bundles_have_their_labels_each(
    bundle_path: Path, several_path: Path, photos: Path, tmp_path: Path
) -> None:
    from fashionbatch.testing.bundles import make_tiny_bundle

    other = make_tiny_bundle(tmp_path / "b", class_names=("z", "a"), name="other")
    table = fb.classify(photos, [bundle_path, other], tmp_path / "t.csv", workers=1, progress=False).to_frame()
    assert list(table.tiny_label.cat.categories) == ["red", "green", "blue"]
    assert list(table.other_label.cat.categories) == ["z", "a"]


def test_a_column_of_the_users_own_stays_text(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("filepath,old_label,prob_x\nred/0.png,1,7\n")
    table = fb.classify(
        photos, bundle_path, tmp_path / "t.csv", files_from=listed, path_column="filepath",
        keep=["old_label", "prob_x"], workers=1, progress=False,
    ).to_frame()  # fmt: skip
    assert table.old_label.tolist() == ["1"]
    assert table.prob_x.tolist() == ["7"]
    assert isinstance(table.label.dtype, pd.CategoricalDtype)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folder": None}, "nothing to label"),
        ({"workers": 0}, "workers must be from 1 to 256, got 0"),
        ({"workers": "2"}, "workers must be a whole number, got '2'"),
        ({"batch_size": 0}, "batch_size must be from 1 to 1024, got 0"),
        ({"topk": 0}, "topk must be at least 1, got 0"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"threshold": 2}, "threshold must be from 0 to 1, got 2"),
        ({"accept_truncated": "half"}, "accept_truncated must be a number, got 'half'"),
        ({"timeout": float("nan")}, "timeout must be between 0 and 1,000,000 seconds, got nan"),
        ({"precision": "int9"}, "precision must be one of auto, float32, bfloat16, int8, got 'int9'"),
        ({"device": "tpu"}, "device must be one of cpu, gpu, got 'tpu'"),
        ({"match": "name"}, "match must be one of time, sha256, got 'name'"),
        ({"sort_into": "sorted", "way": "burn"}, "way must be one of link, copy, move, got 'burn'"),
        ({"shard": "1/2"}, "shard must be a part such as"),
        ({"shard": (3, 2)}, "shard must be a part such as"),
        ({"progress": None}, "progress must be True, False or a function"),
    ],
)
def test_an_argument_that_the_command_would_refuse_is_named_before_anything_is_written(
    bundle_path: Path, photos: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    asked = {"folder": photos, "progress": False, **options}
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        fb.classify(bundle=bundle_path, output=tmp_path / "labels.csv", **asked)
    assert list(tmp_path.iterdir()) == []


def test_an_open_bundle_labels_folders_too(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    with fb.Bundle.open(bundle_path) as bundle:
        assert fb.classify(photos, bundle, tmp_path / "labels.csv", progress=False).rows == 7


def test_what_has_no_label_is_tried_again_where_the_table_lies_in_a_store(
    bundle_path: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    system.store.clear()
    output = "memory://out/t.csv"
    first = fb.classify(photos, bundle_path, output, workers=1, progress=False)
    again = fb.classify(photos, bundle_path, output, retry_errors=True, workers=1, progress=False)
    assert again.sidecar is not None
    assert again.sidecar.reused is not None
    assert (again.sidecar.reused.reused, again.sidecar.reused.retried) == (6, 1)
    assert again.counts == first.counts
    assert fb.summarize(output, progress=False).is_unchanged
    system.store.clear()
