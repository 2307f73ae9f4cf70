"""The loss of a plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.plan import Resolved
from fashionbatch.plugins import BUILT_IN, Origin, sign
from fashionbatch.specs import LossSpec

if TYPE_CHECKING:
    import keras


def build_loss(
    component: Resolved[LossSpec], label_weights: NDArray[np.float32] | None, *, outputs: int, weighed: bool
) -> keras.losses.Loss:
    """Build a loss, try it, and have it known as the plugin's wherever it fails later.

    Args:
        component: as the recipe names it.
        label_weights: float32 `(labels,)`, one positive weight a label; None for none.
        outputs: of the network, for an image.
        weighed: whether images will have weights.

    Raises:
        PluginError: the plugin failed, or what it made is no loss that a network can be trained by.
    """
    import keras

    loss = component.spec.build(component.parameters, label_weights)
    if not isinstance(loss, keras.losses.Loss):
        raise component.origin.wrong("build", f"returned {type(loss).__name__}; expected a keras.losses.Loss")
    sign([loss], component.origin)
    _try(loss, component.origin, outputs, weighed)
    return loss


def measure_loss(
    component: Resolved[LossSpec],
    label_weights: NDArray[np.float32] | None,
    targets: NDArray[np.float32],
    probabilities: NDArray[np.float32],
) -> float | None:
    """What a loss says of probabilities; None for one that is no finite number.

    Args:
        component: as the recipe names it.
        label_weights: as in `build_loss`.
        targets: float32 `(n, outputs)`.
        probabilities: float32 `(n, outputs)`.

    Raises:
        PluginError: the plugin failed.
    """
    loss = build_loss(component, label_weights, outputs=targets.shape[1], weighed=False)
    with component.origin.calling("call"):
        value = float(loss(targets, probabilities))
    return value if math.isfinite(value) else None


def loss_title(component: Resolved[LossSpec]) -> str:
    """What a report calls a loss: its name, and of a plugin's `provider/name`."""
    return component.spec.name if component.provider.distribution == BUILT_IN else component.qualified_name


def _try(loss: keras.losses.Loss, origin: Origin, outputs: int, weighed: bool) -> None:
    import tensorflow as tf

    rows = outputs + 2  # another number than that of the outputs, so that weights fit images alone
    targets = tf.constant(np.eye(rows, outputs, dtype=np.float32))
    probabilities = tf.fill((rows, outputs), np.float32(1 / max(2, outputs)))
    with tf.GradientTape() as tape:
        tape.watch(probabilities)
        with origin.calling("call"):
            value = loss(targets, probabilities, tf.ones(rows) if weighed else None)
    if tape.gradient(value, probabilities) is None:
        raise origin.wrong("call", "has no gradient, so that nothing can be learnt by it")
