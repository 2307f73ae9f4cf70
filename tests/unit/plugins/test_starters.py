"""What `fashionbatch try` can begin with."""

from __future__ import annotations

import pytest

from fashionbatch.data.context import LocalContext
from fashionbatch_plugins.architectures.starters import pretrained_starters, small_starters


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("fashionbatch_plugins.architectures.efficientnet_lite.PACKAGE", "weights_of_nobody")
    (tmp_path / "weights").mkdir()
    return tmp_path


def test_only_backbones_whose_weights_are_here_are_offered(machine):
    context = LocalContext(machine)
    assert list(pretrained_starters(context)) == []
    for name in ("vgg16_imagenet_notop", "mobilenetv2_imagenet"):
        (machine / "weights" / f"{name}.weights.h5").write_bytes(b"")
    found = list(pretrained_starters(context))
    assert [starter.name for starter in found] == ["MobileNetV2", "VGG16"]
    assert all(starter.pretrained and starter.parameters == {"backbone": starter.name} for starter in found)


def test_efficientnet_lite_is_offered_where_its_weights_are_here(machine):
    (machine / "weights" / "efficientnet-lite0-57934424.pth").write_bytes(b"")
    assert [starter.name for starter in pretrained_starters(LocalContext(machine))] == ["EfficientNetLite0"]


def test_the_network_from_nothing_is_for_tiny_photos(machine):
    [starter] = small_starters(LocalContext(machine))
    assert (starter.name, starter.largest_side, starter.pretrained) == ("mini_vgg", 64, False)
