"""Grids of photos: samples of the data, mistakes, and a montage of predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.pictures.drawing.style import GREY, INK, RIGHT, RIGHT_MARK, WRONG, WRONG_MARK
from fashionbatch.pictures.drawing.tiles import THICK, THIN, Caption, Section, Tile, draw_tiles

if TYPE_CHECKING:
    from fashionbatch.evaluation.predictions import Predictions

_SAMPLE_COLUMNS = 8


def draw_mistakes(
    images: NDArray[np.uint8],
    predictions: Predictions,
    path: Path,
    *,
    files: Sequence[str] = (),
    count: int = 25,
    tile: int = 144,
    title: str = "misclassified",
) -> Path:
    """Draw images that were labeled wrongly, `R:` the right label and `P:` the predicted one, the surest first.

    Args:
        images: uint8 `(n, height, width, channels)`.
        predictions: of the same images.
        path: the PNG file.
        files: the images' names, to find them by; empty writes none.
        count: how many at most.
        tile: the side of a tile in pixels.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    wrong = predictions.mistakes()
    tiles = [
        Tile(
            images[number],
            (
                Caption(f"R: {predictions.right_text(number)}", RIGHT),
                Caption(f"P: {predictions.given_text(number)}", WRONG, predictions.percentage(number)),
                *_file_caption(files, number),
            ),
            WRONG,
        )
        for number in wrong[:count]
    ]
    shown = f"the {len(tiles)} surest of them; " if len(tiles) < len(wrong) else ""
    note = f"{len(wrong):,} of {len(images):,} images; {shown}R: right, P: predicted" if tiles else "none: all right"
    return draw_tiles([Section(tiles, _columns(len(tiles)))], path, tile=tile, title=title, note=note)


def draw_montage(
    images: NDArray[np.uint8],
    predictions: Predictions,
    path: Path,
    *,
    count: int = 36,
    seed: int = 42,
    tile: int = 96,
    title: str = "predictions",
) -> Path:
    """Draw images at random with their predicted labels, right ones green and wrong ones red in a thicker frame.

    Args:
        images: uint8 `(n, height, width, channels)`.
        predictions: of the same images.
        path: the PNG file.
        count: how many at most.
        seed: of the choice; the same seed picks the same images.
        tile: the side of a tile in pixels.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:count])
    tiles = []
    for number in map(int, chosen):
        right = bool(predictions.correct[number])
        colour, mark = (RIGHT, RIGHT_MARK) if right else (WRONG, WRONG_MARK)
        captions = [Caption(f"{mark} {predictions.given_text(number)}", colour, predictions.percentage(number))]
        if not right:
            captions.append(Caption(f"R: {predictions.right_text(number)}", INK))
        tiles.append(Tile(images[number], captions, colour, THIN if right else THICK))
    hits = int(predictions.correct[chosen].sum())
    note = f"{len(tiles)} of {len(images):,} images at random (seed {seed}): "
    note += f"{hits} right, {len(tiles) - hits} wrong{' (thick frames)' if hits < len(tiles) else ''}"
    return draw_tiles([Section(tiles, _columns(len(tiles)))], path, tile=tile, title=title, note=note)


def draw_disagreements(
    images: NDArray[np.uint8],
    predictions: Sequence[Predictions],
    photos: Sequence[int],
    networks: Sequence[str],
    path: Path,
    *,
    files: Sequence[str] = (),
    count: int = 30,
    tile: int = 144,
    title: str = "disagreements",
) -> Path:
    """Draw photos that networks label differently: the right label, then what each network gives, green or red.

    Args:
        images: uint8 `(n, height, width, channels)`.
        predictions: one for each network, of the same images.
        photos: the images to draw, in this order.
        networks: how the networks are called.
        path: the PNG file.
        files: the images' names, to find them by; empty writes none.
        count: how many at most.
        tile: the side of a tile in pixels.
        title: over the picture.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    tiles = []
    for photo in photos[:count]:
        captions = [Caption(f"R: {predictions[0].right_text(photo)}", INK)]
        for number, own in enumerate(predictions, 1):
            colour, mark = (RIGHT, RIGHT_MARK) if own.correct[photo] else (WRONG, WRONG_MARK)
            captions.append(Caption(f"{number}: {mark} {own.given_text(photo)}", colour, own.percentage(photo)))
        tiles.append(Tile(images[photo], [*captions, *_file_caption(files, photo)]))
    names = ", ".join(f"{number}: {name}" for number, name in enumerate(networks, 1))
    note = f"{len(photos):,} of {len(images):,} images are labeled differently; {names}"
    return draw_tiles([Section(tiles, _columns(len(tiles)))], path, tile=tile, title=title, note=note)


def draw_samples(
    images: NDArray[np.uint8],
    labels: Sequence[str],
    path: Path,
    *,
    augmented: Sequence[tuple[int, NDArray[np.uint8]]] = (),
    variant_labels: Sequence[Sequence[str]] = (),
    augmentation: str = "augmentation: the original, then variants",
    tile: int = 96,
    title: str = "samples",
    note: str = "",
) -> Path:
    """Draw images of the data with their labels and, below them, what augmentation makes of some of them.

    Args:
        images: uint8 `(n, height, width, channels)`.
        labels: what to write under each.
        path: the PNG file.
        augmented: some of the images by number, each with its variants, uint8 `(variants, height, width, channels)`.
        variant_labels: for each of these what to write under its variants; empty for nothing.
        augmentation: the heading of that part.
        tile: the side of a tile in pixels.
        title: over the picture.
        note: a smaller line under the title.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    samples = [Tile(image, [Caption(label, INK)]) for image, label in zip(images, labels, strict=True)]
    sections = [Section(samples, _SAMPLE_COLUMNS)]
    if augmented:
        below = variant_labels or [[""] * len(variants) for _, variants in augmented]
        rows = [
            Tile(picture, [Caption(text, INK)] if text else ())
            for (number, variants), texts in zip(augmented, below, strict=True)
            for picture, text in zip([images[number], *variants], [labels[number], *texts], strict=True)
        ]
        sections.append(Section(rows, 1 + len(augmented[0][1]), augmentation))
    return draw_tiles(sections, path, tile=tile, title=title, note=note)


def _file_caption(files: Sequence[str], number: int) -> list[Caption]:
    """The name of an image's file; bytes of it that are no UTF-8 as escapes."""
    if not files:
        return []
    name = files[number].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return [Caption(name, GREY, is_file=True)]


def _columns(tiles: int) -> int:
    """A grid that is a little wider than high, with the last row as full as may be."""
    fewest = max(1, math.ceil(math.sqrt(tiles)))
    return min(range(fewest, fewest + max(2, fewest // 3)), key=lambda columns: -tiles % columns)
