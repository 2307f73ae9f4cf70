"""The network of a bundle as a TensorFlow function, which all of TensorFlow's own formats are written from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch import disk
from fashionbatch.bundle.graph.convert import first_sentence
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.inference.rebuild import keras_model_of
from fashionbatch.model.framework import load_tensorflow, without_noise
from fashionbatch.registry import Registry

if TYPE_CHECKING:
    import keras

INPUT_NAME = "image"
OUTPUT_NAME = "probabilities"


def model_of(bundle: Bundle, registry: Registry) -> keras.Model:
    """The Keras model of a bundle.

    Args:
        bundle: as `open_bundle` gave it.
        registry: where architectures and heads are registered.

    Raises:
        BundleError: the bundle was imported, and holds no model that could be written in another format.
        RecipeError: a plugin that the recipe needs is not installed.
    """
    if bundle.recipe is None or bundle.keras_weights is None:
        raise BundleError(
            f"{bundle.path}: was imported, and holds the network as an OpenVINO graph alone, which no program turns "
            "into another format",
            hint="what it was imported from is in that other format, or can be exported to it by the program that made "
            "it; of an imported bundle, `--to openvino_int8` and `bundle pack` give files for others",
        )
    load_tensorflow()
    return keras_model_of(bundle, registry)


def traced(model: keras.Model, batch: int | None) -> Any:
    """A network as a `tf.function` from uint8 `image` to float32 `probabilities`.

    Args:
        model: one image in, one vector out.
        batch: how many images it takes at once; None for any number.
    """
    import tensorflow as tf

    shape = (batch, *model.inputs[0].shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name=INPUT_NAME)], autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def network(image: Any) -> Any:
        return {OUTPUT_NAME: model(image, training=False)}

    return network


def save(function: Any, folder: Path) -> None:
    """Write a function as a SavedModel whose signature `serving_default` it is.

    Args:
        function: as `traced` gives it.
        folder: an empty folder for temporary files.

    Raises:
        ScratchError: there is no room for it.
    """
    import tensorflow as tf

    concrete = function.get_concrete_function()
    holder = tf.Module()
    # TensorFlow exports a function only together with the variables that it reads.
    holder.weights = list(concrete.variables)
    try:
        tf.saved_model.save(holder, str(folder), signatures={"serving_default": concrete})
    except (OSError, tf.errors.OpError) as error:
        raise disk.scratch_error(first_sentence(error)) from error


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Keep what converters print from the user, and turn what they raise into one error.

    Args:
        what: the format, for the message.

    Raises:
        BundleError: the network cannot be converted.
        ScratchError: temporary files find no room.
    """
    from fashionbatch.errors import FashionBatchError

    try:
        with warnings.catch_warnings(), without_noise():
            # Of what they themselves call in an old way.
            warnings.simplefilter("ignore")
            yield
    except FashionBatchError:
        raise
    except Exception as error:  # converters raise classes of many modules
        raise BundleError(f"the network cannot be converted to {what}: {first_sentence(error)}") from error
