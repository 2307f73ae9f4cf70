"""Which images train, which choose, which judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.groups import group_numbers
from fashionbatch.data.stratify import draw
from fashionbatch.errors import DataError
from fashionbatch.recipe.schema import SplitFrom, SplitLast
from fashionbatch.recipe.schema import SplitSection as SplitRecipe
from fashionbatch.specs import SPLITS, Samples, Split

Indices = NDArray[np.int64]

DEFAULT_VALIDATION: Final = 0.2
_DRAWN: Final[tuple[Split, Split]] = ("validation", "test")
UNUSED: Final = "unused"
"""What an image is placed in that is in no split."""


@dataclass(frozen=True)
class Assignment:
    """Which images are in which split.

    Attributes:
        indices: for each split that is not empty the positions of its images in the source, ascending.
        notes: what the user should know about it.
    """

    indices: dict[Split, Indices]
    notes: list[str] = field(default_factory=list)

    def pooled(self) -> Assignment:
        """The same with the images of validation among those that train; the test split stays what it is."""
        learning = [self.indices[name] for name in ("train", "validation") if name in self.indices]
        pooled: dict[Split, Indices] = {"train": np.sort(np.concatenate(learning))}
        if "test" in self.indices:
            pooled["test"] = self.indices["test"]
        return Assignment(pooled, self.notes)


def assign_splits(samples: Samples, names: Sequence[str], recipe: SplitRecipe) -> Assignment:
    """Give every image to one split, as the recipe says.

    A part that the recipe omits is the source's split of that name, else a fifth for validation and none for test.
    Fractions and the last N are taken from what the source calls train, or does not call anything.

    Args:
        samples: the source's images.
        names: for each image its path within the source.
        recipe: what the recipe says about splits.

    Raises:
        DataError: a class has too few images, a split that the source does not name is asked for, groups would stand on
            both sides, or nothing is left to train on.
    """
    source = np.array([split or "train" for split in samples.splits or ["train"] * len(samples)], dtype=object)
    placed = np.where(source == "train", "train", UNUSED).astype(object)
    wishes = {part: _wish(part, recipe, source) for part in _DRAWN}
    notes: list[str] = []
    for part, wish in wishes.items():
        if isinstance(wish, SplitFrom):
            _take_named(part, wish.from_, source, placed)
    for part, wish in wishes.items():
        if isinstance(wish, SplitLast):
            _take_last(part, wish.last, placed)
    group_by = recipe.group_by or samples.keep_together
    groups = group_numbers(samples, names, group_by) if group_by else None
    fractions = {part: wish for part, wish in wishes.items() if isinstance(wish, float) and wish > 0}
    if fractions:
        _draw_fractions(fractions, samples, placed, recipe, groups)
    if groups is not None:
        _check_groups(groups, placed)
    _note_unused(source, placed, notes)
    check_classes(samples, placed, notes)
    indices = {split: np.flatnonzero(placed == split) for split in SPLITS}
    return Assignment({split: found for split, found in indices.items() if len(found)}, notes)


def _wish(part: Split, recipe: SplitRecipe, source: NDArray[np.object_]) -> float | SplitLast | SplitFrom:
    wish = recipe.validation if part == "validation" else recipe.test
    if wish is not None:
        return wish
    other = recipe.test if part == "validation" else recipe.validation
    taken = isinstance(other, SplitFrom) and other.from_ == part
    if (source == part).any() and not taken:
        return SplitFrom.model_validate({"from": part})
    return DEFAULT_VALIDATION if part == "validation" else 0.0


def _take_named(part: Split, name: Split, source: NDArray[np.object_], placed: NDArray[np.object_]) -> None:
    there = source == name
    if not there.any():
        named = ", ".join(split for split in SPLITS if (source == split).any())
        raise DataError(
            f"the source has no images that it calls {name}; it has: {named}",
            hint=f"give a fraction, such as `{part}: 0.2`",
            place=("data", "split", part),
        )
    placed[there] = part


def _take_last(part: Split, number: int, placed: NDArray[np.object_]) -> None:
    pool = np.flatnonzero(placed == "train")
    if number >= len(pool):
        raise DataError(
            f"the last {number} images cannot be taken from {len(pool)}; none would train",
            place=("data", "split", part),
        )
    placed[pool[-number:]] = part


def _draw_fractions(
    fractions: dict[Split, float],
    samples: Samples,
    placed: NDArray[np.object_],
    recipe: SplitRecipe,
    groups: tuple[Indices, list[str]] | None,
) -> None:
    pool = np.flatnonzero(placed == "train")
    if not len(pool):
        raise DataError("nothing is left to train on", hint="look at `split` in the recipe")
    if sum(fractions.values()) >= 1:
        asked = " and ".join(f"{part} {fraction:g}" for part, fraction in fractions.items())
        raise DataError(f"split: {asked} leave nothing to train on", hint="a part that is omitted may have a default")
    kinds, units, unit_of_image = units_of(samples, pool, None if groups is None else groups[0])
    if recipe.stratify:
        _check_enough(kinds, units, samples.class_names, [*fractions], grouped=groups is not None)
    drawn = draw(kinds, units, [*fractions.values()], np.random.default_rng(recipe.seed), stratify=recipe.stratify)
    part_names = np.array([*fractions, "train"], dtype=object)
    placed[pool] = part_names[drawn[unit_of_image]]


def units_of(samples: Samples, pool: Indices, group_of_image: Indices | None) -> tuple[Indices, Indices, Indices]:
    """What is drawn: `(kinds, classes)` images of each class, the kind of each unit, and the unit of each image.

    Args:
        samples: the source's images.
        pool: int64, the positions of those that are drawn from.
        group_of_image: int64, for each image of the source the number of its group; None where each is by itself.
    """
    position = {name: index for index, name in enumerate(samples.class_names)}
    if group_of_image is None:
        unit_of_image = np.arange(len(pool))
        contents = [tuple(sorted(position[label] for label in samples.labels[image])) for image in pool]
    else:
        unit_of_image = np.unique(group_of_image[pool], return_inverse=True)[1].reshape(-1)
        members: list[list[int]] = [[] for _ in range(unit_of_image.max() + 1)]
        for unit, image in zip(unit_of_image, pool, strict=True):
            members[unit].extend(position[label] for label in samples.labels[image])
        contents = [tuple(sorted(labels)) for labels in members]
    numbers = {content: number for number, content in enumerate(sorted(set(contents)))}
    kinds = np.zeros((len(numbers), len(position)), np.int64)
    for content, number in numbers.items():
        for label, count in Counter(content).items():
            kinds[number, label] = count
    return kinds, np.array([numbers[content] for content in contents], np.int64), unit_of_image


def _check_enough(
    kinds: Indices, units: Indices, class_names: Sequence[str], drawn: Sequence[Split], *, grouped: bool
) -> None:
    present = np.bincount(units, minlength=len(kinds)) @ (kinds > 0)
    for name, count in zip(class_names, present, strict=True):
        # A class that only the source's own test split has is told of by the last check.
        if 0 < count <= len(drawn):
            what = "group" if grouped else "image"
            raise DataError(
                f"class {name!r} has {count} {what}{'s' if count > 1 else ''}; splitting it into train and "
                f"{' and '.join(drawn)} needs at least {len(drawn) + 1}",
                hint="add images of it, or leave the class out",
            )


def _check_groups(groups: tuple[Indices, list[str]], placed: NDArray[np.object_]) -> None:
    numbers, keys = groups
    used = placed != UNUSED
    pairs = {(int(number), str(split)) for number, split in zip(numbers[used], placed[used], strict=True)}
    sides = Counter(number for number, _ in pairs)
    torn = sorted(number for number, count in sides.items() if count > 1)
    if torn:
        where = " and ".join(sorted(split for number, split in pairs if number == torn[0]))
        raise DataError(
            f"{len(torn)} groups would stand on both sides, such as {keys[torn[0]]!r} in {where}",
            hint="the source's own splits and the last N are taken as they are; draw a fraction instead",
            place=("data", "split", "group_by"),
        )


def _note_unused(source: NDArray[np.object_], placed: NDArray[np.object_], notes: list[str]) -> None:
    for name, count in sorted(Counter(source[placed == UNUSED].tolist()).items()):
        notes.append(f"{count} images that the source calls {name} are not used: the recipe's split leaves them out.")


def check_classes(samples: Samples, placed: NDArray[np.object_], notes: list[str]) -> None:
    """Refuse a split without images of a class to train on; note the classes that another split lacks.

    Args:
        samples: the source's images.
        placed: `(images,)`, the split of each image, or `UNUSED`.
        notes: what the user should know is added.

    Raises:
        DataError: a class has no image to train on.
    """
    counts = {split: Counter[str]() for split in SPLITS}
    for labels, split in zip(samples.labels, placed, strict=True):
        if split != UNUSED:
            counts[split].update(labels)
    if not (placed == "train").any():
        raise DataError("nothing is left to train on", hint="look at `split` in the recipe")
    for name in samples.class_names:
        if not counts["train"][name]:
            elsewhere = {split: count[name] for split, count in counts.items() if count[name]}
            where = ", ".join(f"{count} in {split}" for split, count in elsewhere.items())
            raise DataError(
                f"class {name!r} has no image to train on{f' ({where})' if where else ''}",
                hint="add images of it, or leave the class out",
            )
    for split in _DRAWN:
        lacking = [name for name in samples.class_names if not counts[split][name]]
        if counts[split] and lacking:
            listed = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
            notes.append(f"The {split} split has no image of: {listed}.")
