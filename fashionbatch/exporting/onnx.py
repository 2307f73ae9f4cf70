"""Writes a network as ONNX, by tf2onnx."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fashionbatch import disk
from fashionbatch.errors import BundleError
from fashionbatch.exporting.description import KEY
from fashionbatch.exporting.network import INPUT_NAME, OUTPUT_NAME, converting, traced

if TYPE_CHECKING:
    import keras

_LARGEST_BYTES = 2**31 - 1
"""Protocol Buffers' own limit."""
_SMALLEST_HALVED = 32
"""Numbers from which on a tensor is kept in 16 bits; shapes and single factors stay as they are."""


def write_onnx(model: keras.Model, about: dict[str, Any], target: Path, *, opset: int, half: bool) -> None:
    """Write a network as one ONNX file.

    Args:
        model: as `model_of` gives it.
        about: as `describe` gives it; it becomes the file's metadata.
        target: a new file in a folder for temporary files.
        opset: the version of ONNX's operations.
        half: whether weights are kept as float16. They are computed in float32 all the same.

    Raises:
        BundleError: the network cannot be converted, or becomes larger than an ONNX file may be.
        ScratchError: temporary files find no room.
    """
    with converting("ONNX"):
        import onnx
        import tensorflow as tf
        from tf2onnx.convert import from_function

        shape = (None, *model.inputs[0].shape[1:])
        proto, _ = from_function(traced(model, None), [tf.TensorSpec(shape, tf.uint8, name=INPUT_NAME)], opset=opset)
        _name_batch(proto)
        if half:
            _halve(proto)
        _describe(proto, about)
        onnx.checker.check_model(proto, full_check=True)
        size = proto.ByteSize()
        if size > _LARGEST_BYTES:
            raise BundleError(f"the network has {size:,} bytes as ONNX, which holds {_LARGEST_BYTES:,} in one file")
        with disk.scratch_errors(), disk.write_new(target, sync=False) as file:
            file.write(proto.SerializeToString(deterministic=True))


def _name_batch(proto: Any) -> None:
    """Call the open dimension `batch` wherever it can be seen from outside."""
    [image], [probabilities] = proto.graph.input, proto.graph.output
    if (image.name, probabilities.name) != (INPUT_NAME, OUTPUT_NAME):
        raise BundleError(f"the converter calls input and output {image.name!r} and {probabilities.name!r}")
    for port in (image, probabilities):
        port.type.tensor_type.shape.dim[0].dim_param = "batch"
    # Shapes within the graph are found again by whoever needs them, and would contradict these names.
    del proto.graph.value_info[:]


def _halve(proto: Any) -> None:
    """Keep the weights as float16, each widened to float32 where it is used."""
    import onnx

    nodes = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < _SMALLEST_HALVED:
            continue
        name = tensor.name
        with np.errstate(over="ignore"):
            values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}_float16"))
        nodes.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes.extend(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _describe(proto: Any, about: dict[str, Any]) -> None:
    import onnx

    known = {key: value for key, value in about.items() if value is not None}
    texts = {key: value if isinstance(value, str) else _json(value) for key, value in known.items()}
    onnx.helper.set_model_props(proto, {**texts, KEY: _json(about)})
    proto.producer_name, _, proto.producer_version = about["made_by"].partition(" ")
    proto.graph.name = "network"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
