"""What the photos are like: sizes and formats by their headers, grey and broken ones by a sample, exact duplicates."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from fashionbatch.data.originals import content_digest
from fashionbatch.data.prepare import image_names
from fashionbatch.errors import ImageError
from fashionbatch.images import decode_image, read_header
from fashionbatch.images.spec import PlainResize, PlainSpec
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.specs import Samples

_HEADERS: Final = 2000
_DECODED: Final = 200
_GREY_DIFFERENCE: Final = 4
"""How far red, green and blue of a pixel may be apart in a grey photo that was stored with colours."""
_THUMBNAIL: Final = PlainSpec((48, 48), 3, PlainResize("stretch", "bilinear", 1.0), (255, 255, 255))


@dataclass(frozen=True)
class Sides:
    """Sizes of photos in pixels.

    Attributes:
        width: the median.
        height: the median.
        longest: the smallest, median and largest longer side.
        wide_share: the share of photos that are wider than high by a tenth and more, or the other way round.
    """

    width: int
    height: int
    longest: tuple[int, int, int]
    wide_share: float


@dataclass(frozen=True)
class Photos:
    """What was found out about the photos.

    Attributes:
        headers: of how many photos the header was read.
        formats: Pillow's name of a format -> how many of these photos have it.
        sides: their sizes; None where none could be read.
        decoded: how many photos were decoded.
        grey: how many of these have no colours.
        broken: name and reason of photos that could not be read.
        duplicates: groups of photos with equal content, by their names, each group with the labels that they stand for
            and the splits that they are in.
    """

    headers: int
    formats: Counter[str]
    sides: Sides | None
    decoded: int
    grey: int
    broken: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[Duplicates, ...] = ()

    @property
    def all_grey(self) -> bool:
        """Whether no photo that was looked at has colours."""
        return 0 < self.grey == self.decoded


@dataclass(frozen=True)
class Duplicates:
    """Photos with equal content.

    Attributes:
        names: of the files.
        positions: in the source.
        across_classes: whether they have different labels.
        across_splits: whether the source has them in different splits.
    """

    names: tuple[str, ...]
    positions: tuple[int, ...]
    across_classes: bool
    across_splits: bool


@dataclass
class _Seen:
    formats: Counter[str] = field(default_factory=Counter)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    decoded: int = 0
    grey: int = 0


def look_at_photos(samples: Samples, bar: OpenBar = no_bar) -> Photos:
    """Look at photos without decoding more than a sample of them.

    Args:
        samples: of files, an array or files within something else; of the latter nothing is known.
        bar: shows how far it is.
    """
    names = image_names(samples)
    if isinstance(samples.images, np.ndarray):
        height, width = samples.images.shape[1:3]
        is_grey = samples.images.ndim == 3 or samples.images.shape[3] == 1
        count = len(samples)
        side = max(height, width)
        sides = Sides(width, height, (side, side, side), float(_is_oblong(width, height)))
        return Photos(count, Counter({"array": count}), sides, count, count if is_grey else 0)
    if not isinstance(samples.images, Sequence):
        return Photos(0, Counter(), None, 0, 0)
    paths, seen = samples.images, _Seen()
    headers, decoded = _spread(len(paths), _HEADERS), _spread(len(paths), _DECODED)
    with bar("looking at photos", len(headers) + len(decoded), "photo") as advance:
        for done, position in enumerate(headers, start=1):
            _look_at_header(paths[position], position, seen)
            advance(done)
        for done, position in enumerate(decoded, start=len(headers) + 1):
            if position not in seen.broken:
                _look_at_pixels(paths[position], position, seen)
            advance(done)
    return Photos(
        headers=len(seen.sizes),
        formats=seen.formats,
        sides=_sides(seen.sizes),
        decoded=seen.decoded,
        grey=seen.grey,
        broken=tuple((names[position], seen.broken[position]) for position in sorted(seen.broken)),
        duplicates=tuple(_duplicates(samples, paths, names, bar)),
    )


def _spread(count: int, most: int) -> list[int]:
    """Positions, evenly over all of them."""
    return [position * count // most for position in range(most)] if count > most else list(range(count))


def _look_at_header(path: Path, position: int, seen: _Seen) -> None:
    try:
        header = read_header(path)
    except ImageError as error:
        seen.broken[position] = error.message
        return
    seen.formats[header.format] += 1
    seen.sizes.append((header.width, header.height))


def _look_at_pixels(path: Path, position: int, seen: _Seen) -> None:
    try:
        pixels = decode_image(path, _THUMBNAIL).astype(np.int16)
    except ImageError as error:
        seen.broken[position] = error.message
        return
    seen.decoded += 1
    seen.grey += int(np.ptp(pixels, axis=2).max() <= _GREY_DIFFERENCE)


def _sides(sizes: Sequence[tuple[int, int]]) -> Sides | None:
    if not sizes:
        return None
    longer = sorted(max(size) for size in sizes)
    return Sides(
        width=round(median(width for width, _ in sizes)),
        height=round(median(height for _, height in sizes)),
        longest=(longer[0], longer[len(longer) // 2], longer[-1]),
        wide_share=sum(_is_oblong(*size) for size in sizes) / len(sizes),
    )


def _is_oblong(width: int, height: int) -> bool:
    return max(width, height) > 1.1 * min(width, height)


def _duplicates(samples: Samples, paths: Sequence[Path], names: Sequence[str], bar: OpenBar) -> list[Duplicates]:
    """Files with equal content. Only those of one size are read."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for position, path in enumerate(paths):
        try:
            by_size[os.stat(path).st_size].append(position)
        except OSError:
            continue
    by_content: dict[str, list[int]] = defaultdict(list)
    suspects = [position for positions in by_size.values() if len(positions) > 1 for position in positions]
    with bar("looking for duplicates", len(suspects), "photo") as advance:
        for done, position in enumerate(suspects, start=1):
            with suppress(OSError):
                by_content[content_digest(paths[position].read_bytes())].append(position)
            advance(done)
    splits = samples.splits
    return [
        Duplicates(
            names=tuple(names[position] for position in group),
            positions=tuple(group),
            across_classes=len({frozenset(samples.labels[position]) for position in group}) > 1,
            across_splits=splits is not None and len({splits[position] or "train" for position in group}) > 1,
        )
        for group in by_content.values()
        if len(group) > 1
    ]
