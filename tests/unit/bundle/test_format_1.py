"""Bundles of format 1 open for good, and label as they did: `tests/data/format_1` says how they were made."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch import cli
from fashionbatch.bundle.format_1 import ManifestOfFormat1
from fashionbatch.bundle.graph.features import find_features
from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.write import update_bundle
from fashionbatch.errors import BundleError

KEPT = Path(__file__).parents[2] / "data" / "format_1"
DIGESTS = {
    "clothes": "3e0a7c186b9c504eb7d8246f72eed2af96ae81639088bf565884e68671f3df31",
    "colours": "4ff725e1d73e081b29e3f2279f59ed5fa99350c9d2210174db326b4775e07ef9",
    "warmth": "75ff3767b41cdb874b85774a7f9d4e10274b175f9fcf9400977b2a56496e8ab6",
}
OPTIONS = {
    "clothes": ["--probabilities"],
    "colours": ["--topk", "2", "--probabilities"],
    "warmth": ["--topk", "2", "--probabilities"],
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of `clothes`, to be changed."""
    target = tmp_path / "clothes"
    target.mkdir()
    for file in (KEPT / "clothes").iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def change(bundle: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    file = bundle / "bundle.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    edit(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def table(file: Path) -> list[dict[str, str]]:
    with open(file, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_a_kept_bundle_opens_under_the_digest_that_it_had(name: str) -> None:
    bundle = open_bundle(KEPT / name)
    assert bundle.digest == DIGESTS[name]
    assert bundle.manifest.format_version == 1
    assert bundle.manifest.reference is None
    assert (bundle.recipe is None) == (bundle.keras_weights is None) == (name == "warmth")


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_a_kept_bundle_gives_the_table_that_it_gave(name: str, tmp_path: Path) -> None:
    output = tmp_path / "labels.csv"
    arguments = ["classify", str(KEPT / "photos"), "-b", str(KEPT / name), "-o", str(output), "-j", "1", "-q"]
    assert cli._run([*arguments, "--precision", "float32", *OPTIONS[name]]) == 0
    rows, recorded = table(output), table(KEPT / f"{name}.csv")
    assert len(rows) == len(recorded) == 6
    for row, before in zip(rows, recorded, strict=True):
        assert list(row) == list(before)
        for column, cell in row.items():
            if "prob" in column and cell:
                assert float(cell) == pytest.approx(float(before[column]), abs=1e-5)
            else:
                assert cell == before[column]


def test_what_it_says_is_what_the_newest_format_says() -> None:
    manifest = open_bundle(KEPT / "clothes").manifest
    assert manifest.labels.display_names == ("blue", "드레스", "red", "shirt")
    assert manifest.head.thresholds == manifest.decision.thresholds["float32"] == (0.24, 0.5, 0.76, 0.5)
    assert manifest.head.groups == {"colour": ("red", "blue"), "type": ("dress", "shirt")}
    assert manifest.precisions == ("float32", "bfloat16")
    record = manifest.precision_parity["float32"]
    assert (record.images, record.same_label, record.against_float32) == (20, 20, None)


def test_shares_become_the_counts_that_they_were_computed_from(copied: Path) -> None:
    def measure(document: dict[str, Any]) -> None:
        # As 0.1 wrote them: the mean of so many images that are right.
        document["precision_parity"]["bfloat16"] = {"accuracy": 2 / 3, "same_labels": 1 - 1 / 999, "images": 999}

    change(copied, measure)
    record = open_bundle(copied).manifest.precision_parity["bfloat16"]
    assert record == PrecisionRecord(images=999, right=666, same_label=998)
    assert (record.accuracy, record.same_labels) == (2 / 3, 998 / 999)


def test_its_features_are_searched_for() -> None:
    assert open_bundle(KEPT / "colours").manifest.features is None
    assert find_features(open_bundle(KEPT / "colours")).size == 4


def test_what_is_written_again_is_of_the_newest_format(copied: Path) -> None:
    updated = update_bundle(open_bundle(copied), thresholds=[0.1, 0.2, 0.3, 0.4])
    assert open_bundle(copied) == updated
    assert updated.manifest.format_version == 2
    assert updated.manifest.head.thresholds == (0.1, 0.2, 0.3, 0.4)
    assert json.loads((copied / "bundle.json").read_text(encoding="utf-8"))["format_version"] == 2
    assert updated.recipe_text() == (KEPT / "clothes" / "recipe.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda d: d.update(extensions={}), "extensions"),
        (lambda d: d.update(reference=None), "reference"),
        (lambda d: d["precision_parity"].update(int8={}), "precision_parity"),
        (lambda d: d["head"].update(thresholds=[0.5]), "1 thresholds for 4"),
        (lambda d: d["head"].update(decoding="guess"), "head.decoding"),
        (lambda d: d["files"].update({"reference.npz": d["files"]["model.bin"]}), "no file of a bundle"),
        (lambda d: d["files"].pop("model.bin"), "does not name 'model.bin'"),
    ],
)
def test_format_1_is_as_strict_as_it_was(copied: Path, edit: Callable[[dict[str, Any]], None], says: str) -> None:
    change(copied, edit)
    with pytest.raises(BundleError, match=r"bundle\.json") as caught:
        open_bundle(copied)
    assert says in caught.value.message


def test_nothing_in_it_is_lost(copied: Path) -> None:
    document = json.loads((copied / "bundle.json").read_text(encoding="utf-8"))
    read = ManifestOfFormat1.model_validate_json(json.dumps(document), strict=True)
    assert json.loads(read.model_dump_json()) == document
    new = read.upgrade()
    assert (new.name, new.labels, new.head, new.image) == (read.name, read.labels, read.head, read.image)
    assert (new.plugins, new.created_with, new.files) == (read.plugins, read.created_with, read.files)
    assert new.decoding_policy == read.decoding_policy
