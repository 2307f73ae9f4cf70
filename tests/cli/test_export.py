"""`fashionbatch export`: what is asked for is checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fashionbatch.bundle.open import open_bundle
from fashionbatch.cli.export import command
from fashionbatch.errors import BundleError, DataError, OutputError
from fashionbatch.exporting import kinds

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run `export`; an error of ours is raised, as the program's entry point expects it."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)

    return call


def test_a_bundle_without_data_is_checked_by_its_reference_and_says_so(
    run: Run, int8_bundle: Path, tmp_path: Path
) -> None:
    done = run(int8_bundle, "--to", "openvino_int8", "-o", tmp_path / "graph")
    assert done.exit_code == 0, done.output
    assert "note: checked by the bundle's reference images alone" in done.output
    assert "checked by 8 reference images: 8 of 8 labels as the bundle's" in done.output
    assert f"Now: python {tmp_path / 'graph_label_photo.py'} PHOTO" in done.output
    assert (tmp_path / "graph" / "model.xml").read_bytes() == (int8_bundle / "model.int8.xml").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        run(int8_bundle, "--to", "openvino_int8", "-o", tmp_path / "graph")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--to", "onnx", "--dtype", "int8"), "onnx takes weights of float32 or float16, not int8"),
        (("--to", "saved_model", "--opset", "17"), "opset belongs to onnx; saved_model has none"),
        (("--to", "onnx", "--opset", "99"), "99 is not in the range"),
        (("--to", "coreml"), "'coreml' is not one of"),
    ],
)
def test_what_does_not_go_together_is_told_as_a_mistake_of_usage(
    run: Run, int8_bundle: Path, tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    done = run(int8_bundle, "-o", tmp_path / "x.onnx", *options)
    assert done.exit_code == 2
    assert problem in done.output


def test_a_file_without_its_formats_ending_is_refused_before_anything_is_computed(
    run: Run, int8_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "find_spec", lambda _: object())
    with pytest.raises(OutputError, match=r"ends with \.onnx") as caught:
        run(int8_bundle, "--to", "onnx", "-o", tmp_path / "shoes.tflite")
    assert caught.value.hint == f"-o {tmp_path / 'shoes.onnx'}"


def test_photos_that_are_not_there_are_an_error_and_not_a_weaker_check(
    run: Run, int8_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no such folder"):
        run(int8_bundle, "--to", "openvino_int8", "-o", tmp_path / "graph", "--check", tmp_path / "nothing")
    assert not (tmp_path / "graph").exists()


def test_a_path_that_is_no_bundle_is_told_as_everywhere(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        run(tmp_path / "b", "--to", "openvino_int8", "-o", tmp_path / "graph")


def test_photos_in_a_folder_check_the_export_too(run: Run, int8_bundle: Path, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for number, colour in enumerate(["red", "green", "blue"]):
        Image.new("RGB", (20, 30), colour).save(tmp_path / "photos" / f"{number}.png")
    done = run(int8_bundle, "--to", "openvino_int8", "-o", tmp_path / "graph", "--check", tmp_path / "photos")
    assert f"checked by 3 photos of {tmp_path / 'photos'}: 3 of 3 labels" in done.output
    assert open_bundle(int8_bundle).digest in (tmp_path / "graph" / "fashionbatch.json").read_text()
