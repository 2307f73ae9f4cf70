"""What a run writes beside its table is what the typed sidecar reads, and nothing is lost on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.run import label, label_part
from fashionbatch.labels.sidecar import Sidecar, find_sidecar, sidecar_path
from fashionbatch.testing.bundles import make_tiny_bundle

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]


def read_whole(table: Path) -> Sidecar:
    """The sidecar, read with the assurance that its bytes come out of the model again."""
    sidecar = find_sidecar(table)
    assert sidecar is not None
    assert sidecar.to_json() == sidecar_path(table).read_bytes()
    return sidecar


def test_of_a_run_with_embeddings_and_odd_names(
    paint: Paint, photos: Path, options: MakeOptions, tmp_path: Path
) -> None:
    paint({"a.png": 0, "b.png": 1})
    os.rename(photos, os.fsencode(tmp_path) + b"/\xff")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    report = label(options(folder=odd, exclude=("*.gif",), embeddings=tmp_path / "labels.npy"))
    sidecar = read_whole(report.table)
    assert sidecar.as_json() == report.meta
    assert Path(sidecar.folder) == odd
    assert sidecar.embeddings is not None
    assert sidecar.embeddings.shape == [2, 3]
    assert sidecar.counts.label == {"red": 1, "green": 1}


@pytest.mark.parametrize("match", ["time", "sha256"])
def test_of_a_run_with_an_earlier_table(paint: Paint, options: MakeOptions, tmp_path: Path, match: str) -> None:
    paint({"a.png": 0, "b.png": 1})
    label(options(output=tmp_path / "last.csv", match=match))
    paint({"c.png": 2})
    report = label(options(previous=tmp_path / "last.csv", match=match))
    sidecar = read_whole(report.table)
    assert sidecar.reused is not None
    assert (sidecar.reused.reused, sidecar.reused.new) == (2, 1)
    assert sidecar.options.match == match


def test_of_parts_of_a_table_of_two_bundles(paint: Paint, options: MakeOptions, tiny: Path, tmp_path: Path) -> None:
    paint({"a.png": 0, "b.png": 1})
    other = make_tiny_bundle(tmp_path / "other", name="other")
    bundles = [tiny, other]
    for number in (1, 2):
        label_part(options(bundles=bundles, part=Part(number, 2)))
    report = merge(tmp_path / "labels.csv")
    sidecar = read_whole(report.table)
    assert [bundle.path for bundle in sidecar.bundles] == [os.path.realpath(path) for path in bundles]
    assert sidecar.counts.label == {bundle.name: {"red": 1, "green": 1} for bundle in sidecar.bundles}
    assert sidecar.times.merged_from == 1
    assert sidecar.times.seconds is None
