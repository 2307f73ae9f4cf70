"""Linear heads on known features, many at once: those of all folds and seeds learn side by side.

A head learns as the recipe's does: mini-batches, AdamW, a rate that falls along half a cosine, smoothed labels, dropout
of features. Keras trains one head at a time, with an overhead for each batch that is longer than the arithmetic; here a
batch of each head goes through one matrix product, and fifteen heads take about as long as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BATCH = 32
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7
_LIKELIEST = 30.0
"""Logits beyond it give a sigmoid of 0 or 1 in float32 anyway, and `exp` overflows far beyond it."""


@dataclass(frozen=True)
class HeadSetting:
    """How a head is trained.

    Attributes:
        epochs: rounds over the training images.
        learning_rate: of AdamW at the beginning.
        weight_decay: of AdamW: the share of each weight that is taken off it at a step, times the rate.
        label_smoothing: share of each target that is spread over the classes.
        dropout: share of the features that is dropped.
    """

    epochs: int = 20
    learning_rate: float = 0.002
    weight_decay: float = 0.004
    label_smoothing: float = 0.0
    dropout: float = 0.0

    @property
    def text(self) -> str:
        """What tables call it."""
        parts = [f"decay {self.weight_decay:g}", f"dropout {self.dropout:g}", f"smoothing {self.label_smoothing:g}"]
        return ", ".join(parts)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def train_heads(
    features: Floats,
    targets: Floats,
    rows: Sequence[NDArray[np.int64]],
    seeds: Sequence[int],
    setting: HeadSetting,
    *,
    one_of_many: bool,
    weights: Floats | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> tuple[Floats, Floats]:
    """Train a linear head for each list of rows.

    Args:
        features: float32 `(images, features)`.
        targets: float32 `(images, outputs)`.
        rows: for each head the images that it learns from; none of them empty.
        seeds: for each head what its first weights, order of images and dropout come from.
        setting: how they are trained, all alike.
        one_of_many: softmax and cross-entropy; else a sigmoid for each output.
        weights: float32 `(images, outputs)`, what each target weighs in the loss; None where all weigh the same. With
            `one_of_many` those of an image are equal.
        advance: told of the finished epochs.

    Returns:
        Weights float32 `(heads, features, outputs)` and biases `(heads, 1, outputs)`.
    """
    heads, width, outputs = len(rows), features.shape[1], targets.shape[1]
    generators = [np.random.default_rng(seed) for seed in seeds]
    limit = math.sqrt(6 / (width + outputs))
    kernels = np.stack([each.uniform(-limit, limit, (width, outputs)) for each in generators]).astype(np.float32)
    biases = np.zeros((heads, 1, outputs), np.float32)
    of_weights, of_biases = (_AdamW(values, setting.weight_decay) for values in (kernels, biases))
    if setting.label_smoothing:
        even = 1 / outputs if one_of_many else 0.5
        targets = targets * (1 - setting.label_smoothing) + np.float32(setting.label_smoothing * even)
    steps = max(1, min(len(each) for each in rows) // BATCH)
    batch = min(BATCH, *(len(each) for each in rows))
    done, total = 0, steps * setting.epochs
    for epoch in range(setting.epochs):
        order = np.stack([each.permutation(own)[: steps * batch] for each, own in zip(generators, rows, strict=True)])
        for start in range(0, steps * batch, batch):
            taken = order[:, start : start + batch]
            x = features[taken]
            if setting.dropout:
                x *= (generators[0].random(x.shape, np.float32) >= setting.dropout) / np.float32(1 - setting.dropout)
            wrong = _activated(x @ kernels + biases, one_of_many=one_of_many) - targets[taken]
            if weights is not None:
                wrong *= weights[taken]
            wrong /= np.float32(batch if one_of_many else batch * outputs)
            rate = setting.learning_rate * 0.5 * (1 + math.cos(math.pi * done / total))
            done += 1
            of_weights.step(x.transpose(0, 2, 1) @ wrong, rate, done)
            of_biases.step(wrong.sum(axis=1, keepdims=True), rate, done)
        advance(epoch + 1)
    return kernels, biases


def probabilities(features: Floats, weights: Floats, bias: Floats, *, one_of_many: bool) -> Floats:
    """What one head says: features `(n, features)`, weights `(features, outputs)` -> float32 `(n, outputs)`."""
    return _activated(features @ weights + bias, one_of_many=one_of_many)


class _AdamW:
    """Steps as Keras takes them, of one array in place."""

    def __init__(self, values: Floats, weight_decay: float) -> None:
        self._values, self._weight_decay = values, weight_decay
        self._first, self._second = np.zeros_like(values), np.zeros_like(values)

    def step(self, gradient: Floats, rate: float, number: int) -> None:
        """Take the step of that number, from 1."""
        corrected = rate * math.sqrt(1 - _BETA_2**number) / (1 - _BETA_1**number)
        self._values *= np.float32(1 - rate * self._weight_decay)
        self._first += (gradient - self._first) * np.float32(1 - _BETA_1)
        self._second += (np.square(gradient) - self._second) * np.float32(1 - _BETA_2)
        self._values -= np.float32(corrected) * self._first / (np.sqrt(self._second) + np.float32(_EPSILON))


def _activated(logits: Floats, *, one_of_many: bool) -> Floats:
    if not one_of_many:
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_LIKELIEST, _LIKELIEST))), np.float32)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
