"""The Keras model behind a bundle, for runtimes that compute with Keras."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from fashionbatch.bundle.graph.convert import first_sentence
from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import BundleError
from fashionbatch.registry import Registry

if TYPE_CHECKING:
    import keras


def keras_model_of(bundle: Bundle, registry: Registry) -> keras.Model:
    """Build the network that a bundle's recipe describes and load the bundle's weights into it.

    Imports TensorFlow, and plugins with architectures and heads where the registry has none: labeling loads only those
    with runtimes and writers.

    Args:
        bundle: with recipe and weights.
        registry: where architecture and head are registered, if they are.

    Returns:
        uint8 `(batch, height, width, channels)` -> float32 probabilities.

    Raises:
        BundleError: an imported bundle, which has the graph alone, or weights that do not fit.
        RecipeError: the recipe names what is not there, such as a plugin that is not installed.
    """
    text = bundle.recipe_text()
    if text is None or bundle.keras_weights is None:
        raise BundleError(
            f"{bundle.path}: holds the graph alone, without the recipe and the weights that a Keras model is made from",
            hint="use the runtime `openvino`",
        )
    from fashionbatch.model.network import build_network
    from fashionbatch.plan import plan_from_text

    if not registry.names("architecture"):
        from fashionbatch.plugins import load_plugins

        registry = load_plugins().registry
    plan = plan_from_text(text, registry, bundle.path, name=str(bundle.recipe))
    model = build_network(plan, len(bundle.manifest.labels.class_names)).model
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that find no weights, and leaves random ones in them.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(bundle.keras_weights)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise BundleError(
            f"{bundle.keras_weights}: does not fit the network of {bundle.recipe}: {first_sentence(error)}"
        ) from error
    return model
