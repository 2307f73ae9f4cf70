"""The reference runtime: Keras's own numbers, and the labels that OpenVINO gives."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.specs import Runtime, RuntimeRequest
from fashionbatch_plugins.runtimes import OpenVinoRuntime, TensorFlowRuntime, tensorflow_precisions

if TYPE_CHECKING:
    import keras

SHAPE = (12, 10, 3)
BATCH = 8


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A small network, trained for a moment on colours, so that it has opinions."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    network = keras.Sequential(
        [
            keras.Input(SHAPE, dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(4, activation="softmax"),
        ]
    )
    images = photos(64)
    targets = images.mean(axis=(1, 2)).argmax(axis=1)
    network.compile("adam", "sparse_categorical_crossentropy")
    for _ in range(5):
        network.train_on_batch(images, targets)
    return network


def photos(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def request(keras_model: Callable[[], Any], graph: Path = Path("unused"), **changes: Any) -> RuntimeRequest:
    fields: dict[str, Any] = {
        "graph": graph,
        "batch_size": BATCH,
        "input_shape": SHAPE,
        "outputs": 4,
        "precision": "float32",
        "device": "cpu",
        "streams": 1,
        "keras_model": keras_model,
    }
    return RuntimeRequest(**{**fields, **changes})


def run(runtime: Runtime, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    done: dict[int, NDArray[np.float32]] = {}
    keys = range(0, len(images), BATCH)
    for key in keys:
        runtime.submit(key, images[key : key + BATCH])
    while len(done) < len(keys):
        done.update(runtime.collect(wait=True))
    assert runtime.collect(wait=True) == []
    runtime.close()
    return np.concatenate([done[key] for key in keys])


def test_it_gives_keras_numbers_and_openvino_the_same_labels(model: keras.Model, tmp_path: Path) -> None:
    images = photos(400)
    expected = np.asarray(model(images, training=False))
    ours = run(TensorFlowRuntime(request(lambda: model)), images)
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    ov.save_model(to_graph(model), tmp_path / "model.xml", compress_to_fp16=False)
    openvino = run(OpenVinoRuntime(request(lambda: None, tmp_path / "model.xml")), images)
    np.testing.assert_allclose(openvino, ours, atol=1e-5)
    assert len(set(ours.argmax(axis=1))) > 1
    np.testing.assert_array_equal(openvino.argmax(axis=1), ours.argmax(axis=1))


def test_it_says_what_computes(model: keras.Model) -> None:
    runtime = TensorFlowRuntime(request(lambda: model))
    assert runtime.version.startswith("TensorFlow 2")
    assert runtime.slots >= 1
    with pytest.raises(ValueError, match="expected a uint8 batch"):
        runtime.submit(0, photos(BATCH + 1))
    runtime.submit(0, photos(BATCH))
    runtime.close()
    runtime.close()


def test_a_model_with_another_output_is_a_bundle_error(model: keras.Model) -> None:
    with pytest.raises(BundleError, match=r"gives float32 \(8, 4\)"):
        TensorFlowRuntime(request(lambda: model, outputs=3))


def test_a_device_or_precision_that_is_not_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # A fake, so that the answer is known and TensorFlow is not asked.
    nothing = SimpleNamespace(config=SimpleNamespace(list_physical_devices=lambda kind: []))
    monkeypatch.setitem(sys.modules, "tensorflow", nothing)
    assert tensorflow_precisions("gpu") == ()
    assert tensorflow_precisions("tpu") == ()
    with pytest.raises(RuntimeUnavailableError, match="TensorFlow does not compute float32 on this machine's gpu"):
        TensorFlowRuntime(request(lambda: None, device="gpu"))
    with pytest.raises(RuntimeUnavailableError, match="TensorFlow does not compute bfloat16"):
        TensorFlowRuntime(request(lambda: None, precision="bfloat16"))


def test_a_gpu_that_tensorflow_sees_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SimpleNamespace(config=SimpleNamespace(list_physical_devices=lambda kind: [kind]))
    monkeypatch.setitem(sys.modules, "tensorflow", one)
    assert tensorflow_precisions("gpu") == ("float32",)
