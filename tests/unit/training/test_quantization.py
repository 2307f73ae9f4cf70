"""A training leaves a graph of 8 bits beside the float32 graph, judged by the validation split."""

from __future__ import annotations

import pytest

from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.reference import read_reference
from fashionbatch.errors import BundleError, ScratchError
from fashionbatch.quantizing import ladder
from fashionbatch.training.run import train

SHORT = ("epochs: 4", "epochs: 1")

pytestmark = pytest.mark.usefixtures("undrawn", "quantizing")


def test_training_images_calibrate_and_the_validation_split_judges(make_plan, plugins, tmp_path):
    lines: list[str] = []
    report = train(make_plan(SHORT), tmp_path / "run", plugins=plugins, show=lines.append)
    bundle = open_bundle(report.bundle)
    quantization = bundle.manifest.graphs["int8"].quantization
    assert quantization is not None
    assert (quantization.source, quantization.images, quantization.seed) == ("train", 36, 7)
    record = bundle.manifest.precision_parity["int8"]
    assert (record.images, record.source) == (12, "validation")
    reference = read_reference(bundle)
    assert reference is not None
    assert reference.record.precisions[-1] == "int8"
    assert report.summary["bundle"] == bundle.digest
    assert report.summary["precision_parity"]["int8"]["same_label"] == record.same_label
    assert report.summary["seconds"]["quantization"] > 0
    assert any(line.startswith("int8 by fast bias correction, 36 images, ") for line in lines)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("seed: 7", "seed: 7\n  quantize: off"), None),
        (("validation: 0.2, test: 0.2", "validation: 0.0, test: 0.2"), "there is no validation split to judge it by"),
    ],
)
def test_without_the_wish_or_a_judge_there_is_none(make_plan, plugins, tmp_path, change, says):
    lines: list[str] = []
    patience = ("early_stopping: {monitor: val_loss, patience: 3}", "")
    report = train(make_plan(SHORT, patience, change), tmp_path / "run", plugins=plugins, show=lines.append)
    assert "int8" not in open_bundle(report.bundle).manifest.graphs
    told = [line for line in lines if "int8" in line]
    assert told == ([f"int8 is not made: {says}"] if says else [])


@pytest.mark.parametrize("kind", [BundleError, ScratchError])
def test_a_network_that_cannot_be_quantized_is_trained_all_the_same(make_plan, plugins, tmp_path, monkeypatch, kind):
    def fail(*_, **__):
        raise kind("model.xml: cannot be quantized: no such kernel")

    monkeypatch.setattr(ladder, "quantize_graph", fail)
    lines: list[str] = []
    report = train(make_plan(SHORT), tmp_path / "run", plugins=plugins, show=lines.append)
    assert open_bundle(report.bundle).digest == report.summary["bundle"]
    assert "int8 is not made: model.xml: cannot be quantized: no such kernel" in lines
