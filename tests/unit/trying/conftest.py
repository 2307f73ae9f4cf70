"""A folder of coloured squares, and an architecture that is built in no time and has learnt nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.registry import Provider
from fashionbatch.specs import ArchitectureSpec, Parameters, Starter

COLOURS = {"blue": (20, 30, 200), "green": (30, 180, 40), "red": (200, 20, 30)}


class Nothing(Parameters):
    """No parameters."""


def build_tiny(pixels, parameters):
    from keras import layers

    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="first")(pixels / 255.0)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="second")(x)
    return layers.GlobalAveragePooling2D(name="pooling")(x)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    """The built-in components and the architecture `tiny`; no pretrained weights are on the machine."""
    folder = tmp_path_factory.mktemp("machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FASHIONBATCH_DATA_DIR", raising=False)
        patch.setenv("KERAS_HOME", str(folder / "keras"))
        patch.setattr("fashionbatch_plugins.architectures.efficientnet_lite.PACKAGE", "weights_of_nobody")
        patch.setenv("FASHIONBATCH_CACHE_DIR", str(folder / "cache"))
        # What a run leaves beside its network is no part of a try, and takes longer than all epochs here.
        patch.setattr("fashionbatch.training.run.draw_pictures", lambda folder, **_: [])
        patch.setattr("fashionbatch.training.run.quantize_trained", lambda plan, labeled, data, **_: labeled)
        loaded = load_plugins()
        spec = ArchitectureSpec(
            name="tiny",
            summary="Two convolutions.",
            parameters=Nothing,
            build=build_tiny,
            starters=lambda context: [Starter(name="Tiny", parameters={}, side=16, pretrained=True)],
        )
        loaded.registry.add(spec, Provider("tiny-for-tests", "1"))
        yield loaded


@pytest.fixture(scope="module")
def make_photos(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`make_photos(train=8, test=2)` makes folders of so many photos of each colour."""

    def make(colours=tuple(COLOURS), **counts: int) -> Path:
        place = tmp_path_factory.mktemp("photos") / "squares"
        generator = np.random.default_rng(5)
        for split, count in counts.items():
            for colour in colours:
                folder = place / split / colour
                folder.mkdir(parents=True)
                for number in range(count):
                    noise = generator.integers(-20, 20, (80, 80, 3))
                    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
                    Image.fromarray(pixels).save(folder / f"{number}.png")
        return place

    return make
