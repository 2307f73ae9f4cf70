"""Random changes of whole batches with their targets: images that are mixed from two, and so belong to both classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import AugmentationSpec, Parameters

if TYPE_CHECKING:
    import keras


class Mixing(Parameters):
    """What every mixture of two images has to know."""

    alpha: float = Field(
        0.2,
        gt=0,
        le=100,
        description="Both parameters of the beta distribution that the first image's share is drawn from.",
    )
    probability: float = Field(1.0, gt=0, le=1, description="The share of images that are mixed; the others stay.")


class MixUp(Mixing):
    """Fades each image into another one of its batch; its targets are mixed in the same proportion."""


class CutMix(Mixing):
    """Puts a piece of another image of the batch into each one; targets are mixed by the pixels of either."""

    alpha: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Both parameters of the beta distribution that the first image's share is drawn from; 1 is even.",
    )


def build_mixup(parameters: MixUp, seed: int) -> keras.layers.Layer:
    """A layer that fades images into each other (Zhang et al. 2018)."""
    from keras import ops

    def mix(images: Any, other: Any, kept: Any, _: Any) -> tuple[Any, Any]:
        share = ops.reshape(kept, (-1, 1, 1, 1))
        return share * images + (1.0 - share) * other, kept

    return _mixing_layer(parameters, seed, mix)


def build_cutmix(parameters: CutMix, seed: int) -> keras.layers.Layer:
    """A layer that puts pieces of images into each other (Yun et al. 2019).

    Keras's own CutMix mixes targets by the piece's area before it is cut to whole pixels, which in a small image is
    another one.
    """
    from keras import ops

    def mix(images: Any, other: Any, kept: Any, places: Any) -> tuple[Any, Any]:
        side = ops.sqrt(1.0 - kept)

        def inside(length: int, place: Any) -> Any:
            start = place * (1.0 - side)
            first, last = ops.round(start * length), ops.round((start + side) * length)
            positions = ops.arange(length, dtype="float32")[None, :]
            return ops.logical_and(positions >= first[:, None], positions < last[:, None])

        rows, columns = inside(images.shape[1], places[:, 0]), inside(images.shape[2], places[:, 1])
        piece = ops.logical_and(rows[:, :, None], columns[:, None, :])
        left = 1.0 - ops.mean(ops.cast(piece, "float32"), axis=(1, 2))
        return ops.where(piece[..., None], other, images), left

    return _mixing_layer(parameters, seed, mix)


def _mixing_layer(
    parameters: Mixing, seed: int, mix: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
) -> keras.layers.Layer:
    """A layer from `(images, targets)` to the same, each image mixed with one that is drawn.

    Args:
        parameters: how much, and how often.
        seed: decides everything that is drawn.
        mix: takes images and the ones to mix in, both `(batch, height, width, channels)`, the shares `(batch,)` that
            the first should keep, and uniform numbers `(batch, 2)`; returns the mixtures and the shares that they kept.
    """
    import keras
    from keras import ops, random

    class MixedBatch(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = random.SeedGenerator(seed)

        def call(self, batch: Any, training: bool = False) -> Any:
            images, targets = batch
            if not training:
                return images, targets
            count, draw = ops.shape(images)[0], self.seed_generator
            partner = random.shuffle(ops.arange(count), seed=draw)
            asked = random.beta((count,), parameters.alpha, parameters.alpha, seed=draw)
            places = random.uniform((count, 2), seed=draw)
            chosen = random.uniform((count,), seed=draw) < parameters.probability
            mixed, kept = mix(images, ops.take(images, partner, axis=0), asked, places)
            kept = ops.where(chosen, kept, ops.ones_like(kept))[:, None]
            images = ops.where(ops.reshape(chosen, (-1, 1, 1, 1)), mixed, images)
            return images, kept * targets + (1.0 - kept) * ops.take(targets, partner, axis=0)

    return MixedBatch()


@hookimpl
def register_augmentations() -> Iterator[AugmentationSpec]:
    """The augmentations of batches that come with FashionBatch."""
    yield AugmentationSpec(
        name="mixup",
        summary="Fades images into each other, with their targets.",
        parameters=MixUp,
        level="batch",
        build=build_mixup,
    )
    yield AugmentationSpec(
        name="cutmix",
        summary="Puts pieces of images into each other, and mixes their targets.",
        parameters=CutMix,
        level="batch",
        build=build_cutmix,
    )
