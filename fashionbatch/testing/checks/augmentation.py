"""The promises of an augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import AugmentationSpec
from fashionbatch.testing.levels import CLASSES, layer_on_photos
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require

if TYPE_CHECKING:
    import keras

_Photos = NDArray[np.float32]
_CALLS = 6
_ONE = 9
"""The photo that is exchanged to see what depends on it."""
_SEEDED = "draw with keras.random and one keras.random.SeedGenerator(seed) made in the layer's __init__"


def check_augmentation_keeps_shape_and_range(subject: Subject) -> None:
    """What comes out are still pixels: the same shape and dtype, finite, in 0..255."""
    for channels in _channels(subject):
        layer, photos = _layer(subject), _photos(channels)
        for _ in range(_CALLS):
            changed = _changed(layer, photos)
            require(
                changed.shape == photos.shape,
                f"the shape changed from {photos.shape} to {changed.shape}",
                "keep height, width and channels; grey photos have 1 channel",
            )
            require(changed.dtype == np.float32, f"the dtype changed to {changed.dtype}", "return float32")
            require(np.isfinite(changed).all(), "a pixel became NaN or infinite", "divide by nothing that can be 0")
            require(
                changed.min() >= -1e-3 and changed.max() <= 255 + 1e-3,
                f"pixels went to {changed.min():g} .. {changed.max():g}",
                "end with keras.ops.clip(images, 0, 255)",
            )
            require(
                changed.max() > 2,
                f"no pixel of a whole batch is brighter than {changed.max():g} of 255",
                "return pixels in 0..255 and not in 0..1: the network scales them itself",
            )


def check_augmentation_is_active_in_training_only(subject: Subject) -> None:
    """Validation and labeling see the photo as it is."""
    for channels in _channels(subject):
        layer, photos = _layer(subject), _photos(channels)
        require(
            np.array_equal(_changed(layer, photos, training=False), photos),
            "photos change outside training",
            "return images as they are unless the argument `training` of `call` is true",
        )
    layer, photos = _layer(subject), _photos(_channels(subject)[-1])
    require(
        any(not np.array_equal(_changed(layer, photos), photos) for _ in range(_CALLS)),
        "nothing changes in training",
        "change the images where `training` is true; give an example whose parameters change them",
    )


def check_the_same_seed_gives_the_same_photos(subject: Subject) -> None:
    """A training run can be repeated, and another seed makes another run."""
    photos = _photos(_channels(subject)[-1])
    runs = {}
    for run, seed in (("first", 3), ("again", 3), ("other", 2**31 - 1)):
        layer = _layer(subject, seed)
        runs[run] = [_changed(layer, photos) for _ in range(_CALLS)]
    same = all(np.array_equal(one, two) for one, two in zip(runs["first"], runs["again"], strict=True))
    require(same, "two layers of one seed make different photos", _SEEDED)
    other = all(np.array_equal(one, two) for one, two in zip(runs["first"], runs["other"], strict=True))
    require(not other, "layers of different seeds make the same photos: the seed is ignored", _SEEDED)


def check_each_call_makes_another_change(subject: Subject) -> None:
    """Every epoch sees other photos, in a compiled step as well."""
    import tensorflow as tf

    photos = _photos(_channels(subject)[-1])
    layer = _layer(subject)
    _require_variety([_changed(layer, photos) for _ in range(_CALLS)], "each call")
    model = _training_model(subject, photos.shape[1:])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def step(images: Any) -> Any:
        return model(images, training=True)

    pixels = tf.constant(photos)
    _require_variety([np.array(step(pixels)) for _ in range(_CALLS)], "each step of a compiled training")


def check_each_photo_is_changed_by_itself(subject: Subject) -> None:
    """A photo keeps its place, and with it its label; it has no part in any other photo, and is not lost."""
    spec = cast(AugmentationSpec, subject.spec)
    if spec.level == "batch":
        return
    photos = _photos(spec.channels[-1])
    others = photos.copy()
    others[_ONE] = 255 - others[_ONE]
    is_seen = False
    # Layers of one seed draw the same, so that what differs comes of the one photo.
    layers = [_layer(subject) for _ in range(2)]
    for _ in range(_CALLS):
        one, other = (_changed(layer, batch) for layer, batch in zip(layers, (photos, others), strict=True))
        rest = np.arange(len(photos)) != _ONE
        require(
            np.allclose(one[rest], other[rest], atol=1e-2),
            f"another photo number {_ONE} changes the others of its batch",
            "change each photo by itself: draw numbers of the shape (batch, 1, 1, 1), and neither shuffle nor mix; "
            "what mixes photos has level='batch'",
        )
        is_seen = is_seen or not np.allclose(one[_ONE], other[_ONE], atol=1e-2)
    require(
        is_seen,
        "what comes out does not depend on the photo",
        "leave something of the photo: the network has to learn from it",
    )


def check_it_keeps_nothing(subject: Subject) -> None:
    """The layer is no part of the network: it has no weights to train, and a resumed training has a new one."""
    layer, photos = _layer(subject), _photos(_channels(subject)[-1])
    _changed(layer, photos)
    trained = [weight.path for weight in layer.trainable_weights]
    require(
        not trained,
        f"it has weights that can be trained: {', '.join(trained)}",
        "keep constants as plain numbers: nothing of the layer is trained or stored",
    )
    before = [np.array(weight) for weight in layer.weights]
    for _ in range(_CALLS):
        _changed(layer, photos)
    require(
        all(np.array_equal(old, np.array(new)) for old, new in zip(before, layer.weights, strict=True)),
        "it counts or remembers from call to call",
        "keep no state but a keras.random.SeedGenerator: a training that is resumed begins with a new layer",
    )


def check_it_runs_inside_a_compiled_step(subject: Subject) -> None:
    """Training compiles its step: the layer sees symbolic tensors, photos of any shape, and batches of any length."""
    import tensorflow as tf

    remedy = "use keras.ops and keras.random alone, no NumPy; take the batch's length from keras.ops.shape(images)[0]"
    shapes = [(*sides, channels) for channels in _channels(subject) for sides in ((24, 20), (9, 32))]
    for shape in shapes:
        try:
            model = _training_model(subject, shape)

            @tf.function(  # type: ignore[untyped-decorator, unused-ignore]
                input_signature=[tf.TensorSpec([None, *shape], tf.float32)], autograph=False
            )
            def step(images: Any, model: keras.Model = model) -> Any:
                return model(images, training=True)

            for count in (8, 5, 1):
                photos = np.random.default_rng(count).uniform(0, 255, (count, *shape)).astype(np.float32)
                changed = np.array(step(tf.constant(photos)))
                require(
                    changed.shape == photos.shape,
                    f"a batch of {photos.shape} became {changed.shape}",
                    remedy,
                )
        except ContractError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise ContractError(
                f"it cannot run in a compiled step on photos {shape}: {type(error).__name__}: {reason}", remedy
            ) from error


def check_targets_stay_shares(subject: Subject) -> None:
    """What a batch's augmentation makes of targets are still targets, and say what the images are mixed from."""
    spec = cast(AugmentationSpec, subject.spec)
    if spec.level == "image":
        return
    # Each class has a grey of its own, so that an image's mean says what it is mixed from.
    greys = np.arange(CLASSES, dtype=np.float32) * 80
    classes = np.arange(32) % CLASSES
    targets = np.eye(CLASSES, dtype=np.float32)[classes]
    photos = np.zeros((32, 24, 20, spec.channels[0]), np.float32) + greys[classes][:, None, None, None]
    images, mixed = (np.array(part) for part in spec.build(subject.parameters, 3)((photos, targets), training=True))
    remedy = "return (images, targets), both float32 and of the shapes that came, mixed in the same proportions"
    require(images.shape == photos.shape, f"images of shape {photos.shape} became {images.shape}", remedy)
    require(mixed.shape == targets.shape, f"targets of shape {targets.shape} became {mixed.shape}", remedy)
    require(mixed.dtype == np.float32, f"targets became {mixed.dtype}", remedy)
    require(mixed.min() >= 0, f"a target went below 0: {mixed.min():g}", remedy)
    require(np.allclose(mixed.sum(axis=1), 1, atol=1e-5), "targets that summed to 1 do not any more", remedy)
    told = np.allclose(images.mean(axis=(1, 2, 3)), mixed @ greys, atol=0.1)
    require(told, "targets do not say what the images are mixed from", remedy)
    kept = [np.array(part) for part in spec.build(subject.parameters, 3)((photos, targets), training=False)]
    same = np.array_equal(kept[0], photos) and np.array_equal(kept[1], targets)
    require(same, "images or targets change outside training", "return both as they are unless `training` is true")


def _channels(subject: Subject) -> tuple[int, ...]:
    return cast(AugmentationSpec, subject.spec).channels


def _require_variety(results: list[_Photos], what: str) -> None:
    require(
        any(not np.array_equal(results[0], result) for result in results[1:]),
        f"{what} makes the same change",
        f"draw inside `call`, not in `build` or `__init__`; {_SEEDED}",
    )


def _training_model(subject: Subject, shape: tuple[int, ...]) -> keras.Model:
    """The layer as training uses it: a part of a functional model, for batches of any length."""
    import keras

    image = keras.Input(shape, dtype="float32")
    return keras.Model(image, _layer(subject)(image))


def _layer(subject: Subject, seed: int = 3) -> keras.layers.Layer:
    import keras

    spec = cast(AugmentationSpec, subject.spec)
    layer = spec.build(subject.parameters, seed)
    require(
        isinstance(layer, keras.layers.Layer),
        f"build returned {type(layer).__name__}, not a Keras layer",
        "return an instance of keras.layers.Layer",
    )
    return layer_on_photos(spec, layer)


def _changed(layer: keras.layers.Layer, photos: _Photos, *, training: bool = True) -> _Photos:
    import keras

    return np.array(keras.ops.convert_to_numpy(layer(photos, training=training)))


def _photos(channels: int) -> _Photos:
    """float32 `(32, 24, 20, channels)` in 0..255: noise, gradients, and one black and one white photo."""
    photos = np.random.default_rng(7).uniform(0, 255, (32, 24, 20, channels)).astype(np.float32)
    photos[8:16] = np.linspace(0, 255, 20, dtype=np.float32)[:, np.newaxis]
    photos[0], photos[1] = 0, 255
    return photos


CHECKS: tuple[CheckFunction, ...] = (
    check_augmentation_keeps_shape_and_range,
    check_augmentation_is_active_in_training_only,
    check_the_same_seed_gives_the_same_photos,
    check_each_call_makes_another_change,
    check_each_photo_is_changed_by_itself,
    check_it_keeps_nothing,
    check_it_runs_inside_a_compiled_step,
    check_targets_stay_shares,
)
