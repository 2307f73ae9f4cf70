"""A traced TensorFlow function as one message with its weights in it: less to write and to read than a SavedModel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 1 << 28
"""Larger weights go another way: a message ends at 2 GiB, and some copies of them would stand in memory."""

_READ = "ReadVariableOp"


def frozen(traced: Any) -> Any | None:
    """The graph of what a function's outputs need, with the values that its variables have now in their place.

    TensorFlow has a function for that, too, which runs its optimizer over the graph and takes seven times as long.

    Args:
        traced: a concrete function of TensorFlow.

    Returns:
        A `GraphDef` with an `Identity` for each output, named as in the function. None where that is more than putting
        values in: variables that are written, looked up in or handed on, functions of its own, as loops and branches
        are, values that are no numbers, and large weights.
    """
    import tensorflow as tf

    given = traced.graph.as_graph_def()
    values = _values(traced)
    if values is None or len(given.library.function) or not _only_read(given, _variables(traced)):
        return None
    graph = tf.compat.v1.GraphDef(versions=given.versions)
    needed = _needed(given, [tensor.op.name for tensor in traced.outputs])
    for node in given.node:
        if node.name not in needed:
            continue
        copy = graph.node.add()
        if node.name in values:
            copy.name, copy.op = node.name, "Const"
            copy.attr["dtype"].type = tf.as_dtype(values[node.name].dtype).as_datatype_enum
            copy.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[node.name]))
        elif node.op == _READ:
            copy.name, copy.op = node.name, "Identity"
            copy.input.extend(_data_inputs(node))
            copy.attr["T"].CopyFrom(node.attr["dtype"])
        else:
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(_data_inputs(node))
    return graph


def _variables(traced: Any) -> set[str]:
    """The names of the nodes that stand for variables."""
    import tensorflow as tf

    return {inner.op.name for _, inner in traced.graph.captures if inner.dtype == tf.resource}


def _values(traced: Any) -> Mapping[str, NDArray[Any]] | None:
    """What stands outside of a graph and is read in it, by the node's name; None where it cannot be put in."""
    import tensorflow as tf

    # A variable is captured by its handle, which is a tensor without a value of its own.
    variables = {id(variable.handle): variable for variable in traced.variables}
    values: dict[str, NDArray[Any]] = {}
    for outer, inner in traced.graph.captures:
        source = variables.get(id(outer)) if inner.dtype == tf.resource else outer
        if source is None or not (source.dtype.is_floating or source.dtype.is_integer or source.dtype.is_bool):
            return None
        values[inner.op.name] = np.asarray(source.numpy())
    return values if sum(value.nbytes for value in values.values()) <= MOST_BYTES else None


def _only_read(graph: Any, variables: set[str]) -> bool:
    return all(node.op == _READ or not variables & {_node(name) for name in node.input} for node in graph.node)


def _needed(graph: Any, outputs: Iterable[str]) -> set[str]:
    """The names of the nodes that outputs are computed from, and of the outputs' own."""
    nodes = {node.name: node for node in graph.node}
    found: set[str] = set()
    waiting = [*outputs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [_node(read) for read in _data_inputs(nodes[name])]
    return found


def _data_inputs(node: Any) -> list[str]:
    """What a node computes from; the others, such as checks, it only waits for."""
    return [name for name in node.input if not name.startswith("^")]


def _node(name: str) -> str:
    """The node that an input comes from: `name`, `name:1` or `^name`."""
    return name.removeprefix("^").partition(":")[0]
