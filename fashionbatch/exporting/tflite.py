"""Writes a network as TensorFlow Lite, by TensorFlow's own converter."""

from __future__ import annotations

from collections.abc import Iterator
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


def write_tflite(
    model: keras.Model,
    about: dict[str, Any],
    target: Path,
    *,
    dtype: ExportDtype,
    calibration: NDArray[np.uint8] | None = None,
) -> None:
    """Write a network as one TensorFlow Lite file, which takes one image at a time.

    Args:
        model: as `model_of` gives it.
        about: as `describe` gives it; it becomes the file's metadata.
        target: a new file in a folder for temporary files.
        dtype: of the weights; with `int8` layers compute in 8 bits, too.
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
        if dtype == "int8":
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
