"""Reads models of other programs into OpenVINO graphs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.bundle.graph.check import check_operations
from fashionbatch.bundle.graph.convert import UNSUPPORTED_OPERATIONS, first_sentence, graph_of_function
from fashionbatch.bundle.importing.adapt import Scaling
from fashionbatch.bundle.importing.onnx_file import check_onnx
from fashionbatch.errors import BundleError, ScratchError, WeightsError
from fashionbatch.names import suggestion

if TYPE_CHECKING:
    import keras
    import openvino as ov

# Module of keras.applications -> what its preprocess_input does.
_APPLICATION_SCALINGS: dict[str, Scaling] = {
    "convnext": "0..255",
    "densenet": "imagenet",
    "efficientnet": "0..255",
    "efficientnet_v2": "0..255",
    "inception_resnet_v2": "-1..1",
    "inception_v3": "-1..1",
    "mobilenet": "-1..1",
    "mobilenet_v2": "-1..1",
    "mobilenet_v3": "0..255",
    "nasnet": "-1..1",
    "resnet": "caffe",
    "resnet_v2": "-1..1",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "-1..1",
}
_IMAGENET_CLASSES = 1000
_HDF5 = {".h5", ".hdf5"}
_LONGEST_REASON = 300
_PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".joblib", ".bin", ".ckpt", ".safetensors"}


@dataclass(frozen=True)
class ForeignModel:
    """A model as it came.

    Attributes:
        graph: one input, one output.
        origin: what `bundle.json` says it was made from.
        scaling: how it wants its pixels, where that is known.
    """

    graph: ov.Model
    origin: str
    scaling: Scaling | None = None


def read_model(path: Path, *, trusted: bool, output: str | None, size: tuple[int, int] | None) -> ForeignModel:
    """Read an ONNX file, an OpenVINO file, a `.keras` file or a SavedModel directory.

    Args:
        path: the file or directory.
        trusted: whether the user vouches for models that hold code.
        output: the output to take, where there are several.
        size: height and width, for Keras models that leave them open.

    Raises:
        BundleError: nothing is there, the format is not read here, or the model is damaged, not trusted, or has
            operations that OpenVINO lacks.
    """
    if not path.exists():
        raise BundleError(f"{path}: no such model")
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        check_onnx(path)
        return ForeignModel(_read_onnx(path, output), path.name)
    if suffix == ".xml":
        check_operations(path, path.with_suffix(".bin"))
        graph = _read_by_frontend(path, "ir")
    elif suffix in {".keras", *_HDF5}:
        _require_trust(path, trusted, "a Keras model file can hold Python code, which runs when it is loaded")
        graph = _graph_of_keras(_load_keras(path), size)
    elif (path / "saved_model.pb").is_file():
        _require_trust(path, trusted, "a SavedModel is a program: its graph can read and write files")
        graph = _read_by_frontend(path, "tf")
    else:
        raise BundleError(f"{path}: no model that can be imported", hint=_hint_for_format(path))
    return ForeignModel(_with_one_port_each(graph, path.name, output), path.name)


def read_keras_application(
    name: str, weights: str, *, classes: int, size: tuple[int, int] | None, data_directory: Path | None = None
) -> ForeignModel:
    """Build one of Keras's own networks.

    Args:
        name: as in `keras.applications`, such as `MobileNetV2`.
        weights: `imagenet`, `none`, or the path of a weights file.
        classes: number of outputs; Keras's own weights have 1,000.
        size: height and width; the network's usual size where omitted.
        data_directory: where weights are looked for before the network is.

    Raises:
        BundleError: no such network, or it cannot be built for these images.
        WeightsError: the weights are missing or do not fit.
    """
    import keras

    name, build = _application(name)
    options: dict[str, Any] = {"classes": classes, "weights": _find_weights(name, weights, data_directory)}
    if size is not None:
        options["input_shape"] = (*size, 3)
    try:
        model = build(**options)
    except Exception as error:  # Keras raises ValueError, OSError, and Exception itself where there is no network
        hint = "--weights PATH takes a weights file that is here already" if weights == "imagenet" else None
        if weights != "none" and classes != _IMAGENET_CLASSES:
            hint = f"weights of ImageNet have {_IMAGENET_CLASSES:,} classes, but there are {classes:,} labels"
        kind = WeightsError if weights != "none" else BundleError
        raise kind(
            f"keras.applications.{name} with weights {weights!r} and {classes} classes cannot be built: "
            f"{first_sentence(error)}",
            hint=hint,
        ) from error
    module = build.__module__.rpartition(".")[2]
    origin = f"keras.applications.{name} (Keras {keras.__version__}, weights {Path(weights).name})"
    return ForeignModel(_graph_of_keras(model, size), origin, _APPLICATION_SCALINGS.get(module))


# ---------------------------------------------------------------------------------------------------------- reading


def _read_by_frontend(path: Path, framework: str) -> ov.Model:
    from openvino.frontend import FrontEndManager

    # By its one frontend: Core.read_model tries each of them, TensorFlow's included, on whatever the file holds.
    try:
        frontend = FrontEndManager().load_by_framework(framework)
        graph = frontend.convert(frontend.load(str(path)))
    except Exception as error:  # OpenVINO's frontends raise classes of their own, which share none
        raise _cannot_read(path.name, error) from error
    if not graph.outputs:
        raise BundleError(f"{path}: holds no model")
    return graph


def _read_onnx(path: Path, output: str | None) -> ov.Model:
    """As `_read_by_frontend`, but operations that OpenVINO lacks may stand where the chosen output does not need them.

    scikit-learn's exports look up the class's name beside computing probabilities, and OpenVINO has no names.
    """
    from openvino.frontend import FrontEndManager

    try:
        return _with_one_port_each(_read_by_frontend(path, "onnx"), path.name, output)
    except _UnsupportedError as error:
        frontend = FrontEndManager().load_by_framework("onnx")
        try:
            graph = _with_one_port_each(frontend.convert_partially(frontend.load(str(path))), path.name, output)
        except (BundleError, RuntimeError):
            raise error from None
        if any(operation.get_type_name() == "ONNXFrameworkNode" for operation in graph.get_ops()):
            raise error from None
        return graph


class _UnsupportedError(BundleError):
    """A model with operations that OpenVINO does not have."""


def _cannot_read(name: str, error: Exception) -> BundleError:
    found = UNSUPPORTED_OPERATIONS.search(str(error))
    if found is None:
        return BundleError(f"{name}: cannot be read: {first_sentence(error)}")
    operations = found["operations"].strip()
    hint = None
    if "ai.onnx.ml" in operations:
        hint = (
            "scikit-learn's converter makes plain operations of linear and neural classifiers: skl2onnx.to_onnx(..., "
            "options={'zipmap': False}, black_op={'LinearClassifier', 'Normalizer', 'Scaler'})"
        )
    return _UnsupportedError(f"{name}: OpenVINO has no {operations}", hint=hint)


def _load_keras(path: Path) -> keras.Model:
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=False)
    except Exception as error:  # whatever the model's own code raises
        reason = _reason_of_keras(error)
        raise BundleError(f"{path}: Keras cannot load it: {reason}", hint=_hint_for_keras(path, str(error))) from error


def _reason_of_keras(error: Exception) -> str:
    """What was wrong, without the whole configuration of the layer in which it was."""
    _, _, inner = str(error).rpartition("Exception encountered:")
    reason = first_sentence(ValueError(inner.strip()))
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."


def _hint_for_keras(path: Path, reason: str) -> str | None:
    if "No model config" in reason:
        return "it holds weights and no network; --keras-application NAME --weights FILE takes those of Keras's own"
    if path.suffix.lower() in _HDF5 and (version := _keras_version(path)).startswith(("1.", "2.")):
        return (
            f"Keras {version} wrote it, and Keras 3 reads only some of that; load it there (package tf-keras, with "
            "TF_USE_LEGACY_KERAS=1) and save it as SavedModel or export it to ONNX (package tf2onnx)"
        )
    return None


def _keras_version(path: Path) -> str:
    import h5py

    try:
        with h5py.File(path) as file:
            version = file.attrs.get("keras_version", "")
    except OSError:
        return ""
    return version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)


def _graph_of_keras(model: keras.Model, size: tuple[int, int] | None) -> ov.Model:
    import tensorflow as tf

    if len(model.inputs) != 1:
        raise BundleError(f"model {model.name!r} takes {len(model.inputs)} inputs; labeling needs one")
    given = model.inputs[0]
    shape = list(given.shape)
    if len(shape) == 4 and size is not None:
        # Sizes that the model leaves open are the user's to say.
        shape[1:3] = [known or wanted for known, wanted in zip(shape[1:3], size, strict=True)]

    @tf.function(input_signature=[tf.TensorSpec(shape, given.dtype)], autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def network(pixels: Any) -> Any:
        return _by_name(model, model(pixels, training=False))

    try:
        return graph_of_function(network)
    except ScratchError:
        raise
    except Exception as error:  # OpenVINO and TensorFlow raise classes of many modules here
        raise _cannot_read(f"model {model.name!r}", error) from error


def _by_name(model: keras.Model, outputs: Any) -> dict[str, Any]:
    """A model's outputs by the names under which `--output-name` chooses one: those of their layers, if they differ."""
    import keras

    if isinstance(outputs, dict):
        return outputs
    tensors = keras.tree.flatten(outputs)
    names = getattr(model, "output_names", [])  # a Sequential model has one output and no name for it
    if len(set(names)) != len(tensors):
        names = [f"output_{number}" for number in range(len(tensors))]
    return dict(zip(names, tensors, strict=True))


def _with_one_port_each(graph: ov.Model, name: str, output: str | None) -> ov.Model:
    if len(graph.inputs) != 1:
        names = ", ".join(sorted(port.any_name for port in graph.inputs if port.names))
        raise BundleError(f"{name}: takes {len(graph.inputs)} inputs ({names}); labeling needs one, the image")
    return _with_one_output(graph, name, output)


def _with_one_output(graph: ov.Model, name: str, wanted: str | None) -> ov.Model:
    import openvino as ov

    results = graph.get_results()
    names = [sorted(result.output(0).names) for result in results]
    listed = ", ".join(entry[0] if entry else "(unnamed)" for entry in names)
    if wanted is not None:
        chosen = [result for result, entry in zip(results, names, strict=True) if wanted in entry]
        if not chosen:
            raise BundleError(f"{name}: has no output {wanted!r}; there are: {listed}")
    else:
        # A class number beside the probabilities is usual in exports from scikit-learn.
        chosen = [result for result in results if _is_row_of_numbers(result.output(0))] if len(results) > 1 else results
    if len(chosen) != 1:
        raise BundleError(f"{name}: gives {len(results)} outputs: {listed}", hint="choose one by --output-name")
    return ov.Model(chosen[:1], graph.get_parameters(), graph.get_friendly_name())


def _is_row_of_numbers(port: Any) -> bool:
    shape = port.partial_shape
    return bool(port.element_type.is_real() and shape.rank.is_static and len(shape) == 2)


# ------------------------------------------------------------------------------------------------ keras.applications


def _application(name: str) -> tuple[str, Any]:
    import keras

    names = {
        entry.lower(): entry
        for entry in dir(keras.applications)
        if entry[0].isupper() and callable(getattr(keras.applications, entry))
    }
    if name.lower() not in names:
        raise BundleError(f"keras.applications has no {name!r}{suggestion(name, sorted(names.values()))}")
    return names[name.lower()], getattr(keras.applications, names[name.lower()])


def _find_weights(name: str, weights: str, data_directory: Path | None) -> str | None:
    if weights == "none":
        return None
    if weights != "imagenet":
        if not Path(weights).is_file():
            raise WeightsError(f"{weights}: no such weights file", hint="--weights takes a path, imagenet or none")
        return weights
    for candidate in (f"{name.lower()}_imagenet.weights.h5", f"{name.lower()}.weights.h5"):
        if data_directory is not None and (data_directory / "weights" / candidate).is_file():
            return str(data_directory / "weights" / candidate)
    return "imagenet"


# ------------------------------------------------------------------------------------------------------------ errors


def _require_trust(path: Path, trusted: bool, why: str) -> None:
    if not trusted:
        raise BundleError(
            f"{path}: not loaded: {why}",
            hint="if you know who made it, add --trust-model; or export it to ONNX, which holds no code",
        )


def _hint_for_format(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        return "export it to ONNX: torch.onnx.export(model.eval(), example, 'model.onnx', dynamic_axes={...})"
    if suffix == ".tflite":
        return "export the model that it was made from to ONNX or .keras"
    if path.is_dir():
        if os.path.lexists(path / "bundle.json"):
            return "this is a bundle already; `fashionbatch classify -b` takes it as it is"
        return "a directory must be a SavedModel, with saved_model.pb in it"
    return "files end in .onnx, .xml (OpenVINO, with its .bin) or .keras"
