"""Splits as tf.data: uint8 batches whose order is the same whenever seed and epoch are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.prepared import SplitData

if TYPE_CHECKING:
    import tensorflow as tf

_READ_AHEAD = 4


def epoch_order(count: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of `count` images in an epoch, int64 `(count,)`. It rests on the two numbers alone.

    So a run that is resumed in epoch 7 sees the order that an undisturbed run would have seen.
    """
    return np.random.default_rng([seed, epoch]).permutation(count)


def batches(
    split: SplitData,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int = 0,
    epoch: int | Callable[[], int] = 0,
    weights: NDArray[np.float32] | None = None,
) -> tf.data.Dataset:
    """One epoch of a split in batches; the last one may be smaller.

    Pixels are gathered batch by batch from where they lie, in memory or in a file; there is no second copy of them.

    Args:
        split: the images and their targets.
        batch_size: images in a batch.
        shuffle: whether the order is drawn; otherwise it is the split's own.
        seed: with `epoch`, decides the order.
        epoch: the number of the epoch; or a function that is asked for it whenever somebody begins to iterate, for
            one dataset that serves all epochs.
        weights: float32 `(n,)`, how much each image counts.

    Returns:
        A dataset of known length that yields uint8 `(b, height, width, channels)` and float32 targets `(b, outputs)`,
        and float32 weights `(b,)` where there are any.

    Raises:
        ValueError: there is not one weight an image.
    """
    import tensorflow as tf

    if weights is not None and weights.shape != (len(split),):
        raise ValueError(f"{len(split)} images and weights of shape {weights.shape}")

    def generate() -> Iterator[tuple[NDArray[np.uint8], ...] | tuple[NDArray[np.generic], ...]]:
        number = epoch() if callable(epoch) else epoch
        order = epoch_order(len(split), seed=seed, epoch=number) if shuffle else np.arange(len(split))
        for start in range(0, len(split), batch_size):
            chosen = order[start : start + batch_size]
            batch = (split.images[chosen], split.targets[chosen])
            yield batch if weights is None else (*batch, weights[chosen].astype(np.float32))

    signature = [
        tf.TensorSpec((None, *split.images.shape[1:]), tf.as_dtype(split.images.dtype)),
        tf.TensorSpec((None, *split.targets.shape[1:]), tf.float32),
    ]
    if weights is not None:
        signature.append(tf.TensorSpec((None,), tf.float32))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=tuple(signature))
    count = -(-len(split) // batch_size)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(_READ_AHEAD)
    # There is nothing here to tune, and the thread that would sleeps for up to a minute at a time; where it misses that
    # the epoch is over, the end of the epoch waits for it to wake up.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
