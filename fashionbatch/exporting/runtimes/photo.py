"""What the script beside an exported file does for every format: prepare a photo, decide, print."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image


def read_photo(path: str, spec: dict[str, Any]) -> Any:
    """A photo as the network takes it: uint8 `(height, width, channels)`.

    It is turned as its EXIF data say, put on a background where it is transparent, cut and resized as in training.
    """
    mode = "L" if spec["channels"] == 1 else "RGB"
    with Image.open(path) as photo:
        photo.info.pop("xmp", None)  # EXIF alone says how a photo is turned
        tag = photo.getexif().get(0x0112, 1)
        shown: Any = (0.0, 0.0, *photo.size)
        if photo.format in {"JPEG", "MPO"}:
            # A large JPEG is read at 1/2, 1/4 or 1/8, while that leaves twice the pixels that are needed.
            width, height = photo.size[::-1] if tag in {5, 6, 7, 8} else photo.size
            left, top, right, bottom = used_part((0.0, 0.0, width, height), spec)
            fitted = fitted_size(right - left, bottom - top, spec)
            enough = min((right - left) / (2 * fitted[0]), (bottom - top) / (2 * fitted[1]))
            scale = next((scale for scale in (8, 4, 2) if scale <= enough), 1)
            drafted = photo.draft(mode, (max(1, photo.width // scale), max(1, photo.height // scale)))
            shown = drafted[1] if drafted else shown
        photo.load()
        turned: Any = photo
        if "A" in photo.mode or "a" in photo.mode or "transparency" in photo.info:
            layers = photo.convert("RGBA")
            turned = Image.new("RGB", photo.size, tuple(spec["background"]))
            turned.paste(layers, mask=layers.getchannel("A"))
        turned = turned if turned.mode == "L" else turned.convert(mode)
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # by the numbers of Pillow's Image.Transpose
    if tag in turns:
        width, height = shown[2:][::-1] if tag in {5, 6, 7, 8} else shown[2:]
        turned = turned.transpose(Image.Transpose(turns[tag]))
        left = turned.width - width if tag in {2, 3, 6, 7} else 0.0
        top = turned.height - height if tag in {3, 4, 7, 8} else 0.0
        shown = (left, top, left + width, top + height)
    return resized(turned, used_part(shown, spec), spec).reshape(*spec["size"], spec["channels"])


def used_part(shown: Any, spec: dict[str, Any]) -> Any:
    """The central part of a photo that is used: left, top, right, bottom in pixels."""
    left, top, right, bottom = shown
    width, height = ((end - start) * spec["resize"]["crop_fraction"] for start, end in ((left, right), (top, bottom)))
    if spec["resize"]["mode"] == "crop":
        aspect = spec["size"][1] / spec["size"][0]
        width, height = min(width, height * aspect), min(height, width / aspect)
    x, y = left + (right - left - width) / 2, top + (bottom - top - height) / 2
    return max(left, x), max(top, y), min(right, x + width), min(bottom, y + height)


def fitted_size(width: float, height: float, spec: dict[str, Any]) -> tuple[int, int]:
    """Width and height in pixels that the used part is resized to."""
    high, wide = spec["size"]
    if spec["resize"]["mode"] != "pad":
        return wide, high
    factor = min(wide / width, high / height)
    return min(wide, max(1, math.floor(width * factor + 0.5))), min(high, max(1, math.floor(height * factor + 0.5)))


def resized(photo: Any, part: Any, spec: dict[str, Any]) -> Any:
    """A part of an upright photo at the network's size."""
    high, wide = spec["size"]
    fitted = fitted_size(part[2] - part[0], part[3] - part[1], spec)
    if fitted != photo.size or part != (0, 0, *photo.size):
        filters = {"nearest": 0, "bilinear": 2, "bicubic": 3, "lanczos": 1}  # Pillow's Image.Resampling
        filter_ = Image.Resampling(filters[spec["resize"]["interpolation"]])
        gap = None if filter_ == Image.Resampling.NEAREST else 2.0
        photo = photo.resize(fitted, filter_, box=part, reducing_gap=gap)
    red, green, blue = spec["background"]
    mode = "L" if spec["channels"] == 1 else "RGB"
    colour = (red * 299 + green * 587 + blue * 114 + 500) // 1000 if mode == "L" else (red, green, blue)
    canvas = Image.new(mode, (wide, high), colour)
    canvas.paste(photo, ((wide - fitted[0]) // 2, (high - fitted[1]) // 2))
    return np.asarray(canvas)


def decide(outputs: Any, about: dict[str, Any]) -> list[tuple[str, float]]:
    """The labels of one photo, the likeliest first, each with its probability; none where no label reaches its own."""
    labels, thresholds = about["labels"], about["thresholds"]
    if about["decoding"] == "several_of_many":
        limits = thresholds or [0.5] * len(labels)
        chosen = [number for number in range(len(labels)) if outputs[number] >= np.float64(limits[number])]
        return [(labels[number], float(outputs[number])) for number in sorted(chosen, key=lambda n: -outputs[n])]
    if about["decoding"] == "yes_or_no":
        outputs = np.array([np.float32(1) - outputs[0], outputs[0]])
        winner = int(outputs[1] >= np.float64(thresholds[0])) if thresholds else int(outputs.argmax())
    else:
        winner = int(outputs.argmax())
    return [(labels[winner], float(outputs[winner]))]


def group_winners(outputs: Any, about: dict[str, Any]) -> dict[str, tuple[str, float]]:
    """The likeliest label of each group with its probability, whether it reaches its threshold or not."""
    labels, winners = about["labels"], {}
    for group, members in about["groups"].items():
        # Of equally likely labels the one that the network gives first, wherever it stands in the group.
        best = max((labels.index(label) for label in members), key=lambda number: (outputs[number], -number))
        winners[group] = (labels[best], float(outputs[best]))
    return winners


def main(model: str, photo: str, open_model: Any) -> None:
    """Print a line for each label: the label, a tab, its probability."""
    about, network = open_model(model)
    outputs = network(read_photo(photo, about["image"])[None])[0]
    for label, probability in decide(outputs, about):
        print(f"{label}\t{probability:.6g}")  # noqa: T201 - the script's result
    for group, (label, probability) in group_winners(outputs, about).items():
        print(f"{group}: {label}\t{probability:.6g}")  # noqa: T201 - the same
