"""`bundle.json` of format 1, which FashionBatch 0.1 wrote: read for good, never written again."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from fashionbatch.bundle.graph.record import GRAPH_FILES, Graph, PrecisionRecord
from fashionbatch.bundle.manifest import (
    OPTIONAL_FILES,
    BundleManifest,
    Decision,
    FileRecord,
    Head,
    Labels,
    PluginRecord,
)
from fashionbatch.bundle.part import Part
from fashionbatch.specs import ImageSpec, TrainingPrecision


class SharesOfImages(Part):
    """How one precision fared on the validation split, which format 1 has as shares.

    Attributes:
        accuracy: share of right labels, 0..1 (exact match for `several_of_many`).
        same_labels: share of images with the label that float32 gave, 0..1.
        images: how many images that is measured on.
    """

    accuracy: float = Field(ge=0, le=1)
    same_labels: float = Field(ge=0, le=1)
    images: int = Field(ge=1)

    def counted(self) -> PrecisionRecord:
        """The numbers of images that the shares were computed from."""
        return PrecisionRecord(
            images=self.images,
            right=round(self.accuracy * self.images),
            same_label=round(self.same_labels * self.images),
        )


class ManifestOfFormat1(Part):
    """The whole of `bundle.json`, format 1."""

    format_version: Literal[1]
    name: str
    labels: Labels
    head: Head
    image: ImageSpec
    decoding_policy: dict[str, Any]
    plugins: tuple[PluginRecord, ...] = ()
    # What labeling computed in then: the same two as in training.
    precision_parity: dict[TrainingPrecision, SharesOfImages] = Field(default_factory=dict)
    created_with: dict[str, str] = Field(default_factory=dict)
    files: dict[str, FileRecord]

    @model_validator(mode="after")
    def _files_are_known(self) -> ManifestOfFormat1:
        if unknown := set(self.files) - {*GRAPH_FILES["float32"], *OPTIONAL_FILES}:
            raise ValueError(f"files names {min(unknown)!r}, which is no file of a bundle")
        return self

    def upgrade(self) -> BundleManifest:
        """The same bundle as the rest of the program knows bundles.

        Raises:
            ValidationError: its parts do not fit together.
        """
        parity = {precision: shares.counted() for precision, shares in self.precision_parity.items()}
        return BundleManifest(
            format_version=1,
            name=self.name,
            labels=self.labels,
            decision=Decision.of(self.head),
            image=self.image,
            decoding_policy=self.decoding_policy,
            graphs={"float32": Graph(parity=parity)},
            plugins=self.plugins,
            created_with=self.created_with,
            files=self.files,
        )
