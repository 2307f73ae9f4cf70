"""Tells a pretrained backbone by the sizes of its weights, for a file that was taken for another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import h5py

_TOP: Final = ("dense", "fc", "predictions")
"""How layers of a classifier are called, which a file may hold behind those of the backbone."""


class Size(NamedTuple):
    """What a backbone without its top has: layers with weights, and numbers in them."""

    layers: int
    numbers: int


SIZES: Final[Mapping[str, Size]] = {
    "ConvNeXtTiny": Size(95, 27_820_128),
    "ConvNeXtSmall": Size(185, 49_454_688),
    "ConvNeXtBase": Size(185, 87_566_464),
    "ConvNeXtLarge": Size(185, 196_230_336),
    "ConvNeXtXLarge": Size(185, 348_147_968),
    "DenseNet121": Size(241, 7_037_504),
    "DenseNet169": Size(337, 12_642_880),
    "DenseNet201": Size(401, 18_321_984),
    "EfficientNetB0": Size(131, 4_049_571),
    "EfficientNetB1": Size(185, 6_575_239),
    "EfficientNetB2": Size(185, 7_768_569),
    "EfficientNetB3": Size(209, 10_783_535),
    "EfficientNetB4": Size(257, 17_673_823),
    "EfficientNetB5": Size(311, 28_513_527),
    "EfficientNetB6": Size(359, 40_960_143),
    "EfficientNetB7": Size(437, 64_097_687),
    "EfficientNetLite0": Size(98, 3_413_024),
    "EfficientNetV2B0": Size(150, 5_919_312),
    "EfficientNetV2B1": Size(184, 6_931_124),
    "EfficientNetV2B2": Size(192, 8_769_374),
    "EfficientNetV2B3": Size(224, 12_930_622),
    "EfficientNetV2S": Size(280, 20_331_360),
    "EfficientNetV2M": Size(402, 53_150_388),
    "EfficientNetV2L": Size(556, 117_746_848),
    "InceptionResNetV2": Size(448, 54_336_736),
    "InceptionV3": Size(188, 21_802_784),
    "MobileNet": Size(54, 3_228_864),
    "MobileNetV2": Size(104, 2_257_984),
    "MobileNetV3Small": Size(86, 939_120),
    "MobileNetV3Large": Size(108, 2_996_352),
    "NASNetMobile": Size(388, 4_269_716),
    "NASNetLarge": Size(532, 84_916_818),
    "ResNet50": Size(106, 23_587_712),
    "ResNet101": Size(208, 42_658_176),
    "ResNet152": Size(310, 58_370_944),
    "ResNet50V2": Size(102, 23_564_800),
    "ResNet101V2": Size(204, 42_626_560),
    "ResNet152V2": Size(306, 58_331_648),
    "VGG16": Size(13, 14_714_688),
    "VGG19": Size(16, 20_024_384),
    "Xception": Size(80, 20_861_480),
}
"""Name -> size; no two are alike. A test builds some of them and compares."""


def recognise(file: h5py.File) -> str | None:
    """The backbone whose weights a file holds, with or without its top; None where it is none of these.

    Args:
        file: in Keras's own format or the older one.
    """
    layers = dict(_layers(file))
    for held in (layers, {name: size for name, size in layers.items() if not name.startswith(_TOP)}):
        size = Size(len(held), sum(held.values()))
        found = [name for name, known in SIZES.items() if known == size]
        if len(found) == 1:
            return found[0]
    return None


def _layers(file: h5py.File) -> Iterator[tuple[str, int]]:
    """Name and number of numbers of each layer that has weights."""
    groups = file if "layer_names" in file.attrs else file.get("layers", {})
    for name, group in groups.items():
        count = _numbers(group)
        if count:
            yield name, count


def _numbers(group: Any) -> int:
    if not hasattr(group, "visititems"):
        return 0
    count = 0

    def add(_: str, item: Any) -> None:
        nonlocal count
        count += int(item.size) if hasattr(item, "shape") else 0

    group.visititems(add)
    return count
