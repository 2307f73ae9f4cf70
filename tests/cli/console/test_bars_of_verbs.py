"""The bars of the verbs that train and make networks, on a terminal that their lines go to as well."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fashionbatch.bundle.quantizing.quantize import QuantizedFile
from fashionbatch.bundle.quantizing.ways import Way
from fashionbatch.cli import main
from fashionbatch.progress import bar_class
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

COLUMNS = 90
FIGURES = r".*\[\d\d:\d\d<\d\d:\d\d, +([\d.]+\w+/s|[\d.]+s/\w+)"
"""How long it took, how long it will take yet, and the rate."""
COLOURS = ("red", "green", "blue")

RECIPE = """
version: 1
name: two shapes
data:
  source: {name: npz, path: pictures.npz}
  image: {size: [8, 8], channels: 1}
  split: {validation: 0.25, test: 0.0}
architecture: {name: mlp, dense: [4]}
training:
  batch_size: 8
  quantize: "off"
  phases:
    - {name: top, train: head, epochs: 1}
    - {name: fine, train: all, epochs: 1}
"""

TINY_ARCHITECTURE = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec, Parameters, Starter


class Nothing(Parameters):
    pass


def build(pixels, parameters):
    from keras import layers

    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="first")(pixels / 255.0)
    return layers.GlobalAveragePooling2D(name="pooling")(x)


@hookimpl
def register_architectures():
    yield ArchitectureSpec(
        name="tiny",
        summary="One convolution.",
        parameters=Nothing,
        build=build,
        starters=lambda context: [Starter(name="Tiny", parameters={}, side=16, pretrained=True)],
    )
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No pictures, a cache of one's own, and no pretrained weights."""
    monkeypatch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FASHIONBATCH_DATA_DIR", raising=False)
    monkeypatch.setattr("fashionbatch_plugins.architectures.efficientnet_lite.PACKAGE", "weights_of_nobody")


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars are drawn at every step: here all of them take less time than usually passes between two drawings."""
    kind = bar_class()
    monkeypatch.setattr(kind, "__init__", partialmethod(kind.__init__, mininterval=0, miniters=1))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", x_train=images, y_train=np.arange(40) % 2)
    path = tmp_path / "two.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty photos of each colour, in folders named after them."""
    folder, random = tmp_path / "photos", np.random.default_rng(0)
    for index, name in enumerate(COLOURS):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            colour = np.array(class_colour(index, 3)) + random.integers(-60, 60, (9, 9, 3))
            Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


# ------------------------------------------------------------------------------- each verb: its arguments, ready to run


@pytest.fixture
def train(recipe: Path, tmp_path: Path) -> list[str]:
    return ["train", str(recipe), "-o", str(tmp_path / "run")]


@pytest.fixture
def sweep(recipe: Path, tmp_path: Path) -> list[str]:
    recipe.write_text(f"{RECIPE.partition('  phases:')[0]}  epochs: 1\n", encoding="utf-8")
    rates = "training.optimizer.learning_rate=0.1,0.01"
    return ["sweep", str(recipe), "--set", rates, "-o", str(tmp_path / "study")]


@pytest.fixture
def quantize(photos: Path, tmp_path: Path, int8_graph: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The graph that a way gives is there already."""

    def quantized(
        graph: Path, images: Any, directory: Path, way: Way, *, progress: Callable[[int], object], **_: Any
    ) -> QuantizedFile:
        progress(len(images) // 2)
        for ending in (".xml", ".bin"):
            shutil.copy(int8_graph.with_suffix(ending), directory / f"model.int8{ending}")
        return QuantizedFile(directory / "model.int8.xml", len(images), {"nncf": "3.4.0", "openvino": "2026.4"})

    monkeypatch.setattr("fashionbatch.quantizing.ladder.quantize_graph", quantized)
    return ["bundle", "quantize", str(make_tiny_bundle(tmp_path / "b")), "--data", str(photos)]


@pytest.fixture
def import_(tmp_path: Path) -> list[str]:
    onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "colours.onnx"
    )
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n", encoding="utf-8")
    settings = ["--size", "8x8", "--scaling", "0..1", "--activation", "softmax"]
    return [
        *("bundle", "import", str(tmp_path / "colours.onnx"), "--labels", str(tmp_path / "labels.txt")),
        *(*settings, "-o", str(tmp_path / "imported")),
    ]


@pytest.fixture
def export(int8_bundle: Path, tmp_path: Path) -> list[str]:
    return ["export", str(int8_bundle), "--to", "openvino_int8", "-o", str(tmp_path / "graph")]


@pytest.fixture
def collect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    pytest.importorskip("httpcore", reason="the extra `collect` is not installed")
    from fashionbatch.collecting.web import exchange, pace
    from fashionbatch.testing.web import FakeClock, FakeWeb, Reply

    rows = []
    with FakeWeb() as web:
        monkeypatch.setattr(exchange, "WebExchange", lambda stopping: web.exchange())
        monkeypatch.setattr(pace, "RunClock", lambda stopping: FakeClock())
        for seed in range(3):
            pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
            photo = io.BytesIO()
            Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(photo, "PNG")
            web.put(f"photos.example/{seed}.png", Reply(photo.getvalue()))
            rows.append(f"http://photos.example/{seed}.png,cc0\n")
        (tmp_path / "list.csv").write_text(f"url,licence\n{''.join(rows)}", encoding="utf-8")
        queries = tmp_path / "queries.yaml"
        queries.write_text("version: 1\nclasses:\n  dress: {count: 3, lists: [list.csv]}\n", encoding="utf-8")
        yield ["data", "collect", str(queries), "-o", str(tmp_path / "collected")]


@pytest.fixture
def try_(photos: Path, tmp_path: Path, add_distribution: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One network that has learnt nothing, and one head."""
    from fashionbatch.trying import search
    from fashionbatch.trying.heads import HeadSetting

    monkeypatch.setattr("fashionbatch.training.run.quantize_trained", lambda plan, labeled, data, **_: labeled)
    monkeypatch.setattr(search, "HEADS", (HeadSetting(weight_decay=0.004),))
    monkeypatch.setattr(search, "head_epochs", lambda images: 2)
    monkeypatch.setattr(search.Search, "_try_rung", lambda self, rung: False)
    add_distribution("tiny-for-fb", {"tiny_fb": TINY_ARCHITECTURE}, {"tiny": "tiny_fb"})
    return ["try", str(photos), "--budget", "10h", "-o", str(tmp_path / "tries")]


@pytest.mark.parametrize(
    ("verb", "bars", "clocks"),
    [
        (
            "train",
            ["features of train", "features of validation", "epoch 1/2", "epoch 2/2", "labeling validation in float32"],
            ["making the network", "converting the network"],
        ),
        ("sweep", ["epoch 1/1", "labeling validation in float32"], ["making the network", "converting the network"]),
        (
            "try_",
            ["looking at photos", "reading train", "features of train", "Tiny: head with decay"],
            ["Tiny: built and timed", "converting the network"],
        ),
        ("quantize", ["quantizing: fast bias correction", "labeling in float32", "labeling in int8"], []),
        ("import_", [], ["making the bundle"]),
        ("export", ["checking the export"], []),
        ("collect", ["collecting"], []),
    ],
)
def test_a_verb_draws_bars_and_leaves_lines_alone(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    on_terminal: Callable[..., str],
    lines_left: Callable[..., list[str]],
    verb: str,
    bars: list[str],
    clocks: list[str],
) -> None:
    arguments = request.getfixturevalue(verb)

    def work() -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code

    shown = on_terminal(work, COLUMNS, with_output=True)
    drawn = {title for title in bars if re.search(rf"\r{re.escape(title)}[^\r\n]*{FIGURES}", shown)}
    assert drawn == set(bars), shown
    assert {title for title in clocks if f"\r{title}: 00:0" in shown} == set(clocks), shown
    left = lines_left(shown, COLUMNS)
    assert left
    assert [line for line in left if re.search(r"%\||: \d\d:\d\d", line)] == []


IN_A_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from fashionbatch.cli import main
main(sys.argv[1:])
"""
"""Takes the terminal that standard input is for its own, as a shell does for what it starts."""


def test_ctrl_c_in_mid_epoch_leaves_a_clean_line_and_one_message(
    make_screen: Callable[..., Any], lines_left: Callable[..., list[str]], recipe: Path, tmp_path: Path
) -> None:
    images = np.zeros((20_000, 8, 8), np.uint8)
    np.savez(tmp_path / "pictures.npz", x_train=images, y_train=np.arange(len(images)) % 2)
    screen = make_screen(COLUMNS)
    screen.begin()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", IN_A_TERMINAL, "train", recipe.name, "-o", "r"),
            *("--set", "training.phases=[{train: all, epochs: 9}]", "--set", "training.batch_size=1"),
        ],
        **dict.fromkeys(("stdin", "stdout", "stderr"), screen.stream),
        cwd=tmp_path,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm"},
    )
    try:
        screen.wait_for(r"\repoch 1[^\r]*\d\.\d+batch/s")
        screen.type(b"\x03")
        assert process.wait(timeout=120) == 130
    finally:
        process.kill()
        process.wait()
        shown = screen.end()
    assert "^C" in shown
    *_, before, message, hint = lines_left(shown, COLUMNS)
    assert before == "mlp: 270 parameters"
    assert message == "error: stopped in training; 0 finished epochs are kept in r"
    assert hint == "  hint: the same command with --resume goes on from there"
