"""Plugins that fail while Keras runs what they built: one error that names plugin, kind and component."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch.errors import FashionBatchError, PluginError, RecipeError
from fashionbatch.plan import plan_from_text
from fashionbatch.plugins import load_plugins
from fashionbatch.training.run import train

pytestmark = pytest.mark.usefixtures("undrawn")

RECIPE = """
version: 1
name: bars
data:
  source: {name: npz, path: bars.npz}
  image: {size: [12, 12], channels: 1}
  split: {validation: 0.2, test: 0.2, seed: 1}
AUGMENTATION
architecture: ARCHITECTURE
head: HEAD
LOSS
training: {epochs: 1, batch_size: 8, class_weight: balanced}
"""
VGG = "{name: mini_vgg, filters: [2], convolutions: 1, dense: 4}"

LAYER = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec, AugmentationSpec, HeadSpec, LossSpec
def failing(base):
    import keras
    class Failing(base):
        def call(self, inputs, training=None):
            FAIL
            return super().call(inputs)
    return Failing
@hookimpl
def register_architectures():
    def build(pixels, parameters):
        import keras
        return failing(keras.layers.Dense)(4)(keras.layers.Flatten()(pixels))
    yield ArchitectureSpec(name="wide", summary="Wide.", build=build)
@hookimpl
def register_heads():
    def build(features, classes, parameters):
        import keras
        return failing(keras.layers.Dense)(classes, activation="softmax")(features)
    loss = "categorical_crossentropy"
    yield HeadSpec(name="odd", summary="Odd.", decoding="one_of_many", default_loss=loss, build=build)
@hookimpl
def register_augmentations():
    def build(parameters, seed):
        import keras
        return failing(keras.layers.Identity)()
    yield AugmentationSpec(name="odd", summary="Odd.", build=build)
@hookimpl
def register_losses():
    def build(parameters, label_weights):
        import keras
        class Failing(keras.losses.Loss):
            def call(self, targets, probabilities):
                LOSS_FAIL
                return keras.ops.sum(targets * probabilities, axis=-1)
        BUILD
        return Failing()
    yield LossSpec(name="odd", summary="Odd.", decodings=("one_of_many", "several_of_many"), build=build)
"""
EAGER = "numpy = inputs.numpy() if training else None"
"""NumPy within a layer: right when it is tried by hand, wrong once Keras compiles it."""
IN_GRAPH = """
            if training:
                import tensorflow as tf
                def look(values):
                    raise ValueError("no such colour")
                values = tf.py_function(look, [inputs], tf.float32)
                values.set_shape(inputs.shape)
                return values
"""
"""Runs only when batches do, in a thread of TensorFlow's."""


@pytest.fixture
def failure_of(add_distribution: Callable[..., Path], bars_folder: Path, tmp_path: Path) -> Callable[..., str]:
    """Train with a plugin installed and give the one error that this ends with."""

    def failure_of(fail: str = "pass", loss_fail: str = "pass", build: str = "pass", **parts: str) -> str:
        source = LAYER.replace("LOSS_FAIL", loss_fail).replace("FAIL", fail).replace("BUILD", build)
        add_distribution("shoes", {"shoes_fb": source}, {"shoes": "shoes_fb"})
        plugins = load_plugins()
        text = RECIPE
        for place, default in (("ARCHITECTURE", VGG), ("HEAD", "multiclass"), ("AUGMENTATION", ""), ("LOSS", "")):
            text = text.replace(place, parts.get(place.lower(), default))
        shutil.copy(bars_folder / "bars.npz", tmp_path)
        plan = plan_from_text(text, plugins.registry, tmp_path)
        with pytest.raises(FashionBatchError) as caught:
            train(plan, tmp_path / "run", plugins=plugins, show=lambda line: None)
        error = caught.value.__cause__ if isinstance(caught.value, RecipeError) else caught.value
        assert isinstance(error, PluginError)
        assert ("_fb.py" in error.traceback) == (" failed: " in error.message or "Error: " in error.message)
        return error.message

    return failure_of


@pytest.mark.parametrize(
    ("parts", "component"),
    [
        ({"augmentation": "augmentation: [odd]"}, "augmentation 'odd'"),
        ({"architecture": "wide"}, "architecture 'wide'"),
        ({"head": "odd"}, "head 'odd'"),
    ],
)
def test_a_layer_that_fails_when_it_is_compiled(failure_of, parts, component):
    message = failure_of(EAGER, **parts)
    assert message.startswith(f"plugin shoes 1.2 ({component}): call failed: AttributeError: ")


def test_a_layer_that_fails_while_batches_run(failure_of):
    message = failure_of(IN_GRAPH, augmentation="augmentation: [odd]")
    assert message.startswith("plugin shoes 1.2 (augmentation 'odd'): ") or message.startswith(
        "plugin 'shoes' of shoes 1.2"
    )
    assert "no such colour" in message


def test_a_layer_that_wants_to_end_the_program(failure_of):
    message = failure_of("if training: raise SystemExit(3)", architecture="wide")
    assert message == "plugin shoes 1.2 (architecture 'wide'): call failed: SystemExit: 3"


def test_a_layer_that_cannot_be_converted_for_labeling(failure_of):
    message = failure_of(
        "if not training and 'Keras' not in type(inputs).__name__: inputs.numpy()", architecture="wide"
    )
    assert message.startswith("plugin shoes 1.2 (architecture 'wide'): call failed: ")


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ({"loss_fail": "raise KeyError('temperature')"}, "call failed: KeyError: 'temperature'"),
        ({"loss_fail": "float(targets[0, 0])"}, "call failed: "),
        ({"build": "return label_weights"}, "build returned NoneType; expected a keras.losses.Loss"),
        ({"build": "raise ZeroDivisionError"}, "build failed: ZeroDivisionError"),
    ],
)
def test_a_loss_that_fails(failure_of, fails, said):
    assert failure_of(loss="loss: odd", **fails).startswith(f"plugin shoes 1.2 (loss 'odd'): {said}")


def test_an_architecture_whose_weights_cannot_be_initialised(failure_of, add_distribution, bars_folder, tmp_path):
    source = (
        LAYER.replace("build=build)", "build=build, initialize=initialize)", 1).replace("FAIL", "pass")
        + "def initialize(model, parameters, context):\n    raise OSError('weights are gone')\n"
    )
    add_distribution("boots", {"boots_fb": source.replace('"wide"', '"tall"')}, {"boots": "boots_fb"})
    assert failure_of(architecture="tall").startswith(
        "plugin boots 1.2 (architecture 'tall'): initialize failed: OSError: weights are gone"
    )
