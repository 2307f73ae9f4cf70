"""Folders of photos: the user's own, or made ones where there are none."""

from __future__ import annotations

import statistics
import sys
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MADE = 200
"""Photos that are made; a larger folder has each of them several times."""
_HEIGHT, _WIDTH = 375, 500


def own_photos(folder: Path, count: int) -> list[Path]:
    """The first photos of a folder; fewer than `count` end the benchmark."""
    photos = sorted(path for path in folder.rglob("*") if path.is_file())[:count]
    if len(photos) < count:
        sys.exit(f"{folder} has {len(photos):,} files; {count:,} are needed (--small N takes fewer)")
    return photos


def in_words(photos: list[Path]) -> str:
    """What photos are like, from the first hundred of them."""
    sizes = []
    for path in photos[:100]:
        with Image.open(path) as photo:
            sizes.append(photo.size)
    width, height = (round(statistics.median(side)) for side in zip(*sizes, strict=True))
    mean_kb = statistics.mean(path.stat().st_size for path in photos) / 1000
    return f"photos of about {width} x {height} pixels and {mean_kb:.0f} kB"


def made_photos(folder: Path) -> list[Path]:
    """JPEGs of 500 x 375 pixels with about as much detail as photos have; the same ones each time."""
    paths = [folder / f"{number:04}.jpg" for number in range(MADE)]
    if not folder.exists():
        folder.mkdir(parents=True)
        for number, path in enumerate(paths):
            Image.fromarray(_clouds(np.random.default_rng(number))).save(path, quality=90)
    return paths


def _clouds(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise of several sizes, the coarse one stronger, as in photos: uint8 `(375, 500, 3)`."""
    pixels = np.zeros((_HEIGHT, _WIDTH, 3), np.float32)
    for cells in (3, 7, 16, 40, 100, 250):
        noise = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        large = Image.fromarray(noise).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC)
        pixels += (np.asarray(large, np.float32) - 127.5) * 1.6 / np.sqrt(cells)
    clipped: NDArray[np.uint8] = np.clip(pixels + 127.5, 0, 255).astype(np.uint8)
    return clipped


def sample_pictures(folder: Path) -> list[Path]:
    """The 1,000 test pictures of the embedded sample of Fashion-MNIST as PNG, 28 x 28 grey."""
    paths = [folder / f"{number:04}.png" for number in range(1000)]
    if not folder.exists():
        folder.mkdir(parents=True)
        for path, pixels in zip(paths, embedded_sample()["x_test"], strict=True):
            Image.fromarray(pixels).save(path)
    return paths


def embedded_sample() -> dict[str, NDArray[np.uint8]]:
    """`x_train` (5000, 28, 28), `y_train` (5000,), `x_test` (1000, 28, 28) and `y_test` (1000,), uint8."""
    place = resources.files("fashionbatch_plugins") / "samples" / "fashion_mnist_sample.npz"
    with resources.as_file(place) as path, np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def linked(photos: list[Path], count: int, folder: Path) -> Path:
    """A folder with so many links to photos, each photo as often as it takes.

    Every run reads the same bytes from the page cache, so that the disk is no part of the figure.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        for number in range(count):
            photo = photos[number % len(photos)]
            (folder / f"{number:06}{photo.suffix}").symlink_to(photo.resolve())
    return folder
