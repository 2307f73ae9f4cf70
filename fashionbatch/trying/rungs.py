"""Short trainings that decide which longer one is worth the rest of a budget, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fashionbatch.model.network import Network
from fashionbatch.trying.opened import Opened
from fashionbatch.trying.results import Kind, Tried

_INT8_S, _INT8_PHOTOS = 15.0, 6_000
"""A graph of 8 bits costs NNCF's start, and as much as labeling so many photos in float32."""


@dataclass(frozen=True)
class Finalist:
    """What is worth the rest of the budget.

    Attributes:
        recipe: with as many epochs as fit.
        with_int8: whether there is time for a graph of 8 bits after them.
        opened: the candidate that it trains.
        kind: what of it learns.
        setting: how, in words.
        text: the same as a sentence without a full stop.
        seconds: that its epochs are expected to take.
    """

    recipe: dict[str, Any]
    with_int8: bool
    opened: Opened
    kind: Kind
    setting: str
    text: str
    seconds: float


@dataclass
class Rung:
    """A short training that decides whether a longer one is worth it.

    Attributes:
        opened: the candidate.
        start: the layer from which on its backbone is fine-tuned; None trains all of it from nothing.
        tried: how it fared, once that is known.
    """

    opened: Opened
    start: str | None = None
    tried: Tried | None = None

    @property
    def kind(self) -> Kind:
        """What of the network learns."""
        return "from nothing" if self.start is None else "fine-tuned"

    @property
    def title(self) -> str:
        """What is trained, in words."""
        name = self.opened.candidate.name
        return f"{name} from nothing" if self.start is None else f"{name} fine-tuned from {self.start}"

    def setting(self, epochs: int) -> str:
        """How it is trained, in words."""
        return epochs_text(epochs) if self.start is None else f"from {self.start}, {epochs_text(epochs)}"


def int8_seconds(milliseconds: float, slowed: float) -> float:
    """What a graph of 8 bits is expected to cost a run, in two ways.

    Args:
        milliseconds: that the network takes for a photo where the machine does nothing else.
        slowed: how many times as long everything takes now.
    """
    return slowed * (_INT8_S + _INT8_PHOTOS * milliseconds / 1000)


def epochs_text(count: int) -> str:
    """So many epochs, in words."""
    return f"{count} epoch{'s' if count != 1 else ''}"


def layer_at(network: Network, share: float) -> str:
    """The convolution before which that share of a backbone's layers lies, or the first layer where there is none."""
    layers = [layer for layer in map(network.backbone.get_layer, network.backbone_layers) if layer.trainable_weights]
    later = layers[int(len(layers) * share) :] or layers
    return next((str(layer.name) for layer in later if "Conv2D" in type(layer).__name__), str(later[0].name))
