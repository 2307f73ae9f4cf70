"""Whatever lies in a folder: one true row for every file, through scan, workers, network and table."""

from __future__ import annotations

import csv
import io
import os
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.run import label
from fashionbatch.testing.bundles import class_colour

MakeOptions = Callable[..., LabelOptions]
Label = Callable[..., dict[str, dict[str, str]]]
NAMES = ("red", "green", "blue")


@pytest.fixture
def rows(options: MakeOptions) -> Label:
    """Label the folder; gives the table's rows by path."""

    def run(**changes: object) -> dict[str, dict[str, str]]:
        table = label(options(**changes)).table
        with open(table, encoding="utf-8", errors="surrogateescape", newline="") as file:
            found = list(csv.DictReader(file, strict=True))
        by_path = {row["filepath"]: row for row in found}
        assert len(by_path) == len(found)
        assert list(by_path) == sorted(by_path, key=os.fsencode)
        return by_path

    return run


def colour(number: int) -> Image.Image:
    return Image.new("RGB", (12, 8), class_colour(number, 3))


def test_every_odd_file_that_shows_a_picture_is_labeled_and_every_broken_one_says_why(
    photos: Path, rows: Label, images_factory: ModuleType
) -> None:
    for name, make in {**images_factory.GOOD, **images_factory.BAD}.items():
        (photos / name).write_bytes(make())
    found = rows(workers=2)
    assert {name for name, row in found.items() if row["status"] == "ok" and row["label"]} == set(images_factory.GOOD)
    assert {name for name, row in found.items() if row["status"] == "error" and row["error"]} == set(images_factory.BAD)


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def in_every_mode(number: int) -> dict[str, bytes]:
    """The colour of a class in files of every kind that holds colours; of several frames the first has it."""
    image, others = colour(number), [colour((number + 1) % 3), colour((number + 2) % 3)]
    red, green, blue = class_colour(number, 3)
    clear = image.convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    return {
        "plain.jpg": encoded(image, "JPEG", quality=95),
        "cmyk.jpg": encoded(Image.new("CMYK", image.size, (255 - red, 255 - green, 255 - blue, 0)), "JPEG"),
        "animated.gif": encoded(image, "GIF", save_all=True, append_images=others),
        "animated.webp": encoded(image, "WEBP", save_all=True, append_images=others, lossless=True),
        "animated.png": encoded(image, "PNG", save_all=True, append_images=others),
        "pages.tiff": encoded(image, "TIFF", save_all=True, append_images=others),
        "palette.png": encoded(clear.quantize(4), "PNG"),
        "wrong.gif": encoded(image, "PNG"),
        "image.bmp": encoded(image, "BMP"),
        "image.avif": encoded(image, "AVIF", quality=95),
    }


@pytest.mark.parametrize("number", range(3))
def test_the_label_is_that_of_the_picture_in_every_kind_of_file(photos: Path, rows: Label, number: int) -> None:
    files = in_every_mode(number)
    for name, content in files.items():
        (photos / name).write_bytes(content)
    assert {name: row["label"] for name, row in rows().items()} == dict.fromkeys(sorted(files), NAMES[number])


def test_all_eight_orientations_have_the_same_label_and_probability(
    photos: Path, rows: Label, images_factory: ModuleType
) -> None:
    upright = np.random.default_rng(4).integers(0, 256, (21, 34, 3), np.uint8)
    for orientation in range(1, 9):
        (photos / f"{orientation}.png").write_bytes(images_factory.oriented(orientation, "PNG", upright))
    assert len({(row["status"], row["label"], row["prob"]) for row in rows().values()}) == 1


def test_sixteen_bit_grey_has_the_label_and_probability_of_the_same_picture_in_eight_bits(
    photos: Path, rows: Label
) -> None:
    grey = np.random.default_rng(5).integers(0, 256, (8, 8), np.uint8)
    Image.fromarray(grey).save(photos / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(photos / "16.png")
    found = rows()
    assert (found["16.png"]["label"], found["16.png"]["prob"]) == (found["8.png"]["label"], found["8.png"]["prob"])


def fits() -> bytes:
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    2"]
    cards += ["NAXIS1  =                    8", "NAXIS2  =                    8", "END"]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode() + bytes(2880)


def psd() -> bytes:
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 8, 8, 8, 3)
    return header + struct.pack(">III", 0, 0, 0) + struct.pack(">H", 0) + bytes(3 * 8 * 8)


def test_formats_that_pillow_could_open_but_nobody_should_are_never_opened(photos: Path, rows: Label) -> None:
    files = {"EPS": encoded(colour(0), "EPS"), "PSD": psd(), "FITS": fits(), "PPM": encoded(colour(0), "PPM")}
    for format_, content in files.items():
        # Pillow itself takes the file for what it is.
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == format_
        for ending in ("jpg", format_.lower()):
            (photos / f"{format_}.{ending}").write_bytes(content)
    found = rows(all_files=True)
    assert len(found) == 2 * len(files)
    assert {(row["status"], row["label"]) for row in found.values()} == {("error", "")}


def test_a_bomb_is_refused_before_there_is_memory_for_it(photos: Path, rows: Label, images_factory: ModuleType) -> None:
    (photos / "bomb.png").write_bytes(images_factory.bomb_png())
    found = rows(memory_limit=128 << 20)["bomb.png"]
    assert found["status"] == "error"
    assert "DecompressionBombError" in found["error"]


def test_names_that_look_alike_keep_their_own_labels(photos: Path, rows: Label) -> None:
    composed = unicodedata.normalize("NFC", "é.png")
    names = [
        os.fsencode(composed),
        os.fsencode(unicodedata.normalize("NFD", composed)),
        b"\xe9.png",
        b"one/same.png",
        b"two/same.png",
        b"same.png",
        b"a,b.png",
        b'a"b.png',
        b"a\nb.png",
        b"a\r\nb.png",
        b" a.png",
        b"=1+1.png",
        b"a|b.png",
        "드레스.png".encode(),
    ]
    expected = {}
    for number, name in enumerate(names):
        path = os.path.join(os.fsencode(photos), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(encoded(colour(number % 3), "PNG"))
        expected[name] = NAMES[number % 3]
    assert {os.fsencode(name): row["label"] for name, row in rows().items()} == expected
