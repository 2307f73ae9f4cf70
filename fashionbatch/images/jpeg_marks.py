"""The markers of a JPEG: how many scans there are, what each adds, and where the coded data end. Nothing is decoded."""

from __future__ import annotations

import bisect
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

_START_OF_SCAN, _END, _RESTART_INTERVAL = 0xDA, 0xD9, 0xDD
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ARITHMETIC_FROM: Final = 0xC9
_FILL: Final = 0xFF
_WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, 0xD8, *range(0xD0, 0xD8), _FILL})
_RESTARTS: Final = re.compile(rb"\xff[\xd0-\xd7]")
_MOST_SCANS: Final = 1000
_COEFFICIENTS: Final = 64


class Scan(NamedTuple):
    """One pass over the picture.

    Attributes:
        components: which of them it codes.
        first: the first coefficient of each block that it adds to.
        last: the last one.
        low_bit: the lowest bit that is known after it.
        start: where its coded data begin.
        end: where they end.
        restart_interval: groups of blocks between restart markers; 0 for none.
    """

    components: tuple[int, ...]
    first: int
    last: int
    low_bit: int
    start: int
    end: int
    restart_interval: int


@dataclass
class Marks:
    """What the markers say.

    Attributes:
        kind: second byte of the frame's marker; 0 where there was none.
        width: in pixels.
        height: in pixels.
        sampling: component -> its samples across and down in a group of blocks.
        scans: in their order.
        end: where the end marker stands; None where there is none.
    """

    kind: int = 0
    width: int = 0
    height: int = 0
    sampling: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)
    end: int | None = None

    @property
    def is_progressive(self) -> bool:
        """Whether several scans refine the same blocks."""
        return self.kind in _PROGRESSIVE

    @property
    def is_arithmetic(self) -> bool:
        """Whether the data are coded in the arithmetic way, which cannot be read in pieces."""
        return self.kind >= _ARITHMETIC_FROM

    @property
    def group_height(self) -> int:
        """Rows of pixels in a row of groups of blocks."""
        return 8 * max((down for _, down in self.sampling.values()), default=1)

    @property
    def data_end(self) -> int:
        """Where the coded data of the last scan end."""
        return self.scans[-1].end if self.scans else 0

    def lacks_scans(self) -> bool:
        """Whether a progressive picture ends before every coefficient of every component was sent to its last bit."""
        bits = {component: bytearray(b"\xff" * _COEFFICIENTS) for component in self.sampling}
        for scan in self.scans:
            last = min(scan.last, _COEFFICIENTS - 1)
            for component in scan.components:
                if component in bits and scan.first <= last:
                    bits[component][scan.first : last + 1] = bytes([scan.low_bit]) * (last + 1 - scan.first)
        return any(any(lowest) for lowest in bits.values())

    def lacks_restarts(self, data: bytes) -> bool:
        """Whether a scan ends before the last of its restart markers."""
        for scan in self.scans:
            if scan.restart_interval:
                wanted = math.ceil(self._groups(scan) / scan.restart_interval) - 1
                if len(_RESTARTS.findall(data, scan.start, scan.end)) < wanted:
                    return True
        return False

    def _groups(self, scan: Scan) -> int:
        across = max(sides[0] for sides in self.sampling.values())
        down = max(sides[1] for sides in self.sampling.values())
        if len(scan.components) > 1:
            return math.ceil(self.width / (8 * across)) * math.ceil(self.height / (8 * down))
        own = self.sampling.get(scan.components[0], (1, 1))
        width, height = math.ceil(self.width * own[0] / across), math.ceil(self.height * own[1] / down)
        return math.ceil(width / 8) * math.ceil(height / 8)


def read_marks(data: bytes) -> Marks:
    """Walk from marker to marker as far as they make sense, of the first picture in a file."""
    marks, at, interval, markers = Marks(), 2, 0, _markers(data)
    # Every progressive photo comes this way: only the marker itself is looked at before it is known to matter.
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data) and len(marks.scans) < _MOST_SCANS:
        kind = data[at + 1]
        if kind == _END:
            marks.end = at
            return marks
        if kind in _WITHOUT_LENGTH:
            at += 1 if kind == _FILL else 2
            continue
        body, at = at + 4, at + 2 + (data[at + 2] << 8 | data[at + 3])
        if kind == _START_OF_SCAN:
            count = data[body] if body < at <= len(data) else 0
            if body + 4 + 2 * count <= at <= len(data):
                behind = bisect.bisect_left(markers, at)
                end = markers[behind] if behind < len(markers) else len(data)
                first, last, bits = data[body + 1 + 2 * count : body + 4 + 2 * count]
                components = tuple(data[body + 1 : body + 1 + 2 * count : 2])
                marks.scans.append(Scan(components, first, last, bits & 15, at, end, interval))
                at = end
        elif kind in _FRAMES:
            _note_frame(marks, kind, data[body:at])
        elif kind == _RESTART_INTERVAL:
            interval = int.from_bytes(data[body : body + 2], "big")
    # An end marker may be the last two bytes.
    if at == len(data) - 2 and data.endswith(b"\xff\xd9"):
        marks.end = at
    return marks


def _markers(data: bytes) -> list[int]:
    """Where the markers may be that end coded data: a zero follows each other 0xFF, and restarts belong to the data."""
    values = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(values[:-1] == 0xFF)
    kinds = values[places + 1]
    found: list[int] = places[(kinds != 0) & (kinds != 0xFF) & (kinds & 0xF8 != 0xD0)].tolist()
    return found


def _note_frame(marks: Marks, kind: int, body: bytes) -> None:
    if len(body) < 6:
        return
    marks.kind = kind
    _, marks.height, marks.width, count = struct.unpack_from(">BHHB", body)
    parts = [body[6 + 3 * number : 9 + 3 * number] for number in range(count)]
    marks.sampling = {part[0]: (max(1, part[1] >> 4), max(1, part[1] & 15)) for part in parts if len(part) == 3}
