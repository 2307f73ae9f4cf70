"""A plan -> its Keras network, checked: whatever a plugin built wrong is said here, with the plugin's name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fashionbatch.decisions import rule_type
from fashionbatch.errors import FashionBatchError, PluginError
from fashionbatch.model.framework import load_tensorflow
from fashionbatch.plan import Plan, Resolved
from fashionbatch.plugins import describe, sign
from fashionbatch.specs import Decoding

if TYPE_CHECKING:
    import keras

INPUT_NAME = "pixels"


@dataclass(frozen=True)
class Network:
    """One set of layers, seen as several models that share their weights.

    Attributes:
        model: uint8 `(batch, height, width, channels)` -> float32 probabilities; what becomes a bundle.
        core: the same from float32 pixels in 0..255, where augmentation ends.
        backbone: float32 pixels -> features `(batch, n)`.
        head: features -> probabilities.
        features: what the head reads, within `model`. Keras copies what leads to it in `backbone`, whose own output is
            another tensor.
    """

    model: keras.Model
    core: keras.Model
    backbone: keras.Model
    head: keras.Model
    features: keras.KerasTensor

    @property
    def backbone_layers(self) -> tuple[str, ...]:
        """Names of the backbone's layers from the image inwards."""
        return tuple(layer.name for layer in _layers(self.backbone))

    @property
    def head_layers(self) -> tuple[str, ...]:
        """Names of the head's layers from the features outwards."""
        return tuple(layer.name for layer in _layers(self.head))


def build_network(plan: Plan, class_count: int) -> Network:
    """Build architecture and head for a number of classes. Pretrained weights are not loaded.

    Args:
        plan: names architecture, head and image.
        class_count: classes of the data.

    Raises:
        PluginError: the architecture or the head cannot be built for this image and these classes, or is not what its
            kind must be.
    """
    load_tensorflow()
    import keras

    image = keras.Input(plan.recipe.data.image.shape, dtype="uint8", name=INPUT_NAME)
    pixels = keras.ops.cast(image, "float32")
    features = built(
        plan.architecture,
        f"for images of {shape_text(plan.recipe.data.image.shape)}",
        lambda: plan.architecture.spec.build(pixels, plan.architecture.parameters),
    )
    _check_features(plan.architecture, features)
    probabilities = built(
        plan.head,
        f"for {class_count} classes",
        lambda: plan.head.spec.build(features, class_count, plan.head.parameters),
    )
    _check_probabilities(plan.head, plan.head.spec.decoding, class_count, probabilities)
    try:
        name = plan.architecture.spec.name
        backbone = keras.Model(pixels, features, name=f"{name}_backbone")
        head = keras.Model(features, probabilities, name=f"{name}_head")
        taken = {operation.name for operation in keras.Model(image, pixels).operations}
        _keep_apart(backbone, "backbone", taken)
        _keep_apart(head, "head", taken)
        network = Network(
            model=keras.Model(image, probabilities, name=name),
            core=keras.Model(pixels, probabilities, name=f"{name}_core"),
            backbone=backbone,
            head=head,
            features=features,
        )
    except ValueError as error:
        # Two layers of one name in one of them, or a head that does not use the features.
        raise PluginError(
            f"{who(plan.architecture)} and {who(plan.head)} make no network together: {describe(error)}"
        ) from error
    sign(_layers(network.backbone), plan.architecture.origin)
    sign(_layers(network.head), plan.head.origin)
    return network


def _keep_apart(model: keras.Model, prefix: str, taken: set[str]) -> None:
    """Rename those layers of a part of the network whose names others have: who writes a head knows no backbone.

    Only those, so that names in recipes and runs stay what they were. Files of weights do not hold the names.

    Args:
        model: the part; its operations are shared with the whole.
        prefix: what a name gets before it.
        taken: names of the other parts; those of this one are added.
    """
    import keras

    own = [operation for operation in model.operations if not isinstance(operation, keras.layers.InputLayer)]
    names = {operation.name for operation in own}
    for operation in own:
        if operation.name in taken:
            operation.name = free_name(f"{prefix}_{operation.name}", taken | names)
            names.add(operation.name)
    taken |= names


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with the smallest number after it that makes it one of its own."""
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def layer_table(network: Network) -> list[tuple[str, str, str, int]]:
    """Each layer's name, class, output shape and parameter count, from the image to the probabilities."""
    return [
        (layer.name, type(layer).__name__, shape_text(layer.output.shape[1:]), int(layer.count_params()))
        for layer in [*_layers(network.backbone), *_layers(network.head)]
    ]


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    import keras

    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


def built(component: Resolved[Any], purpose: str, build: Callable[[], Any], expected: type | None = None) -> Any:
    """What a component's function builds.

    Args:
        component: whose function it is.
        purpose: what it is built for, in words.
        build: calls the function.
        expected: what it must return; None for a Keras tensor.

    Raises:
        PluginError: it failed, or returned something else.
    """
    import keras

    try:
        result = build()
    except Exception as error:
        failed = isinstance(error, PluginError) and error.traceback and error.__cause__
        cause = failed or error
        if isinstance(cause, FashionBatchError):
            raise
        # A ValueError is the plugin's word on its parameters, or Keras's; anything else is named.
        reason = describe(cause).removeprefix("ValueError: ")
        raise PluginError(
            f"{who(component)} cannot be built {purpose}: {reason}", traceback=getattr(error, "traceback", "")
        ) from cause
    if not isinstance(result, expected or keras.KerasTensor):
        wanted = f"a {expected.__name__}" if expected else "a Keras tensor"
        raise PluginError(f"{who(component)} must return {wanted}, got {type(result).__name__}")
    return result


def is_one_number(value: object) -> bool:
    """Whether a value is one number: a plain one, or an array or tensor without axes."""
    array = np.asarray(value)
    return array.shape == () and array.dtype.kind in "fiub"


def _check_features(component: Resolved[Any], features: keras.KerasTensor) -> None:
    shape = tuple(features.shape)
    if len(shape) != 2 or shape[0] is not None or not shape[1]:
        raise PluginError(f"{who(component)} must return features (None, n) of an open batch size, got {shape}")
    if features.dtype != "float32":
        raise PluginError(f"{who(component)} must return float32 features, got {features.dtype}")


def _check_probabilities(
    component: Resolved[Any], decoding: Decoding, class_count: int, probabilities: keras.KerasTensor
) -> None:
    expected = (None, rule_type(decoding).outputs_for(class_count))
    if tuple(probabilities.shape) != expected or probabilities.dtype != "float32":
        raise PluginError(
            f"{who(component)} must return float32 probabilities {expected} for {decoding}, "
            f"got {probabilities.dtype} {tuple(probabilities.shape)}"
        )


def who(component: Resolved[Any]) -> str:
    """A component and its provider, in words."""
    return (
        f"{component.spec.kind} {component.spec.name!r} of "
        f"{component.provider.distribution} {component.provider.version}"
    )


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape as `28x28x1`, with a question mark for an open side."""
    return "x".join("?" if side is None else str(side) for side in shape)
