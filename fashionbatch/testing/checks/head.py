"""The promises of a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import FashionBatchError
from fashionbatch.specs import Decoding, HeadSpec, LossSpec
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

FEATURES = 16
CLASSES = 4
_COUNTS = (2, 3, 4, 7, 40)
_KEEP_NAMES = "name every layer with weights: layers.Dense(classes, name='head_output')"
_DETERMINISTIC = "let nothing random run outside training: no training=True within `build`"


def check_decoding_and_loss_are_known(subject: Subject) -> None:
    """A bundle stores the decoding, and a recipe that names no loss gets the head's own."""
    spec = cast(HeadSpec, subject.spec)
    known = get_args(Decoding)
    require(spec.decoding in known, f"decoding is {spec.decoding!r}", f"write one of {', '.join(map(repr, known))}")
    losses = ", ".join(subject.registry.names("loss"))
    try:
        loss = subject.registry.get(LossSpec, spec.default_loss)
    except FashionBatchError as error:
        raise ContractError(f"default_loss: {error.message}", f"name a registered loss: {losses}") from error
    require(
        spec.decoding in loss.decodings,
        f"default_loss {spec.default_loss!r} is for {', '.join(loss.decodings)}, and the head's decoding is "
        f"{spec.decoding}",
        f"name a loss whose `decodings` have {spec.decoding!r}",
    )


def check_probabilities_are_probabilities(subject: Subject) -> None:
    """The output has the decoding's shape, lies in 0..1, and sums to 1 where one of many wins."""
    spec = cast(HeadSpec, subject.spec)
    for classes in _class_counts(spec):
        model = _model(subject, classes)
        output = numbers(model, _features())
        expected = (len(_features()), 1 if spec.decoding == "yes_or_no" else classes)
        require(
            output.shape == expected,
            f"for {classes} classes the output is {output.shape}, and {spec.decoding} needs {expected}",
            "make the last layer as wide as `classes` says (1 for yes_or_no)",
        )
        require(
            output.dtype == np.float32, f"probabilities are {output.dtype}, not float32", "cast the output to float32"
        )
        require(
            np.isfinite(output).all(),
            "the probabilities of large or zero features are NaN or infinite",
            "use keras.activations.softmax or sigmoid, which survive large numbers",
        )
        activation = "end with a softmax" if spec.decoding == "one_of_many" else "end with a sigmoid"
        require(
            output.min() >= 0 and output.max() <= 1,
            f"probabilities go from {output.min():g} to {output.max():g}",
            activation,
        )
        sums = output.sum(axis=1)
        if spec.decoding == "one_of_many":
            require(np.allclose(sums, 1, atol=1e-4), f"rows sum to {sums.min():g} to {sums.max():g}, not 1", activation)
        elif spec.decoding == "several_of_many":
            require(
                not np.allclose(sums, sums[0], atol=1e-4),
                f"every row sums to {sums[0]:g}: labels are not independent of each other",
                activation,
            )
        require(
            not np.allclose(output, output[:1], atol=1e-6),
            "every photo has the same probabilities",
            "let the output depend on the features",
        )
        stuck = np.flatnonzero(np.ptp(output, axis=0) == 0)
        require(
            not len(stuck),
            f"of {classes} classes number {stuck[:1]} has the same probability whatever the features are",
            "let every class have an output of its own",
        )


def check_a_second_head_has_the_same_layers(subject: Subject) -> None:
    """Layers that carry weights are called and shaped the same each time: weights are matched by name."""
    first, second = _pair(subject)
    names = [weight_names(model) for model in (first, second)]
    require(
        names[0] == names[1],
        f"names of weights change from build to build: {', '.join(sorted(set(names[0]) ^ set(names[1]))[:6])}",
        _KEEP_NAMES,
    )
    require(
        [tuple(weight.shape) for weight in first.weights] == [tuple(weight.shape) for weight in second.weights],
        "weights change shape from build to build",
        "let the layers depend on features, classes and parameters alone",
    )
    second.set_weights(first.get_weights())
    require(
        np.allclose(numbers(first, _features()), numbers(second, _features()), atol=1e-5, equal_nan=True),
        "two builds with the same weights give different probabilities: something is drawn or counted while building",
        "let the layers depend on features, classes and parameters alone",
    )
    problems = layer_problems(first)
    require(not problems, "; ".join(problems), _KEEP_NAMES)


def check_photos_do_not_see_their_neighbours(subject: Subject) -> None:
    """The probabilities of a photo are the same whatever is in the batch with it, and each time they are asked."""
    model, given = _pair(subject)[0], _features()
    together = numbers(model, given)
    require(
        # Called without `training`, a layer obeys the `training=True` that it was called with in `build`.
        np.allclose(numbers(model, given), together, atol=1e-6, equal_nan=True)
        and np.allclose(numbers(model, given, training=None), together, atol=1e-6, equal_nan=True),
        "the same features have other probabilities when they are asked again",
        _DETERMINISTIC,
    )
    alone = np.concatenate([numbers(model, row[np.newaxis]) for row in given])
    backwards = numbers(model, given[::-1].copy())[::-1]
    for result in (alone, backwards):
        require(
            np.allclose(result, together, atol=1e-4, equal_nan=True),
            "the probabilities of a photo depend on what is in the batch with it",
            "normalise over the axis of classes or features, never over axis 0",
        )


def check_the_head_can_be_labeled_with(subject: Subject) -> None:
    """It converts to a bundle's graph, which computes what Keras computes."""
    import keras

    image = keras.Input((4, 4, 1), dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 64)(keras.ops.cast(image, "float32")))
    model = keras.Model(image, _built(subject, features, _class_counts(cast(HeadSpec, subject.spec))[-1]))
    photos = np.random.default_rng(7).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)
    require_same_graph(numbers(model, photos), graph_results(model, photos))


def check_the_head_can_be_trained(subject: Subject) -> None:
    """A step of training gives finite gradients, and not all of them zero."""
    require_trainable(_pair(subject)[0], _features()[:8])


def _class_counts(spec: HeadSpec) -> tuple[int, ...]:
    return (2,) if spec.decoding == "yes_or_no" else _COUNTS


def _pair(subject: Subject) -> tuple[keras.Model, keras.Model]:
    """Two heads in one go, so that names which Keras counts up differ."""
    classes = 2 if cast(HeadSpec, subject.spec).decoding == "yes_or_no" else CLASSES
    return subject.once("pair", lambda: (_model(subject, classes, seed=1), _model(subject, classes, seed=2)))


def _model(subject: Subject, classes: int, seed: int = 7) -> keras.Model:
    import keras

    keras.utils.set_random_seed(seed)
    features = keras.Input((FEATURES,))
    return keras.Model(features, _built(subject, features, classes))


def _built(subject: Subject, features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    import keras

    output = cast(HeadSpec, subject.spec).build(features, classes, subject.parameters)
    require(
        isinstance(output, keras.KerasTensor),
        f"build returned {type(output).__name__}, not a Keras tensor",
        "return the output of the last layer",
    )
    return output


def _features() -> NDArray[np.float32]:
    """float32 `(10, FEATURES)`: ordinary ones, then zeros, then very large ones."""
    given = np.random.default_rng(7).normal(0, 3, (10, FEATURES)).astype(np.float32)
    given[8] = 0
    given[9] *= 300
    return given


CHECKS: tuple[CheckFunction, ...] = (
    check_decoding_and_loss_are_known,
    check_probabilities_are_probabilities,
    check_a_second_head_has_the_same_layers,
    check_photos_do_not_see_their_neighbours,
    check_the_head_can_be_labeled_with,
    check_the_head_can_be_trained,
)
