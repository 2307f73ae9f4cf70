"""What fits the data: image, backbone, head, split and weights of classes, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fashionbatch.data.context import LocalContext
from fashionbatch.data.prepare import image_names
from fashionbatch.data.splits import Assignment, assign_splits
from fashionbatch.data.targets import check_labels
from fashionbatch.drafting.layout import Layout, Reader, counts_by_class
from fashionbatch.drafting.photos import Photos
from fashionbatch.drafting.products import products_of
from fashionbatch.errors import DataError, WeightsError
from fashionbatch.recipe.schema import SplitSection
from fashionbatch.registry import OurName
from fashionbatch.specs import SPLITS, ArchitectureSpec, HeadSpec, Samples

BACKBONES: Final = ("MobileNetV2", "EfficientNetLite0")
"""Backbones that new recipes begin with, the best first; the first whose weights are here is taken."""
TINY_SIDE: Final = 64
"""Photos of so many pixels a side show a network that was made for 224 nothing of what it has learnt."""
IMBALANCE: Final = 10.0
"""How many times as many images the largest class has as the smallest where their weights are balanced."""

_PRETRAINED_SIDE: Final = 224
_SMALLEST_SIDE: Final = 16
_FEWEST: Final = 3
"""Images that a class has at least: one to train on, one to validate and one more."""
_ENOUGH_TO_TEST: Final = 20
"""Images of the smallest class from which on some of each are kept for a test."""
_FEW: Final = 50
_MANY: Final = 1000


@dataclass(frozen=True)
class Choice:
    """What the recipe says, and why.

    Attributes:
        layout: how the data are read; without classes that have too few images.
        photos: what the photos are like.
        assignment: which images train, validate and test.
        split: the recipe's `split`.
        side: height and width of the network's image.
        channels: 1 or 3.
        backbone: of ImageNet; None for a small network from nothing.
        missing: what to do where the backbone's weights are not here.
        head: the head and its parameters.
        balanced: whether classes are weighted.
        said: what was decided about the data, sentences without full stops.
    """

    layout: Layout
    photos: Photos
    assignment: Assignment
    split: Mapping[str, Any]
    side: int
    channels: int
    backbone: str | None
    missing: WeightsError | None
    head: Mapping[str, Any]
    balanced: bool
    said: tuple[str, ...] = field(default=())

    @property
    def samples(self) -> Samples:
        """The images and labels."""
        return self.layout.samples

    @property
    def smallest(self) -> int:
        """How many images the smallest class has to train on."""
        return min(counts_by_class(self.samples, self.assignment.indices["train"].tolist()).values())

    @property
    def amount(self) -> str:
        """`few`, `some` or `many` images of the smallest class."""
        return "few" if self.smallest < _FEW else "some" if self.smallest < _MANY else "many"


def choose(layout: Layout, photos: Photos, reader: Reader) -> Choice:
    """Decide what the recipe says.

    Args:
        layout: how the data are read.
        photos: what they are like.
        reader: reads the data again where a class is left out, and knows the architectures.

    Raises:
        DataError: the labels cannot be learnt, or cannot be split.
    """
    said: list[str] = []
    layout = _without_tiny_classes(layout, reader, said)
    head = _head(layout)
    spec = reader.registry.entry("head", OurName(head["name"])).spec
    assert isinstance(spec, HeadSpec)
    check_labels(layout.samples, spec.decoding)
    layout, split, assignment = _split(layout, said)
    side, is_tiny = _side(photos)
    backbone, missing = (None, None) if is_tiny else _backbone(reader)
    counts = counts_by_class(layout.samples, assignment.indices["train"].tolist()).values()
    return Choice(
        layout=layout,
        photos=photos,
        assignment=assignment,
        split=split,
        side=side,
        channels=1 if photos.all_grey else 3,
        backbone=backbone,
        missing=missing,
        head=head,
        balanced=max(counts) >= IMBALANCE * max(1, min(counts)),
        said=(*said, *assignment.notes),
    )


def _head(layout: Layout) -> dict[str, Any]:
    samples = layout.samples
    if layout.attributes is not None:
        return {"name": "multilabel", "groups": {name: list(of) for name, of in layout.attributes.groups.items()}}
    if samples.label_groups:
        return {"name": "multilabel", "groups": {name: list(of) for name, of in samples.label_groups.items()}}
    if any(len(labels) != 1 for labels in samples.labels):
        return {"name": "multilabel"}
    return {"name": "binary" if len(samples.class_names) == 2 else "multiclass"}


def _without_tiny_classes(layout: Layout, reader: Reader, said: list[str]) -> Layout:
    """Leave classes out that have too few images to be learnt and judged; of folders only, which can be left out."""
    samples = layout.samples
    own = {split or "train" for split in samples.splits or ["train"]}
    fewest = _FEWEST if own == {"train"} else 1
    to_train = [
        position
        for position in range(len(samples))
        if not samples.splits or samples.splits[position] in {None, "train"}
    ]
    counts = counts_by_class(samples, to_train)
    tiny = [name for name, count in counts.items() if count < fewest]
    if not tiny:
        return layout
    listed = ", ".join(f"{name} {counts[name]}" for name in tiny)
    if layout.source["name"] != "image_folder" or len(samples.class_names) - len(tiny) < 2:
        raise DataError(
            f"classes with too few images to train on: {listed}",
            hint=f"add images, {fewest} of each at least, or leave them out",
        )
    if fewest == 1:
        said.append(f"left out, since there is no image of them to train on: {', '.join(tiny)}")
    else:
        said.append(f"left out, since {fewest} images of a class are the least: {listed}")
    source = {**layout.source, "exclude": sorted({*layout.source.get("exclude", ()), *tiny})}
    return replace(layout, source=source, samples=reader.load(source))


def _split(layout: Layout, said: list[str]) -> tuple[Layout, dict[str, Any], Assignment]:
    samples = layout.samples
    named = {split for split in samples.splits or () if split}
    smallest = min(counts_by_class(samples).values())
    split: dict[str, Any] = {part: {"from": part} for part in SPLITS[1:] if part in named}
    if "validation" not in split:
        split["validation"] = 0.15 if smallest >= _ENOUGH_TO_TEST else 0.2
    if "test" not in split:
        split["test"] = 0.15 if smallest >= _ENOUGH_TO_TEST else 0.0
    if any(isinstance(part, float) and part > 0 for part in split.values()):
        split["seed"] = 42
    names = image_names(samples)
    together = _kept_together(samples, names, split, said)
    if together is not None:
        return layout, *together
    try:
        return layout, split, assign_splits(samples, names, SplitSection.model_validate(split))
    except DataError:
        if samples.keep_together is None:
            raise
    # The table's own splits may part what belongs together, and groups may be too few to draw from.
    said.append(f"images with one {samples.keep_together!r} are not kept together: the splits could not be made so")
    source = {key: value for key, value in layout.source.items() if key != "group_column"} | {"group_column": None}
    layout = replace(layout, source=source, samples=replace(samples, keep_together=None))
    return layout, split, assign_splits(layout.samples, names, SplitSection.model_validate(split))


def _kept_together(
    samples: Samples, names: Sequence[str], split: Mapping[str, Any], said: list[str]
) -> tuple[dict[str, Any], Assignment] | None:
    """The split that keeps the photos of a product on one side; None where their names tell of no products."""
    if "seed" not in split or samples.keep_together is not None:
        return None
    products = products_of(names, samples.labels)
    if products is None:
        return None
    grouped = {**split, "group_by": products.pattern}
    try:
        assignment = assign_splits(samples, names, SplitSection.model_validate(grouped))
    except DataError:
        # So few products, or such as the source's own splits part already, cannot be drawn from.
        return None
    first, second = products.example[:2]
    said.append(
        f"photos such as {first} and {second} show one thing, by their names: the photos of each of {products.count:,} "
        "things stay on one side of the split"
    )
    return grouped, assignment


def _side(photos: Photos) -> tuple[int, bool]:
    """The side of the network's image, and whether photos are too small for a pretrained backbone."""
    if photos.sides is None or photos.sides.longest[1] > TINY_SIDE:
        return _PRETRAINED_SIDE, False
    # Poolings halve it twice.
    return max(_SMALLEST_SIDE, round(photos.sides.longest[1] / 4) * 4), True


def _backbone(reader: Reader) -> tuple[str, WeightsError | None]:
    """The first backbone whose weights are here; else the first, and what is missing of it."""
    spec = reader.registry.entry("architecture", OurName("pretrained")).spec
    assert isinstance(spec, ArchitectureSpec)
    lacking: WeightsError | None = None
    for name in BACKBONES:
        parameters = spec.parameters.model_validate({"backbone": name})
        missing = spec.missing_weights(parameters, LocalContext(reader.base)) if spec.missing_weights else None
        if missing is None:
            return name, None
        lacking = lacking or missing
    return BACKBONES[0], lacking
