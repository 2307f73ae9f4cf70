"""The networks that are measured, each as a bundle and as what the peers take."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .processes import fashionbatch, run

SMALL_CNN = "small CNN"
CALIBRATION_PHOTOS = 300
_BUILDERS = Path(__file__).with_name("builders.py")


@dataclass(frozen=True)
class Network:
    """A network that is measured.

    Attributes:
        name: how it is called in tables; of an application of Keras, its name there.
        size: height and width of its images, in pixels.
        channels: 3, or 1 for grey images.
        scaling: what it expects of pixel values, as `bundle import --scaling` calls it.
        timm: the same architecture in timm; None where it has none.
    """

    name: str
    size: int
    channels: int
    scaling: str
    timm: str | None

    @property
    def file_name(self) -> str:
        """Its name as part of a file's."""
        return self.name.replace(" ", "-")


NETWORKS = {
    network.name: network
    for network in (
        Network("MobileNetV2", 224, 3, "-1..1", "mobilenetv2_100"),
        Network("ResNet50", 224, 3, "caffe", "resnet50"),
        Network(SMALL_CNN, 28, 1, "0..255", None),
    )
}


@dataclass(frozen=True)
class Subject:
    """A network, ready to be measured.

    Attributes:
        network: which one.
        bundle: what `classify` takes, with an int8 graph where one could be made.
        keras: what the Keras peers take: the name of an application, or a `.keras` file.
        weights: of the application.
        without_int8: why the bundle has no int8 graph; None where it has one.
    """

    network: Network
    bundle: Path
    keras: str
    weights: Path | None
    without_int8: str | None

    @property
    def graphs(self) -> dict[str, Path]:
        """The bundle's graph for each precision. bfloat16 is computed from the one of float32."""
        graphs = {"float32": self.bundle / "model.xml", "bfloat16": self.bundle / "model.xml"}
        return graphs if self.without_int8 else graphs | {"int8": self.bundle / "model.int8.xml"}


def prepare(network: Network, photos: Path | None, weights: Path | None, work: Path) -> Subject:
    """Make what is measured, or take what an earlier run has left in `work`.

    Args:
        network: which one.
        photos: what the int8 graph is made and judged by; None makes none.
        weights: of MobileNetV2; others, and MobileNetV2 without any, get random ones, which are as fast.
        work: the folder where it is kept.

    Returns:
        The network with its bundle.
    """
    print(f"{network.name}: making the bundle", flush=True)
    keras, weights = _keras_network(network, weights, work)
    bundle = work / f"{network.file_name}-bundle"
    if not bundle.exists():
        _import_bundle(network, keras, weights, bundle)
    quantized = work / f"{network.file_name}-int8-bundle"
    problem = None if quantized.exists() else _quantize(bundle, photos, quantized)
    return Subject(network, bundle if problem else quantized, keras, weights, problem)


def default_weights() -> Path | None:
    """MobileNetV2's weights in FASHIONBATCH_DATA_DIR, if they are there."""
    folder = os.environ.get("FASHIONBATCH_DATA_DIR")
    path = Path(folder, "weights", "mobilenetv2_imagenet.weights.h5") if folder else None
    return path if path and path.exists() else None


def _keras_network(network: Network, weights: Path | None, work: Path) -> tuple[str, Path | None]:
    if network.name == SMALL_CNN:
        path = work / f"{network.file_name}.keras"
        if not path.exists():
            run([sys.executable, str(_BUILDERS), "small-cnn", str(path)])
        return str(path), None
    if network.name != "MobileNetV2" or weights is None:
        weights = work / f"{network.file_name}.weights.h5"
        if not weights.exists():
            run([sys.executable, str(_BUILDERS), "random-weights", network.name, str(weights)])
    return network.name, weights


def _import_bundle(network: Network, keras: str, weights: Path | None, bundle: Path) -> None:
    if weights is not None:
        labels = bundle.with_name("labels-of-imagenet.txt")
        labels.write_text("".join(f"class {number:03}\n" for number in range(1000)))
        model = ["--keras-application", keras, "--weights", weights]
    else:
        labels = bundle.with_name("labels-of-clothes.txt")
        labels.write_text("".join(f"class {number}\n" for number in range(10)))
        model = [keras, "--trust-model", "--scaling", network.scaling]
    run(fashionbatch("bundle", "import", *model, "--labels", labels, "-o", bundle))


def _quantize(bundle: Path, photos: Path | None, quantized: Path) -> str | None:
    """Make the bundle with an int8 graph; what is in the way, None if nothing was."""
    if photos is None:
        return "not asked for"
    if importlib.util.find_spec("nncf") is None:
        return "nncf is not installed (pip install 'fashionbatch[int8]')"
    run(fashionbatch("bundle", "quantize", bundle, "--data", photos, "-o", quantized))
    return None
