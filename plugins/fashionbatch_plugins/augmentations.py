"""Random changes of training images, as Keras layers on whole batches; each image of a batch gets its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import AugmentationSpec, Parameters

if TYPE_CHECKING:
    import keras

FillMode: TypeAlias = Literal["nearest", "constant", "reflect", "wrap"]


class Filled(Parameters):
    """What moves an image has to fill the pixels that become free."""

    fill: FillMode = Field(
        "nearest",
        description="nearest repeats the edge, constant is fill_value, reflect mirrors, wrap starts over.",
    )
    fill_value: float = Field(0.0, ge=0, le=255, description="The grey of `fill: constant`, 0..255.")
    interpolation: Literal["nearest", "bilinear"] = Field(
        "bilinear", description="How pixels between pixels are made: the nearest one, or a mix of four."
    )


class Flip(Parameters):
    """Mirrors an image with probability one half, in each direction for itself."""

    direction: Literal["horizontal", "vertical", "both"] = Field(
        "horizontal", description="horizontal swaps left and right."
    )


class Rotation(Filled):
    """Turns an image about its centre."""

    degrees: float = Field(20.0, gt=0, le=180, description="The largest angle, to either side.")


class Shift(Filled):
    """Moves an image."""

    height: float = Field(0.1, ge=0, le=1, description="The largest move up or down, as a fraction of the height.")
    width: float = Field(0.1, ge=0, le=1, description="The largest move left or right, as a fraction of the width.")


class Zoom(Filled):
    """Scales an image about its centre."""

    amount: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="What is seen has sides between 1 - amount (larger) and 1 + amount (smaller) times the image's.",
    )
    keep_aspect: bool = Field(True, description="Height and width by the same factor.")


class Shear(Filled):
    """Slants an image about its centre."""

    horizontal: float = Field(0.2, ge=0, le=1, description="The largest move of columns for each pixel of height.")
    vertical: float = Field(0.0, ge=0, le=1, description="The largest move of rows for each pixel of width.")


class Brightness(Parameters):
    """Adds one number to every pixel of an image."""

    amount: float = Field(0.2, gt=0, le=1, description="The largest change, as a fraction of the range 0..255.")


class Contrast(Parameters):
    """Moves every pixel of an image away from the mean of its channel, or towards it."""

    amount: float = Field(
        0.2, gt=0, le=1, description="Distances become between 1 - amount and 1 + amount times as long."
    )


class Crop(Parameters):
    """Shows a part of an image, at a place of its own, as large as the whole."""

    smallest: float = Field(
        0.8,
        gt=0,
        lt=1,
        description="The smallest part's sides, as a fraction of the image's.",
    )
    keep_aspect: bool = Field(True, description="Height and width of the part by the same fraction.")
    interpolation: Literal["nearest", "bilinear"] = Field(
        "bilinear", description="How pixels between pixels are made: the nearest one, or a mix of four."
    )


class HueSaturation(Parameters):
    """Moves all colours of an image around the colour circle, and makes them stronger or paler."""

    hue: float = Field(
        0.05, ge=0, le=0.5, description="The largest move to either side, as a fraction of the circle; 0 for none."
    )
    saturation: float = Field(
        0.3, ge=0, lt=1, description="Saturation becomes between 1 - this and 1 + this times as strong; 0 for none."
    )

    @model_validator(mode="after")
    def _something_changes(self) -> HueSaturation:
        if self.hue == 0 and self.saturation == 0:
            raise ValueError("hue and saturation are both 0; nothing would change")
        return self


class Erasing(Parameters):
    """Covers a rectangle of an image, as if something stood before it."""

    probability: float = Field(0.5, gt=0, le=1, description="The share of images that are covered.")
    area: tuple[float, float] = Field(
        (0.02, 0.33), description="Smallest and largest part of the image that is covered, as fractions of its area."
    )
    fill: Annotated[float, Field(ge=0, le=255)] | Literal["noise"] = Field(
        "noise", description="A grey, 0..255, or noise: a number of its own for each pixel."
    )

    @model_validator(mode="after")
    def _area_is_a_range(self) -> Erasing:
        if not 0 < self.area[0] <= self.area[1] < 1:
            raise ValueError(f"area must be two rising numbers between 0 and 1; got {self.area[0]:g}, {self.area[1]:g}")
        return self


class RandAugment(Parameters):
    """A few changes in a row, drawn from eleven: colours, contrast, sharpness, moves, turns and slants.

    A batch gets the same kinds of change, each image its own strength (Cubuk et al. 2020).
    """

    changes: int = Field(2, ge=1, le=11, description="How many changes in a row.")
    strength: float = Field(0.3, gt=0, le=1, description="The largest strength of each change.")


def build_flip(parameters: Flip, seed: int) -> keras.layers.Layer:
    """A layer that mirrors images."""
    import keras

    if parameters.direction != "both":
        return keras.layers.RandomFlip(parameters.direction, seed=seed)
    # Keras's own "horizontal_and_vertical" draws once for both directions: it only ever turns an image by 180 degrees.
    return keras.Sequential(
        [keras.layers.RandomFlip("horizontal", seed=seed), keras.layers.RandomFlip("vertical", seed=seed + 1)]
    )


def build_rotation(parameters: Rotation, seed: int) -> keras.layers.Layer:
    """A layer that turns images."""
    from keras import layers

    return layers.RandomRotation(parameters.degrees / 360, seed=seed, **_filled(parameters))


def build_shift(parameters: Shift, seed: int) -> keras.layers.Layer:
    """A layer that moves images."""
    from keras import layers

    return layers.RandomTranslation(parameters.height, parameters.width, seed=seed, **_filled(parameters))


def build_zoom(parameters: Zoom, seed: int) -> keras.layers.Layer:
    """A layer that scales images."""
    from keras import layers

    width = None if parameters.keep_aspect else parameters.amount
    return layers.RandomZoom(parameters.amount, width, seed=seed, **_filled(parameters))


def build_shear(parameters: Shear, seed: int) -> keras.layers.Layer:
    """A layer that slants images.

    Keras's own RandomShear slants about the upper left corner, which moves most of a small image out of sight.
    """
    import keras
    from keras import ops

    class RandomCentredShear(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(seed)

        def call(self, images: Any, training: bool = False) -> Any:
            if not training:
                return images
            batch, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
            factors = keras.random.uniform((batch, 2), -1.0, 1.0, seed=self.seed_generator)
            by_row, by_column = factors[:, 0] * parameters.horizontal, factors[:, 1] * parameters.vertical
            one, zero = ops.ones_like(by_row), ops.zeros_like(by_row)
            rows = [one, by_row, -by_row * (height - 1) / 2, by_column, one, -by_column * (width - 1) / 2, zero, zero]
            return ops.image.affine_transform(
                images,
                ops.stack(rows, axis=1),
                interpolation=parameters.interpolation,
                fill_mode=parameters.fill,
                fill_value=parameters.fill_value,
                data_format="channels_last",
            )

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return RandomCentredShear()


def build_brightness(parameters: Brightness, seed: int) -> keras.layers.Layer:
    """A layer that makes images lighter or darker; the result is clipped to 0..255."""
    from keras import layers

    return layers.RandomBrightness(parameters.amount, value_range=(0, 255), seed=seed)


def build_contrast(parameters: Contrast, seed: int) -> keras.layers.Layer:
    """A layer that changes the contrast of images; the result is clipped to 0..255."""
    from keras import layers

    # Of a single number Keras makes 0 and the number: contrast would only ever rise.
    return layers.RandomContrast((parameters.amount, parameters.amount), value_range=(0, 255), seed=seed)


def build_crop(parameters: Crop, seed: int) -> keras.layers.Layer:
    """A layer that shows parts of images.

    Keras's own RandomCrop cuts the same part out of all images of a batch, and makes them smaller.
    """
    import keras
    from keras import ops

    class RandomPart(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(seed)

        def call(self, images: Any, training: bool = False) -> Any:
            if not training:
                return images
            batch, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
            sides = keras.random.uniform((batch, 2), parameters.smallest, 1.0, seed=self.seed_generator)
            if parameters.keep_aspect:
                sides = ops.repeat(sides[:, :1], 2, axis=1)
            places = keras.random.uniform((batch, 2), seed=self.seed_generator) * (1.0 - sides)
            zero = ops.zeros_like(sides[:, 0])
            left, top = places[:, 1] * (width - 1), places[:, 0] * (height - 1)
            rows = [sides[:, 1], zero, left, zero, sides[:, 0], top, zero, zero]
            return ops.image.affine_transform(
                images,
                ops.stack(rows, axis=1),
                interpolation=parameters.interpolation,
                fill_mode="nearest",
                data_format="channels_last",
            )

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return RandomPart()


def build_hue_saturation(parameters: HueSaturation, seed: int) -> keras.layers.Layer:
    """A layer that changes colours; what goes beyond full saturation is clipped."""
    import keras

    steps = []
    if parameters.hue:
        # Keras takes half of its factor, to either side.
        factor = (0.0, 2 * parameters.hue)
        steps.append(keras.layers.RandomHue(factor, value_range=(0, 255), seed=seed))
    if parameters.saturation:
        # Keras multiplies by f / (1 - f); its range is that of saturation, which is 0..1 whatever pixels are.
        weakest, strongest = 1 - parameters.saturation, 1 + parameters.saturation
        factor = (weakest / (1 + weakest), strongest / (1 + strongest))
        steps.append(keras.layers.RandomSaturation(factor, value_range=(0, 1), seed=seed + 1))
    return keras.Sequential(steps)


def build_erasing(parameters: Erasing, seed: int) -> keras.layers.Layer:
    """A layer that covers rectangles of images."""
    import keras

    return keras.layers.RandomErasing(
        # A range of one number: as many images as it says.
        factor=(parameters.probability, parameters.probability),
        scale=parameters.area,
        fill_value=None if parameters.fill == "noise" else parameters.fill,
        value_range=(0, 255),
        seed=seed,
        data_format="channels_last",
    )


def build_rand_augment(parameters: RandAugment, seed: int) -> keras.layers.Layer:
    """A layer that changes images in a few ways in a row."""
    import keras

    return keras.layers.RandAugment(
        value_range=(0, 255),
        num_ops=parameters.changes,
        factor=parameters.strength,
        seed=seed,
        data_format="channels_last",
    )


def _filled(parameters: Filled) -> dict[str, Any]:
    return {
        "fill_mode": parameters.fill,
        "fill_value": parameters.fill_value,
        "interpolation": parameters.interpolation,
        "data_format": "channels_last",
    }


@hookimpl
def register_augmentations() -> Iterator[AugmentationSpec]:
    """The augmentations that come with FashionBatch."""
    yield AugmentationSpec(name="random_flip", summary="Mirrors one image in two.", parameters=Flip, build=build_flip)
    yield AugmentationSpec(
        name="random_rotation", summary="Turns images about their centre.", parameters=Rotation, build=build_rotation
    )
    yield AugmentationSpec(
        name="random_shift",
        summary="Moves images up, down, left or right.",
        parameters=Shift,
        build=build_shift,
    )
    yield AugmentationSpec(
        name="random_zoom", summary="Makes images larger or smaller.", parameters=Zoom, build=build_zoom
    )
    yield AugmentationSpec(
        name="random_shear", summary="Slants images about their centre.", parameters=Shear, build=build_shear
    )
    yield AugmentationSpec(
        name="random_brightness",
        summary="Makes images lighter or darker.",
        parameters=Brightness,
        build=build_brightness,
    )
    yield AugmentationSpec(
        name="random_contrast",
        summary="Gives images more or less contrast.",
        parameters=Contrast,
        build=build_contrast,
    )
    yield AugmentationSpec(
        name="random_crop", summary="Shows parts of images as large as the whole.", parameters=Crop, build=build_crop
    )
    yield AugmentationSpec(
        name="random_hue_saturation",
        summary="Moves colours around the circle, and makes them stronger or paler.",
        parameters=HueSaturation,
        channels=(3,),
        build=build_hue_saturation,
    )
    yield AugmentationSpec(
        name="random_erasing", summary="Covers a rectangle.", parameters=Erasing, build=build_erasing
    )
    yield AugmentationSpec(
        name="rand_augment",
        summary="A few changes in a row, drawn from eleven.",
        parameters=RandAugment,
        channels=(3,),
        build=build_rand_augment,
    )
