"""`fashionbatch bundle`: what is in a bundle, whether it is whole, and bundles from other people's models."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.bundle.open import open_bundle
from fashionbatch.cli.bundle import command
from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import Precision
from fashionbatch.testing.bundles import make_tiny_bundle

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run a verb of `bundle`; an error of ours is raised, as the program's entry point expects it."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)

    return call


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An ONNX network that gives the mean of each channel as a logit."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    file = tmp_path / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)
    return file


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.txt"
    file.write_text("red\ngreen\nblue\n", encoding="utf-8")
    return file


# ------------------------------------------------------------------------------------------------------------ inspect


def test_inspect_shows_what_a_bundle_labels_and_on_what(run: Run, tmp_path: Path) -> None:
    parity: dict[Precision, PrecisionRecord] = {
        "float32": PrecisionRecord(images=1000, right=900, same_label=1000),
        "bfloat16": PrecisionRecord(images=1000, right=899, same_label=995),
    }
    path = make_tiny_bundle(
        tmp_path / "b",
        class_names=["dress", "red", "blue"],
        display_names=["드레스", "red", "blue"],
        decoding="several_of_many",
        thresholds=[0.25, 0.5, 0.5],
        groups={"colour": ["red", "blue"]},
        precision_parity=parity,
    )
    shown = run("inspect", path).output
    for text in (
        open_bundle(path).digest,
        "8 x 8 RGB, stretch, bilinear",
        "multilabel: several of many",
        "colour: red, blue",
        "드레스",
        "0.25",
        "99.50%",
        "model.xml",
        "openvino 20",
    ):
        assert text in shown


def test_inspect_says_whether_auto_may_take_a_precision(run: Run, tmp_path: Path) -> None:
    parity: dict[Precision, PrecisionRecord] = {
        "float32": PrecisionRecord(images=1_000, right=900, same_label=1_000),
        "bfloat16": PrecisionRecord(images=1_000, right=900, same_label=950),
    }
    path = make_tiny_bundle(tmp_path / "b", precision_parity=parity)
    said = "`auto` does not take it: bfloat16 kept only 95.0% of the labels on 1,000 validation images"
    assert f"bfloat16: {said}" in run("inspect", path).output


def test_many_labels_are_shown_on_request(run: Run, tmp_path: Path) -> None:
    path = make_tiny_bundle(tmp_path / "b", class_names=[f"label-{number}" for number in range(30)])
    assert "and 10 more" in run("inspect", path).output
    assert "label-29" not in run("inspect", path).output
    assert "label-29" in run("inspect", "--all-labels", path).output


def test_inspect_gives_scripts_everything(run: Run, tmp_path: Path) -> None:
    path = make_tiny_bundle(tmp_path / "b", decoding="yes_or_no", class_names=["no", "yes"], thresholds=[0.4])
    document = json.loads(run("inspect", "--json", path).output)
    assert document["digest"] == open_bundle(path).digest
    assert document["decision"]["thresholds"] == {"float32": [0.4]}
    assert "yes from a probability of 0.4 on" in run("inspect", path).output


def test_a_strangers_names_do_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    path = make_tiny_bundle(tmp_path / "b", name="\x1b[2J evil")
    assert "\x1b[2J" not in run("inspect", path).output


def test_inspect_imports_no_framework(run_python: Callable[[str], str], tmp_path: Path) -> None:
    path = make_tiny_bundle(tmp_path / "b")
    printed = run_python(
        "import sys; from fashionbatch.cli.bundle import command\n"
        f"command(['inspect', {str(path)!r}], standalone_mode=False)\n"
        "print([name for name in ('tensorflow', 'openvino', 'pandas', 'numpy.testing') if name in sys.modules])"
    )
    assert printed.strip().endswith("[]")


# ------------------------------------------------------------------------------------------------------------- verify


@pytest.mark.parametrize("decoding", ["one_of_many", "yes_or_no", "several_of_many"])
def test_verify_says_that_a_bundle_is_whole_and_runs(run: Run, tmp_path: Path, decoding: str) -> None:
    path = make_tiny_bundle(tmp_path / "b", class_names=["a", "b"], decoding=decoding)  # type: ignore[arg-type]
    shown = run("verify", path).output
    assert "the network runs" in shown
    assert f"whole, SHA-256 {open_bundle(path).digest}" in shown


def test_verify_names_every_damaged_file(tmp_path: Path) -> None:
    path = make_tiny_bundle(tmp_path / "b")
    (path / "model.bin").unlink()
    (path / "model.xml").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "fashionbatch", "bundle", "verify", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "is missing" in done.stdout
    assert "has 0 bytes" in done.stdout
    assert "2 of 3 files" in done.stderr
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------------- import


def test_import_asks_for_what_is_missing_until_the_bundle_runs(
    run: Run, tmp_path: Path, model: Path, labels: Path
) -> None:
    arguments: list[object] = ["import", model, "--labels", labels, "-o", tmp_path / "b"]
    for hint, more in (
        ("--scaling", ["--scaling", "-1..1"]),
        ("--size", ["--size", "12x10"]),
        ("--activation softmax", ["--activation", "softmax"]),
    ):
        with pytest.raises(FashionBatchError) as caught:
            run(*arguments)
        assert hint in (caught.value.hint or "")
        assert not (tmp_path / "b").exists()
        arguments += more
    shown = run(*arguments).output
    assert "3 labels (multiclass), images 12 x 10" in shown
    assert "whole" in run("verify", tmp_path / "b").output
    manifest = open_bundle(tmp_path / "b").manifest
    assert manifest.name == "colours"
    assert manifest.labels.class_names == ("red", "green", "blue")


def test_import_takes_the_names_that_the_model_holds_and_tells_of_doubles(
    run: Run, tmp_path: Path, model: Path
) -> None:
    arguments = ["import", model, "-o", tmp_path / "b", "--scaling", "0..1", "--size", "8", "--activation", "softmax"]
    with pytest.raises(FashionBatchError, match="says nothing of its classes' names"):
        run(*arguments)
    named = onnx.load(model)
    helper.set_model_props(named, {"names": "{0: 'crane', 1: 'dog', 2: 'crane'}"})
    onnx.save(named, model)
    shown = run(*arguments).output
    assert "note: 1 name stands more than once in the list (crane)" in shown
    assert open_bundle(tmp_path / "b").manifest.labels.class_names == ("crane (0)", "dog", "crane (2)")


def test_import_takes_labels_and_preparation_from_timms_file_beside_the_model(
    run: Run, tmp_path: Path, model: Path
) -> None:
    said = {
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "label_names": ["n1", "n2", "n3"],
        "label_descriptions": {"n1": "cat", "n2": "dog", "n3": "hen"},
    }
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet18", "pretrained_cfg": said}))
    arguments = ("import", model, "--size", "8", "--activation", "softmax")
    shown = run(*arguments, "-o", tmp_path / "b").output
    assert "config.json says" in shown
    assert "--scaling imagenet, --resize crop, --crop-fraction 0.875, --interpolation bicubic" in shown
    manifest = open_bundle(tmp_path / "b").manifest
    assert manifest.labels.class_names == ("cat", "dog", "hen")
    resize = manifest.image.resize
    assert (resize.mode, resize.crop_fraction, resize.interpolation) == ("crop", 0.875, "bicubic")
    shown = run(*arguments, "--scaling", "0..1", "--resize", "stretch", "-o", tmp_path / "other").output
    assert "--scaling 0..1, --resize stretch" in shown
    assert open_bundle(tmp_path / "other").manifest.image.resize.mode == "stretch"


def test_import_tells_that_a_network_for_one_image_is_slower(
    run: Run, tmp_path: Path, model: Path, labels: Path
) -> None:
    alone = onnx.load(model)
    alone.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [2], [1, 3]))
    alone.graph.node.append(helper.make_node("Reshape", ["y", "one"], ["row"]))
    alone.graph.output[0].name = "row"
    onnx.save(alone, model)
    shown = run(
        *("import", model, "--labels", labels, "-o", tmp_path / "b", "--scaling", "0..1", "--size", "8"),
        *("--activation", "softmax"),
    ).output
    assert "note: the network takes one image at a time" in shown
    assert "whole" in run("verify", tmp_path / "b").output


def test_import_keeps_what_is_there_unless_told_otherwise(run: Run, tmp_path: Path, model: Path, labels: Path) -> None:
    output = make_tiny_bundle(tmp_path / "b")
    digest = open_bundle(output).digest
    arguments = ["import", model, "--labels", labels, "-o", output, "--scaling", "0..1", "--size", "8"]
    arguments += ["--activation", "softmax", "--crop-fraction", "0.875", "--resize", "crop", "--name", "mine"]
    with pytest.raises(FashionBatchError, match="exists already"):
        run(*arguments)
    assert open_bundle(output).digest == digest
    run(*arguments, "--overwrite")
    manifest = open_bundle(output).manifest
    assert manifest.name == "mine"
    assert manifest.image.resize.mode == "crop"
    assert manifest.image.resize.crop_fraction == 0.875


def test_import_never_replaces_what_is_no_bundle(run: Run, tmp_path: Path, model: Path, labels: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"precious")
    arguments = ["import", model, "--labels", labels, "-o", photos, "--scaling", "0..1", "--size", "8"]
    with pytest.raises(FashionBatchError, match="no bundle"):
        run(*arguments, "--activation", "softmax", "--overwrite")
    assert (photos / "a.jpg").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name either a MODEL or a --keras-application"),
        (["m.onnx", "--keras-application", "VGG16"], "name either"),
        (["m.onnx", "--weights", "none"], "--weights belongs to --keras-application"),
        (["m.onnx", "--size", "big"], "'big' is no size"),
        (["m.onnx", "--size", "0x5"], "is no size"),
        (["m.onnx", "--scaling", "0..2"], "--scaling"),
    ],
)
def test_wrong_usage_is_told(run: Run, tmp_path: Path, labels: Path, arguments: list[str], says: str) -> None:
    result = run("import", *arguments, "--labels", labels, "-o", tmp_path / "b")
    assert result.exit_code == 2
    assert says in result.output


def test_what_comes_after_packing_and_unpacking_can_be_typed_as_it_is_printed(run: Run, tmp_path: Path) -> None:
    bundle, packed, again = make_tiny_bundle(tmp_path / "b"), tmp_path / "my b.fbz", tmp_path / "my b"
    assert "There: fashionbatch bundle unpack 'my b.fbz' -o DIRECTORY" in run("pack", bundle, "-o", packed).output
    said = run("unpack", packed, "-o", again).output
    assert f"Now: fashionbatch classify PHOTOS -b '{again}' -o labels.csv" in said
