"""Opening a bundle: what is whole opens, everything else is one clear BundleError."""

from __future__ import annotations

import hashlib
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.bundle.graph.record import PrecisionRecord
from fashionbatch.bundle.open import MANIFEST_LIMIT, open_bundle
from fashionbatch.errors import BundleError
from fashionbatch.specs import Precision
from fashionbatch.testing.bundles import make_tiny_bundle

Edit = Callable[[Callable[[dict[str, Any]], None]], None]


COUNTS = {"images": 10, "right": 9, "same_label": 10}


def paired(*, both: int = 8, neither: int = 1, same: int = 9) -> dict[str, Any]:
    """10 images, of which bfloat16 labels 8 right and float32 one more; arguments make it contradict itself."""
    counts = {"both_right": both, "only_float32_right": 1, "only_this_right": 0, "neither_right": neither}
    return {"images": 10, "right": 8, "same_label": same, "against_float32": counts}


def refusal(path: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    assert "\n" not in caught.value.message
    return caught.value


# ------------------------------------------------------------------------------------------------------ whole bundles


def test_a_whole_bundle_opens_with_what_was_written(tmp_path: Path) -> None:
    parity: dict[Precision, PrecisionRecord] = {"float32": PrecisionRecord(images=50, right=45, same_label=50)}
    path = make_tiny_bundle(
        tmp_path / "b",
        class_names=["dress", "bag/<b>", "T-shirt, white"],
        display_names=["드레스", "👜", "T-shirt"],
        decoding="several_of_many",
        thresholds=[0.3, 0.5, 0.7],
        groups={"type": ["dress", "bag/<b>"]},
        precision_parity=parity,
    )
    bundle = open_bundle(path)
    assert bundle.path == path
    assert bundle.manifest.labels.display_names == ("드레스", "👜", "T-shirt")
    assert bundle.manifest.head.thresholds == (0.3, 0.5, 0.7)
    assert bundle.manifest.head.groups == {"type": ("dress", "bag/<b>")}
    assert bundle.manifest.precision_parity == parity
    assert bundle.manifest.outputs == 3
    assert bundle.recipe is None
    assert bundle.recipe_text() is None
    assert bundle.keras_weights is None


def test_the_digest_is_that_of_bundle_json(tiny: Path) -> None:
    assert open_bundle(tiny).digest == hashlib.sha256((tiny / "bundle.json").read_bytes()).hexdigest()


def test_a_path_given_as_text_or_through_a_link_opens(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tiny)
    assert open_bundle(str(tiny)).digest == open_bundle(tmp_path / "latest").digest


def test_files_that_bundle_json_does_not_name_are_left_alone(tiny: Path) -> None:
    (tiny / ".DS_Store").write_bytes(b"\0")
    (tiny / "model.keras").write_bytes(b"never read")
    open_bundle(tiny)


def test_opening_imports_neither_tensorflow_nor_openvino_nor_pandas(
    run_python: Callable[[str], str], tiny: Path
) -> None:
    printed = run_python(
        f"import sys; from fashionbatch.bundle.open import open_bundle; open_bundle({str(tiny)!r});"
        "print([name for name in ('tensorflow', 'openvino', 'pandas') if name in sys.modules])"
    )
    assert printed.strip() == "[]"


# -------------------------------------------------------------------------------------------------------- wrong paths


def test_a_number_where_nothing_is_means_the_batch_size(tmp_path: Path) -> None:
    assert "--batch-size 256" in str(refusal(Path("256")))
    assert "--batch-size" not in str(refusal(tmp_path / "nope"))


def test_a_run_directory_points_to_its_bundle(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "run" / "bundle")
    assert str(tmp_path / "run" / "bundle") in (refusal(tmp_path / "run").hint or "")


def test_a_folder_of_one_run_points_to_its_bundle(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "runs" / "cnn" / "bundle")
    assert str(tmp_path / "runs" / "cnn" / "bundle") in (refusal(tmp_path / "runs").hint or "")


def test_a_run_that_did_not_finish_says_so(tmp_path: Path) -> None:
    assert "did not finish" in (refusal(tmp_path / "bundle").hint or "")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("model.onnx", "bundle import"),
        ("net.keras", "bundle import"),
        ("bundle.zip", "unpack"),
        ("bundle.tar.gz", "unpack"),
        ("recipe.yaml", "fashionbatch train"),
        ("photo.jpg", "RUN/bundle"),
    ],
)
def test_a_file_says_what_to_do_with_it(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    error = refusal(tmp_path / name)
    assert "is a file" in error.message
    assert hint in (error.hint or "")


def test_a_file_of_a_bundle_points_to_its_directory(tiny: Path) -> None:
    assert (refusal(tiny / "bundle.json").hint or "").endswith(str(tiny))
    assert (refusal(tiny / "model.xml").hint or "").endswith(str(tiny))


def test_a_foreign_directory_is_no_bundle(tmp_path: Path) -> None:
    assert "holds no bundle.json" in refusal(tmp_path).message
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert "bundle import" in (refusal(tmp_path).hint or "")


def test_odd_paths_are_errors_too(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refusal(tmp_path / "loop")
    refusal(Path("a\0b"))
    (tmp_path / "file").write_bytes(b"")
    refusal(tmp_path / "file" / "below")


# ---------------------------------------------------------------------------------------------------- damaged bundles


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_file_that_is_cut_short_is_found_by_its_size(tiny: Path, name: str) -> None:
    file = tiny / name
    size = file.stat().st_size
    os.truncate(file, size - 1)
    message = refusal(tiny).message
    assert name in message
    assert f"has {size - 1} bytes" in message


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_one_changed_bit_is_found_by_its_digest(tiny: Path, name: str) -> None:
    data = bytearray((tiny / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tiny / name).write_bytes(data)
    message = refusal(tiny).message
    assert name in message
    assert "SHA-256" in message


def test_a_missing_file_is_named(tiny: Path) -> None:
    (tiny / "model.bin").unlink()
    assert refusal(tiny).message.endswith("model.bin: is missing")


def test_a_link_is_refused_even_where_the_contents_are_right(tiny: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.bin"
    (tiny / "model.bin").rename(outside)
    (tiny / "model.bin").symlink_to(outside)
    assert "symbolic link" in refusal(tiny).message


def test_a_linked_bundle_json_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tiny / "bundle.json").rename(tmp_path / "outside.json")
    (tiny / "bundle.json").symlink_to(tmp_path / "outside.json")
    assert "symbolic link" in refusal(tiny).message


def test_a_pipe_or_a_directory_in_the_place_of_a_file_does_not_hang(tiny: Path) -> None:
    (tiny / "model.bin").unlink()
    os.mkfifo(tiny / "model.bin")
    assert "is a named pipe or a device, where a file is needed" in refusal(tiny).message
    (tiny / "model.bin").unlink()
    (tiny / "model.bin").mkdir()
    assert "is a folder, where a file is needed" in refusal(tiny).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tiny: Path) -> None:
    (tiny / "model.bin").chmod(0)
    assert "Permission denied" in refusal(tiny).message


# -------------------------------------------------------------------------------------------------------- bundle.json


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"PK\x03\x04", "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"[]", "not FashionBatch's"),
        (b"{}", "not FashionBatch's"),
        (b"null", "not FashionBatch's"),
        (b'{"format_version": 1, "format_version": 1}', "occurs twice"),
        (b'{"format_version": 1, "name": NaN}', "NaN is no number"),
        (b'{"format_version": 1, "name": -Infinity}', "-Infinity is no number"),
        (b'{"format_version": 1, "name": 1e999}', "'1e999' is no number"),
        (b'{"format_version": 1, "name": "\\ud800"}', "Invalid JSON"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper"),
        (b'{"format_version": 1' + b"1" * 5000 + b"}", "integer"),
    ],
)
def test_a_text_that_is_no_manifest_is_refused(tiny: Path, text: bytes, says: str) -> None:
    (tiny / "bundle.json").write_bytes(text)
    assert says in refusal(tiny).message


def test_brackets_in_a_name_are_no_nesting(edit: Edit, tiny: Path) -> None:
    edit(lambda document: document.update(name="[[[[" * 20 + '\\"{{{{'))
    open_bundle(tiny)


def test_an_endless_manifest_is_refused_before_it_is_read(tiny: Path) -> None:
    os.truncate(tiny / "bundle.json", MANIFEST_LIMIT + 1)
    assert "larger than" in refusal(tiny).message


@pytest.mark.parametrize("names", [800_000, 150_000])
def test_more_labels_than_a_bundle_may_have_are_refused(edit: Edit, tiny: Path, names: int) -> None:
    many = [f"{number}" for number in range(names)]
    edit(lambda document: document["labels"].update(class_names=many, display_names=many))
    tracemalloc.start()
    message = refusal(tiny).message
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ("more than 800,000 values" if names > 400_000 else "at most 100000 items") in message
    assert peak < 150e6


@pytest.mark.parametrize("text", [b'"' + b'\\"' * 200_000, b'{"a":1,' * 20_000])
def test_hostile_text_takes_no_more_than_its_length_in_time(tiny: Path, text: bytes) -> None:
    (tiny / "bundle.json").write_bytes(text)
    refusal(tiny)


@pytest.mark.parametrize("version", [0, "1", 1.0, True, None])
def test_another_version_says_which_ones_this_reads(edit: Edit, tiny: Path, version: object) -> None:
    edit(lambda document: document.update(format_version=version))
    error = refusal(tiny)
    assert f"bundle format {version!r}; this FashionBatch reads 1 and 2" in error.message
    assert error.hint is None


def test_a_bundle_of_a_newer_format_is_refused_by_name(edit: Edit, tiny: Path) -> None:
    edit(lambda document: document.update(format_version=3, surprise=1))
    error = refusal(tiny)
    assert "written by a newer FashionBatch (format 3); this one reads 1 and 2" in error.message
    assert error.hint == "update FashionBatch"


def _rename_file(name: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["files"][name] = document["files"].pop("model.bin")

    return change


@pytest.mark.parametrize(
    "name", ["../model.bin", "/etc/passwd", "sub/model.bin", "model.keras", "bundle.json", "", "x\0"]
)
def test_a_manifest_names_files_of_a_bundle_only(edit: Edit, tiny: Path, name: str) -> None:
    edit(_rename_file(name))
    assert "no file of this bundle" in refusal(tiny).message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["files"].pop("model.bin"), "does not name 'model.bin'"),
        (lambda d: d["files"]["model.bin"].update(sha256="0" * 63), "files.model.bin.sha256"),
        (lambda d: d["files"]["model.bin"].update(size=-1), "files.model.bin.size"),
        (lambda d: d["files"]["model.bin"].update(size="216"), "files.model.bin.size"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d.update({"\x1b[31m": 1}), r"\x1b[31m"),
        (lambda d: d.pop("labels"), "labels"),
        (lambda d: d["labels"].update(class_names=["a", "b"]), "same length"),
        (lambda d: d["labels"].update(class_names=["a", "a", "b"]), "distinct"),
        (lambda d: d["labels"].update(class_names=["a", "b", "c|d"]), "'|'"),
        (lambda d: d["labels"].update(class_names=["a", "b", "c\nd"]), "control character"),
        (lambda d: d["labels"].update(class_names=["a", "b", ""]), "empty"),
        (lambda d: d["labels"].update(class_names=[], display_names=[]), "class_names"),
        (lambda d: d["decision"].update(rule="guess"), "decision.rule"),
        (lambda d: d["decision"].update(rule="yes_or_no"), "two classes"),
        (lambda d: d["decision"].update(thresholds={"float32": [0.5]}), "no thresholds"),
        (lambda d: d["decision"].update(rule="several_of_many", thresholds={"float32": [0.5]}), "1 thresholds for 3"),
        (
            lambda d: d["decision"].update(rule="several_of_many", thresholds={"float32": [0.5, 2, 0]}),
            "between 0 and 1",
        ),
        (
            lambda d: d["decision"].update(rule="several_of_many", thresholds={"int8": [0.5, 0.5, 0.5]}),
            "need those of float32",
        ),
        (lambda d: d["decision"].update(rule="several_of_many", groups={"g": ["pink"]}), "'pink'"),
        (lambda d: d["decision"].update(rule="several_of_many", groups={"g": []}), "'g' is empty"),
        (lambda d: d["decision"].update(groups={"g": ["red"]}), "several_of_many"),
        (
            lambda d: d["decision"].update(calibration={"float32": {"scales": [1, 1], "images": 9}}),
            "does not fit the 3 outputs",
        ),
        (lambda d: d["decision"].update(risk={"float32": {"images": 9, "steps": []}}), "decision.risk.float32.steps"),
        (
            lambda d: d["decision"].update(
                risk={"float32": {"images": 9, "steps": [{"threshold": 0.5, "kept": 3, "wrong": 4}]}}
            ),
            "4 wrong images of 3",
        ),
        (lambda d: d["image"].update(size=[0, 8]), "between 1 and 4096"),
        (lambda d: d["image"].update(size=[10**9, 10**9]), "between 1 and 4096"),
        (lambda d: d["image"].update(channels=4), "image.channels"),
        (lambda d: d["graphs"].update(float8={}), "graphs"),
        (lambda d: d["graphs"].pop("float32"), "graphs does not name float32"),
        (lambda d: d["graphs"].update(int8={}), "does not name 'model.int8.bin'"),
        (lambda d: d["graphs"]["float32"].update(parity={"int8": COUNTS}), "which does not compute it"),
        (lambda d: d["graphs"]["float32"].update(parity={"float32": {**COUNTS, "right": 11}}), "than the 10"),
        (lambda d: d["graphs"]["float32"]["parity"].update(bfloat16=paired(both=9)), "add up to right"),
        (lambda d: d["graphs"]["float32"]["parity"].update(bfloat16=paired(neither=3)), "add up to images"),
        (lambda d: d["graphs"]["float32"]["parity"].update(bfloat16=paired(same=7)), "same_label contradicts"),
        (lambda d: d["features"].update(size=0), "features.size"),
        (lambda d: d["reference"].update(images=65), "reference.images"),
        (lambda d: d["reference"].update(precisions=["bfloat16"]), "must name float32"),
        (lambda d: d.update(reference=None), "'reference.npz', which is no file of this bundle"),
        (lambda d: d["files"].pop("reference.npz"), "does not name 'reference.npz'"),
        (lambda d: d.update(extensions=[]), "extensions"),
        (lambda d: d.update({f"key{n}": 1 for n in range(9)}), "and 4 more"),
    ],
)
def test_fields_that_make_no_sense_are_named(
    edit: Edit, tiny: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    edit(change)
    assert says in refusal(tiny).message


def test_the_recipe_is_text(tmp_path: Path) -> None:
    text = "version: 1\nname: 드레스\n"
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b", recipe_yaml=text))
    assert bundle.recipe_text() == text
    (bundle.path / "recipe.yaml").write_bytes(b"\xff")
    with pytest.raises(BundleError, match="not UTF-8"):
        bundle.recipe_text()
    os.truncate(bundle.path / "recipe.yaml", 2**20 + 1)
    with pytest.raises(BundleError, match="larger than"):
        bundle.recipe_text()


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_no_file_stays_open(tiny: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        open_bundle(tiny)
    (tiny / "model.bin").unlink()
    refusal(tiny)
    os.mkfifo(tiny / "model.bin")
    refusal(tiny)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("my model.onnx", "bundle import '{0}/my model.onnx'"),
        ("my bundle.fbz", "bundle unpack '{0}/my bundle.fbz' -o '{0}/my bundle'"),
    ],
)
def test_what_is_to_be_typed_is_quoted_where_a_shell_needs_it(tmp_path: Path, name: str, typed: str) -> None:
    (tmp_path / name).touch()
    assert typed.format(tmp_path) in (refusal(tmp_path / name).hint or "")
