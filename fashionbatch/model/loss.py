"""The loss of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.plan import Resolved
from fashionbatch.plugins import sign
from fashionbatch.specs import LossSpec

if TYPE_CHECKING:
    import keras


def build_loss(component: Resolved[LossSpec], label_weights: NDArray[np.float32] | None) -> keras.losses.Loss:
    """Build a loss, which is known as the plugin's wherever it fails later.

    Args:
        component: as the recipe names it.
        label_weights: float32 `(labels,)`, one positive weight a label; None for none.

    Raises:
        PluginError: the plugin failed, or what it made is no loss.
    """
    import keras

    loss = component.spec.build(component.parameters, label_weights)
    if not isinstance(loss, keras.losses.Loss):
        raise component.origin.wrong("build", f"returned {type(loss).__name__}; expected a keras.losses.Loss")
    sign([loss], component.origin)
    return loss
