"""Augmentations of either level as one thing to check: a layer from photos to photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fashionbatch.specs import AugmentationSpec

if TYPE_CHECKING:
    import keras

CLASSES = 4


def layer_on_photos(spec: AugmentationSpec, layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer of photos alone; one of the level `batch` is given targets, four classes in turn, that are dropped."""
    import keras

    if spec.level == "image":
        return layer

    class OnPhotos(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def call(self, photos: Any, training: bool = False) -> Any:
            classes = keras.ops.arange(keras.ops.shape(photos)[0]) % CLASSES
            targets = keras.ops.one_hot(classes, CLASSES, dtype="float32")
            return self.layer((photos, targets), training=training)[0]

    return OnPhotos()
