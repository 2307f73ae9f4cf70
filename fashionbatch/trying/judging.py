"""Judges ways of training: heads by cross-validation on known features, networks by the validation images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.decisions import DecisionRule, right_images
from fashionbatch.model.network import Network
from fashionbatch.plan import Plan
from fashionbatch.progress import Reporter
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.loop import Loop
from fashionbatch.trying.folds import draw_folds, fold_count, groups_of_equal_images
from fashionbatch.trying.heads import BATCH, HeadSetting, probabilities, train_heads
from fashionbatch.trying.opened import Opened, start_network

SEEDS = (0, 1, 2)
"""Of the cross-validations whose mean counts: each draws other folds and begins with other weights."""
_STEPS = 1_000
"""A head has learnt after so many batches: 850 at a rate of 0.002 gave what 1,700 at 0.001 did."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 100
_AT_ONCE = 64


@dataclass(frozen=True)
class Pool:
    """The images that heads are cross-validated on, as features.

    Attributes:
        features: float32 `(images, features)`.
        targets: float32 `(images, outputs)`.
        held_back: bool `(images,)`, those of the validation split; all of them where there is none.
        parts: for each seed the fold of each image.
        rule: by which probabilities become labels.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    held_back: NDArray[np.bool_]
    parts: tuple[NDArray[np.int64], ...]
    rule: DecisionRule

    @property
    def folds(self) -> int:
        """How many parts take turns."""
        return int(self.parts[0].max()) + 1


def make_pool(data: PreparedData, features: dict[Split, NDArray[np.float32]]) -> Pool:
    """Put the training and validation images together, and draw their folds. Test images are never in it."""
    splits = [data.splits[name] for name in features]
    labels = [own for split in splits for own in split.labels]
    groups = groups_of_equal_images([image for split in splits for image in split.images])
    folds = fold_count(labels)
    is_validation = np.concatenate([np.full(len(split), split.name == "validation") for split in splits])
    return Pool(
        features=np.concatenate([features[split.name] for split in splits]),
        targets=np.concatenate([split.targets for split in splits]),
        held_back=is_validation if is_validation.any() else np.ones(len(labels), np.bool_),
        parts=tuple(draw_folds(labels, groups, folds, seed) for seed in SEEDS),
        rule=data.rule,
    )


def head_epochs(images: int) -> int:
    """Epochs in which a head sees enough batches of so many images, and not far too many."""
    steps = max(1, images // BATCH)
    return min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(_STEPS / steps)))


def cross_validate(pool: Pool, setting: HeadSetting, *, advance: Callable[[int], object]) -> tuple[float, float]:
    """The accuracy of heads on images that they have not learnt from.

    Args:
        pool: the images.
        setting: how the heads are trained.
        advance: told of the finished epochs.

    Returns:
        The mean over all images and seeds; and over those of the validation split.
    """
    one_of_many = pool.rule.sums_to_one
    outside = [np.flatnonzero(parts != fold) for parts in pool.parts for fold in range(pool.folds)]
    seeds = [100 * seed + fold for seed in SEEDS for fold in range(pool.folds)]
    weights, biases = train_heads(
        pool.features, pool.targets, outside, seeds, setting, one_of_many=one_of_many, advance=advance
    )
    right = np.zeros((len(SEEDS), len(pool.targets)), np.bool_)
    for seed, parts in enumerate(pool.parts):
        for fold in range(pool.folds):
            rows, head = np.flatnonzero(parts == fold), seed * pool.folds + fold
            given = probabilities(pool.features[rows], weights[head], biases[head], one_of_many=one_of_many)
            right[seed, rows] = right_rows(pool.rule, pool.targets[rows], given)
    return float(right.mean()), float(right[:, pool.held_back].mean())


def right_rows(rule: DecisionRule, targets: NDArray[np.float32], given: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bool `(n,)`: whether everything about an image is right."""
    return right_images(rule.truth(targets), rule.decide_all(given).as_array())


@dataclass(frozen=True)
class Fitted:
    """What a short training came to.

    Attributes:
        accuracy: on the validation images; on the training images where there are none.
        images: how many these are.
        epoch_seconds: that the last epoch took.
    """

    accuracy: float
    images: int
    epoch_seconds: float


def fit_shortly(opened: Opened, plan: Plan, registry: Registry, reporter: Reporter) -> Fitted:
    """Train a plan's network without leaving a run, and judge it by the validation images.

    Args:
        opened: gives the images, and the graph of the network before its first epoch.
        plan: what is trained; its architecture is that of `opened`.
        registry: where the runtime is registered.
        reporter: what the user sees.

    Raises:
        TrainingError: the loss is not a number, or a layer that is named is not there.
        OutOfTimeError: the budget is spent.
    """
    network = start_network(plan, opened.data, registry)
    with disk.scratch_folder() as folder:
        loop = Loop(
            plan, network, opened.data, RunDirectory(folder / "run"), reporter, registry=registry, graph=opened.graph
        )
        history = loop.run(None)
    judge = opened.data.splits.get("validation") or opened.data.splits["train"]
    right = right_rows(opened.data.rule, judge.targets, _answers(network, judge))
    return Fitted(float(right.mean()), len(right), history[-1].seconds)


def _answers(network: Network, split: SplitData) -> NDArray[np.float32]:
    starts = range(0, len(split), _AT_ONCE)
    return np.concatenate([network.model.predict_on_batch(split.images[at : at + _AT_ONCE]) for at in starts])
