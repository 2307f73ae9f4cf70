"""The script beside an export sees the pixels that the bundle sees, and decides as it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.decisions import rule_for
from fashionbatch.exporting.runtimes.photo import decide, group_winners, read_photo
from fashionbatch.images import decode_image
from fashionbatch.specs import Decoding, ImageSpec

SPECS = [
    {"size": (16, 12), "channels": channels, "resize": {"mode": mode, "interpolation": how, "crop_fraction": share}}
    for channels in (1, 3)
    for mode, how, share in [("stretch", "bilinear", 1.0), ("crop", "lanczos", 0.8), ("pad", "nearest", 1.0)]
]


def _photo(folder: Path, name: str, size: tuple[int, int], mode: str = "RGB", turned: int = 1) -> Path:
    random = np.random.default_rng(len(name))
    depth = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2}[mode]
    fields = random.integers(0, 256, (9, 7, depth), dtype=np.uint8)
    bands = [Image.fromarray(fields[:, :, band]).resize(size, Image.Resampling.BICUBIC) for band in range(depth)]
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.merge(mode, bands).save(folder / name, exif=exif)
    return folder / name


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec['resize']['mode']}-{spec['channels']}")
def test_a_photo_has_the_pixels_that_labeling_gives_it(spec: dict[str, object], tmp_path: Path) -> None:
    photos = [_photo(tmp_path, f"{turned}.jpg", (301, 203), turned=turned) for turned in range(1, 9)]
    photos += [_photo(tmp_path, f"{mode}.png", (61, 47), mode) for mode in ("L", "RGB", "RGBA", "LA")]
    photos += [_photo(tmp_path, "exact.png", (12, 16)), _photo(tmp_path, "grey.jpg", (90, 120), "L")]
    wanted = ImageSpec.model_validate(spec)
    for path in photos:
        given = read_photo(str(path), wanted.model_dump(mode="json"))
        np.testing.assert_array_equal(given, decode_image(path, wanted), err_msg=path.name)


@pytest.mark.parametrize(
    ("decoding", "thresholds", "outputs"),
    [
        ("one_of_many", (), [0.25, 0.5, 0.25]),
        ("one_of_many", (), [0.5, 0.5, 0.0]),
        ("yes_or_no", (), [0.5]),
        ("yes_or_no", (0.3,), [0.3]),
        ("yes_or_no", (0.3,), [0.31]),
        ("several_of_many", (), [0.5, 0.4, 0.9]),
        ("several_of_many", (0.6, 0.1, 0.95), [0.5, 0.4, 0.9]),
        ("several_of_many", (0.6, 0.5, 0.95), [0.5, 0.4, 0.9]),
    ],
)
def test_labels_are_decided_as_by_the_bundles_rule(
    decoding: Decoding, thresholds: tuple[float, ...], outputs: list[float]
) -> None:
    names = ("a", "b") if decoding == "yes_or_no" else ("a", "b", "c")
    row = np.array(outputs, np.float32)
    decided = rule_for(decoding, names, thresholds=thresholds, groups={}).decide(row[None])
    likely = decided.class_probabilities[0]
    chosen = sorted(np.flatnonzero(decided.chosen[0]), key=lambda number: -likely[number])
    expected = [(names[number], float(likely[number])) for number in chosen]
    assert decide(row, {"labels": list(names), "thresholds": list(thresholds), "decoding": decoding}) == expected


@pytest.mark.parametrize("groups", [{"colour": ("b", "a"), "kind": ("d", "c")}, {"any": ("d", "c", "b", "a")}])
@pytest.mark.parametrize("outputs", [[0.5, 0.5, 0.1, 0.2], [0.1, 0.2, 0.3, 0.3], [0.0, 0.0, 0.0, 0.0]])
def test_the_winner_of_a_group_is_that_of_the_bundles_rule_ties_included(
    groups: dict[str, tuple[str, ...]], outputs: list[float]
) -> None:
    names, row = ("a", "b", "c", "d"), np.array(outputs, np.float32)
    decided = rule_for("several_of_many", names, thresholds=(0.9,) * 4, groups=groups).decide(row[None])
    expected = {
        group: (names[winner.classes[0]], float(winner.probabilities[0])) for group, winner in decided.groups.items()
    }
    assert group_winners(row, {"labels": list(names), "groups": groups}) == expected
