"""Each check of an augmentation fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fashionbatch.specs import AugmentationSpec


def spec(build):
    return AugmentationSpec(name="broken", summary="Broken.", build=build)


def ops():
    import keras

    return keras.ops


def of(change, *, always=False, fixed=None):
    """A layer that draws one number an image, and what `change(images, numbers)` makes of them in training.

    `always`: outside training, too. `fixed`: the seed in the place of the one that is given.
    """

    def build(parameters, seed):
        import keras

        class Own(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.seeds = keras.random.SeedGenerator(seed if fixed is None else fixed)

            def call(self, images, training=False):
                if not training and not always:
                    return images
                return change(images, keras.random.uniform((ops().shape(images)[0], 1, 1, 1), seed=self.seeds))

            def compute_output_shape(self, input_shape):
                return input_shape

        return Own()

    return build


def darker(images, numbers):
    return images * numbers


def test_a_right_augmentation_passes(passes_all):
    passes_all(spec(of(darker)))


def of_call(call):
    """A layer whose `call` is a function of images, training and seed."""

    def build(parameters, seed):
        import keras

        class Own(keras.layers.Layer):
            def call(self, images, training=False):
                return call(images, training, seed)

            def compute_output_shape(self, input_shape):
                return input_shape

        return Own()

    return build


def global_numpy(images, training, seed):
    return images * np.random.uniform(0.2, 0.9) if training else images


def numpy_pixels(images, training, seed):
    return np.asarray(images) * np.random.default_rng(seed).uniform(0, 1) if training else images


def built_once(parameters, seed):
    factor = float(np.random.default_rng(seed).uniform(0.2, 0.9))
    return of_call(lambda images, training, seed: images * factor if training else images)(parameters, seed)


def stateless(images, training, seed):
    import keras

    return images * keras.random.uniform((ops().shape(images)[0], 1, 1, 1), seed=seed) if training else images


def a_function(parameters, seed):
    return lambda images, training=False: images


def keras_layer(name, *arguments, **named):
    def build(parameters, seed):
        import keras

        return getattr(keras.layers, name)(*arguments, seed=seed, **named)

    return build


def lazy(images, training, seed):
    raise NotImplementedError("not on Tuesdays")


KEEPS, IDLE = "augmentation_keeps_shape_and_range", "augmentation_is_active_in_training_only"
SEED, EACH = "the_same_seed_gives_the_same_photos", "each_call_makes_another_change"
COMPILED = "it_runs_inside_a_compiled_step"
BREAKS = {
    "too bright": (of(lambda x, n: x + 40 * n), KEEPS, "pixels went to"),
    "too dark": (of(lambda x, n: x - 40 * n), KEEPS, "pixels went to -"),
    "for 0..1": (of(lambda x, n: x * (1 + n)), KEEPS, "pixels went to"),
    "centred": (of(lambda x, n: x / 127.5 - 1 + 0 * n), KEEPS, "pixels went to -1"),
    "NaN on one colour": (of(lambda x, n: 100 * (x - ops().min(x, axis=(1, 2, 3), keepdims=True)) / (ops().max(x, axis=(1, 2, 3), keepdims=True) - ops().min(x, axis=(1, 2, 3), keepdims=True)) * n), KEEPS, "NaN"),
    "cropped": (of(lambda x, n: x[:, 2:-2, 2:-2] * n), KEEPS, "the shape changed"),
    "turned": (of(lambda x, n: ops().transpose(x, (0, 2, 1, 3)) * n), KEEPS, "the shape changed"),
    "grey becomes colour": (of(lambda x, n: ops().repeat(ops().mean(x, axis=-1, keepdims=True), 3, axis=-1) * n), KEEPS, "the shape changed from (32, 24, 20, 1)"),
    "for colours alone": (of(lambda x, n: x * n * np.ones((1, 1, 1, 3), np.float32)), KEEPS, "the shape changed"),
    "three channels stacked": (of(lambda x, n: ops().stack([x[..., 0], x[..., 1], x[..., 2]], axis=-1) * n), KEEPS, "raised"),
    "float16": (of(lambda x, n: ops().cast(x * n, "float16")), KEEPS, "float16"),
    "uint8": (of(lambda x, n: ops().cast(x * n, "uint8")), KEEPS, "uint8"),
    "fixed batch": (of(lambda x, n: ops().reshape(x, (8, 24, 20, -1)) * n[:8]), KEEPS, "the shape changed"),
    "raises": (of_call(lazy), KEEPS, "not on Tuesdays"),
    "a function": (a_function, KEEPS, "build returned function"),
    "nothing": (lambda p, s: None, KEEPS, "build returned NoneType"),
    "active outside training": (of(darker, always=True), IDLE, "photos change outside training"),
    "casts outside training": (of_call(lambda x, t, s: x * 0.5 if t else x * 0.999), IDLE, "photos change outside training"),
    "never active": (of(lambda x, n: x), IDLE, "nothing changes in training"),
    "ignores its seed": (of(darker, fixed=1), SEED, "the seed is ignored"),
    "draws from the global generator": (of_call(lambda x, t, s: x * random.uniform(0.2, 0.9) if t else x), SEED, "of one seed make different photos"),
    "draws from NumPy's generator": (of_call(global_numpy), SEED, "of one seed make different photos"),
    "no seed at all": (lambda p, s: __import__("keras").layers.RandomFlip(), SEED, "different"),
    "seeds from the clock": (of_call(lambda x, t, s: x * random.SystemRandom().uniform(0.2, 0.9) if t else x), SEED, "of one seed make different photos"),
    "the same change at every call": (of_call(stateless), EACH, "each call makes the same change"),
    "drawn when built": (built_once, EACH, "each call makes the same change"),
    "drawn when traced": (of_call(global_numpy), EACH, "each step of a compiled training makes the same change"),
    "NumPy in call": (of_call(numpy_pixels), COMPILED, "cannot run in a compiled step"),
    "a Python loop over the batch": (of_call(lambda x, t, s: ops().stack([image * 0.5 for image in x]) if t else x), COMPILED, "cannot run in a compiled step"),
    "the length of the batch": (of_call(lambda x, t, s: x * np.ones((len(x), 1, 1, 1), np.float32) * 0.5 if t else x), COMPILED, "cannot run in a compiled step"),
    "a batch of eight": (of(lambda x, n: ops().reshape(ops().reshape(x, (8, -1)), (8, *x.shape[1:])) * n), COMPILED, "cannot run in a compiled step"),
    "one shape alone": (of(lambda x, n: x * n * np.ones((1, 24, 20, 1), np.float32)), COMPILED, "photos (9, 32, "),
    "numpy()": (of_call(lambda x, t, s: x * float(ops().convert_to_numpy(x).mean() / 255) if t else x), COMPILED, "cannot run in a compiled step"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_augmentation_is_caught(name, failure):
    build, check, phrase = BREAKS[name]

    assert phrase in failure(spec(build), check).problem


def mixed_with_the_next(images, numbers):
    return images * numbers + ops().roll(images, 1, axis=0) * (1 - numbers)


def test_photos_that_are_mixed_or_change_places(failure):
    for change in (mixed_with_the_next, lambda images, numbers: ops().roll(images, 1, axis=0) * numbers):
        problem = failure(spec(of(change)), "each_photo_is_changed_by_itself").problem
        assert problem == "another photo number 9 changes the others of its batch"


def test_photos_of_which_nothing_is_left(failure):
    problem = failure(spec(of(lambda images, numbers: images * 0 + numbers)), "each_photo_is_changed_by_itself").problem
    assert problem == "what comes out does not depend on the photo"


def test_pixels_that_are_scaled(failure):
    problem = failure(spec(of(lambda images, n: images * n / 255)), "augmentation_keeps_shape_and_range").problem
    assert "no pixel of a whole batch is brighter than" in problem


@pytest.mark.parametrize(("trainable", "phrase"), [(True, "can be trained: "), (False, "it counts or remembers")])
def test_a_layer_that_has_weights_of_its_own(trainable, phrase, failure):
    def build(parameters, seed):
        import keras

        class Own(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.calls = self.add_weight(shape=(), initializer="ones", trainable=trainable, name="calls")

            def call(self, images, training=False):
                if not training:
                    return images
                if not trainable:
                    self.calls.assign_add(1.0)
                return images / self.calls

        return Own()

    assert phrase in failure(spec(build), "it_keeps_nothing").problem
