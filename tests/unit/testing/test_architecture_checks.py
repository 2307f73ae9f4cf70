"""Each check of an architecture fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import itertools
import os
import random
import time

import numpy as np
import pytest
from pydantic import BaseModel, Field

from fashionbatch.errors import WeightsError
from fashionbatch.specs import ArchitectureSpec, Parameters
from fashionbatch.testing.deadline import Unchecked

SHAPE = (8, 8, 3)


def spec(build, parameters=Parameters, **fields):
    fields = {"example_shape": SHAPE, **fields}
    return ArchitectureSpec(name="broken", summary="Broken.", parameters=parameters, build=build, **fields)


def right(pixels, parameters, *, dense=4, name="fc"):
    from keras import layers

    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    return layers.Dense(dense, name=name)(layers.GlobalAveragePooling2D()(x))


def before(change):
    """The right network on pixels that something was done to."""
    return lambda pixels, parameters: right(change(pixels), parameters)


def after(change):
    """The right network, and something done to its features."""
    return lambda pixels, parameters: change(right(pixels, parameters))


def test_a_right_architecture_passes(passes_all):
    passes_all(spec(right))


_count = itertools.count(1)


def ops():
    import keras

    return keras.ops


def layer(call):
    """A layer without weights, whose `call` is a function of inputs and training."""
    import keras

    class Own(keras.layers.Layer):
        def call(self, inputs, training=False):
            return call(inputs, training)

        def compute_output_shape(self, shape):
            return shape

    return Own()


def nested(pixels, parameters):
    import keras

    inner_input = keras.Input((8, 8, 3))
    inner = keras.Model(inner_input, keras.layers.Conv2D(4, 3)(inner_input), name="inner")
    return keras.layers.GlobalAveragePooling2D()(inner(pixels / 255))


def nested_layer(pixels, parameters):
    import keras

    class Block(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="block")
            self.inner = keras.layers.Conv2D(4, 3)

        def call(self, x):
            return self.inner(x)

    return keras.layers.GlobalAveragePooling2D()(Block()(pixels / 255))


def train_mode(pixels, parameters):
    from keras import layers

    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv")(pixels / 255), training=True)
    return layers.GlobalAveragePooling2D()(x)


def dropout_at_inference(pixels, parameters):
    from keras import layers

    return layers.Dropout(0.5)(right(pixels, parameters), training=True)


def numpy_inside(pixels, parameters):
    import tensorflow as tf

    def by_numpy(x, training):
        values = tf.numpy_function(lambda array: np.sort(array, axis=1), [x], tf.float32)
        return tf.ensure_shape(values, x.shape)

    return layer(by_numpy)(right(pixels, parameters))


def stopped(pixels, parameters):
    return ops().stop_gradient(right(pixels, parameters))


def infinite_gradient(pixels, parameters):
    # The root has no finite slope at 0, where the black photo stands.
    return ops().sqrt(ops().relu(right(pixels, parameters)) * 1.0)


def same_name_twice(pixels, parameters):
    import keras

    class Twins(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="twins")
            self.one = keras.layers.Dense(4, name="fc")
            self.two = keras.layers.Dense(4, name="fc")

        def call(self, x):
            return self.one(x) + self.two(x)

    return Twins()(ops().mean(pixels / 255, axis=(1, 2)))


def only_this_shape(pixels, parameters):
    if tuple(pixels.shape[1:]) != SHAPE:
        raise ValueError(f"images must be {SHAPE}")
    return right(pixels, parameters)


def flat_kernel(pixels, parameters):
    from keras import layers

    flat = ops().reshape(pixels / 255, (-1, 8 * 8 * 3))
    return layers.Dense(4, name="fc")(flat)


def crash_on_grey(pixels, parameters):
    red, green, blue = (pixels[..., index : index + 1] for index in range(3))
    if pixels.shape[-1] != 3:
        raise KeyError("blue")
    return right(red + green + blue, parameters)


def fixed_batch(pixels, parameters):
    return ops().reshape(right(pixels, parameters), (8, 4))


BREAKS = {
    "random width": (lambda p, q: right(p, q, dense=random.randint(2, 10**6) % 97 + 2), "a_second_network_has_the_same_layers", "change"),
    "random width by numpy": (lambda p, q: right(p, q, dense=int(np.random.default_rng().integers(2, 900))), "a_second_network_has_the_same_layers", "change"),
    "wider each time": (lambda p, q: right(p, q, dense=next(_count)), "a_second_network_has_the_same_layers", "change shape"),
    "random constant by numpy": (before(lambda x: x * np.random.uniform(0.5, 2)), "a_second_network_computes_the_same", "drawn or counted while building"),
    "random constant by the system": (before(lambda x: x * (1 + os.urandom(1)[0])), "a_second_network_computes_the_same", "drawn or counted"),
    "random projection": (after(lambda x: ops().matmul(x, np.random.normal(size=(4, 4)).astype("float32"))), "a_second_network_computes_the_same", "drawn or counted"),
    "constant that counts builds": (after(lambda x: x * next(_count)), "a_second_network_computes_the_same", "drawn or counted"),
    "random order of channels": (before(lambda x: ops().roll(x, next(_count), axis=-1)), "a_second_network_computes_the_same", "drawn or counted"),
    "float16 features": (after(lambda x: ops().cast(x, "float16")), "features_are_flat", "float16"),
    "bfloat16 features": (after(lambda x: ops().cast(x, "bfloat16")), "features_are_flat", "bfloat16"),
    "integer features": (after(lambda x: ops().cast(x * 1000, "int32")), "features_are_flat", "int32"),
    "a feature map": (lambda p, q: p / 255, "features_are_flat", "must be (batch, n)"),
    "a fixed batch": (fixed_batch, "features_are_flat", "fixed to 8"),
    "a number instead of a tensor": (lambda p, q: 3, "features_are_flat", "not a Keras tensor"),
    "nothing returned": (lambda p, q: None, "features_are_flat", "NoneType"),
    "build raises": (lambda p, q: [][1], "features_are_flat", "IndexError"),
    "build exits": (lambda p, q: exit(3), "features_are_flat", "SystemExit"),
    "mean of the batch taken off": (after(lambda x: x - ops().mean(x, axis=0, keepdims=True)), "photos_do_not_see_their_neighbours", "in a batch of 8"),
    "softmax over the batch": (after(lambda x: ops().softmax(x, axis=0)), "photos_do_not_see_their_neighbours", "in a batch of 8"),
    "divided by the brightest photo": (before(lambda x: x / (ops().max(x) + 1)), "photos_do_not_see_their_neighbours", "in a batch of 8"),
    "batch normalisation that always trains": (train_mode, "photos_do_not_see_their_neighbours", "asked again"),
    "photos in the wrong places": (after(lambda x: ops().roll(x, 1, axis=0)), "photos_do_not_see_their_neighbours", "in a batch of 8"),
    "a place in the batch counts": (after(lambda x: x + ops().cumsum(ops().ones_like(x), axis=0)), "photos_do_not_see_their_neighbours", "in a batch of 8"),
    "dropout outside training": (dropout_at_inference, "photos_do_not_see_their_neighbours", "asked again"),
    "noise outside training": (after(lambda x: layer(lambda y, t: y + __import__("keras").random.normal((4,)))(x)), "photos_do_not_see_their_neighbours", "photos"),
    "NaN on black": (before(lambda x: x / ops().mean(x, axis=(1, 2, 3), keepdims=True)), "features_are_numbers", "black"),
    "infinite on black": (before(lambda x: ops().log(x)), "features_are_numbers", "black"),
    "NaN on white": (before(lambda x: (x - 255) / ops().sqrt(255 - ops().mean(x, axis=(1, 2, 3), keepdims=True))), "features_are_numbers", "white"),
    "NaN on one colour": (before(lambda x: (x - ops().mean(x)) / ops().std(x, axis=(1, 2, 3), keepdims=True)), "features_are_numbers", "black"),
    "NaN on dark corners": (before(lambda x: x / x), "features_are_numbers", "NaN"),
    "features that never change": (after(lambda x: x * 0), "features_are_numbers", "every photo has the same features"),
    "only the example's shape": (only_this_shape, "other_images_fit", "16x16x3"),
    "a reshape of the example's size": (flat_kernel, "other_images_fit", "cannot be built for images of 16x8x1"),
    "crash on grey": (crash_on_grey, "other_images_fit", "16x8x1"),
    "a convolution for colours alone": (lambda p, q: right(ops().reshape(p, (-1, p.shape[1], p.shape[2], 3)), q), "other_images_fit", "1"),
    "auto names": (lambda p, q: right(p, q, name=None), "a_second_network_has_the_same_layers", "dense"),
    "auto names in a nested model": (nested, "a_second_network_has_the_same_layers", "conv2d"),
    "auto names in a nested layer": (nested_layer, "a_second_network_has_the_same_layers", "conv2d"),
    "names with a number of the clock": (lambda p, q: right(p, q, name=f"fc{time.monotonic_ns()}"), "a_second_network_has_the_same_layers", "fc"),
    "two weights of one name": (same_name_twice, "a_second_network_has_the_same_layers", "twins/fc"),
    "NumPy inside": (numpy_inside, "the_network_can_be_labeled_with", "cannot be converted"),
    "no gradient": (stopped, "the_network_can_be_trained", "no weight gets a gradient"),
    "rounded features": (after(lambda x: ops().round(x * 8)), "the_network_can_be_trained", "no weight gets a gradient"),
    "an infinite gradient": (infinite_gradient, "the_network_can_be_trained", "NaN or infinite gradients"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_network_is_caught(name, failure):
    build, check, phrase = BREAKS[name]

    assert phrase in failure(spec(build), check).problem


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3), [8, 8, 3], ("8", 8, 3), (8.0, 8, 3)])
def test_an_example_shape_that_is_none_is_caught(failure, shape):
    assert "example_shape is" in failure(spec(right, example_shape=shape), "the_example_shape_is_a_shape").problem


def test_a_backbone_for_colours_may_refuse_grey_in_words(check_of):
    def for_colours(pixels, parameters):
        if pixels.shape[-1] != 3:
            raise ValueError("this backbone takes images of 3 channels; write `channels: 3`")
        return right(pixels, parameters)

    check_of(spec(for_colours), "other_images_fit")()


# ------------------------------------------------------------------------------------------------------ first weights


def raising(model, parameters, context):
    raise KeyError("block1_conv1")


def loading(value):
    def initialize(model, parameters, context):
        for weight in model.weights:
            weight.assign(np.broadcast_to(np.float32(value()), weight.shape))

    return initialize


def renaming(model, parameters, context):
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 0)
    model.layers[-1].kernel._path = "fc_2/kernel"


INITIALIZERS = {
    "raises": (raising, "KeyError: 'block1_conv1'"),
    "exits": (lambda model, parameters, context: exit(1), "SystemExit"),
    "does nothing": (lambda model, parameters, context: None, "changed no weight"),
    "loads NaN": (loading(lambda: np.nan), "NaN"),
    "draws weights": (loading(lambda: np.random.default_rng().normal()), "other values each time"),
    "counts": (loading(lambda: next(_count)), "other values each time"),
    "renames a weight": (renaming, "changed the layers"),
    "takes other arguments": (lambda model: None, "TypeError"),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_broken_initialize_is_caught(name, failure):
    initialize, phrase = INITIALIZERS[name]

    assert phrase in failure(spec(right, initialize=initialize), "initial_weights_can_be_loaded").problem


def test_a_right_initialize_passes(check_of):
    check_of(spec(right, initialize=loading(lambda: 0.25)), "initial_weights_can_be_loaded")()


def test_weights_that_are_not_here_cannot_be_checked(check_of):
    def missing(model, parameters, context):
        raise WeightsError("no file")

    with pytest.raises(Unchecked, match="no file"):
        check_of(spec(right, initialize=missing), "initial_weights_can_be_loaded")()


# --------------------------------------------------------------------------------------------------------- parameters


class SilentBlock(Parameters):
    filters: int = 4


class LenientBlock(BaseModel):
    filters: int = Field(4, description="Filters.")


class WithSilentBlock(Parameters):
    block: SilentBlock = Field(SilentBlock(), description="The block.")


class WithSilentBlocks(Parameters):
    blocks: tuple[SilentBlock, ...] = Field((), description="The blocks.")


class WithLenientBlock(Parameters):
    block: LenientBlock = Field(LenientBlock(), description="The block.")


class WithLenientBlocks(Parameters):
    blocks: dict[str, LenientBlock] = Field(default_factory=dict, description="The blocks.")


class WithLenientChoice(Parameters):
    block: LenientBlock | None = Field(None, description="The block.")


class Silent(Parameters):
    units: int = 3


class Blank(Parameters):
    units: int = Field(3, description="   ")


class Lenient(Parameters, extra="ignore"):
    units: int = Field(3, description="Units.")


class Mutable(Parameters, frozen=False):
    units: int = Field(3, description="Units.")


class Required(Parameters):
    units: int = Field(description="Units.")


class Unreadable(Parameters):
    scale: complex = Field(1j, description="A factor.")


class BadDefault(Parameters):
    units: int = Field("many", description="Units.")


PARAMETERS = {
    "no description": (Silent, "parameters_are_documented", "units"),
    "blank description": (Blank, "parameters_are_documented", "units"),
    "nested without a description": (WithSilentBlock, "parameters_are_documented", "block.filters"),
    "nested in a list without a description": (WithSilentBlocks, "parameters_are_documented", "blocks.filters"),
    "unknown keys": (Lenient, "unknown_parameters_are_refused", "unknown keys are accepted in: the parameters"),
    "nested unknown keys": (WithLenientBlock, "unknown_parameters_are_refused", "block"),
    "unknown keys nested in a mapping": (WithLenientBlocks, "unknown_parameters_are_refused", "blocks"),
    "unknown keys nested in a choice": (WithLenientChoice, "unknown_parameters_are_refused", "block"),
    "values that change": (Mutable, "parameters_do_not_change", "units"),
    "no example": (Required, "features_are_flat", "needs units and has no example"),
    "no example, and not built": (Required, "parameters_have_a_json_schema", "needs units and has no example"),
    "a default that is not valid": (BadDefault, "features_are_flat", "units"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_broken_parameters_are_caught(name, failure):
    parameters, check, phrase = PARAMETERS[name]

    assert phrase in failure(spec(right, parameters), check).problem


def test_an_example_may_stand_at_the_parameter(check_of):
    class Units(Parameters):
        units: int = Field(description="Units.", examples=[5])

    check_of(spec(lambda p, q: right(p, q, dense=q.units), Units), "features_are_flat")()


# --------------------------------------------------------------------------------------------------------------- time


def test_a_check_that_hangs_is_a_failure_that_says_where(check_of):
    def hang(pixels, parameters):
        while True:
            time.sleep(0.01)

    check = check_of(spec(hang), "features_are_flat", time_limit=2)

    with pytest.raises(AssertionError, match=r"did not end within 2 seconds; it stands at .*, in hang"):
        check()
    with pytest.raises(AssertionError, match="not run, since an earlier check of architecture/broken never ended"):
        check()


def test_building_that_sets_a_seed(failure):
    def build(pixels, parameters):
        import keras

        keras.utils.set_random_seed(3)
        return right(pixels, parameters)

    assert "the same numbers are drawn" in failure(spec(build), "building_sets_no_seed").problem


def test_a_setting_of_keras_that_is_changed_for_everybody_and_put_right_again(failure):
    import keras

    before = keras.config.epsilon()

    def build(pixels, parameters):
        keras.config.set_epsilon(1e-3)
        return right(pixels, parameters)

    assert "it changed Keras's epsilon from" in failure(spec(build), "features_are_flat").problem
    assert keras.config.epsilon() == before


def test_a_working_directory_that_is_changed(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()

    def build(pixels, parameters):
        os.chdir(tmp_path / "other")
        return right(pixels, parameters)

    assert failure(spec(build), "features_are_flat").problem == "it changed the working directory"
    assert os.getcwd() == str(tmp_path)


def test_layers_that_initialize_freezes(failure):
    def freezes(backbone, parameters, context):
        for weight in backbone.weights:
            weight.assign(np.full(weight.shape, 0.1))
        backbone.trainable = False

    problem = failure(spec(right, initialize=freezes), "initial_weights_can_be_loaded").problem
    assert problem == "initialize froze or thawed layers: 0 weights can be trained in place of 4"


def test_features_that_the_brightest_photo_of_the_batch_scales(failure):
    build = before(lambda pixels: pixels / (ops().max(pixels) + 1) * 255)
    assert "by themselves than in a batch" in failure(spec(build), "photos_do_not_see_their_neighbours").problem


class Drawn(Parameters):
    units: int = Field(default_factory=itertools.count(1).__next__, description="Outputs.")


def test_a_default_that_is_another_one_each_time(failure):
    problem = failure(spec(right, Drawn), "parameters_do_not_change").problem
    assert problem.startswith("the same recipe gives other parameters each time: Drawn(units=")
