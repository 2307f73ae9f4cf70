"""Writing a bundle: whole or not at all, and never at the cost of what is there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from openvino import opset13 as ops

from fashionbatch.bundle.graph.check import check_graph
from fashionbatch.bundle.graph.features import find_features
from fashionbatch.bundle.graph.record import GraphOrigin, PairedCounts, PrecisionRecord, QuantizationRecord
from fashionbatch.bundle.manifest import Head, Labels, PluginRecord
from fashionbatch.bundle.open import Bundle, open_bundle
from fashionbatch.bundle.write import QuantizedGraph, update_bundle, write_bundle
from fashionbatch.disk import directories, steps
from fashionbatch.errors import BundleError, OutputError
from fashionbatch.images import POLICY
from fashionbatch.specs import ImageSpec, Precision
from fashionbatch.testing.bundles import make_tiny_bundle


def network(outputs: int = 2, shape: tuple[int, ...] = (4, 5, 3), *, kind: str = "u8") -> ov.Model:
    pixels = ops.parameter([-1, *shape], getattr(ov.Type, kind), name="pixels")
    flat = ops.reshape(ops.convert(pixels, "f32"), [0, -1], special_zero=True)
    weights = ops.constant([[0.001] * outputs] * (shape[0] * shape[1] * shape[2]), ov.Type.f32)
    return ov.Model([ops.softmax(ops.matmul(flat, weights, False, False), 1)], [pixels], "n")


def write(directory: Path, **changes: Any) -> Bundle:
    fields: dict[str, Any] = {
        "name": "shoes",
        "labels": Labels(class_names=("a", "b"), display_names=("신발", "b")),
        "head": Head(name="multiclass", decoding="one_of_many"),
        "image": ImageSpec(size=(4, 5)),
        "decoding_policy": POLICY,
        "graph": network(),
    }
    return write_bundle(directory, **{**fields, **changes})


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def test_what_was_written_opens_with_the_same_digest(tmp_path: Path) -> None:
    weights = tmp_path / "best.weights.h5"
    weights.write_bytes(b"weights")
    plugin = PluginRecord(kind="architecture", name="cnn", provider="fashionbatch", version="0.1.0")
    written = write(
        tmp_path / "new" / "b",
        weights=weights,
        recipe_yaml="name: 신발\n",
        plugins=[plugin],
        created_with={"keras": "3"},
    )
    opened = open_bundle(tmp_path / "new" / "b")
    assert opened == written
    assert names(opened.path) == ["bundle.json", "model.bin", "model.weights.h5", "model.xml", "recipe.yaml"]
    assert names(tmp_path / "new") == ["b"]
    assert opened.manifest.plugins == (plugin,)
    assert set(opened.manifest.created_with) == {"fashionbatch", "keras", "openvino"}
    assert opened.recipe_text() == "name: 신발\n"
    assert opened.keras_weights is not None
    assert opened.keras_weights.read_bytes() == b"weights"


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    graph = network()
    write(tmp_path / "one", graph=graph)
    write(tmp_path / "two", graph=graph)
    for name in names(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_names_in_other_scripts_stand_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "b")
    assert "신발" in (tmp_path / "b" / "bundle.json").read_text(encoding="utf-8")


def test_weights_are_not_rounded_to_float16(tmp_path: Path) -> None:
    write(tmp_path / "b")
    assert "f16" not in (tmp_path / "b" / "model.xml").read_text(encoding="utf-8")


def test_others_may_read_it_as_far_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write(tmp_path / "b")
    finally:
        os.umask(before)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("swaps", [True, False])
def test_an_older_bundle_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, swaps: bool) -> None:
    if not swaps:  # as on a file system without RENAME_EXCHANGE
        monkeypatch.setattr(directories, "exchange", lambda one, other: False)
    write(tmp_path / "b", recipe_yaml="old")
    written = write(tmp_path / "b")
    assert open_bundle(tmp_path / "b") == written
    assert names(tmp_path / "b") == ["bundle.json", "model.bin", "model.xml"]
    assert names(tmp_path) == ["b"]


def test_an_empty_directory_becomes_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    assert write(tmp_path / "b") == open_bundle(tmp_path / "b")


def test_a_linked_target_is_replaced_where_it_lies(tmp_path: Path) -> None:
    write(tmp_path / "real")
    (tmp_path / "latest").symlink_to("real")
    written = write(tmp_path / "latest", name="newer")
    assert (tmp_path / "latest").is_symlink()
    assert open_bundle(tmp_path / "real").digest == written.digest


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"precious")
    with pytest.raises(OutputError, match="no bundle"):
        write(tmp_path / "photos")
    assert names(tmp_path / "photos") == ["a.jpg"]
    with pytest.raises(OutputError, match="no directory"):
        write(tmp_path / "photos" / "a.jpg")


def test_a_bundle_with_a_file_of_the_users_is_not_replaced(tmp_path: Path) -> None:
    before = write(tmp_path / "b")
    (tmp_path / "b" / "notes.txt").write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"holds 'notes\.txt', which is no part of a bundle"):
        write(tmp_path / "b", name="newer")
    (tmp_path / "b" / "notes.txt").unlink()
    assert open_bundle(tmp_path / "b").digest == before.digest


def test_a_place_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "file" / "b")


# ------------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("step", ["create directory", "create", "sync files", "exchange"])
def test_a_full_disk_at_any_step_leaves_the_old_bundle_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    old = write(tmp_path / "b", name="old")

    def fail(name: str, _: Path) -> None:
        if name == step:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(steps, "step", fail)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "b", name="new")
    assert open_bundle(tmp_path / "b") == old
    assert names(tmp_path) == ["b"]


def test_a_failed_second_rename_puts_the_old_bundle_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write(tmp_path / "b", name="old")
    monkeypatch.setattr(directories, "exchange", lambda one, other: False)
    rename = Path.rename

    def fail_to_put_in_place(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_to_put_in_place)
    with pytest.raises(OutputError, match="Input/output error"):
        write(tmp_path / "b", name="new")
    monkeypatch.undo()
    assert open_bundle(tmp_path / "b") == old
    assert names(tmp_path) == ["b"]


# ---------------------------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"graph": network(3)}, r"\(-1, 2\)"),
        ({"graph": network(shape=(5, 4, 3))}, "5, 4, 3"),
        ({"graph": network(kind="f32")}, "'f32'"),
        ({"head": Head(name="binary", decoding="several_of_many", thresholds=(0.5,))}, "1 thresholds for 2 classes"),
        ({"head": Head(name="binary", decoding="yes_or_no")}, r"\(-1, 1\)"),
    ],
)
def test_parts_that_do_not_fit_together_are_not_written(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BundleError, match=says):
        write(tmp_path / "b", **changes)
    assert names(tmp_path) == []


# ------------------------------------------------------------------------------------------------- what was measured


def test_measurements_are_added_and_the_network_stays(tmp_path: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", decoding="several_of_many"))
    parity: dict[Precision, PrecisionRecord] = {"float32": PrecisionRecord(images=10, right=9, same_label=10)}
    updated = update_bundle(bundle, precision_parity=parity, thresholds=[0.2, 0.5, 0.8])
    opened = open_bundle(bundle.path)
    assert opened == updated
    assert opened.digest != bundle.digest
    assert opened.manifest.precision_parity == parity
    assert opened.manifest.head.thresholds == (0.2, 0.5, 0.8)
    assert opened.manifest.files == bundle.manifest.files
    again = update_bundle(opened, thresholds=[0.1, 0.1, 0.1])
    assert again.manifest.precision_parity == parity
    assert names(bundle.path) == ["bundle.json", "model.bin", "model.xml", "reference.npz"]


def test_extensions_are_kept_when_the_file_is_written_again(tmp_path: Path) -> None:
    own: dict[str, Any] = {"org.example.review": {"by": "민지", "notes": [1, 2.5, None, {"deep": True}]}, "": ""}
    bundle = write(tmp_path / "b", extensions=own)
    assert open_bundle(bundle.path).manifest.extensions == own
    record = PrecisionRecord(images=3, right=2, same_label=3)
    updated = update_bundle(open_bundle(bundle.path), precision_parity={"float32": record})
    assert open_bundle(bundle.path).manifest.extensions == updated.manifest.extensions == own


def test_it_says_how_the_graph_was_made_and_where_its_features_are(tmp_path: Path) -> None:
    made = GraphOrigin(converter="by hand", method="for tests", versions={"hand": "1"})
    manifest = write(tmp_path / "b", made=made).manifest
    assert manifest.graphs["float32"].made == made
    assert manifest.features is not None
    assert manifest.features.size == 4 * 5 * 3
    assert find_features(open_bundle(tmp_path / "b")) == manifest.features.tensor


def test_measurements_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    with pytest.raises(BundleError, match="no thresholds"):
        update_bundle(bundle, thresholds=[0.5, 0.5, 0.5])
    assert open_bundle(bundle.path) == bundle


def test_measurements_on_a_full_disk_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        update_bundle(bundle, precision_parity={})
    monkeypatch.undo()
    assert open_bundle(bundle.path) == bundle
    assert names(bundle.path) == ["bundle.json", "model.bin", "model.xml", "reference.npz"]


def test_bundle_json_is_indented_and_ends_with_a_line_end(tmp_path: Path) -> None:
    text = (write(tmp_path / "b").path / "bundle.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n" == text


# ------------------------------------------------------------------------------------------------------ graph of 8 bits


COUNTS = PairedCounts(both_right=8, only_float32_right=0, only_this_right=1, neither_right=1)


def quantized(graph: Path, **changes: Any) -> QuantizedGraph:
    fields: dict[str, Any] = {
        "made": GraphOrigin(converter="nncf", method="in a test", versions={"nncf": "3.4.0"}),
        "quantization": QuantizationRecord(way="fast", tried=("fast",), images=40, source="photos", seed=42),
        "parity": PrecisionRecord(images=10, right=9, same_label=9, against_float32=COUNTS, source="photos"),
    }
    return QuantizedGraph(graph, **{**fields, **changes})


def test_a_graph_of_8_bits_is_added_and_the_float32_graph_stays(tmp_path: Path, int8_graph: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    updated = update_bundle(bundle, quantized=quantized(int8_graph))
    opened = open_bundle(bundle.path)
    assert opened == updated
    manifest = opened.manifest
    assert manifest.precisions == ("float32", "bfloat16", "int8")
    assert manifest.precision_parity["int8"].right == 9
    assert manifest.graphs["int8"].quantization == quantized(int8_graph).quantization
    assert manifest.created_with["nncf"] == "3.4.0"
    assert manifest.graphs["float32"] == bundle.manifest.graphs["float32"]
    assert opened.graph_for("int8").read_bytes() == int8_graph.read_bytes()
    check_graph(opened.path, manifest, "int8")
    again = update_bundle(opened, quantized=quantized(int8_graph, parity=None))
    assert again.manifest.graphs["int8"].parity == {}
    assert names(bundle.path) == [
        "bundle.json", "model.bin", "model.int8.bin", "model.int8.xml", "model.xml", "reference.npz"
    ]  # fmt: skip


def test_it_may_have_thresholds_of_its_own(tmp_path: Path, int8_graph: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", decoding="several_of_many", thresholds=[0.5, 0.4, 0.3]))
    own = update_bundle(bundle, quantized=quantized(int8_graph, thresholds=(0.5, 0.4, 0.2))).manifest
    assert own.rule_in("int8").thresholds == (0.5, 0.4, 0.2)
    assert own.rule.thresholds == (0.5, 0.4, 0.3)
    plain = update_bundle(open_bundle(bundle.path), quantized=quantized(int8_graph)).manifest
    assert plain.rule_in("int8").thresholds == (0.5, 0.4, 0.3)


def test_another_place_leaves_the_bundle_as_it_is_and_shares_no_file(tmp_path: Path, int8_graph: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    other = update_bundle(bundle, quantized=quantized(int8_graph), directory=tmp_path / "new" / "int8")
    assert open_bundle(tmp_path / "new" / "int8") == other
    assert open_bundle(bundle.path) == bundle
    assert not (other.path / "model.bin").samefile(bundle.path / "model.bin")


def test_a_graph_of_8_bits_that_does_not_fit_changes_nothing(tmp_path: Path, int8_graph: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", class_names=["a", "b", "c", "d"]))
    with pytest.raises(BundleError, match="gives an array"):
        update_bundle(bundle, quantized=quantized(int8_graph))
    foreign = tmp_path / "model.int8.xml"
    foreign.write_bytes(
        int8_graph.read_bytes()
        .replace(b'type="Softmax"', b'type="Assign"')
        .replace(b'type="SoftMax"', b'type="Assign"')
    )
    foreign.with_suffix(".bin").write_bytes(int8_graph.with_suffix(".bin").read_bytes())
    with pytest.raises(BundleError, match="keeps state between batches"):
        update_bundle(open_bundle(make_tiny_bundle(tmp_path / "c")), quantized=quantized(foreign))
    assert open_bundle(bundle.path) == bundle


def test_other_places_are_never_overwritten(tmp_path: Path, int8_graph: Path) -> None:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(OutputError, match="holds files, but no bundle"):
        update_bundle(bundle, quantized=quantized(int8_graph), directory=tmp_path / "album")
    assert names(tmp_path / "album") == ["photo.jpg"]
