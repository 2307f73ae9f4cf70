"""The network with random changes of images before it: what `fit` is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import DecisionRule
from fashionbatch.errors import PluginError
from fashionbatch.model.network import INPUT_NAME, Network, built, free_name, shape_text, who
from fashionbatch.plan import Resolved
from fashionbatch.plugins import sign
from fashionbatch.specs import AugmentationSpec

if TYPE_CHECKING:
    import keras

_SEED_STEP = 1_000
"""Distance of the seeds of two augmentations in one list; a layer may use a few seeds after its own."""


def changes_targets(augmentation: Sequence[Resolved[AugmentationSpec]]) -> bool:
    """Whether one of them changes batches with their targets, so that `mixing_model` is needed."""
    return any(component.spec.level == "batch" for component in augmentation)


def training_model(network: Network, augmentation: Sequence[Resolved[AugmentationSpec]], seed: int) -> keras.Model:
    """The network with augmentation of images before it, sharing its weights.

    A backbone that is frozen altogether runs in inference mode, dropout included: it only reads images, and gives the
    same features whether they are computed in each epoch or once.

    Args:
        network: with the layers frozen that are to be frozen.
        augmentation: random changes of images in their order, active in training only.
        seed: the layers' seeds are made from it.

    Returns:
        uint8 `(batch, height, width, channels)` -> probabilities.

    Raises:
        PluginError: an augmentation cannot be built, or returns what it must not.
    """
    import keras

    image = keras.Input(network.model.inputs[0].shape[1:], dtype="uint8", name=INPUT_NAME)
    pixels = keras.ops.cast(image, "float32")
    taken = {operation.name for operation in keras.Model(image, pixels).operations}
    for component, layer_seed in _with_seeds(augmentation, seed):
        make = partial(_named_layer, component, layer_seed, taken)
        layer = built(component, _purpose(pixels), make, keras.layers.Layer)
        with component.origin.calling("call"):
            changed = layer(pixels)
            in_training = _traced(layer, pixels)
        for result in (changed, in_training):
            _require_alike(component, result, pixels)
        pixels = changed
    return keras.Model(image, _probabilities(network, pixels), name=f"{network.model.name}_training")


def mixing_model(
    network: Network,
    augmentation: Sequence[Resolved[AugmentationSpec]],
    seed: int,
    rule: DecisionRule,
    weights: NDArray[np.float32] | None,
) -> keras.Model:
    """The network with augmentation of batches and their targets before it, sharing its weights.

    All augmentation is done in the step of training, in its order. What the images weigh follows their targets: an
    image that is mixed from two weighs the mixture of both weights. The loss sees the mixed targets; metrics count
    for each image what most of it is.

    Args:
        network: with the layers frozen that are to be frozen.
        augmentation: random changes in their order, some of them of batches.
        seed: the layers' seeds are made from it.
        rule: how targets are read.
        weights: float32 `(classes,)`, how much an image of each class counts; None where all count alike, or the
            classes are weighed in the loss.

    Returns:
        uint8 or float32 `(batch, height, width, channels)` -> probabilities.

    Raises:
        PluginError: an augmentation cannot be built, or returns what it must not.
    """
    import keras

    image = keras.Input(network.model.inputs[0].shape[1:], dtype="float32", name=INPUT_NAME)
    target = keras.Input(network.model.outputs[0].shape[1:], dtype="float32", name="targets")
    changes = [_checked_change(component, seed, image, target) for component, seed in _with_seeds(augmentation, seed)]
    counted, weighed = _hardening(rule), _weighing(rule, weights)

    class MixingModel(keras.Model):  # type: ignore[misc]  # keras ships no types
        def train_step(self, data: Any) -> Any:
            images, targets, given = keras.utils.unpack_x_y_sample_weight(data)
            pixels = keras.ops.cast(images, "float32")
            for change in self.changes:
                pixels, targets = change(pixels, targets)
            return super().train_step((pixels, targets, given if weighed is None else weighed(targets)))

        def test_step(self, data: Any) -> Any:
            images, targets, given = keras.utils.unpack_x_y_sample_weight(data)
            return super().test_step((keras.ops.cast(images, "float32"), targets, given))

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return super().compute_metrics(x, counted(y), y_pred, sample_weight)

    model = MixingModel(image, _probabilities(network, image), name=f"{network.model.name}_training")
    model.changes = [change for change, _ in changes]
    # The layers' generators are variables of the model, so that a resumed training draws on.
    model.change_layers = [layer for _, layer in changes]
    return model


def augmentation_layer(component: Resolved[AugmentationSpec], seed: int) -> keras.layers.Layer:
    """The layer of an augmentation, which is known as the plugin's wherever it fails later.

    Raises:
        PluginError: the plugin failed, or what it made is no layer.
    """
    import keras

    layer = component.spec.build(component.parameters, seed)
    if not isinstance(layer, keras.layers.Layer):
        raise PluginError(f"{who(component)} must build a Keras layer, got {type(layer).__name__}")
    sign([layer], component.origin)
    return layer


def change_of(component: Resolved[AugmentationSpec], layer: keras.layers.Layer) -> Callable[[Any, Any], Any]:
    """An augmentation's layer as a function of images and targets to both, in training; of either level."""
    if component.spec.level == "batch":
        return lambda pixels, targets: layer((pixels, targets), training=True)
    return lambda pixels, targets: (layer(pixels, training=True), targets)


def _with_seeds(
    augmentation: Sequence[Resolved[AugmentationSpec]], seed: int
) -> list[tuple[Resolved[AugmentationSpec], int]]:
    return [(component, (seed + _SEED_STEP * (number + 1)) % 2**31) for number, component in enumerate(augmentation)]


def _purpose(pixels: keras.KerasTensor) -> str:
    return f"for images of {shape_text(pixels.shape[1:])}"


def _named_layer(component: Resolved[AugmentationSpec], seed: int, taken: set[str]) -> keras.layers.Layer:
    """The layer of an augmentation, under a name that no other one has."""
    layer = augmentation_layer(component, seed)
    if layer.name in taken:
        layer.name = free_name(layer.name, taken)
    taken.add(layer.name)
    return layer


def _checked_change(
    component: Resolved[AugmentationSpec], seed: int, image: keras.KerasTensor, target: keras.KerasTensor
) -> tuple[Callable[[Any, Any], Any], keras.layers.Layer]:
    """An augmentation's change, tried on the shapes of images and targets, and its layer."""
    layer = augmentation_layer(component, seed)
    change = change_of(component, layer)

    def try_it() -> Any:
        with component.origin.calling("call"):
            return change(image, target)

    changed = built(component, _purpose(image), try_it, tuple)
    if len(changed) != 2:
        raise PluginError(f"{who(component)} must return images and targets, got {len(changed)} values")
    _require_alike(component, changed[0], image)
    _require_alike(component, changed[1], target)
    return change, layer


def _traced(layer: keras.layers.Layer, pixels: keras.KerasTensor) -> Any:
    """What a layer gives in training, as Keras compiles it there; nothing is computed."""
    import tensorflow as tf

    signature = tf.TensorSpec(tuple(pixels.shape), tf.float32)
    traced = tf.function(lambda images: layer(images, training=True), autograph=False)
    return traced.get_concrete_function(signature).structured_outputs


def _require_alike(component: Resolved[AugmentationSpec], changed: Any, before: keras.KerasTensor) -> None:
    shape, dtype = tuple(getattr(changed, "shape", ())), getattr(changed, "dtype", type(changed).__name__)
    dtype = getattr(dtype, "name", dtype)  # TensorFlow's own, which has one
    if shape != tuple(before.shape) or dtype != "float32":
        raise PluginError(
            f"{who(component)} turned float32 {tuple(before.shape)} into {dtype} {shape}; "
            "an augmentation keeps dtype and shape"
        )


def _probabilities(network: Network, pixels: keras.KerasTensor) -> keras.KerasTensor:
    if network.backbone.trainable_weights:
        return network.core(pixels)
    return network.head(_in_inference_mode(network.backbone)(pixels))


def _in_inference_mode(model: keras.Model) -> keras.layers.Layer:
    """A model as a layer that never trains: within a functional model, `training=False` alone is overruled by `fit`."""
    import keras

    class InferenceMode(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__(name=f"{model.name}_frozen")
            self.model = model

        def call(self, pixels: Any) -> Any:
            return self.model(pixels, training=False)

    return InferenceMode()


def _hardening(rule: DecisionRule) -> Callable[[Any], Any]:
    """A function from mixed targets to those that metrics count by: what most of an image is."""
    from keras import ops

    if rule.sums_to_one:
        return lambda targets: ops.one_hot(ops.argmax(targets, axis=-1), targets.shape[-1], dtype="float32")
    return lambda targets: ops.cast(targets >= 0.5, "float32")


def _weighing(rule: DecisionRule, weights: NDArray[np.float32] | None) -> Callable[[Any], Any] | None:
    """A function from mixed targets to what the images weigh, `(batch,)`; None where all weigh alike."""
    from keras import ops

    if weights is None:
        return None
    by_class = ops.convert_to_tensor(weights, dtype="float32")
    if rule.sums_to_one:
        return lambda targets: ops.sum(targets * by_class[None, :], axis=-1)
    return lambda targets: by_class[0] + targets[:, 0] * (by_class[1] - by_class[0])
