"""Large photos to measure with, made up from a seed: nothing is fetched, and the same seed gives the same pixels.

    python benchmarks/make_photos.py OUT [--count 200] [--others 60] [--from DIR]

OUT gets a folder for each kind: `camera` (JPEGs of 12 megapixels as phones and cameras write them, with EXIF, turned
ones and thumbnails), `progressive` (the same pixels, progressive), `screenshots` (PNG, 1920x1080 and 2560x1440) and
`webp` (lossy, 2 to 4 megapixels). One in five of `--count` is progressive; `--others` screenshots and WebP photos are
made. `--from DIR` enlarges real photos instead of making scenes up.
"""

from __future__ import annotations

import argparse
import functools
import io
import itertools
import multiprocessing
import os
import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

CAMERA: Final = (4000, 3000)
SCREENS: Final = ((1920, 1080), (2560, 1440))
WEBP_SIZES: Final = ((1632, 1224), (1920, 1440), (2304, 1728))
ORIENTATIONS: Final = (1, 6, 1, 1, 8, 1, 3, 1)
QUALITIES: Final = (90, 93, 95, 88)
# Pillow's names of 4:2:0, 4:2:0, 4:2:2 and 4:4:4: phones write the first, cameras the others too.
SUBSAMPLINGS: Final = (2, 2, 1, 2, 2, 0)
THUMBNAIL: Final = (160, 120)
TEXT: Final = (
    "shipment of dresses arrived late, see ticket 4711 for the photos; the other boxes are in hall B and were counted "
    "twice. def label(photo): return network(decode(photo)) # of 224 pixels 2026-11-26 08:15:02 INFO 1,024 rows written"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--count", type=int, default=200, help="JPEGs, camera and progressive together")
    parser.add_argument("--others", type=int, default=60, help="screenshots, and as many WebP photos")
    parser.add_argument("--from", type=Path, dest="real", metavar="DIR", help="a folder of real photos to enlarge")
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    real = sorted(path for path in options.real.rglob("*") if path.is_file()) if options.real else []
    jobs = [("progressive" if number % 5 == 4 else "camera", number) for number in range(options.count)]
    jobs += [(kind, number) for kind in ("screenshots", "webp") for number in range(options.others)]
    for kind, _ in jobs:
        (options.out / kind).mkdir(parents=True, exist_ok=True)
    make = functools.partial(make_file, out=options.out, seed=options.seed, real=real)
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        sizes = list(pool.imap_unordered(make, jobs))
    print(f"{options.out}: {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB")


def make_file(job: tuple[str, int], *, out: Path, seed: int, real: list[Path]) -> int:
    """Make one file of a kind; returns its bytes."""
    kind, number = job
    random = np.random.default_rng([seed, ["camera", "progressive", "screenshots", "webp"].index(kind), number])
    ending = {"screenshots": "png", "webp": "webp"}.get(kind, "jpg")
    path = out / kind / f"{number:04}.{ending}"
    if kind == "screenshots":
        screenshot(random, SCREENS[number % 2], number).save(path)
        return path.stat().st_size
    size = WEBP_SIZES[number % 3] if kind == "webp" else CAMERA
    photo = with_noise(random, enlarged(real[number % len(real)], size) if real else scene(random, size))
    if kind == "webp":
        photo.save(path, quality=(75, 80, 90)[number % 3])
    else:
        exif = camera_exif(photo, ORIENTATIONS[number % 8]) if number % 6 else b""
        photo.save(
            path,
            quality=QUALITIES[number % 4],
            subsampling=SUBSAMPLINGS[number % 6],
            progressive=kind == "progressive",
            exif=exif,
        )
    return path.stat().st_size


def scene(random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Sky and ground with light that falls off, things with hard and soft edges, and texture of every scale."""
    width, height = size
    top, bottom = random.integers(60, 230, 3), random.integers(20, 160, 3)
    column = np.linspace(top, bottom, 64).astype(np.uint8)[:, np.newaxis]
    image = Image.fromarray(column).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(12, 40))):
        colour = tuple(int(value) for value in random.integers(10, 245, 3))
        x, y = random.integers(-width // 8, width), random.integers(-height // 8, height)
        reach = random.integers(width // 60, width // 4, 2)
        if random.random() < 0.5:
            draw.ellipse((int(x), int(y), int(x + reach[0]), int(y + reach[1])), fill=colour)
        else:
            corners = np.stack([x, y]) + random.integers(0, width // 4, (int(random.integers(3, 8)), 2))
            draw.polygon([(int(left), int(down)) for left, down in corners], fill=colour)
    image = image.filter(ImageFilter.BoxBlur(float(random.choice([0.5, 0.8, 1.5, 4.0]))))
    light = texture(random, size)
    return Image.fromarray(np.clip(np.asarray(image) + light[:, :, np.newaxis], 0, 255).astype(np.uint8))


def texture(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.int16]:
    """Texture whose strength falls with its frequency, as that of photos does; int16 `(height, width)`."""
    width, height = size
    field = Image.fromarray(random.normal(0, 24, (6, 8)).astype(np.float32))
    scale = 2 ** (width // 8 - 1).bit_length()
    for step in itertools.takewhile(lambda step: step < scale, (2**power for power in range(1, 12))):
        wide, high = min(width, 8 * step), min(height, 6 * step)
        finer = np.asarray(field.resize((wide, high), Image.Resampling.BICUBIC))
        field = Image.fromarray(finer + random.normal(0, 24 * step**-0.55, (high, wide)).astype(np.float32))
    return np.asarray(field.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)


def with_noise(random: np.random.Generator, image: Image.Image) -> Image.Image:
    """What a sensor adds: a little noise in each channel."""
    tile = random.normal(0, float(random.uniform(1.5, 5)), (1009, 1013, 3)).astype(np.int16)
    repeats = (-(-image.height // tile.shape[0]), -(-image.width // tile.shape[1]), 1)
    noise = np.tile(tile, repeats)[: image.height, : image.width]
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def enlarged(path: Path, size: tuple[int, int]) -> Image.Image:
    """A real photo, cropped to the shape of the size and enlarged."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    width = min(picture.width, picture.height * size[0] / size[1])
    height = width * size[1] / size[0]
    return picture.resize(size, Image.Resampling.LANCZOS, box=(0, 0, width, height))


def camera_exif(photo: Image.Image, orientation: int) -> bytes:
    """EXIF as a camera writes it: maker, model, orientation, time, and a thumbnail behind."""
    held = io.BytesIO()
    photo.resize(THUMBNAIL, reducing_gap=2.0).save(held, "JPEG", quality=75)
    thumbnail = held.getvalue()
    texts = {0x010F: b"Examplar\0", 0x0110: b"Examplar 12 Mk II\0", 0x0132: b"2026:11:26 08:15:02\0"}
    first, second = 8, 8 + 2 + 12 * 4 + 4
    data_at = second + 2 + 12 * 3 + 4
    entries, data = b"", b""
    for tag, text in sorted({**texts, 0x0112: b""}.items()):
        if tag == 0x0112:
            entries += struct.pack("<HHLHH", tag, 3, 1, orientation, 0)
        else:
            entries += struct.pack("<HHLL", tag, 2, len(text), data_at + len(data))
            data += text
    head = b"II*\0" + struct.pack("<L", first) + struct.pack("<H", 4) + entries + struct.pack("<L", second)
    values = {0x0103: 6, 0x0201: data_at + len(data), 0x0202: len(thumbnail)}
    behind = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in values.items())
    return b"Exif\0\0" + head + struct.pack("<H", 3) + behind + bytes(4) + data + thumbnail


def screenshot(random: np.random.Generator, size: tuple[int, int], number: int) -> Image.Image:
    """Windows of text on a desktop, light or dark; RGB, RGBA or with a palette."""
    is_dark = number % 3 == 1
    paper, ink = ((24, 24, 28), (220, 220, 210)) if is_dark else ((252, 252, 250), (30, 30, 36))
    column = np.linspace(random.integers(0, 120, 3), random.integers(60, 250, 3), size[1]).astype(np.uint8)
    image = Image.fromarray(np.repeat(column[:, np.newaxis], size[0], axis=1))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(2, 5))):
        left, top = int(random.integers(0, size[0] // 2)), int(random.integers(0, size[1] // 2))
        right, bottom = int(random.integers(left + 500, size[0] + 1)), int(random.integers(top + 300, size[1] + 1))
        draw.rectangle((left, top, right, bottom), fill=paper)
        draw.rectangle((left, top, right, top + 30), fill=tuple(int(value) for value in random.integers(40, 200, 3)))
        font = ImageFont.load_default(int(random.choice([12, 14, 16])))
        for line in range(top + 40, bottom - 20, 20):
            words = " ".join(random.choice(TEXT.split(), int(random.integers(3, 18))))
            draw.text((left + 12, line), words[: (right - left - 20) // 9], fill=ink, font=font)
    # A task bar: of a dark desktop a black one.
    draw.rectangle((0, size[1] - 40, *size), fill=(0, 0, 0) if is_dark else (235, 235, 240))
    if number % 6 == 5:
        return image.quantize(200)
    return image.convert("RGBA") if number % 3 == 2 else image


if __name__ == "__main__":
    main()
