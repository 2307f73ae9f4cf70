"""Judging a bundle or a table from a program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fashionbatch as fb


def test_a_folder_of_labeled_photos_gives_figures_and_tables(bundle_path: Path, photos: Path) -> None:
    found = fb.evaluate(bundle_path, photos, progress=False)
    assert found.accuracy == found.figures["accuracy"] == 1.0
    assert found.figures["images"] == 6
    assert list(found.classes.index) == ["red", "green", "blue"]
    assert found.classes.support.tolist() == [2, 2, 2]
    assert found.confusion.loc["red", "red"] == 2
    assert found.confusion.to_numpy().sum() == 6
    assert found.predictions.correct.all()
    assert found.images is not None
    assert found.images.shape == (6, 8, 8, 3)
    assert found.report.startswith("images")
    assert any("cannot be read" in note for note in found.notes)
    assert "accuracy 1.0000" in repr(found)
    assert "<td>accuracy</td><td>1.0000</td>" in found._repr_html_()
    assert found.pictures == {}


def test_an_open_bundle_is_judged_as_well(bundle_path: Path, photos: Path) -> None:
    with fb.Bundle.open(bundle_path) as bundle:
        assert fb.evaluate(bundle, photos, progress=False).accuracy == 1.0


def test_a_table_says_by_itself_which_bundle_it_is_of(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    labels = fb.classify(photos, bundle_path, tmp_path / "t.csv", workers=1, progress=False)
    found = fb.evaluate(labels.path, progress=False)
    assert (found.accuracy, found.computed) == (1.0, {})
    assert fb.evaluate(bundle_path, predictions=labels.path, progress=False).metrics == found.metrics


def test_a_table_of_parts_and_one_in_a_store_are_judged_like_one_file(
    bundle_path: Path, photos: Path, tmp_path: Path
) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
    parts = fb.classify(photos, bundle_path, tmp_path / "t.jsonl", partitioned=True, workers=1, progress=False).path
    found = fb.evaluate(parts, progress=False)
    assert found.accuracy == 1.0
    assert fb.evaluate(bundle_path, predictions=parts, progress=False).metrics == found.metrics
    system = fsspec.filesystem("memory")
    system.store.clear()
    for path in (*parts.iterdir(), parts.with_name("t.jsonl.meta.json")):
        system.pipe_file(f"/out/{path.relative_to(tmp_path)}", path.read_bytes())
    assert fb.evaluate("memory://out/t.jsonl", progress=False).metrics == found.metrics
    truth = "".join(f"{name},{name.split('/')[0]}\n" for name in fb.read_labels(parts).filepath)
    system.pipe_file("/out/truth.csv", f"filepath,label\n{truth}".encode())
    judged = fb.evaluate(bundle_path, "memory://out/truth.csv", predictions="memory://out/t.jsonl", progress=False)
    assert judged.metrics == found.metrics
    system.store.clear()


def test_a_table_of_which_nothing_is_known_needs_its_bundle(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("filepath,label\na/b.png,a\n")
    with pytest.raises(fb.DataError, match="which bundle") as caught:
        fb.evaluate(tmp_path / "t.csv")
    assert "predictions" in (caught.value.hint or "")


def test_figures_and_pictures_go_into_a_folder(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    found = fb.evaluate(bundle_path, photos, output=tmp_path / "e", progress=False)
    assert (tmp_path / "e" / "metrics.json").is_file()
    assert (found.pictures["confusion_matrix"]._repr_png_() or b"").startswith(b"\x89PNG")
    with pytest.raises(fb.OutputError, match="not empty"):
        fb.evaluate(bundle_path, photos, output=tmp_path / "e", progress=False)


def test_several_labels_have_no_confusion_matrix(several_path: Path, photos: Path) -> None:
    found = fb.evaluate(several_path, photos, progress=False)
    assert found.confusion.empty
    assert "mean_average_precision" in found.figures


def test_a_split_needs_a_recipe(bundle_path: Path, photos: Path) -> None:
    with pytest.raises(fb.DataError, match="needs a recipe"):
        fb.evaluate(bundle_path, photos, split="test", progress=False)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"precision": "int9"}, {"split": "exam"}])
def test_an_argument_out_of_its_range_is_named_before_a_folder_is_made(
    bundle_path: Path, photos: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        fb.evaluate(bundle_path, photos, output=tmp_path / "out", progress=False, **options)
    with pytest.raises(fb.BundleError):
        fb.evaluate(tmp_path / "nowhere", photos, output=tmp_path / "out", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_split_that_there_is_none_of_is_answered_by_those_that_there_are(bundle_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one of train, validation, test, got 'tst'; did you mean 'test'\?"):
        fb.evaluate(bundle_path, split="tst", progress=False)  # type: ignore[arg-type]
