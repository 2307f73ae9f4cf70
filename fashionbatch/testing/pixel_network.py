"""A network that looks at every pixel by itself, as an OpenVINO graph, as a Keras model and in NumPy.

`make_tiny_bundle` has one that looks at the mean colour, which a runtime that mirrors or transposes photos computes
just as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import Decoding

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class PixelNetwork:
    """One dense layer on all pixels.

    Attributes:
        shape: height, width and channels.
        classes: how many classes the decoding tells apart.
        decoding: how its outputs are to be read.
        seed: of its weights.
    """

    shape: tuple[int, int, int]
    classes: int
    decoding: Decoding
    seed: int = 21

    @property
    def outputs(self) -> int:
        """Numbers for each image."""
        return 1 if self.decoding == "yes_or_no" else self.classes

    @property
    def weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernel `(pixels, outputs)` and bias `(outputs,)` of the layer."""
        noise = np.random.default_rng(self.seed)
        size = int(np.prod(self.shape))
        kernel = noise.normal(0, 1 / (60 * np.sqrt(size)), (size, self.outputs))
        return kernel.astype(np.float32), noise.normal(0, 0.5, self.outputs).astype(np.float32)

    def answers(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The right probabilities `(n, outputs)` of uint8 `(n, *shape)`, computed in float64."""
        kernel, bias = (part.astype(np.float64) for part in self.weights)
        scores = images.reshape(len(images), -1).astype(np.float64) @ kernel + bias
        if self.decoding != "one_of_many":
            return np.asarray(1 / (1 + np.exp(-scores)), np.float32)
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)

    def save_graph(self, file: Path) -> None:
        """Write it as an OpenVINO graph: `file`, which ends in `.xml`, and a `.bin` beside it."""
        import openvino as ov
        from openvino import opset13 as ops

        kernel, bias = self.weights
        pixels = ops.parameter([-1, *self.shape], ov.Type.u8, name="pixels")
        flat = ops.reshape(ops.convert(pixels, "f32"), ops.constant(np.array([-1, len(kernel)], np.int64)), False)
        scores = ops.add(ops.matmul(flat, ops.constant(kernel), False, False), ops.constant(bias))
        output = ops.softmax(scores, axis=1) if self.decoding == "one_of_many" else ops.sigmoid(scores)
        ov.save_model(ov.Model([output], [pixels], "pixels"), file, compress_to_fp16=False)

    def keras_model(self) -> keras.Model:
        """The same as a Keras model: uint8 `(batch, *shape)` -> float32 probabilities."""
        import keras

        pixels = keras.Input(self.shape, dtype="uint8")
        flat = keras.layers.Flatten()(keras.ops.cast(pixels, "float32"))
        activation = "softmax" if self.decoding == "one_of_many" else "sigmoid"
        layer = keras.layers.Dense(self.outputs, activation=activation, name="scores")
        model = keras.Model(pixels, layer(flat))
        layer.set_weights(list(self.weights))
        return model
