"""A model card says what the run measured, and no name in it breaks the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fashionbatch.card import card_of
from fashionbatch.errors import BundleError, DataError
from fashionbatch.testing.bundles import make_tiny_bundle

NAMES = ("dress", "a*b_[c](javascript:x)", "<script>")


def _split(accuracy: float, images: int) -> dict[str, Any]:
    classes = [
        {"name": name, "support": support, "predicted": 1, "right": 1, "precision": 0.5, "recall": None, "f1": 0.25}
        for name, support in zip(NAMES, (60, 40, 12), strict=True)
    ]
    means = {"macro": {"precision": 0.5, "recall": 0.5, "f1": 0.61}}
    mistakes = [["dress", "<script>", 7]]
    return {"images": images, "accuracy": accuracy, "classes": classes, "mistakes": mistakes, "means": means}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three labels, two of which have names that mean something in Markdown and HTML."""
    run = tmp_path / "run"
    make_tiny_bundle(run / "bundle", class_names=NAMES, name="clothes: #1")
    summary = {
        "description": "Kinds of *clothes*.",
        "finished": "2026-11-26T11:53:55+00:00",
        "architecture": "mlp",
        "parameters": 1234,
        "seed": 7,
        "data": {"source": "image_folder", "fingerprint": "ab12", "images": {"train": 900, "test": 100}},
        "figures": {},
    }
    (run / "summary.json").write_text(json.dumps(summary))
    report = {"splits": {"train": _split(0.99, 900), "test": _split(0.9, 100)}}
    (run / "report.json").write_text(json.dumps(report))
    return run


def _parts(card: str) -> tuple[dict[str, Any], str]:
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_front_matter_is_what_hugging_face_reads(run: Path) -> None:
    front, _ = _parts(card_of(run, licence="Apache-2.0"))
    assert front["license"] == "apache-2.0"
    assert "license_name" not in front
    assert front["library_name"] == "fashionbatch"
    assert front["pipeline_tag"] == "image-classification"
    [model] = front["model-index"]
    assert model["name"] == "clothes: #1"
    [result] = model["results"]
    assert result["dataset"] == {"name": "image_folder", "type": "image_folder", "split": "test"}
    assert [(metric["type"], metric["value"]) for metric in result["metrics"]] == [("accuracy", 0.9), ("f1", 0.61)]


def test_figures_stand_with_their_intervals(run: Path) -> None:
    _, body = _parts(card_of(run))
    assert "| test | 100 | 0.9000 | 0.8256 to 0.9448 |" in body
    assert "| dress | 60 | 0.5000 | - | 0.2500 |" in body
    assert "| train | 900 |" in body
    assert "fingerprint `ab12`" in body
    assert "1,234 parameters" in body


def test_no_name_of_a_label_means_anything_on_the_page(run: Path) -> None:
    _, body = _parts(card_of(run))
    assert "<script>" not in body
    assert "| dress | &lt;script&gt; | 7 |" in body
    assert "a\\*b\\_\\[c\\](javascript:x)" in body
    assert "Kinds of \\*clothes\\*." in body
    assert "Fewer than 30 photos judged &lt;script&gt;: their figures are rough." in body


def test_a_bundle_that_lies_in_its_run_has_the_runs_figures(run: Path) -> None:
    assert card_of(run / "bundle") == card_of(run)


def test_a_bundle_alone_says_what_it_knows_and_no_figures(tmp_path: Path) -> None:
    front, body = _parts(card_of(make_tiny_bundle(tmp_path / "alone")))
    assert "model-index" not in front
    assert "license" not in front
    assert "metrics" not in front
    assert "red, green, blue" in body
    assert "None were measured" in body
    assert "does not say what it was trained on" in body


def test_a_run_that_somebody_changed_is_one_clear_error(run: Path) -> None:
    (run / "report.json").write_text('{"splits": {"test": {"images": 0, "accuracy": 2}}}')
    with pytest.raises(DataError, match=r"splits\.test\.images"):
        card_of(run)
    (run / "report.json").write_text("{")
    with pytest.raises(DataError, match=r"report\.json: cannot be read"):
        card_of(run)


def test_what_is_neither_is_told_as_everywhere(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        card_of(tmp_path / "nothing")


def test_a_licence_that_hugging_face_does_not_list_is_named_as_another_one(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "b")
    assert _parts(card_of(bundle, licence="CC-BY-NC-4.0"))[0]["license"] == "cc-by-nc-4.0"
    front, body = _parts(card_of(bundle, licence="My-Licence: 1 #x"))
    assert (front["license"], front["license_name"]) == ("other", "My-Licence: 1 #x")
    assert "My-Licence: 1 \\#x" in body


def test_a_line_end_in_a_text_is_none_on_the_page(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary |= {"architecture": "m\nlp", "data": {**summary["data"], "source": "a\n---\nb"}}
    (run / "summary.json").write_text(json.dumps(summary))
    card = card_of(run, licence="Mine\n---\nlicense: mit")
    front, body = _parts(card)
    assert (front["license"], front["license_name"]) == ("other", r"Mine\n---\nlicense: mit")
    assert front["tags"][-1] == r"m\nlp"
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == r"a\n---\nb"
    assert card.count("\n---\n") == 1
    assert "license: mit" not in body.splitlines()


def test_thresholds_and_groups_say_how_several_labels_are_given(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(
        tmp_path / "b",
        decoding="several_of_many",
        display_names=("빨강", "1. green", "blue"),
        thresholds=(0.25, 0.5, 0.75),
        groups={"- hue*": ("red", "green")},
    )
    _, body = _parts(card_of(bundle))
    assert "| 빨강 | 0.25 |" in body
    assert "| 1. green | 0.5 |" in body
    assert "- &#45; hue\\*: the likeliest of 빨강, 1. green" in body
    assert "A photo that reaches no threshold gets no label" in body


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "12) a", "=====", "---"])
def test_no_description_begins_a_list_or_underlines_a_heading(run: Path, text: str) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "description": text}))
    [line] = [line for line in card_of(run).splitlines() if line.endswith(text[1:]) and line.startswith("&#")]
    assert line == f"&#{ord(text[0])};{text[1:]}"
