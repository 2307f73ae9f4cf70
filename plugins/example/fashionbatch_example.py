"""An architecture and a dataset for FashionBatch: a small working plugin to start from.

After `pip install -e .`, recipes may say

    data:
      source: {name: coloured_squares, count: 200}
    architecture: {name: squeeze, filters: 16}
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec, DatasetSpec, Parameters, Samples


class Squeeze(Parameters):
    """Two convolutions, then the mean of each channel: few weights, any image size."""

    filters: int = Field(16, ge=1, description="Channels of the first convolution; the second has twice as many.")


def build_squeeze(pixels, parameters: Squeeze):
    """Features `(batch, 2 * filters)` from float32 pixels in 0..255. Name layers: weights are matched by name."""
    # Keras is imported here so that listing plugins stays fast.
    from keras import layers

    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Conv2D(parameters.filters, 3, strides=2, padding="same", activation="relu", name="conv1")(x)
    x = layers.Conv2D(2 * parameters.filters, 3, strides=2, padding="same", activation="relu", name="conv2")(x)
    return layers.GlobalAveragePooling2D(name="mean")(x)


@hookimpl
def register_architectures():
    """Tell FashionBatch about the network."""
    yield ArchitectureSpec(
        name="squeeze", summary="Two convolutions and a mean.", parameters=Squeeze, build=build_squeeze
    )


class ColouredSquares(Parameters):
    """Noise with a red, green or blue tint: a data set that needs no files."""

    count: int = Field(300, ge=30, description="Images altogether; the three classes get the same share.")
    side: int = Field(32, ge=8, description="Height and width of each image in pixels.")
    seed: int = Field(0, ge=0, description="The same seed gives the same images.")


def load_coloured_squares(parameters: ColouredSquares, _context) -> Samples:
    """Make the images; a dataset of files returns their paths instead, and leaves decoding to FashionBatch."""
    names = ("red", "green", "blue")
    random = np.random.default_rng(parameters.seed)
    images = random.integers(0, 180, (parameters.count, parameters.side, parameters.side, 3), dtype=np.uint8)
    classes = np.arange(parameters.count) % len(names)
    for channel in range(len(names)):
        images[classes == channel, :, :, channel] += 60
    return Samples(images=images, labels=[(names[index],) for index in classes], class_names=names)


@hookimpl
def register_datasets():
    """Tell FashionBatch about the images."""
    yield DatasetSpec(
        name="coloured_squares",
        summary="Noise with a red, green or blue tint.",
        parameters=ColouredSquares,
        load=load_coloured_squares,
    )
