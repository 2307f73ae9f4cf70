"""Every command of the tutorials does what its page says, with the output that stands there."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scripts.run_tutorial import Step, is_as_said, read_steps, run_steps

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "plugins/fashionbatch_plugins/samples/fashion_mnist_sample.npz"
CLOTHES = "clothing_small_224"
APPAREL = "apparel7_160"
COLOURS = {"black": [0, 1, 2], "blue": [2], "red": [0]}  # channels that are seen
TYPES = ("dress", "jeans", "shirt", "shoes")
COMBINATIONS = tuple(
    name.split("_")
    for name in ("black_jeans", "black_shoes", "blue_dress", "blue_jeans", "blue_shirt", "red_dress", "red_shirt")
)
CLASSES = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
pytestmark = pytest.mark.timeout(600)  # trainings, on a machine that may be busy

# What `pip install` of the plugin leaves where Python looks: the suite installs nothing.
INSTALL_THE_PLUGIN = """
mkdir -p installed/clothes_for_fashion-0.1.0.dist-info && cd installed/clothes_for_fashion-0.1.0.dist-info
printf 'Metadata-Version: 2.1\\nName: clothes-for-fashion\\nVersion: 0.1.0\\n' > METADATA
sed -n '/^\\[project.entry-points.fashionbatch\\]/,/^$/p' ../../clothes-for-fashion/pyproject.toml |
    sed -e 's/project.entry-points.//' -e 's/"//g' > entry_points.txt
"""


def test_the_plugin_tutorial(tmp_path: Path) -> None:
    on_the_path = os.pathsep.join(str(tmp_path / folder) for folder in ("installed", "clothes-for-fashion"))

    def substitute(command: str) -> str:
        return INSTALL_THE_PLUGIN if command.startswith("pip install") else command

    steps = read_steps(_text("tutorial-plugin.md"))
    outputs = list(run_steps(steps, tmp_path, _environment(tmp_path, PYTHONPATH=on_the_path), substitute))
    assert len(outputs) >= 10
    for step, came in outputs:
        assert is_as_said(step.output, came), f"$ {step.command}\n" + "\n".join(came)


def test_the_tutorial_with_photos_that_stand_in(tmp_path: Path) -> None:
    images, labels = _sample()
    for index, name in enumerate(CLASSES):
        for number, image in enumerate(images[labels == index][:10]):
            split = "train" if number < 6 else "validation" if number < 8 else "test"
            _save(image, tmp_path / "photos" / split / name / f"{name}-{number}.png")
    _run_with_stand_ins("tutorial.md", tmp_path)


def test_the_tutorial_of_several_labels_with_photos_that_stand_in(tmp_path: Path) -> None:
    images, labels = _sample()
    for colour, type_ in COMBINATIONS:
        for number, image in enumerate(images[labels == TYPES.index(type_)][:12]):
            tint = np.zeros((*image.shape, 3), np.uint8)
            tint[..., COLOURS[colour]] = image[..., None]
            _save(tint, tmp_path / "photos" / f"{colour}_{type_}" / f"{colour}-{type_}-{number}.png")
    _run_with_stand_ins("tutorial-multilabel.md", tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_tutorial_with_its_own_photos(tmp_path: Path) -> None:
    _unpack(CLOTHES, tmp_path / "photos")
    folders = {name: sorted((tmp_path / "photos" / name).glob("*/*.jpg")) for name in ("test", "validation", "train")}
    _fill_inbox(tmp_path, [*folders["test"], *folders["validation"], *folders["train"][9::10]][:1000])
    _run_as_it_stands("tutorial.md", tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_tutorial_of_several_labels_with_its_own_photos(tmp_path: Path) -> None:
    _unpack(APPAREL, tmp_path / "photos")
    _fill_inbox(tmp_path, sorted((tmp_path / "photos").glob("*/*"))[::3])
    _run_as_it_stands("tutorial-multilabel.md", tmp_path)


def _unpack(name: str, folder: Path) -> None:
    """Put the photos of an archive that FASHIONBATCH_DATA_DIR has into a folder; without it the test is skipped."""
    data = os.environ.get("FASHIONBATCH_DATA_DIR")
    if not data or not (Path(data) / f"{name}.tar").is_file():
        pytest.skip(f"needs {name}.tar in FASHIONBATCH_DATA_DIR")
    with tarfile.open(Path(data) / f"{name}.tar") as archive:
        archive.extractall(folder.parent, filter="data")
    (folder.parent / name).rename(folder)


def _run_as_it_stands(name: str, folder: Path) -> None:
    """Run every command of a tutorial and compare each output, with its numbers."""
    outputs = list(run_steps(read_steps(_text(name)), folder, _environment(folder)))
    others = [f"$ {step.command}\n" + "\n".join(came) for step, came in outputs if not is_as_said(step.output, came)]
    assert others == []


def _run_with_stand_ins(name: str, folder: Path) -> None:
    """Run a tutorial where its photos are others: one training of a few epochs, and any numbers in the outputs."""
    _fill_inbox(folder, sorted(folder.glob("photos/**/*.png")))
    trained: list[str] = []

    def substitute(command: str) -> str:
        train = re.search(r"fashionbatch train \S+ -o runs/(\w+)", command)
        if train is None:
            return command
        trained.append(train[1])
        if len(trained) > 1:
            # One training is enough; the page itself checks the recipes of the others.
            return f"cp -r runs/{trained[0]} runs/{train[1]}"
        return f"{command} --set training.epochs=30 --set training.quantize=off"

    outputs = list(run_steps(read_steps(_text(name)), folder, _environment(folder), substitute))
    assert trained
    others = [f"$ {step.command}\n" + "\n".join(came) for step, came in outputs if _is_other(step, came)]
    assert others == []


def _is_other(step: Step, came: list[str]) -> bool:
    return "fashionbatch train" not in step.command and not is_as_said(step.output, came, any_numbers=True)


def _sample() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """1,000 grey pictures of 28 x 28 pixels of ten kinds of clothes, and the number of each one's kind."""
    with np.load(SAMPLE) as sample:
        return sample["x_test"], sample["y_test"]


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _fill_inbox(folder: Path, photos: list[Path]) -> None:
    """Copy photos into `inbox/`; their names, which folders may share, become numbers."""
    (folder / "inbox").mkdir()
    for number, photo in enumerate(photos):
        shutil.copy(photo, folder / "inbox" / f"IMG_{number:04}{photo.suffix}")


def _text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a shell in which FashionBatch and its Python are found, with a cache of its own."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "FASHIONBATCH_CACHE_DIR": str(folder / "cache"), **more}
