"""What `fit` is given in a phase: a compiled model and the batches that go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.batches import batches
from fashionbatch.data.prepared import PreparedData
from fashionbatch.decisions import PLAIN_THRESHOLD, DecisionRule
from fashionbatch.model.augmented import changes_targets, mixing_model, training_model
from fashionbatch.model.class_weights import class_weights, image_weights
from fashionbatch.model.loss import build_loss
from fashionbatch.model.metrics import build_metrics
from fashionbatch.model.network import Network
from fashionbatch.model.optimizers import build_optimizer
from fashionbatch.plan import Plan, PlannedPhase

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_SMALL_IMAGE = 32 * 32 * 3
_BATCHES_AT_ONCE = 16
"""Small networks spend more time between batches than in them: dense networks trained 4 times faster this way."""


@dataclass(frozen=True)
class Fitting:
    """A phase that is ready to be fitted.

    Attributes:
        model: compiled, with its optimizer's variables made; shares the network's layers.
        training: one dataset for all epochs; its order follows the epoch that it is asked in.
        validation: None where nothing was held back.
        steps: batches in an epoch.
        own_variables: those that belong to the phase, not to the network: random generators of augmentation.
    """

    model: keras.Model
    training: tf.data.Dataset
    validation: tf.data.Dataset | None
    steps: int
    own_variables: Sequence[keras.Variable]


def prepare_fitting(
    plan: Plan,
    phase: PlannedPhase,
    network: Network,
    data: PreparedData,
    *,
    epoch: Callable[[], int],
    of_features: bool = False,
) -> Fitting:
    """Compile a phase's model and make its batches.

    Args:
        plan: names the loss, the seed and how classes are weighed.
        phase: names everything else.
        network: with the phase's layers frozen.
        data: the splits `train` and perhaps `validation`.
        epoch: tells the number of the epoch that is about to begin.
        of_features: whether the data hold the backbone's features in the place of images; the head alone is fitted.
    """
    recipe = plan.recipe.training
    training = data.splits["train"]
    label_weights, by_class = loss_weights(plan, data)
    if of_features:
        model = network.head
    elif changes_targets(phase.augmentation):
        model = mixing_model(network, phase.augmentation, recipe.seed, data.rule, by_class)
    else:
        model = training_model(network, phase.augmentation, recipe.seed)
    weights = None if by_class is None else image_weights(by_class, training.targets, data.rule)
    is_small = of_features or training.images[0].size <= _SMALL_IMAGE
    steps = -(-len(training) // phase.batch_size)
    optimizer = build_optimizer(phase, steps)
    model.compile(
        optimizer=optimizer,
        loss=build_loss(
            plan.loss, label_weights, outputs=network.model.outputs[0].shape[-1], weighed=by_class is not None
        ),
        metrics=[accuracy_metric(data.rule), *build_metrics(plan, len(data.class_names))],
        jit_compile=False,
        steps_per_execution=_BATCHES_AT_ONCE if is_small else 1,
    )
    optimizer.build(model.trainable_variables)
    validation = data.splits.get("validation")
    shared = {id(variable) for variable in network.model.variables}
    return Fitting(
        model=model,
        training=batches(training, phase.batch_size, shuffle=True, seed=recipe.seed, epoch=epoch, weights=weights),
        validation=batches(validation, phase.batch_size, shuffle=False) if validation is not None else None,
        steps=steps,
        own_variables=[variable for variable in model.variables if id(variable) not in shared],
    )


def loss_weights(plan: Plan, data: PreparedData) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Weights of positive labels inside the loss, and of each class's images around it: one of the two, or neither.

    Args:
        plan: says how classes are weighed.
        data: whose training images are counted for it.

    Returns:
        Float32 arrays `(labels,)`; the head's decoding says which of them there is.
    """
    asked = plan.recipe.training.class_weight
    if asked is None:
        return None, None
    weights = class_weights(asked, data.splits["train"].targets, data.rule)
    return (weights, None) if data.rule.has_many else (None, weights)


def accuracy_metric(rule: DecisionRule) -> Any:
    """The accuracy of an epoch, as a Keras metric: the share of decisions that are right, before thresholds are chosen.

    Args:
        rule: the one that will decide; its thresholds are not looked at.
    """
    import keras

    if rule.sums_to_one:
        return keras.metrics.CategoricalAccuracy(name="accuracy")
    # Keras says yes over the threshold. Of several labels, one that reaches one half is given, too.
    least = np.nextafter(np.float32(PLAIN_THRESHOLD), np.float32(0)) if rule.has_many else PLAIN_THRESHOLD
    return keras.metrics.BinaryAccuracy(name="accuracy", threshold=float(least))
