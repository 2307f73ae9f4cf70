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
from fashionbatch.evaluation.measures.metrics import evaluate_split
from fashionbatch.model.class_weights import image_weights
from fashionbatch.model.network import Network
from fashionbatch.plan import Plan
from fashionbatch.progress import Reporter
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.fitting import loss_weights
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
        weights: float32 `(images, outputs)`, what each target weighs in the loss; None where all weigh the same.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    held_back: NDArray[np.bool_]
    parts: tuple[NDArray[np.int64], ...]
    rule: DecisionRule
    weights: NDArray[np.float32] | None = None

    @property
    def folds(self) -> int:
        """How many parts take turns."""
        return int(self.parts[0].max()) + 1


def make_pool(plan: Plan, data: PreparedData, features: dict[Split, NDArray[np.float32]]) -> Pool:
    """Put the training and validation images together, and draw their folds. Test images are never in it.

    Args:
        plan: says how classes are weighed.
        data: the splits.
        features: float32 `(n, features)` of the splits that are put together.
    """
    splits = [data.splits[name] for name in features]
    labels = [own for split in splits for own in split.labels]
    groups = groups_of_equal_images([image for split in splits for image in split.images])
    folds = fold_count(labels)
    is_validation = np.concatenate([np.full(len(split), split.name == "validation") for split in splits])
    targets = np.concatenate([split.targets for split in splits])
    return Pool(
        features=np.concatenate([features[split.name] for split in splits]),
        targets=targets,
        held_back=is_validation if is_validation.any() else np.ones(len(labels), np.bool_),
        parts=tuple(draw_folds(labels, groups, folds, seed) for seed in SEEDS),
        rule=data.rule,
        weights=_target_weights(plan, data, targets),
    )


def _target_weights(plan: Plan, data: PreparedData, targets: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What each target weighs in the loss of a training by that plan."""
    of_labels, of_classes = loss_weights(plan, data)
    if of_labels is not None:
        return np.where(targets > 0, of_labels, np.float32(1)).astype(np.float32)
    if of_classes is not None:
        each = image_weights(of_classes, targets, data.rule)
        return np.broadcast_to(each[:, np.newaxis], targets.shape)
    return None


def head_epochs(images: int) -> int:
    """Epochs in which a head sees enough batches of so many images, and not far too many."""
    steps = max(1, images // BATCH)
    return min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(_STEPS / steps)))


@dataclass(frozen=True)
class Judged:
    """How heads fared on images that they have not learnt from.

    Attributes:
        accuracy: the mean over all images and seeds.
        validation: the same of the validation images alone.
        cross_entropy: of the validation images, in nats, the mean over the seeds.
    """

    accuracy: float
    validation: float
    cross_entropy: float


def cross_validate(pool: Pool, setting: HeadSetting, *, advance: Callable[[int], object]) -> Judged:
    """Judge heads by the images that they have not learnt from.

    Args:
        pool: the images.
        setting: how the heads are trained.
        advance: told of the finished epochs.
    """
    one_of_many = pool.rule.sums_to_one
    outside = [np.flatnonzero(parts != fold) for parts in pool.parts for fold in range(pool.folds)]
    seeds = [100 * seed + fold for seed in SEEDS for fold in range(pool.folds)]
    weights, biases = train_heads(
        pool.features,
        pool.targets,
        outside,
        seeds,
        setting,
        one_of_many=one_of_many,
        weights=pool.weights,
        advance=advance,
    )
    right = np.zeros((len(SEEDS), len(pool.targets)), np.bool_)
    given = np.zeros((len(SEEDS), *pool.targets.shape), np.float32)
    for seed, parts in enumerate(pool.parts):
        for fold in range(pool.folds):
            rows, head = np.flatnonzero(parts == fold), seed * pool.folds + fold
            given[seed, rows] = probabilities(pool.features[rows], weights[head], biases[head], one_of_many=one_of_many)
        right[seed] = right_rows(pool.rule, pool.targets, given[seed])
    targets = pool.targets[pool.held_back]
    entropies = [cross_entropy_of(pool.rule, targets, each[pool.held_back]) for each in given]
    return Judged(float(right.mean()), float(right[:, pool.held_back].mean()), float(np.mean(entropies)))


def cross_entropy_of(rule: DecisionRule, targets: NDArray[np.float32], given: NDArray[np.float32]) -> float:
    """The cross-entropy of probabilities `(n, outputs)` in nats; endless where it is not known."""
    found = evaluate_split(targets, given, rule).cross_entropy
    return math.inf if found is None else found


def right_rows(rule: DecisionRule, targets: NDArray[np.float32], given: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bool `(n,)`: whether everything about an image is right."""
    return right_images(rule.truth(targets), rule.decide_all(given).as_array())


@dataclass(frozen=True)
class Fitted:
    """What a short training came to.

    Attributes:
        accuracy: on the validation images; on the training images where there are none.
        cross_entropy: on the same images, in nats.
        images: how many these are.
        epoch_seconds: that the last epoch took.
    """

    accuracy: float
    cross_entropy: float
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
    rule, answers = opened.data.rule, _answers(network, judge)
    right = right_rows(rule, judge.targets, answers)
    return Fitted(float(right.mean()), cross_entropy_of(rule, judge.targets, answers), len(right), history[-1].seconds)


def _answers(network: Network, split: SplitData) -> NDArray[np.float32]:
    starts = range(0, len(split), _AT_ONCE)
    return np.concatenate([network.model.predict_on_batch(split.images[at : at + _AT_ONCE]) for at in starts])
