"""The large photos that benchmarks make up, and how their decoding is measured."""

from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fashionbatch.images import decode_image
from fashionbatch.specs import ImageSpec

ROOT = Path(__file__).parents[3]
KINDS = {"camera": "JPEG", "progressive": "JPEG", "screenshots": "PNG", "webp": "WEBP"}


@pytest.fixture
def make_photos(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import make_photos

    monkeypatch.setattr(make_photos, "CAMERA", (400, 300))
    monkeypatch.setattr(make_photos, "WEBP_SIZES", ((160, 120),) * 3)
    monkeypatch.setattr(make_photos, "SCREENS", ((1100, 640), (1200, 700)))
    yield make_photos
    del sys.modules["make_photos"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_large_photo_is_made_the_same_again(make_photos: Any, kind: str, tmp_path: Path) -> None:
    pixels = []
    for out in (tmp_path / "one", tmp_path / "two"):
        (out / kind).mkdir(parents=True)
        for number in range(3):
            make_photos.make_file((kind, number), out=out, seed=12, real=[])
        for path in sorted((out / kind).iterdir()):
            with Image.open(path) as photo:
                assert photo.format == KINDS[kind]
                assert bool(photo.info.get("progressive")) == (kind == "progressive")
            pixels.append(decode_image(path, ImageSpec(size=(30, 40))).tobytes())
    assert pixels[:3] == pixels[3:]
    assert len(set(pixels)) == 3


def test_a_camera_turns_its_photos_and_puts_a_thumbnail_into_them(make_photos: Any, tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    make_photos.make_file(("camera", 1), out=tmp_path, seed=12, real=[])
    with Image.open(tmp_path / "camera" / "0001.jpg") as photo:
        exif = photo.info["exif"]
        assert photo.getexif()[0x0112] == 6
    # EXIF counts from behind its name; the second directory, of which the first one knows, has the thumbnail's place.
    (second,) = struct.unpack_from("<L", exif, 6 + 8 + 2 + 4 * 12)
    place, length = (struct.unpack_from("<L", exif, 6 + second + 2 + entry * 12 + 8)[0] for entry in (1, 2))
    assert 6 + place + length == len(exif)
    with Image.open(io.BytesIO(exif[6 + place :])) as thumbnail:
        assert thumbnail.size == (160, 120)
        thumbnail.load()


def test_decoding_is_measured_by_pillow_alone_and_by_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from speed import decoding_probe

    for number in range(40):
        Image.new("RGB", (60, 40), (number, 0, 0)).save(tmp_path / f"{number}.jpg")
    for kind in ("ours", "floor"):
        monkeypatch.setattr(sys, "argv", ["decoding_probe.py", kind, str(tmp_path), "20", "20"])
        decoding_probe.main()
        assert set(json.loads(capsys.readouterr().out)) == {"rate", "cpu_ms"}
    for name in [name for name in sys.modules if name.partition(".")[0] == "speed"]:
        del sys.modules[name]
