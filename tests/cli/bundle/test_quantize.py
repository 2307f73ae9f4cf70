"""`fashionbatch bundle quantize`: a faster network beside the exact one, judged by photos."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fashionbatch.bundle.graph.gate import LOSS_BOUND_LIMIT, Verdict, loss_bound
from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.quantizing import quantize
from fashionbatch.bundle.quantizing.quantize import QuantizedFile
from fashionbatch.bundle.quantizing.ways import Way
from fashionbatch.cli.bundle import command
from fashionbatch.errors import (
    BundleError,
    DataError,
    FashionBatchError,
    InterruptedRunError,
    OutputError,
    RuntimeUnavailableError,
)
from fashionbatch.quantizing import ladder
from fashionbatch.quantizing.run import JUDGES_FOR_ALL_WAYS
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

Run = Callable[..., Result]
COLOURS = ("red", "green", "blue")


@pytest.fixture
def run() -> Run:
    """Run `bundle`; an error of ours is raised, as the program's entry point expects it."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)

    return call


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_tiny_bundle(tmp_path / "b")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty photos of each colour, in folders named after them."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for index, name in enumerate(COLOURS):
        (folder / name).mkdir()
        for number in range(20):
            colour = np.array(class_colour(index, 3)) + random.integers(-60, 60, (9, 9, 3))
            Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, int8_graph: Path) -> None:
    """Each way gives a graph that is there already."""

    def quantized(graph: Path, images: Any, directory: Path, way: Way, **_: Any) -> QuantizedFile:
        for ending in (".xml", ".bin"):
            shutil.copy(int8_graph.with_suffix(ending), directory / f"model.int8{ending}")
        return QuantizedFile(directory / "model.int8.xml", len(images), {"nncf": "3.4.0", "openvino": "2026.4"})

    monkeypatch.setattr(ladder, "quantize_graph", quantized)


def test_a_bundle_is_quantized_judged_and_verified(run: Run, bundle: Path, photos: Path) -> None:
    before = open_bundle(bundle)
    said = run("quantize", bundle, "--data", photos).output
    assert said.startswith("18 images calibrate, 42 others judge\nint8 by fast bias correction, 18 images, ")
    few = "so few that up to 6.1 points of accuracy may be lost all the same (95% confidence)"
    assert f"s: it kept 100.0% of the labels on 42 photos, {few}\n" in said
    assert "`--precision auto` may take int8" in said
    assert f"Now: fashionbatch classify PHOTOS -b {bundle} -o labels.csv" in said
    after = open_bundle(bundle).manifest
    assert after.precision_parity["int8"].images == 42
    assert after.files["model.bin"] == before.manifest.files["model.bin"]
    shown = run("inspect", bundle).output
    assert "int8: `auto` may take it: it kept 100.0% of the labels on 42 photos" in shown
    assert "by nncf: quantized after training: fast bias correction, 18 images" in shown
    everything = json.loads(run("inspect", "--json", bundle).output)
    assert everything["verdicts"]["int8"] == {
        "auto_may_take_it": True,
        "sentence": f"it kept 100.0% of the labels on 42 photos, {few}",
        "loss_bound": 0.0606,
    }
    document = everything["graphs"]["int8"]
    assert document["quantization"] == {
        "way": "fast",
        "tried": ["fast"],
        "images": 18,
        "source": "photos",
        "seed": 42,
    }
    assert document["parity"]["int8"]["against_float32"]["both_right"] == 42
    assert "have the results that they had in int8 when it was made" in run("verify", bundle).output


@pytest.mark.usefixtures("at_once")
def test_photos_without_labels_are_judged_by_float32(run: Run, bundle: Path, photos: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in photos.rglob("*.png"):
        shutil.copy(file, flat / f"{file.parent.name}-{file.name}")
    for arguments in (("--data", flat), ("--data", photos, "--unlabeled")):
        said = run("quantize", bundle, *arguments).output
        assert "18 images calibrate, 42 others judge, by the labels of float32: the right ones are not known" in said
        assert "it kept 100.0% of the labels on 42 photos without labels" in said
    record = open_bundle(bundle).manifest.precision_parity["int8"]
    assert (record.right, record.same_label) == (None, 42)
    assert "int8       -         100.00%" in run("inspect", bundle).output


@pytest.mark.usefixtures("at_once")
def test_a_table_of_right_labels_is_taken_as_evaluate_takes_it(
    run: Run, bundle: Path, photos: Path, tmp_path: Path
) -> None:
    table = photos / "truth.csv"
    with open(table, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["path", "label"], *([f"{name}/{number}.png", name] for name in COLOURS for number in range(20))]
        )
    said = run("quantize", bundle, "--data", table, "-o", tmp_path / "new").output
    table.unlink()
    assert "42 others judge\n" in said
    assert open_bundle(tmp_path / "new").manifest.precision_parity["int8"].right == 42
    assert "int8" not in open_bundle(bundle).manifest.precisions


@pytest.mark.usefixtures("at_once")
def test_another_place_is_kept_unless_told_otherwise(run: Run, bundle: Path, photos: Path, tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "new")
    with pytest.raises(OutputError, match="exists already"):
        run("quantize", bundle, "--data", photos, "-o", tmp_path / "new")
    run("quantize", bundle, "--data", photos, "-o", tmp_path / "new", "--overwrite")
    assert "int8" in open_bundle(tmp_path / "new").manifest.precisions


def test_a_folder_that_is_no_bundle_is_left_alone_and_said_to_be_none(
    run: Run, bundle: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    for arguments in ((), ("--overwrite",)):
        with pytest.raises(OutputError, match="holds files, but no bundle"):
            run("quantize", bundle, "--data", photos, "-o", tmp_path / "notes", *arguments)
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def test_arrays_without_labels_do_not_point_at_unlabeled(run: Run, bundle: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", pictures=np.zeros((3, 8, 8, 3), np.uint8))
    with pytest.raises(DataError) as raised:
        run("quantize", bundle, "--data", tmp_path / "arrays.npz")
    assert "--unlabeled" not in (raised.value.hint or "")


def test_ctrl_c_leaves_the_bundle_as_it_was(
    run: Run, bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    before = open_bundle(bundle)
    monkeypatch.setattr(ladder, "quantize_graph", interrupted)
    assert run("quantize", bundle, "--data", photos).exit_code == 1
    assert open_bundle(bundle) == before
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["b"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_temporary_files(
    run: Run, bundle: Path, photos: Path, tmp_path: Path, *, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        signal.raise_signal(number)

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(ladder, "quantize_graph", stopped)
    before, usual = open_bundle(bundle), signal.signal(number, lambda *_: None)
    try:
        with pytest.raises(InterruptedRunError) as raised:
            run("quantize", bundle, "--data", photos)
    finally:
        signal.signal(number, usual)
    assert raised.value.exit_code == 128 + number
    assert list((tmp_path / "scratch").iterdir()) == []
    assert open_bundle(bundle) == before


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        ((), DataError, "the bundle has no recipe that says what data it was trained with"),
        (("--data", "nowhere"), DataError, "there is no such folder or file"),
    ],
)
def test_data_that_are_not_there_are_told(
    run: Run, bundle: Path, arguments: tuple[str, ...], kind: type[FashionBatchError], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised:
        run("quantize", bundle, *arguments)
    assert "--unlabeled" not in (raised.value.hint or "")


@pytest.mark.usefixtures("at_once")
def test_folders_of_which_none_is_a_label_are_photos_without_labels(
    run: Run, bundle: Path, photos: Path, tmp_path: Path
) -> None:
    for number, colour in enumerate(COLOURS):
        shutil.copytree(photos / colour, tmp_path / "album" / str(2019 + number))
    said = run("quantize", bundle, "--data", tmp_path / "album").output
    assert "note: no folder in" in said
    assert "on 42 photos without labels" in said


def test_folders_of_which_some_are_labels_point_at_unlabeled(run: Run, bundle: Path, tmp_path: Path) -> None:
    for name in ("red", "2019"):
        (tmp_path / "album" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red").save(tmp_path / "album" / name / "a.png")
    with pytest.raises(DataError, match="labels that the bundle does not know: '2019'") as raised:
        run("quantize", bundle, "--data", tmp_path / "album")
    assert raised.value.hint is not None
    assert "--unlabeled takes them as photos without labels" in raised.value.hint


@pytest.mark.parametrize(("arguments", "tried"), [((), 2), (("--time-limit", "60"), 5)])
def test_slow_ways_are_tried_by_few_photos_only_where_time_is_given_for_them(  # noqa: PLR0917
    run: Run,
    bundle: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_once: None,
    arguments: tuple[str, ...],
    tried: int,
) -> None:
    refused = Verdict(False, "int8 kept only 90.0% of the labels")
    monkeypatch.setattr(ladder, "judge", lambda precision, parity: refused)
    said = run("quantize", bundle, "--data", photos, *arguments).output
    assert said.count("int8 by ") == tried
    assert ("slower ways are not tried: of 42 images that judge, one label" in said) is (tried == 2)


def test_all_ways_are_tried_from_so_many_judges_on_that_keeping_every_answer_proves_enough() -> None:
    assert loss_bound(0, 0, JUDGES_FOR_ALL_WAYS) <= LOSS_BOUND_LIMIT < loss_bound(0, 0, JUDGES_FOR_ALL_WAYS - 1)


def test_too_little_time_is_told(run: Run, bundle: Path, photos: Path) -> None:
    with pytest.raises(BundleError, match=r"could not be quantized within 0\.01 s") as raised:
        run("quantize", bundle, "--data", photos, "--time-limit", "0.01")
    assert raised.value.hint == "--time-limit SECONDS allows more"


def test_without_the_extra_nothing_is_read(
    run: Run, bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "is_available", lambda: False)
    with pytest.raises(RuntimeUnavailableError, match="needs NNCF"):
        run("quantize", bundle, "--data", photos)


def test_unlabeled_needs_a_folder(run: Run, bundle: Path) -> None:
    result = run("quantize", bundle, "--unlabeled")
    assert result.exit_code == 2
    assert "--unlabeled needs --data FOLDER" in result.output
