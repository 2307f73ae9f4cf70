"""Keras model -> OpenVINO graph: what labeling computes, without TensorFlow and without code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch import disk
from fashionbatch.bundle.graph.frozen import frozen
from fashionbatch.errors import BundleError, ScratchError

if TYPE_CHECKING:
    import keras
    import openvino as ov

INPUT_NAME = "pixels"
OUTPUT_NAME = "probabilities"
FEATURES_NAME = "features"
_BOTH = (OUTPUT_NAME, FEATURES_NAME)
_PLACES = re.compile(r"\{\{\w+ [^}]*\}\} ?| ?\[Op:\w+\]")
"""How TensorFlow names the node of a graph and the operation in which something happened."""
UNSUPPORTED_OPERATIONS = re.compile(r"No conversion rule found for operations: (?P<operations>[^\n]+)")


def to_graph(model: keras.Model, features: keras.KerasTensor | None = None) -> ov.Model:
    """Convert a Keras model to the graph that a bundle holds.

    The graph is a copy: training the model further does not change it.

    Args:
        model: one input, uint8 `(batch, height, width, channels)`; one output, float32 `(batch, outputs)`. What is
            active in training only, such as augmentation, must not be part of it.
        features: the tensor within the model that its head reads; embeddings are made of it.

    Returns:
        The graph with input `pixels` and output `probabilities`; the batch size is open, every other size fixed. The
        tensor of the features is called `features`.

    Raises:
        BundleError: the model has other inputs or outputs, or an operation that OpenVINO does not have.
        ScratchError: temporary files find no room.
    """
    import tensorflow as tf

    _require_one_image_in_one_vector_out(model)
    shape = tuple(model.inputs[0].shape)
    whole = model if features is None else _with_features(model, features)

    # Traced with an open batch size; an example input would fix it, and Flatten layers with it. The dictionary names
    # the output, and so leaves out what is computed for nothing. Not under AutoGraph: layers are traced already, and
    # it warns about sources that it cannot read.
    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name=INPUT_NAME)], autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def network(pixels: Any) -> Any:
        given = whole(pixels, training=False)
        return {OUTPUT_NAME: given} if features is None else dict(zip(_BOTH, given, strict=True))

    try:
        graph = graph_of_function(network)
    except ScratchError:
        raise
    except Exception as error:  # OpenVINO and TensorFlow raise classes of many modules
        raise _cannot_convert(model, error) from error
    return _with_stable_names(finish_graph(graph if features is None else _with_named_features(graph)))


def graph_of_function(network: Any) -> ov.Model:
    """Convert a TensorFlow function to an OpenVINO graph, by way of a file in a temporary folder.

    Given the function itself, OpenVINO 2026.4 fails on Python 3.13 with a NameError; of a SavedModel it makes the same
    graph to the byte, on every Python. So it does of a message with the weights in it, in a third of the time.

    Args:
        network: a `tf.function` with an input signature, which gives a dictionary of tensors by their names.

    Returns:
        The graph, whose outputs have those names.

    Raises:
        ScratchError: there is no room in that folder.
        Exception: whatever TensorFlow and OpenVINO raise; their classes come from many modules.
    """
    traced = network.get_concrete_function()
    message = frozen(traced)
    with disk.scratch_folder() as folder:
        return _by_saved_model(traced, folder) if message is None else _by_message(traced, message, folder)


def _by_saved_model(traced: Any, folder: Path) -> ov.Model:
    import tensorflow as tf
    from openvino.tools.ovc import convert_model

    holder = tf.Module()
    # TensorFlow exports a function only together with the variables that it reads.
    holder.weights = list(traced.variables)
    # It computes nothing, so that TensorFlow's own errors are those of the disk.
    with _scratch_errors(tf.errors.OpError):
        tf.saved_model.save(holder, str(folder), signatures=traced)
    # Without copies of the weights the graph would read them from files that are about to go.
    return convert_model(folder, share_weights=False)


def _by_message(traced: Any, message: Any, folder: Path) -> ov.Model:
    from openvino.tools.ovc import convert_model

    file = folder / "network.pb"
    with _scratch_errors(OSError):
        file.write_bytes(message.SerializeToString())  # disk: scratch
    graph = convert_model(file, share_weights=False)
    # The message knows no names but those of tensors; outputs are sorted as TensorFlow flattens a dictionary.
    found = {name: result for result in graph.get_results() for name in result.output(0).names}
    outputs = [found[tensor.name].output(0).tensor for tensor in traced.outputs]
    for tensor in outputs:
        tensor.set_names(set())
    for name, tensor in zip(sorted(traced.structured_outputs), outputs, strict=True):
        tensor.add_names({name})
    for port in graph.inputs:
        name = port.node.get_friendly_name().partition(":")[0]
        port.node.set_friendly_name(name)
        port.tensor.set_names({name})
    return graph


def save_scratch_graph(graph: ov.Model, path: Path) -> None:
    """Write a graph and its weights, uncompressed, as temporary files.

    Args:
        graph: the graph.
        path: the `.xml` file, in a folder for temporary files.

    Raises:
        ScratchError: there is no room for it.
    """
    import openvino as ov

    with _scratch_errors(RuntimeError):
        # The default halves the weights to float16, which changes results.
        ov.save_model(graph, path, compress_to_fp16=False)  # disk: scratch


@contextmanager
def _scratch_errors(kind: type[Exception]) -> Iterator[None]:
    """As `disk.scratch_errors`, in the words of OpenVINO's and TensorFlow's errors that mean something to a user."""
    try:
        yield
    except (OSError, kind) as error:
        raise disk.scratch_error(first_sentence(error)) from error


def finish_graph(graph: ov.Model) -> ov.Model:
    """Give a graph's input and output the names that bundles use, and check what goes in and comes out.

    Raises:
        BundleError: it is not uint8 `(?, height, width, channels)` -> float32 `(?, outputs)`.
    """
    import openvino as ov

    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise BundleError(
            f"the network has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; a bundle's has one of each"
        )
    pixels, probabilities = graph.input(0), graph.output(0)
    if pixels.element_type != ov.Type.u8 or pixels.partial_shape.rank != ov.Dimension(4):
        raise BundleError(
            f"the network takes {_describe(pixels)}; a bundle's takes uint8 (batch, height, width, channels)"
        )
    if probabilities.element_type != ov.Type.f32 or probabilities.partial_shape.rank != ov.Dimension(2):
        raise BundleError(f"the network gives {_describe(probabilities)}; a bundle's gives float32 (batch, outputs)")
    pixels.tensor.set_names({INPUT_NAME})
    pixels.node.set_friendly_name(INPUT_NAME)
    probabilities.tensor.set_names({OUTPUT_NAME})
    return graph


def _with_stable_names(graph: ov.Model) -> ov.Model:
    """The graph with its operations numbered within it: OpenVINO and Keras number them within the process.

    So the same training gives the same bundle, whether it was stopped and resumed or not.
    """
    ours = {INPUT_NAME, *_BOTH}
    for number, operation in enumerate(graph.get_ordered_ops()):
        if operation.get_friendly_name() != INPUT_NAME:
            operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
        for port in operation.outputs():
            port.get_tensor().set_names(port.names & ours)
    return graph


def _with_features(model: keras.Model, features: keras.KerasTensor) -> keras.Model:
    import keras

    return keras.Model(model.inputs[0], [model.outputs[0], features])


def _with_named_features(graph: ov.Model) -> ov.Model:
    """The graph of the probabilities alone, in which the tensor of the features has its name."""
    import openvino as ov

    results = {name: result for result in graph.get_results() for name in _BOTH if name in result.output(0).names}
    results[FEATURES_NAME].input_value(0).get_tensor().set_names({FEATURES_NAME})
    return ov.Model([results[OUTPUT_NAME]], graph.get_parameters(), graph.get_friendly_name())


def _require_one_image_in_one_vector_out(model: keras.Model) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BundleError(
            f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            "labeling needs one of each"
        )
    pixels, probabilities = model.inputs[0], model.outputs[0]
    if len(pixels.shape) != 4 or None in pixels.shape[1:] or pixels.dtype != "uint8":
        raise BundleError(
            f"model {model.name!r} takes {pixels.dtype} {tuple(pixels.shape)}; labeling needs uint8 "
            "(None, height, width, channels)"
        )
    if len(probabilities.shape) != 2 or probabilities.dtype != "float32":
        raise BundleError(
            f"model {model.name!r} gives {probabilities.dtype} {tuple(probabilities.shape)}; labeling needs float32 "
            "(None, outputs)"
        )


def _cannot_convert(model: keras.Model, error: Exception) -> BundleError:
    found = UNSUPPORTED_OPERATIONS.search(str(error))
    if found is None:
        return BundleError(f"model {model.name!r} cannot be converted for labeling: {first_sentence(error)}")
    return BundleError(
        f"model {model.name!r} cannot be converted for labeling: OpenVINO has no {found['operations'].strip()}",
        hint="build the architecture from layers without these operations",
    )


def _describe(port: Any) -> str:
    return f"{port.element_type.get_type_name()} {port.partial_shape}"


def first_sentence(error: BaseException) -> str:
    """What an error of OpenVINO or TensorFlow says, without the places in their sources and graphs around it."""
    noise = ("Exception from", "Check '", "FrontEnd API failed", "While ", "Loading input model", "Model wasn't", "-- ")
    lines = [line.strip() for line in _PLACES.sub("", str(error)).splitlines()]
    sentences = [line for line in lines if line and not line.startswith(noise)]
    return next(iter(sentences), type(error).__name__)
