"""The Keras model behind a bundle, for runtimes that compute with Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        UnknownNameError, PluginError: a plugin that the network was made with is not installed.
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
    plan = plan_from_text(text, registry, bundle.path)
    model = build_network(plan, len(bundle.manifest.labels.class_names)).model
    try:
        model.load_weights(bundle.keras_weights)
    except (ValueError, OSError, KeyError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise BundleError(f"{bundle.keras_weights}: does not fit the network of {bundle.recipe}: {reason}") from error
    return model
