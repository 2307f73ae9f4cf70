"""The promises of an architecture."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import WeightsError
from fashionbatch.specs import ArchitectureSpec
from fashionbatch.testing.deadline import Unchecked, described, is_own_value_error
from fashionbatch.testing.networks import (
    graph_results,
    layer_problems,
    numbers,
    require_same_graph,
    require_trainable,
    weight_names,
)
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require

if TYPE_CHECKING:
    import keras

CLASSES = 4
_KEEP_NAMES = "name every layer with weights, inside nested layers and models too: layers.Dense(8, name='fc')"
_SAME_EACH_TIME = "let the network depend on the pixels' shape and the parameters alone; draw numbers by initializers"


class Built(NamedTuple):
    """One build: the uint8 image, the float32 pixels and the features of it, and the model from image to features.

    `drawn` is the next number of Python's own generator, which `keras.utils.set_random_seed` sets as well.
    """

    image: keras.KerasTensor
    pixels: keras.KerasTensor
    features: keras.KerasTensor
    model: keras.Model
    drawn: float


def check_the_example_shape_is_a_shape(subject: Subject) -> None:
    """`example_shape` is height, width and channels of an image that a recipe can ask for."""
    shape = cast(ArchitectureSpec, subject.spec).example_shape
    require(
        isinstance(shape, tuple)
        and len(shape) == 3
        and all(isinstance(side, int) and side > 0 for side in shape)
        and shape[2] in {1, 3},
        f"example_shape is {shape!r}",
        "give (height, width, channels) with 1 or 3 channels: the smallest image that the network takes",
    )


def check_features_are_flat(subject: Subject) -> None:
    """The features are float32 `(batch, n)`, so that any head fits."""
    shape = cast(ArchitectureSpec, subject.spec).example_shape
    features = _pair(subject)[0].features
    flatten = "end with a pooling or a Flatten layer"
    require(len(features.shape) == 2, f"features must be (batch, n), got {tuple(features.shape)}", flatten)
    require(features.shape[0] is None, f"the batch size is fixed to {features.shape[0]}", "leave it open")
    require(features.shape[1], f"the number of features for images {shape} is not known", flatten)
    require(
        features.dtype == "float32",
        f"features are {features.dtype}, not float32",
        "cast the last tensor: keras.ops.cast(x, 'float32')",
    )


def check_a_second_network_has_the_same_layers(subject: Subject) -> None:
    """Layers that carry weights are called and shaped the same each time: weights are matched by name."""
    first, second = (built.model for built in _pair(subject))
    require(
        weight_names(first) == weight_names(second),
        f"names of weights change from build to build: {_difference(weight_names(first), weight_names(second))}",
        _KEEP_NAMES,
    )
    shapes = [[f"{weight.path} {tuple(weight.shape)}" for weight in model.weights] for model in (first, second)]
    require(shapes[0] == shapes[1], f"weights change shape: {_difference(*shapes)}", _SAME_EACH_TIME)
    require(
        tuple(first.output.shape) == tuple(second.output.shape),
        f"features are {tuple(first.output.shape)} in one build and {tuple(second.output.shape)} in the next",
        _SAME_EACH_TIME,
    )
    problems = layer_problems(first)
    require(not problems, "; ".join(problems), _KEEP_NAMES)


def check_a_second_network_computes_the_same(subject: Subject) -> None:
    """With the same weights two builds give the same features: a bundle stores weights and nothing else."""
    first, second = (built.model for built in _pair(subject))
    require(
        [tuple(weight.shape) for weight in first.weights] == [tuple(weight.shape) for weight in second.weights],
        "two builds have different weights",
        _SAME_EACH_TIME,
    )
    _copy_weights(first, second)
    features = _features(subject)
    require(
        _alike(numbers(second, _photos(second)), features, features),
        "two builds with the same weights give different features: something is drawn or counted while building",
        _SAME_EACH_TIME,
    )


def check_building_sets_no_seed(subject: Subject) -> None:
    """The recipe's seed decides what is drawn after the network is built: the order of images, weights of the head."""
    first, second = _pair(subject)
    require(
        first.drawn != second.drawn,
        "after two builds that began from different seeds the same numbers are drawn",
        "call neither keras.utils.set_random_seed nor random.seed; give a seed to the layer that needs one",
    )


def check_features_are_numbers(subject: Subject) -> None:
    """Black, white, grey and noisy photos all have finite features, and not all the same ones."""
    features = _features(subject)
    for name, row in zip(_PHOTOS, features, strict=True):
        require(
            np.isfinite(row).all(),
            f"the features of a {name} photo are NaN or infinite",
            "keep divisions, roots and logarithms away from 0: pixels are 0..255, and a photo may be of one colour",
        )
    require(
        not np.array_equal(features[1:], np.broadcast_to(features[:1], features[1:].shape)),
        "every photo has the same features",
        "let the features depend on the pixels",
    )


def check_photos_do_not_see_their_neighbours(subject: Subject) -> None:
    """The features of a photo are the same whatever is in the batch with it, and however long the batch is."""
    model = _pair(subject)[0].model
    photos, together = _photos(model), _features(subject)
    remedy = "compute nothing over the axis 0, and call BatchNormalization without training=True"
    for start, stop in ((3, 4), (6, 7), (1, 6)):
        require(
            _alike(numbers(model, photos[start:stop]), together[start:stop], together),
            f"photos {start} to {stop - 1} have other features by themselves than in a batch of {len(photos)}",
            remedy,
        )
    require(
        _alike(numbers(model, photos[::-1].copy())[::-1], together, together),
        "the features of a photo depend on its place in the batch",
        remedy,
    )
    require(
        # Called without `training`, a layer obeys the `training=True` that it was called with in `build`.
        _alike(numbers(model, photos), together, together)
        and _alike(numbers(model, photos, training=None), together, together),
        "the same photos have other features when they are asked again",
        "let nothing random run and nothing be counted outside training: no training=True within `build`",
    )


def check_other_images_fit(subject: Subject) -> None:
    """A recipe chooses the size and the colours of images, not the plugin."""
    height, width, channels = cast(ArchitectureSpec, subject.spec).example_shape
    other_colours = (2 * height, width, 4 - channels)
    # One build tells all, unless it fails: then the next say what it is that does not fit.
    try:
        _require_fit(subject, other_colours)
    except ContractError:
        _require_fit(subject, (2 * height, 2 * width, channels))
        _require_fit(subject, (2 * height, width, channels))
        _require_fit(subject, other_colours, may_refuse=True)


def check_the_network_can_be_labeled_with(subject: Subject) -> None:
    """It converts to a bundle's graph, which computes what Keras computes."""
    import keras

    built = _pair(subject)[0]
    output = keras.layers.Dense(CLASSES, activation="softmax", name="contract_output")(built.features)
    model = keras.Model(built.image, output)
    photos = _photos(built.model)
    require_same_graph(numbers(model, photos), graph_results(model, photos))


def check_the_network_can_be_trained(subject: Subject) -> None:
    """A step of training gives finite gradients, and not all of them zero."""
    built = _pair(subject)[0]
    require_trainable(built.model, _photos(built.model))


def check_initial_weights_can_be_loaded(subject: Subject) -> None:
    """`initialize` loads the same weights into every backbone, and changes no layer."""
    import keras

    spec = cast(ArchitectureSpec, subject.spec)
    if spec.initialize is None:
        return
    loaded = []
    for seed in (3, 4):
        built = _build(subject, spec.example_shape, seed)
        backbone = keras.Model(built.pixels, built.features)
        before = [np.array(weight) for weight in backbone.weights]
        names, shapes = weight_names(backbone), [weight.shape for weight in before]
        trainable = len(backbone.trainable_weights)
        try:
            spec.initialize(backbone, subject.parameters, LocalContext(base=subject.base))
        except WeightsError as error:
            raise Unchecked(f"the weights are not on this machine: {error.message}") from error
        require(
            names == weight_names(backbone) and shapes == [tuple(weight.shape) for weight in backbone.weights],
            "initialize changed the layers of the backbone",
            "load values into the layers that `build` made, by their names",
        )
        after = [np.array(weight) for weight in backbone.weights]
        require(
            len(backbone.trainable_weights) == trainable,
            f"initialize froze or thawed layers: {len(backbone.trainable_weights)} weights can be trained in place of "
            f"{trainable}",
            "leave `trainable` alone: the phases of a recipe say which layers are trained",
        )
        require(
            any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True)),
            "initialize changed no weight",
            "load the weights in it, leave `initialize` away, or give an example whose parameters ask for weights",
        )
        require(
            np.isfinite(numbers(built.model, _photos(built.model))).all(),
            "the features are NaN or infinite after initialize",
            "check what the weights' file holds and in which order",
        )
        changed = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
        loaded.append([new if moved else None for new, moved in zip(after, changed, strict=True)])
    for path, one, other in zip(names, *loaded, strict=True):
        require(
            (one is None and other is None) or (one is not None and other is not None and np.array_equal(one, other)),
            f"initialize gives {path} other values each time",
            "load values from a file: training begins from the same weights in every run",
        )


# ------------------------------------------------------------------------------------------------------------ builds

_PHOTOS = ("black", "white", "grey", "noisy", "half black, half white", "second noisy", "dark", "red or bright")


def _pair(subject: Subject) -> tuple[Built, Built]:
    """Two builds in one go, so that names which Keras counts up differ; shared by all checks of a component."""
    shape = cast(ArchitectureSpec, subject.spec).example_shape
    return subject.once("pair", lambda: (_build(subject, shape, 1), _build(subject, shape, 2)))


def _build(subject: Subject, shape: tuple[int, int, int], seed: int) -> Built:
    import keras

    # Another seed each time, as in another process: what is drawn in `build` is drawn differently.
    keras.utils.set_random_seed(seed)
    random.seed(seed)
    image = keras.Input(shape, dtype="uint8")
    pixels = keras.ops.cast(image, "float32")
    features = cast(ArchitectureSpec, subject.spec).build(pixels, subject.parameters)
    require(
        isinstance(features, keras.KerasTensor),
        f"build returned {type(features).__name__}, not a Keras tensor",
        "return the output of the last layer",
    )
    return Built(image, pixels, features, keras.Model(image, features), random.random())  # noqa: S311 - no secret


def _photos(model: keras.Model) -> NDArray[np.uint8]:
    """uint8 `(8, height, width, channels)`: what `_PHOTOS` names, in this order."""
    shape = tuple(model.inputs[0].shape[1:])
    photos = np.zeros((len(_PHOTOS), *shape), np.uint8)
    noise = np.random.default_rng(7)
    photos[1], photos[2] = 255, 128
    photos[3], photos[5] = noise.integers(0, 256, (2, *shape), dtype=np.uint8)
    photos[4, : shape[0] // 2] = 255
    photos[6] = noise.integers(0, 30, shape, dtype=np.uint8)
    photos[7, ..., 0] = 200
    return photos


def _require_fit(subject: Subject, shape: tuple[int, int, int], *, may_refuse: bool = False) -> None:
    remedy = "take sizes from pixels.shape, and treat 1 channel as 3 channels are treated"
    try:
        built = _build(subject, shape, 1)
        features = numbers(built.model, _photos(built.model))
    except Exception as error:
        if may_refuse and "channel" in str(error) and is_own_value_error(error):
            return  # A backbone for colours alone may say so itself.
        raise ContractError(f"it cannot be built for images of {_shown(shape)}: {described(error)}", remedy) from error
    require(
        features.ndim == 2 and np.isfinite(features).all(),
        f"for images of {_shown(shape)} the features are {features.shape}, finite: {np.isfinite(features).all()}",
        remedy,
    )


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    import keras

    target.set_weights(source.get_weights())
    for layer in target.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _features(subject: Subject) -> NDArray[np.float32]:
    """The features of the photos, by the first build."""
    model = _pair(subject)[0].model
    return subject.once("features", lambda: numbers(model, _photos(model)))


def _alike(one: NDArray[np.float32], other: NDArray[np.float32], features: NDArray[np.float32]) -> bool:
    """Whether two results are the same up to rounding, by how far the features of unlike photos lie apart."""
    finite = np.nan_to_num(features, posinf=0, neginf=0)
    tolerance = 1e-3 * float(np.ptp(finite, axis=0).max(initial=0)) + 1e-5 * float(np.abs(finite).max(initial=0))
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=tolerance, equal_nan=True))


def _difference(first: Sequence[str], second: Sequence[str]) -> str:
    only = sorted(set(first) ^ set(second))
    return ", ".join(only[:6]) or "their order"


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


CHECKS: tuple[CheckFunction, ...] = (
    check_the_example_shape_is_a_shape,
    check_features_are_flat,
    check_a_second_network_has_the_same_layers,
    check_a_second_network_computes_the_same,
    check_building_sets_no_seed,
    check_features_are_numbers,
    check_photos_do_not_see_their_neighbours,
    check_other_images_fit,
    check_the_network_can_be_labeled_with,
    check_the_network_can_be_trained,
    check_initial_weights_can_be_loaded,
)
