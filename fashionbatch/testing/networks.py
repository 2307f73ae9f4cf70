"""What checks of architectures and heads ask of a Keras model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.testing.subject import ContractError, require

if TYPE_CHECKING:
    import keras

_TOLERANCE = 1e-3


def numbers(model: keras.Model, inputs: NDArray[np.generic], training: bool | None = False) -> NDArray[np.float32]:
    """What a model computes, as an array; outside training, unless said otherwise."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=training)))


def weight_names(model: keras.Model) -> list[str]:
    """The path of every weight, through nested layers and models."""
    return [weight.path for weight in model.weights]


def layer_problems(model: keras.Model) -> list[str]:
    """Weights that two layers of one model share the name of; they cannot be told apart in a weights file."""
    return [f"{count} weights are called {path}" for path, count in Counter(weight_names(model)).items() if count > 1]


def graph_results(model: keras.Model, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the bundle's graph of a model from uint8 images computes, in float32.

    Raises:
        ContractError: the model cannot be converted.
    """
    import openvino

    from fashionbatch.bundle.graph.convert import to_graph
    from fashionbatch.errors import BundleError

    try:
        graph = to_graph(model)
    except BundleError as error:
        raise ContractError(
            f"it cannot be converted to the graph that labeling computes: {error.message}",
            "use layers and keras.ops alone, no Python or NumPy code that looks at values",
        ) from error
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    [computed] = compiled(photos).values()
    return np.array(computed)


def require_same_graph(expected: NDArray[np.float32], computed: NDArray[np.float32]) -> None:
    """Insist on a graph that computes what Keras computes.

    Raises:
        ContractError: it does not, or neither gives numbers.
    """
    require(
        np.isfinite(expected).all(), "the network gives NaN or infinity for pixels in 0..255", "scale pixels inside it"
    )
    difference = float(np.abs(expected - computed).max()) if expected.shape == computed.shape else np.inf
    require(
        difference <= _TOLERANCE,
        f"the graph that labeling computes differs from Keras by up to {difference:g}",
        "let nothing random or that needs training=True run when the network labels",
    )


def require_trainable(model: keras.Model, inputs: NDArray[np.generic]) -> None:
    """Insist on gradients: finite ones for every weight that can be trained, not all of them zero.

    Raises:
        ContractError: a gradient is not a number, or none reaches a weight.
    """
    import keras
    import tensorflow as tf

    weights = model.trainable_weights
    if not weights:
        return
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        # Uneven factors: the sum of a softmax's row, say, has no gradient.
        factors = np.random.default_rng(5).uniform(0.5, 1.5, tuple(outputs.shape)).astype(np.float32)
        cost = keras.ops.mean(keras.ops.square(outputs - factors))
    gradients = [
        None if gradient is None else np.array(tf.convert_to_tensor(gradient))
        for gradient in tape.gradient(cost, [weight.value for weight in weights])
    ]
    broken = [
        weight.path
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None and not np.isfinite(gradient).all()
    ]
    require(
        not broken,
        f"a step of training gives NaN or infinite gradients for {', '.join(broken[:4])}",
        "keep roots, logarithms and divisions away from 0, in training too",
    )
    require(
        any(gradient is not None and gradient.any() for gradient in gradients),
        "no weight gets a gradient: it could never learn",
        "use operations that have a gradient (no rounding, argmax, stop_gradient or NumPy) between weights and output",
    )
