"""The graphs of a bundle: which files each one has, what computes it, and how that fared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from fashionbatch.bundle.part import Part
from fashionbatch.specs import Precision

GRAPH_NAME = "model.xml"
GRAPH_WEIGHTS_NAME = "model.bin"

GraphKind: TypeAlias = Literal["float32", "int8"]
"""The graphs that a bundle may hold: the one that training left, and the one that was quantized from it."""
GRAPH_FILES: Mapping[GraphKind, tuple[str, str]] = {
    "float32": (GRAPH_NAME, GRAPH_WEIGHTS_NAME),
    "int8": ("model.int8.xml", "model.int8.bin"),
}
"""The names of each graph's files, its operations and its weights."""
COMPUTES: Mapping[GraphKind, tuple[Precision, ...]] = {"float32": ("float32", "bfloat16"), "int8": ("int8",)}
"""The precisions that each graph is computed in."""


def graph_kind(precision: Precision) -> GraphKind:
    """Which of a bundle's graphs a precision computes."""
    return "int8" if precision == "int8" else "float32"


class PairedCounts(Part):
    """Images by which of two precisions labeled them right."""

    both_right: int = Field(ge=0)
    only_float32_right: int = Field(ge=0)
    only_this_right: int = Field(ge=0)
    neither_right: int = Field(ge=0)


class PrecisionRecord(Part):
    """How one precision fared, in numbers of images. `fashionbatch.bundle.graph.gate` judges by it.

    Attributes:
        images: how many it labeled.
        right: how many of them right (for `several_of_many`: every label of the image, and the winner of each group of
            which it has exactly one label); None where nobody knows what is right.
        same_label: how many with the label that float32 gave, and its winner in each group.
        against_float32: both precisions' labels image by image; None where nobody knows what is right, and in bundles
            of format 1, which did not count that.
        source: where the images come from: the validation split, or photos that were given to judge by.
    """

    images: int = Field(ge=1)
    right: int | None = Field(ge=0)
    same_label: int = Field(ge=0)
    against_float32: PairedCounts | None = None
    source: Literal["validation", "photos"] = "validation"

    @model_validator(mode="after")
    def _counts_add_up(self) -> PrecisionRecord:
        if max(self.right or 0, self.same_label) > self.images:
            raise ValueError(f"more images right or the same than the {self.images} that there are")
        paired = self.against_float32
        if paired is None:
            return self
        if self.right is None:
            raise ValueError("against_float32 counts right images where right does not")
        if paired.both_right + paired.only_this_right != self.right:
            raise ValueError("against_float32 does not add up to right")
        if self.right + paired.only_float32_right + paired.neither_right != self.images:
            raise ValueError("against_float32 does not add up to images")
        # Two right labels are the same one; a right and a wrong one are not.
        if not paired.both_right <= self.same_label <= paired.both_right + paired.neither_right:
            raise ValueError("same_label contradicts against_float32")
        return self

    @property
    def accuracy(self) -> float | None:
        """Share of right labels, 0..1; None where nobody knows what is right."""
        return None if self.right is None else self.right / self.images

    @property
    def same_labels(self) -> float:
        """Share of images with the label that float32 gave, 0..1."""
        return self.same_label / self.images


class GraphOrigin(Part):
    """How a graph was made.

    Attributes:
        converter: the program that wrote it.
        method: what it did, in words.
        versions: of that program and of what it used.
    """

    converter: str
    method: str
    versions: dict[str, str] = Field(default_factory=dict)


class QuantizationRecord(Part):
    """How a graph of 8 bits came about.

    Attributes:
        way: one of `fashionbatch.bundle.quantizing.ways`, the best of those that were tried.
        tried: all of them, in order.
        images: how many calibrated it: they say how large the numbers between two layers become.
        source: where those come from: the training split, or photos that were given for it.
        seed: by which they were chosen.
    """

    way: str
    tried: tuple[str, ...] = Field(min_length=1)
    images: int = Field(ge=1)
    source: Literal["train", "photos"]
    seed: int = Field(ge=0)


class Graph(Part):
    """One graph of the network; its files' names follow from its kind, see `GRAPH_FILES`.

    Attributes:
        made: None where a bundle does not say, as those of format 1.
        quantization: of a graph of 8 bits; None of others.
        parity: for each precision that computes this graph, how it fared on the validation split; empty where nothing
            could be compared, as for imported models.
    """

    made: GraphOrigin | None = None
    quantization: QuantizationRecord | None = None
    parity: dict[Precision, PrecisionRecord] = Field(default_factory=dict)
