"""What `bundle.json` says: everything that labeling needs to know of a trained network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    """How probabilities become labels.

    Attributes:
        thresholds: for `several_of_many` one for each label, for `yes_or_no` one, for `one_of_many` none.
        groups: for `several_of_many`: attribute -> the class names of which one wins.
    """

    name: str
    decoding: Decoding
    thresholds: tuple[float, ...] = ()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_the_decoding(self) -> Head:
        if not all(0 <= threshold <= 1 for threshold in self.thresholds):
            raise ValueError("thresholds must be between 0 and 1")
        if self.decoding == "one_of_many" and self.thresholds:
            raise ValueError("one_of_many takes no thresholds")
        if self.decoding == "yes_or_no" and len(self.thresholds) > 1:
            raise ValueError("yes_or_no takes one threshold")
        if self.groups and self.decoding != "several_of_many":
            raise ValueError("only several_of_many has groups")
        for group, members in self.groups.items():
            _check_label_name(group)
            if not members or len(set(members)) != len(members):
                raise ValueError(f"group {group!r} is empty or names a class twice")
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
    def _parts_fit_together(self) -> BundleManifest:
        classes = self.labels.class_names
        if self.head.decoding == "yes_or_no" and len(classes) != 2:
            raise ValueError(f"yes_or_no needs two classes, got {len(classes)}")
        if self.head.decoding == "several_of_many" and len(self.head.thresholds) not in (0, len(classes)):
            raise ValueError(f"{len(self.head.thresholds)} thresholds for {len(classes)} classes")
        for group, members in self.head.groups.items():
            if unknown := set(members) - set(classes):
                raise ValueError(f"group {group!r} names {min(unknown)!r}, which is no class")
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
    def outputs(self) -> int:
        """Numbers that the network gives for each image."""
        return 1 if self.head.decoding == "yes_or_no" else len(self.labels.class_names)
