"""What was exported to ONNX can be imported again without a word, and labels as the bundle does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fashionbatch.bundle.importing.exported import exported_description
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.cli.bundle.foreign import import_bundle
from fashionbatch.errors import BundleError
from fashionbatch.exporting.kinds import KINDS
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.exporting.run import export_bundle
from fashionbatch.images import decode_image
from fashionbatch.inference.session import open_session
from fashionbatch.plugins import load_plugins

REGISTRY = load_plugins().registry


@pytest.mark.parametrize("head", ["binary", "multilabel"])
def test_a_bundle_that_was_exported_and_imported_labels_as_before(
    bundles: Mapping[str, Bundle], photos: Path, tmp_path: Path, head: str
) -> None:
    for package in KINDS["onnx"].packages:
        pytest.importorskip(package, reason=f"the extra onnx is not installed: no {package}")
    bundle = bundles[head]
    export_bundle(bundle, ExportRequest("onnx", tmp_path / "a.onnx"), None, registry=REGISTRY)
    done = CliRunner().invoke(import_bundle, [str(tmp_path / "a.onnx"), "-o", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    again = open_bundle(tmp_path / "again")
    shown = bundle.manifest.labels.display_names
    assert again.manifest.labels.display_names == shown
    assert again.manifest.image == bundle.manifest.image
    assert again.manifest.head.thresholds == bundle.manifest.head.thresholds
    names = dict(zip(bundle.manifest.labels.class_names, shown, strict=True))
    groups = {group: tuple(map(names.get, members)) for group, members in bundle.manifest.head.groups.items()}
    assert again.manifest.head.groups == groups
    labels = []
    for one in (bundle, again):
        images = np.stack([decode_image(path, one.manifest.image) for path in sorted(photos.iterdir())])
        with open_session(one, registry=REGISTRY, precision="float32") as session:
            labels.append(session.rule.decide(session.predict(images)).chosen)
    np.testing.assert_array_equal(*labels)
    assert len(np.unique(labels[0], axis=0)) > 1


def _onnx_with(text: str, path: Path) -> Path:
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    onnx.helper.set_model_props(model, {"fashionbatch": text})
    path.write_bytes(model.SerializeToString())
    return path


WHOLE = {"labels": ["a", "b"], "decoding": "one_of_many", "image": {"size": [8, 8]}}


def test_the_description_is_read_whatever_else_stands_in_it(tmp_path: Path) -> None:
    found = exported_description(_onnx_with(json.dumps({**WHOLE, "later": [1]}), tmp_path / "a.onnx"))
    assert found is not None
    assert (found.labels, found.image.size, found.thresholds) == (("a", "b"), (8, 8), ())


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 100_000,
        json.dumps({**WHOLE, "decoding": "odd"}),
        json.dumps({**WHOLE, "labels": []}),
        json.dumps({**WHOLE, "labels": ["a", "a"]}),
        json.dumps({**WHOLE, "labels": ["a", "b|c"]}),
        json.dumps({**WHOLE, "image": {"size": [0, 8]}}),
    ],
    ids=range(8),
)
def test_a_description_that_no_export_has_is_one_clear_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(BundleError, match="is not what `fashionbatch export` writes"):
        exported_description(_onnx_with(text, tmp_path / "a.onnx"))


def test_a_description_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="a later FashionBatch wrote it, in version 2 of its format") as caught:
        exported_description(_onnx_with(json.dumps({**WHOLE, "format_version": 2}), tmp_path / "a.onnx"))
    assert caught.value.hint == "update FashionBatch"
