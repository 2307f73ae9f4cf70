"""What `bundle.json` says: everything that labeling needs to know of a trained network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, model_validator

from fashionbatch.bundle.graph.record import COMPUTES, GRAPH_FILES, Graph, GraphKind, PrecisionRecord
from fashionbatch.bundle.part import Part
from fashionbatch.decisions import DecisionRule, rule_for
from fashionbatch.names import label_problem
from fashionbatch.specs import Decoding, FeatureTensor, ImageSpec, Precision

FORMAT_VERSION = 2
"""What is written. `fashionbatch.bundle.format_1` reads the one before."""
READABLE_FORMATS = (1, FORMAT_VERSION)
MANIFEST_NAME = "bundle.json"
KERAS_WEIGHTS_NAME = "model.weights.h5"
RECIPE_NAME = "recipe.yaml"
REFERENCE_NAME = "reference.npz"

LABEL_LIMIT = 100_000
"""Labels that a bundle may have: the largest public sets of photos have 22,000. Each takes half a kilobyte here."""

OPTIONAL_FILES = (RECIPE_NAME, KERAS_WEIGHTS_NAME)


def _check_label_name(name: str) -> None:
    if problem := label_problem(name):
        raise ValueError(f"label name {name!r} {problem}")


class Labels(Part):
    """The classes, in the order of the network's outputs."""

    class_names: tuple[str, ...] = Field(min_length=1, max_length=LABEL_LIMIT)
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


class Head(Part):
    """How probabilities become labels. `BundleManifest.rule` decides by it.

    Attributes:
        thresholds: for `several_of_many` one for each label, for `yes_or_no` one, for `one_of_many` none.
        groups: for `several_of_many`: attribute -> the class names of which one wins.
    """

    name: str
    decoding: Decoding
    thresholds: tuple[float, ...] = ()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Calibration(Part):
    """How the probabilities of one precision are calibrated before labels are decided.

    The logarithm of each probability (for sigmoid outputs its log-odds) is multiplied by a scale and shifted by a bias,
    then softmax or sigmoid follow again. One scale and no bias is temperature scaling (Guo et al., 2017), two numbers
    for a sigmoid are Platt's.

    Attributes:
        scales: one for all outputs, or one for each.
        biases: none, or one for each output.
        images: of the validation split, that it was fitted to.
    """

    scales: tuple[float, ...] = Field(min_length=1)
    biases: tuple[float, ...] = ()
    images: int = Field(ge=1)


class RiskStep(Part):
    """What remained at one threshold of confidence, and how much of that was wrong."""

    threshold: float = Field(ge=0, le=1)
    kept: int = Field(ge=0)
    wrong: int = Field(ge=0)

    @model_validator(mode="after")
    def _wrong_ones_were_kept(self) -> RiskStep:
        if self.wrong > self.kept:
            raise ValueError(f"{self.wrong} wrong images of {self.kept}")
        return self


class RiskCounts(Part):
    """What a promise of at most so many wrong labels rests on: counts on images that nothing was fitted to.

    Attributes:
        images: how many there were.
        steps: by rising threshold.
    """

    images: int = Field(ge=1)
    steps: tuple[RiskStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _steps_rise(self) -> RiskCounts:
        thresholds = [step.threshold for step in self.steps]
        if sorted(set(thresholds)) != thresholds:
            raise ValueError("thresholds must rise from step to step")
        if max(step.kept for step in self.steps) > self.images:
            raise ValueError(f"a step keeps more than the {self.images} images")
        return self


class Decision(Part):
    """How probabilities become labels.

    Attributes:
        head: the name of the head that the network was trained with.
        rule: how its outputs are read.
        thresholds: by precision, as in `Head`; a precision without its own has those of float32.
        groups: as in `Head`.
        calibration: by precision; empty where probabilities stand as the network gives them.
        risk: by precision; empty where nothing was counted.
    """

    head: str
    rule: Decoding
    thresholds: dict[Precision, tuple[float, ...]] = Field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    calibration: dict[Precision, Calibration] = Field(default_factory=dict)
    risk: dict[Precision, RiskCounts] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _groups_can_be_columns(self) -> Decision:
        for group in self.groups:
            _check_label_name(group)
        return self

    @model_validator(mode="after")
    def _has_thresholds_to_fall_back_on(self) -> Decision:
        if self.thresholds and "float32" not in self.thresholds:
            raise ValueError("thresholds for other precisions need those of float32")
        return self

    @classmethod
    def of(cls, head: Head) -> Decision:
        """What a head comes to, with the same thresholds in every precision."""
        thresholds: dict[Precision, tuple[float, ...]] = {"float32": head.thresholds} if head.thresholds else {}
        return cls(head=head.name, rule=head.decoding, thresholds=thresholds, groups=head.groups)

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Those that decide by thresholds of their own; float32 is always among them."""
        return tuple(self.thresholds) or ("float32",)

    def head_in(self, precision: Precision) -> Head:
        """The same in one precision alone."""
        thresholds = self.thresholds.get(precision, self.thresholds.get("float32", ()))
        return Head(name=self.head, decoding=self.rule, thresholds=thresholds, groups=self.groups)


class PluginRecord(Part):
    """A component that the network was made with."""

    kind: str
    name: str
    provider: str
    version: str


class FileRecord(Part):
    """A file of the bundle."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class FeatureRecord(Part):
    """Where the features stand in the float32 graph: output `port` of an operation, `size` numbers an image."""

    operation: str
    port: int = Field(ge=0)
    size: int = Field(ge=1)

    @property
    def tensor(self) -> FeatureTensor:
        """The same, as runtimes take it."""
        return FeatureTensor(self.operation, self.port, self.size)


class ReferenceRecord(Part):
    """What `reference.npz` holds: a few images, and what the network gave for them when the bundle was made.

    Attributes:
        images: how many.
        source: `validation`: photos of the validation split; `synthetic`: patterns that a program drew.
        precisions: those whose outputs are recorded; float32 is always among them.
    """

    images: int = Field(ge=1, le=64)
    source: Literal["validation", "synthetic"]
    precisions: tuple[Precision, ...]

    @model_validator(mode="after")
    def _has_float32(self) -> ReferenceRecord:
        if "float32" not in self.precisions or len(set(self.precisions)) != len(self.precisions):
            raise ValueError("precisions must name float32, and each one once")
        return self


class BundleManifest(Part):
    """The whole of `bundle.json`, as the rest of the program sees it, whatever format it was written in.

    Attributes:
        format_version: of the file that it was read from; what is written is always of the newest.
        decision: how probabilities become labels; `head` is the same for who computes in float32.
        decoding_policy: `fashionbatch.images.POLICY` at the time of training.
        graphs: by kind; the one of float32 is always there.
        features: None where the network has no row of features for each image, and in bundles of format 1.
        reference: None in bundles of format 1.
        created_with: versions of FashionBatch and of the libraries that made the graph.
        extensions: what other programs, or later versions of this one, have to say. What is not known here is ignored,
            and kept when the file is written again.
    """

    format_version: Literal[1, 2]
    name: str
    labels: Labels
    decision: Decision
    image: ImageSpec
    decoding_policy: dict[str, Any]
    graphs: dict[GraphKind, Graph]
    features: FeatureRecord | None = None
    reference: ReferenceRecord | None = None
    plugins: tuple[PluginRecord, ...] = ()
    created_with: dict[str, str] = Field(default_factory=dict)
    files: dict[str, FileRecord]
    extensions: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _labels_and_decision_make_rules(self) -> BundleManifest:
        for precision in self.decision.precisions:
            _ = self.rule_in(precision)  # a ValueError says which part does not fit the others
        for calibration in self.decision.calibration.values():
            if len(calibration.scales) not in (1, self.outputs) or len(calibration.biases) not in (0, self.outputs):
                raise ValueError(f"a calibration does not fit the {self.outputs} outputs")
        return self

    @model_validator(mode="after")
    def _graphs_hold_what_computes_them(self) -> BundleManifest:
        if "float32" not in self.graphs:
            raise ValueError("graphs does not name float32")
        for kind, graph in self.graphs.items():
            if foreign := set(graph.parity) - set(COMPUTES[kind]):
                raise ValueError(f"graphs.{kind}.parity names {min(foreign)!r}, which does not compute it")
        return self

    @model_validator(mode="after")
    def _files_are_known(self) -> BundleManifest:
        # Names are compared with a fixed list, so no path in a stranger's bundle ever leads anywhere.
        required = {name for kind in self.graphs for name in GRAPH_FILES[kind]}
        required |= {REFERENCE_NAME} if self.reference is not None else set()
        if unknown := set(self.files) - {*required, *OPTIONAL_FILES}:
            raise ValueError(f"files names {min(unknown)!r}, which is no file of this bundle")
        if missing := required - set(self.files):
            raise ValueError(f"files does not name {min(missing)!r}")
        return self

    @property
    def head(self) -> Head:
        """How probabilities become labels in float32."""
        return self.decision.head_in("float32")

    @property
    def rule(self) -> DecisionRule:
        """By which the network's outputs become labels in float32: in tables, figures and pictures."""
        return self.rule_in("float32")

    def rule_in(self, precision: Precision) -> DecisionRule:
        """By which the network's outputs in one precision become labels."""
        head = self.decision.head_in(precision)
        return rule_for(head.decoding, self.labels.class_names, thresholds=head.thresholds, groups=head.groups)

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for each image."""
        return self.rule.outputs

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """What the bundle holds a graph for."""
        return tuple(precision for kind in self.graphs for precision in COMPUTES[kind])

    @property
    def precision_parity(self) -> dict[Precision, PrecisionRecord]:
        """How each precision that was tried fared on the validation split, of all graphs."""
        return {precision: record for graph in self.graphs.values() for precision, record in graph.parity.items()}
