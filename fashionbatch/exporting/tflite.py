"""Writes a network as TensorFlow Lite, by TensorFlow's own converter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch import disk
from fashionbatch.exporting.kinds import ExportDtype
from fashionbatch.exporting.network import converting, save, traced
from fashionbatch.exporting.tflite_metadata import with_metadata

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 300


@dataclass(frozen=True)
class Int8Way:
    """One way to 8 bits.

    Attributes:
        name: what the file's metadata record.
        summary: the same in words, for users.
        activations: whether layers compute in 8 bits, too, and not their weights alone are kept so.
    """

    name: str
    summary: str
    activations: bool


INT8_WAYS = (
    Int8Way("integer", "weights and activations in 8 bits", activations=True),
    Int8Way("weights", "weights alone in 8 bits", activations=False),
)
"""In this order they are tried until one keeps the labels. Weights have a scale for each output channel in both; images
go in as uint8, and probabilities come out as float32.

Activations in 16 bits are not among them: of two networks they kept fewer labels than weights alone, and took 20 times
as long for each photo, since few of TensorFlow Lite's fast kernels know them.
"""


def write_tflite(
    model: keras.Model,
    about: dict[str, Any],
    target: Path,
    *,
    dtype: ExportDtype,
    way: Int8Way = INT8_WAYS[0],
    calibration: NDArray[np.uint8] | None = None,
) -> None:
    """Write a network as one TensorFlow Lite file, which takes one image at a time.

    Args:
        model: as `model_of` gives it.
        about: as `describe` gives it; it becomes the file's metadata.
        target: a new file in a folder for temporary files.
        dtype: of the weights.
        way: for `int8`, what else is kept and computed so.
        calibration: for `int8`, uint8 `(n, height, width, channels)`: they say how large the numbers between two layers
            become.

    Raises:
        BundleError: the network cannot be converted.
        ScratchError: temporary files find no room.
    """
    with converting("TensorFlow Lite"), disk.scratch_folder() as folder:
        import tensorflow as tf

        save(traced(model, 1), folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        # Weights are part of the file, not variables that a program sets.
        converter.experimental_enable_resource_variables = False
        if dtype != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if dtype == "int8" and way.activations:
            assert calibration is not None
            images = calibration[:CALIBRATION_IMAGES]

            def chosen() -> Iterator[list[NDArray[np.uint8]]]:
                for image in images:
                    yield [image[np.newaxis]]

            converter.representative_dataset = chosen
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        content = with_metadata(converter.convert(), about)
        with disk.scratch_errors(), disk.write_new(target, sync=False) as file:
            file.write(content)
