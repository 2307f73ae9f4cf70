"""What plugins hand over: frozen specs, and the few types that their functions take and return.

A spec is data about a component plus one function that makes it. It never holds a live object, so it can be listed,
documented and checked without importing TensorFlow. Everything here is public; a plugin needs this package,
`fashionbatch.hookspecs` and `fashionbatch.errors`, and nothing else of FashionBatch.
"""

from __future__ import annotations

from fashionbatch.csvtext import AUTO, PATH_COLUMNS, CsvReader, PathFinder, foreign_path, western_path
from fashionbatch.left_behind import is_left_behind
from fashionbatch.names import alike, composed
from fashionbatch.specs.addresses import is_address, require_address
from fashionbatch.specs.base import API_VERSION, Parameters, Spec, value_of
from fashionbatch.specs.data import SPLITS, DatasetContext, DatasetSpec, EncodedImages, ImageFile, Samples, Split
from fashionbatch.specs.images import IMAGE_EXTENSIONS, ImageSpec, Resize
from fashionbatch.specs.labeling import (
    Cell,
    ColumnType,
    EngineSpec,
    PackedBundles,
    Resources,
    RunShard,
    ShardProgress,
    StopSignal,
    WriterSpec,
)
from fashionbatch.specs.lifecycle import LabelingReport, TrainingReport
from fashionbatch.specs.models import (
    ArchitectureSpec,
    AugmentationSpec,
    Decoding,
    HeadSpec,
    LossSpec,
    Starter,
    TrainingPrecision,
)
from fashionbatch.specs.runtimes import FeatureTensor, Precision, Runtime, RuntimeRequest, RuntimeSpec
from fashionbatch.specs.searches import Fetch, ImageSearchSpec, Locate, SearchAnswer, SearchHit, SearchPage
from fashionbatch.specs.training import (
    PLAIN_FIGURES,
    CallbackSpec,
    EpochFigures,
    MetricSpec,
    OptimizerParameters,
    OptimizerSpec,
    Rate,
    ScheduleSpec,
    Span,
    TrainingCallback,
    TrainingEnd,
    TrainingStart,
    is_better,
)
from fashionbatch.specs.weights import WeightsSpec, fetch

__all__ = [
    "API_VERSION",
    "AUTO",
    "IMAGE_EXTENSIONS",
    "KINDS",
    "PATH_COLUMNS",
    "PLAIN_FIGURES",
    "SPEC_TYPES",
    "SPLITS",
    "ArchitectureSpec",
    "AugmentationSpec",
    "CallbackSpec",
    "Cell",
    "ColumnType",
    "CsvReader",
    "DatasetContext",
    "DatasetSpec",
    "Decoding",
    "EncodedImages",
    "EngineSpec",
    "EpochFigures",
    "FeatureTensor",
    "Fetch",
    "HeadSpec",
    "ImageFile",
    "ImageSearchSpec",
    "ImageSpec",
    "LabelingReport",
    "Locate",
    "LossSpec",
    "MetricSpec",
    "OptimizerParameters",
    "OptimizerSpec",
    "PackedBundles",
    "Parameters",
    "PathFinder",
    "Precision",
    "Rate",
    "Resize",
    "Resources",
    "RunShard",
    "Runtime",
    "RuntimeRequest",
    "RuntimeSpec",
    "Samples",
    "ScheduleSpec",
    "SearchAnswer",
    "SearchHit",
    "SearchPage",
    "ShardProgress",
    "Span",
    "Spec",
    "Split",
    "Starter",
    "StopSignal",
    "TrainingCallback",
    "TrainingEnd",
    "TrainingPrecision",
    "TrainingReport",
    "TrainingStart",
    "WeightsSpec",
    "WriterSpec",
    "alike",
    "composed",
    "fetch",
    "foreign_path",
    "is_address",
    "is_better",
    "is_left_behind",
    "require_address",
    "value_of",
    "western_path",
]

SPEC_TYPES: tuple[type[Spec], ...] = (
    DatasetSpec,
    ArchitectureSpec,
    HeadSpec,
    LossSpec,
    AugmentationSpec,
    OptimizerSpec,
    ScheduleSpec,
    MetricSpec,
    CallbackSpec,
    RuntimeSpec,
    WriterSpec,
    EngineSpec,
    ImageSearchSpec,
)
"""Every kind of component. A new kind is its spec type, a line here and its hook in `hookspecs`; all else follows."""
KINDS: tuple[str, ...] = tuple(spec_type.kind for spec_type in SPEC_TYPES)
"""The kinds of component, as `plugins show KIND NAME` takes them."""
