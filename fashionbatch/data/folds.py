"""Folds for cross-validation: each image is held out once, and judged by a network that was trained without it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.groups import group_numbers
from fashionbatch.data.prepare import (
    DecodedSplits,
    decode_splits,
    duplicates_across,
    duplicates_notes,
    load_samples,
)
from fashionbatch.data.prepared import PreparedData, SplitData, Whole
from fashionbatch.data.splits import UNUSED, assign_splits, check_classes, units_of
from fashionbatch.data.stratify import draw
from fashionbatch.errors import DataError
from fashionbatch.plan import Plan
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.recipe.schema import SplitSection
from fashionbatch.specs import SPLITS, Samples, Split

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Folds:
    """The images that are held out in turn, decoded once.

    Attributes:
        decoded: all of them, as one split that is called train.
        parts: int64 `(images,)`, the fold of each image, from 0.
        count: how many folds there are.
        share: of the images outside of a fold, those that choose the best epoch and the thresholds.
        split: the recipe's section, which says what belongs together and what seed draws.
    """

    decoded: DecodedSplits
    parts: Indices
    count: int
    share: float
    split: SplitSection

    def data(self, number: int) -> PreparedData:
        """The data of one fold: its images are the test split, the others train and choose.

        Args:
            number: of the fold, from 0.

        Raises:
            DataError: a class has no image to train on outside of the fold.
        """
        whole, samples = self.decoded.data, self.decoded.samples
        kept = self.decoded.kept["train"]
        held_out = self.parts == number
        chosen = np.zeros(len(kept), bool)
        if self.share > 0:
            rest = np.flatnonzero(~held_out)
            units = _units(samples, self.decoded.names, kept[rest], self.split)
            rng = np.random.default_rng([self.split.seed, number])
            drawn = draw(*units[:2], [self.share], rng, stratify=self.split.stratify)
            chosen[rest] = drawn[units[2]] == 0
        placed = np.full(len(samples), UNUSED, object)
        placed[kept] = np.where(held_out, "test", np.where(chosen, "validation", "train"))
        notes: list[str] = []
        check_classes(samples, placed, notes)
        rows: dict[Split, Indices] = {
            split: found for split in SPLITS if len(found := np.flatnonzero(placed[kept] == split))
        }
        splits = {split: replace(whole.splits["train"].taken(own), name=split) for split, own in rows.items()}
        return self._prepared(rows, splits, notes)

    def _prepared(
        self, rows: dict[Split, Indices], splits: dict[Split, SplitData], notes: Sequence[str]
    ) -> PreparedData:
        whole = self.decoded.data
        digests = {split: [self.decoded.digests["train"][row] for row in own] for split, own in rows.items()}
        duplicates = duplicates_across(splits, digests)
        digest = hashlib.sha256(whole.fingerprint.encode())
        for split, own in rows.items():
            digest.update(split.encode())
            digest.update(own.astype("<i8").tobytes())
        return replace(
            whole,
            splits=splits,
            duplicates=duplicates,
            notes=[*whole.notes, *notes, *duplicates_notes(duplicates)],
            fingerprint=digest.hexdigest(),
            whole=Whole(whole, rows),
        )


def prepare_folds(plan: Plan, count: int, *, data_path: Path | None = None, bar: OpenBar = no_bar) -> Folds:
    """Decode the images of the recipe's training and validation split, and share them out into folds.

    The recipe's test split, whichever way it is given, stays out of all folds. The others are drawn as fractions of a
    split are: each class keeps its share where the recipe stratifies, and groups stay together. Outside of a fold as
    large a part is drawn for validation as the recipe's validation split is of both, however the recipe gives it.

    Args:
        plan: a recipe that is ready to run.
        count: how many folds, at least 2.
        data_path: takes the place of the source's path.
        bar: shows how far decoding is.

    Raises:
        DataError: the data are not what the recipe says, or a class has too few images.
    """
    samples = load_samples(plan, data_path=data_path)
    learning: tuple[Split, ...] = ("train",)
    decoded = decode_splits(plan, samples, splits=learning, pooled=True, bar=bar)
    kept, split = decoded.kept["train"], plan.recipe.data.split
    own = assign_splits(samples, decoded.names, split).indices
    chooses = len(own.get("validation", ()))
    kinds, units, unit_of_image = _units(samples, decoded.names, kept, split)
    _check_enough(kinds, units, samples.class_names, count, stratified=split.stratify)
    parts = draw(kinds, units, [1 / count] * (count - 1), np.random.default_rng(split.seed), stratify=split.stratify)
    share = chooses / (chooses + len(own["train"]))
    return Folds(decoded, parts[unit_of_image], count, share, split)


def _units(
    samples: Samples, names: Sequence[str], pool: Indices, split: SplitSection
) -> tuple[Indices, Indices, Indices]:
    group_by = split.group_by or samples.keep_together
    groups = group_numbers(samples, names, group_by)[0] if group_by else None
    return units_of(samples, pool, groups)


def _check_enough(kinds: Indices, units: Indices, class_names: Sequence[str], count: int, *, stratified: bool) -> None:
    if len(units) < count:
        raise DataError(f"there are {len(units)} images or groups of them, too few for {count} folds")
    present = np.bincount(units, minlength=len(kinds)) @ (kinds > 0)
    for name, found in zip(class_names, present.tolist(), strict=True):
        if stratified and 0 < found < count:
            raise DataError(
                f"class {name!r} has {found} images or groups of them; {count} folds need at least {count}",
                hint="take fewer folds, add images of it, or leave the class out",
            )
