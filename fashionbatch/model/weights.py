"""Weights by name: from one network into another, with a report of what fitted."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import WeightsError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class FitReport:
    """What became of another network's weights.

    Attributes:
        fitted: layers that took all of theirs.
        kept: layers of this network that found no weights of their name, and keep their own.
        misfits: layers whose weights have another shape, as sentences; they keep their own.
        unused: layers of the other network that this one does not have.
    """

    fitted: tuple[str, ...]
    kept: tuple[str, ...]
    misfits: tuple[str, ...]
    unused: tuple[str, ...]

    def text(self) -> str:
        """The report in a few lines."""
        lines = [f"{len(self.fitted)} layer{'s' if len(self.fitted) != 1 else ''} took weights: {_listed(self.fitted)}"]
        if self.kept:
            lines.append(f"{len(self.kept)} start{'' if len(self.kept) != 1 else 's'} afresh: {_listed(self.kept)}")
        lines += [f"does not fit: {misfit}" for misfit in self.misfits]
        if self.unused:
            lines.append(
                f"{len(self.unused)} {'were' if len(self.unused) != 1 else 'was'} not used: {_listed(self.unused)}"
            )
        return "\n".join(lines)


class _Memory(io.BytesIO):
    """A file in memory, of the name that Keras asks of files of weights."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def write_weights(model: keras.Model, file: BinaryIO) -> None:
    """Write the content of a `.weights.h5` file of a model.

    HDF5 does not survive a disk that is full: it raises whatever its clean-up meets, or ends the process. So it writes
    into memory first.

    Raises:
        OSError: the file cannot be written.
    """
    content = _Memory()
    model.save_weights(content, overwrite=True)
    file.write(content.getbuffer())


def named_weights(model: keras.Model) -> dict[str, list[NDArray[Any]]]:
    """Layer name -> its weights, for every layer that has any."""
    return {
        layer.name: [np.asarray(weight) for weight in layer.get_weights()] for layer in model.layers if layer.weights
    }


def assign_by_name(model: keras.Model, weights: Mapping[str, list[NDArray[Any]]]) -> FitReport:
    """Give each layer the weights of its name, where the shapes are the same.

    Args:
        model: changed in place.
        weights: as `named_weights` gives them.

    Raises:
        WeightsError: not one layer fits.
    """
    fitted, kept, misfits = [], [], []
    own = [layer for layer in model.layers if layer.weights]
    for layer in own:
        given = weights.get(layer.name)
        if given is None:
            kept.append(layer.name)
            continue
        expected = [tuple(weight.shape) for weight in layer.get_weights()]
        found = [tuple(weight.shape) for weight in given]
        if expected == found:
            layer.set_weights(given)
            fitted.append(layer.name)
        else:
            misfits.append(f"{layer.name} has {_shapes(expected)}, the weights have {_shapes(found)}")
    settle(model)
    unused = tuple(name for name in weights if name not in {layer.name for layer in own})
    report = FitReport(tuple(fitted), tuple(kept), tuple(misfits), unused)
    if not fitted:
        raise WeightsError(f"none of the weights fit:\n{report.text()}")
    return report


def settle(model: keras.Model) -> None:
    """Let layers take up weights that were assigned one by one.

    Keras's `Normalization` computes with tensors that it makes of its weights when it is built, adapted or loaded.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join("x".join(map(str, shape)) or "a number" for shape in shapes)


def _listed(names: tuple[str, ...], most: int = 8) -> str:
    if len(names) <= most:
        return ", ".join(names) or "none"
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
