"""Keras model -> graph: the same numbers without TensorFlow, or an error that names what stands in the way."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import pytest

from fashionbatch.bundle.graph import convert
from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.errors import BundleError, ScratchError

if TYPE_CHECKING:
    import keras

SHAPE = (12, 10, 3)


def model_of(*layers: Any, shape: tuple[int | None, ...] = SHAPE, dtype: str = "uint8") -> keras.Model:
    import keras

    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """Every kind of layer whose shape or behaviour depends on the batch or on training."""
    from keras import layers

    return model_of(
        layers.Rescaling(1 / 255),
        layers.RandomFlip(),
        layers.Conv2D(4, 3, activation="relu", padding="same"),
        layers.BatchNormalization(),
        layers.SeparableConv2D(4, 3),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(5, activation="softmax"),
    )


def run(graph: ov.Model, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(images)[0])


@pytest.mark.parametrize("batch", [1, 7])
def test_it_computes_what_keras_computes_for_every_batch_size(small: keras.Model, batch: int) -> None:
    images = np.random.default_rng(batch).integers(0, 256, (batch, *SHAPE), dtype=np.uint8)
    expected = np.asarray(small(images, training=False))
    np.testing.assert_allclose(run(to_graph(small), images), expected, atol=1e-6)


def test_only_the_batch_size_is_open_and_the_ports_have_names(small: keras.Model) -> None:
    graph = to_graph(small)
    assert graph.input("pixels").partial_shape == ov.PartialShape([-1, *SHAPE])
    assert graph.input("pixels").element_type == ov.Type.u8
    assert graph.output("probabilities").partial_shape == ov.PartialShape([-1, 5])
    assert graph.output("probabilities").element_type == ov.Type.f32


def test_training_goes_on_without_changing_the_graph(small: keras.Model) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    graph = to_graph(small)
    before = run(graph, images)
    old = small.get_weights()
    small.set_weights([weight + 1 for weight in old])
    np.testing.assert_array_equal(run(graph, images), before)
    small.set_weights(old)


def test_the_file_names_no_place_on_this_machine(small: keras.Model, tmp_path: Path) -> None:
    ov.save_model(to_graph(small), tmp_path / "model.xml", compress_to_fp16=False)
    text = (tmp_path / "model.xml").read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text


def test_the_file_does_not_depend_on_what_the_process_converted_before(small: keras.Model, tmp_path: Path) -> None:
    for name in ("one", "two"):
        graph = to_graph(small, small.layers[-2].output)
        ov.save_model(graph, tmp_path / f"{name}.xml", compress_to_fp16=False)
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "two.bin").read_bytes()


def test_the_quick_way_gives_the_graph_of_the_long_one_to_the_byte(
    small: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(traced: Any) -> Any:
        message = frozen(traced)
        assert message is not None
        return message

    frozen = convert.frozen
    for name, way in (("quick", taken), ("long", lambda traced: None)):
        monkeypatch.setattr(convert, "frozen", way)
        ov.save_model(to_graph(small, small.layers[-2].output), tmp_path / f"{name}.xml", compress_to_fp16=False)
    assert (tmp_path / "quick.xml").read_bytes() == (tmp_path / "long.xml").read_bytes()
    assert (tmp_path / "quick.bin").read_bytes() == (tmp_path / "long.bin").read_bytes()


def test_a_network_with_a_loop_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras import layers

    model = model_of(layers.Rescaling(1 / 255), layers.Reshape((12, 30)), layers.LSTM(3), layers.Dense(2, "softmax"))
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), dtype=np.uint8)
    monkeypatch.delattr(convert, "_by_message")
    np.testing.assert_allclose(run(to_graph(model), images), np.asarray(model(images, training=False)), atol=1e-5)


def test_large_weights_go_the_long_way(small: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    monkeypatch.setattr("fashionbatch.bundle.graph.frozen.MOST_BYTES", 100)
    monkeypatch.delattr(convert, "_by_message")
    np.testing.assert_allclose(run(to_graph(small), images), np.asarray(small(images, training=False)), atol=1e-6)


def test_a_full_disk_under_the_message_is_not_blamed_on_the_network(
    small: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ScratchError, match="No space left on device"):
        to_graph(small)


def test_an_operation_that_openvino_lacks_is_named() -> None:
    import keras
    import tensorflow as tf

    strings = keras.layers.Lambda(lambda x: tf.strings.to_number(tf.as_string(x)), output_shape=SHAPE)
    model = model_of(strings, keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax"))
    with pytest.raises(BundleError, match="OpenVINO has no AsString, StringToNumber"):
        to_graph(model)


def test_other_inputs_and_outputs_are_refused() -> None:
    from keras import layers

    cases = [
        (model_of(layers.Flatten(), layers.Dense(2), dtype="float32"), "takes float32"),
        (model_of(layers.GlobalMaxPooling2D(), layers.Dense(2), shape=(None, None, 3)), "height, width, channels"),
        (model_of(layers.Conv2D(2, 3)), "gives float32"),
        (model_of(layers.Flatten(), layers.Dense(2, dtype="float16")), "gives float16"),
    ]
    for model, says in cases:
        with pytest.raises(BundleError, match=says):
            to_graph(model)


def test_a_full_disk_under_temporary_files_is_not_blamed_on_the_network(
    small: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    def full(*_: Any, **__: Any) -> None:
        message = "{{function_node __wrapped__SaveV2}} /tmp/part-0; No space left on device [Op:SaveV2]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(tf.saved_model, "save", full)
    monkeypatch.setattr(convert, "frozen", lambda traced: None)
    with pytest.raises(ScratchError, match=r"into .*: /tmp/part-0; No space left on device\n") as raised:
        to_graph(small)
    assert "TMPDIR" in str(raised.value.hint)
