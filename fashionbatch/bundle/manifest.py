"""What `bundle.json` says: everything that labeling needs to know of a trained network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fashionbatch.decisions import DecisionRule, rule_for
from fashionbatch.specs import Decoding, ImageSpec, Precision

FORMAT_VERSION = 1
MANIFEST_NAME = "bundle.json"
GRAPH_NAME = "model.xml"
GRAPH_WEIGHTS_NAME = "model.bin"
KERAS_WEIGHTS_NAME = "model.weights.h5"
RECIPE_NAME = "recipe.yaml"
REQUIRED_FILES = (GRAPH_NAME, GRAPH_WEIGHTS_NAME)
OPTIONAL_FILES = (RECIPE_NAME, KERAS_WEIGHTS_NAME)


def _check_label_name(name: str) -> None:
    if not name or "|" in name or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        raise ValueError(f"label name {name!r} is empty or holds '|' or a control character")
    if any(0xD800 <= ord(c) < 0xE000 for c in name):
        raise ValueError(f"label name {name!r} is not Unicode text")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Labels(_Part):
    """The classes, in the order of the network's outputs."""

    class_names: tuple[str, ...] = Field(min_length=1)
    display_names: tuple[str, ...]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Labels:
        if len(self.class_names) != len(self.display_names):
            raise ValueError("class_names and display_names must have the same length")
        for names in (self.class_names, self.display_names):
            if len(set(names)) != len(names):
                raise ValueError("label names must be distinct")
            for name in names:
                _check_label_name(name)
        return self


class Head(_Part):
    """How probabilities become labels. `BundleManifest.rule` decides by it.

    Attributes:
        thresholds: for `several_of_many` one for each label, for `yes_or_no` one, for `one_of_many` none.
        groups: for `several_of_many`: attribute -> the class names of which one wins.
    """

    name: str
    decoding: Decoding
    thresholds: tuple[float, ...] = ()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _groups_can_be_columns(self) -> Head:
        for group in self.groups:
            _check_label_name(group)
        return self


class PluginRecord(_Part):
    """A component that the network was made with."""

    kind: str
    name: str
    provider: str
    version: str


class FileRecord(_Part):
    """A file of the bundle."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class PrecisionRecord(_Part):
    """How one precision fared on the validation split.

    Attributes:
        accuracy: share of right labels, 0..1 (exact match for `several_of_many`).
        same_labels: share of images with the label that float32 gave, 0..1.
        images: how many images that is measured on.
    """

    accuracy: float = Field(ge=0, le=1)
    same_labels: float = Field(ge=0, le=1)
    images: int = Field(ge=1)


class BundleManifest(_Part):
    """The whole of `bundle.json`, format version 1.

    Attributes:
        decoding_policy: `fashionbatch.images.POLICY` at the time of training.
        precision_parity: empty where nothing could be compared, as for imported models.
        created_with: versions of FashionBatch and of the libraries that made the graph.
    """

    format_version: Literal[1]
    name: str
    labels: Labels
    head: Head
    image: ImageSpec
    decoding_policy: dict[str, Any]
    plugins: tuple[PluginRecord, ...] = ()
    precision_parity: dict[Precision, PrecisionRecord] = Field(default_factory=dict)
    created_with: dict[str, str] = Field(default_factory=dict)
    files: dict[str, FileRecord]

    @model_validator(mode="after")
    def _labels_and_head_make_a_rule(self) -> BundleManifest:
        _ = self.rule  # a ValueError says which part does not fit the others
        return self

    @model_validator(mode="after")
    def _files_are_known(self) -> BundleManifest:
        # Names are compared with a fixed list, so no path in a stranger's bundle ever leads anywhere.
        if unknown := set(self.files) - {*REQUIRED_FILES, *OPTIONAL_FILES}:
            raise ValueError(f"files names {min(unknown)!r}, which is no file of a bundle")
        if missing := set(REQUIRED_FILES) - set(self.files):
            raise ValueError(f"files does not name {min(missing)!r}")
        return self

    @property
    def rule(self) -> DecisionRule:
        """By which the network's outputs become labels: in tables, figures and pictures."""
        head = self.head
        return rule_for(head.decoding, self.labels.class_names, thresholds=head.thresholds, groups=head.groups)

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for each image."""
        return self.rule.outputs
