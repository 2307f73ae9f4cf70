"""Files that are made up: ends of JPEGs, directories of TIFFs. Pixels that are right, or one error in one line."""

from __future__ import annotations

import functools
import io
import struct
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fashionbatch.errors import ImageError
from fashionbatch.images import decode_into
from fashionbatch.images.jpeg_marks import read_marks
from fashionbatch.specs import ImageSpec

SIDES = (160, 200)
SPEC = ImageSpec(size=SIDES)
KINDS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 7},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
    "full chroma": {"subsampling": 0, "quality": 90},
}
# So few bytes may be missing unnoticed before an end marker that was put behind: libjpeg looks that far ahead.
AHEAD = 24
# All that a reader looks at.
TAGS = (*range(256, 260), 262, 266, 273, 274, *range(277, 280), 284, 317, 320, *range(322, 326), 338, 339, 530)


@functools.cache
def whole(kind: str) -> tuple[bytes, NDArray[np.uint8]]:
    y, x = np.mgrid[0 : SIDES[0], 0 : SIDES[1]]
    waves = np.stack([np.sin(x / 9 + y / 31), np.cos(y / 7), np.sin((x + y) / 13)], axis=-1) * 90 + 120
    grain = np.random.default_rng(0).normal(0, 12, (*SIDES, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(waves + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", **KINDS[kind])
    return buffer.getvalue(), decoded(buffer.getvalue())[0]


def decoded(data: bytes) -> tuple[NDArray[np.uint8], str]:
    out = np.empty(SPEC.shape, np.uint8)
    return out, decode_into(data, SPEC, out)


def assert_one_line(error: ImageError) -> None:
    name, _, text = error.message.partition(": ")
    assert name.isidentifier()
    assert text.isprintable()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(KINDS)),
    share=st.floats(0, 1),
    tail=st.sampled_from([b"", b"\xff", b"\xff\xd9", b"\xff\xd9\n", bytes(3), bytes(5000), b"\xff\xd9" + bytes(900)]),
)
def test_a_jpeg_that_ends_anywhere_in_any_way_is_whole_or_an_error(kind: str, share: float, tail: bytes) -> None:
    data, pixels = whole(kind)
    first = read_marks(data).scans[0].start
    length = first + int((len(data) - 2 - first) * share)
    missing = len(data) - 2 - length
    try:
        shown, note = decoded(data[:length] + tail)
    except ImageError as error:
        assert_one_line(error)
        assert missing or b"\xff\xd9" not in tail
        return
    # What is shown is whole but for its last row of blocks, and the row says so where nobody has put a marker behind.
    assert note or tail.startswith(b"\xff\xd9")
    if missing > AHEAD:
        np.testing.assert_array_equal(shown[:-18], pixels[:-18])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_directory_of_a_tiff_is_pixels_or_an_error(images_factory: ModuleType, data: st.DataObject) -> None:
    order = data.draw(st.sampled_from("<>"))
    is_big = data.draw(st.booleans())
    dtype = data.draw(st.sampled_from(["u1", "u2", "f4", "i2"]))
    samples = data.draw(st.integers(1, 4))
    values = np.zeros((24, 40, samples), dtype)
    tile = data.draw(st.sampled_from([None, (16, 16)]))
    tags: dict[int, tuple[str, tuple[int, ...]]] = {}
    for tag in data.draw(st.lists(st.sampled_from(TAGS), max_size=4)):
        code = data.draw(st.sampled_from("BHL"))
        largest = {"B": 0xFF, "H": 0xFFFF, "L": 0xFFFFFFFF}[code]
        usual = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 16, 32, 64, largest])
        tags[tag] = code, tuple(data.draw(st.lists(usual | st.integers(0, largest), max_size=5)))
    photometric = data.draw(st.sampled_from([0, 1, 2, 3, 5, 6, 8]))
    content = bytearray(
        images_factory.tiff(
            values, photometric, order=order, is_big=is_big, is_planar=data.draw(st.booleans()), tile=tile,
            deflate=data.draw(st.booleans()), tags=tags,
        )
    )  # fmt: skip
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        shown, _ = decoded(bytes(content[:cut]))
    except ImageError as error:
        assert_one_line(error)
    else:
        assert shown.shape == SPEC.shape


@given(kinds=st.lists(st.tuples(st.sampled_from(range(0xBF, 0x100)), st.binary(max_size=24)), max_size=12))
def test_any_markers_are_walked_to_their_end(kinds: list[tuple[int, bytes]]) -> None:
    segments = [bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body for kind, body in kinds]
    marks = read_marks(b"\xff\xd8" + b"".join(segments))
    assert all(scan.start <= scan.end for scan in marks.scans)
    assert marks.group_height >= 8
    assert isinstance(marks.lacks_scans(), bool)
