"""What plugins hand over: frozen specs, and the few types that their functions take and return.

A spec is data about a component plus one function that makes it. It never holds a live object, so it can be listed,
documented and checked without importing TensorFlow. Everything here is public; a plugin needs this module,
`fashionbatch.hookspecs` and `fashionbatch.errors`, and nothing else of FashionBatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    import keras

API_VERSION = 1
"""The plugin API that this FashionBatch speaks; every spec carries the one that it was written for."""

Decoding: TypeAlias = Literal["one_of_many", "yes_or_no", "several_of_many"]
"""How probabilities become labels. A bundle stores it, so that labeling needs no plugin.

- `one_of_many`: `(batch, classes)`, each row sums to 1; the label is the largest, ties go to the earlier class.
- `yes_or_no`: `(batch, 1)`, the probability of the second of two classes.
- `several_of_many`: `(batch, classes)`, each for itself; the labels are those at or over their thresholds.
"""

Precision: TypeAlias = Literal["float32", "bfloat16"]
Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
"""Lower-case file name endings that say "image" where a folder is searched; what a file is, its content says."""


class Parameters(BaseModel):
    """The base of every component's parameters: unknown keys are errors, values do not change, defaults are checked.

    Field types, constraints, defaults and descriptions are what `plugins show` prints and what the JSON schema for
    editors is made of.

    Example:
        >>> from pydantic import Field
        >>> class Blur(Parameters):
        ...     sigma: float = Field(1.0, gt=0, description="Standard deviation in pixels.")
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every component says of itself.

    Attributes:
        name: how recipes call it: lower case letters, digits and underscores.
        summary: one line for `plugins list`.
        parameters: the pydantic model of its parameters; `Parameters` itself where it has none.
        api: the plugin API version that the spec was written for.
    """

    kind: ClassVar[str]

    name: str
    summary: str
    parameters: type[Parameters] = Parameters
    api: int = API_VERSION


class Resize(Parameters):
    """How a photo of any shape becomes the network's."""

    mode: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="stretch: both sides to the size; crop: the centre, as much as fits; pad: all, on background.",
    )
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    crop_fraction: float = Field(
        1.0, gt=0, le=1, description="The central part of the photo that is used, as a fraction of each side."
    )


class ImageSpec(Parameters):
    """The image that a network takes. Training and labeling decode by the same one; a bundle stores it."""

    size: tuple[int, int] = Field(description="Height and width in pixels.")
    channels: Literal[1, 3] = Field(3, description="1 is grey, 3 is red, green, blue.")
    resize: Resize = Resize()
    background: tuple[int, int, int] = Field(
        (255, 255, 255),
        description="Red, green, blue under transparent pixels and beside padded photos, 0..255.",
    )

    @field_validator("size")
    @classmethod
    def _size_is_sane(cls, size: tuple[int, int]) -> tuple[int, int]:
        if not all(1 <= side <= 4096 for side in size):
            raise ValueError("height and width must be between 1 and 4096 pixels")
        return size

    @field_validator("background")
    @classmethod
    def _background_is_a_colour(cls, background: tuple[int, int, int]) -> tuple[int, int, int]:
        if not all(0 <= value <= 255 for value in background):
            raise ValueError("red, green and blue must be between 0 and 255")
        return background

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one decoded image."""
        return (*self.size, self.channels)


# ---------------------------------------------------------------------------------------------------------- datasets


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The images of a data source with their labels, before any of them is decoded.

    Attributes:
        images: paths of image files, or one uint8 array `(n, height, width)` or `(n, height, width, channels)`.
        labels: for each image the names of its classes; exactly one for single-label data.
        class_names: every class in the order that the network's outputs will have.
        splits: for each image the split that the source names, None where it names none.
        groups: named columns, one value an image, that `split.group_by` can keep together.
        skipped: files that belong to the source but cannot be used, with the reason.
    """

    images: NDArray[np.uint8] | Sequence[Path]
    labels: Sequence[tuple[str, ...]]
    class_names: tuple[str, ...]
    splits: Sequence[Split | None] | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    skipped: Sequence[tuple[Path, str]] = ()

    def __len__(self) -> int:
        return len(self.labels)


class DatasetContext(Protocol):
    """What a dataset may ask of its surroundings."""

    def locate(self, path: str) -> Path:
        """The file or folder behind a recipe's path.

        Relative paths are relative to the recipe. `data:NAME` is looked for in FASHIONBATCH_DATA_DIR, as a folder or
        as NAME.tar, which is unpacked once into the cache.

        Raises:
            DataError: nothing is there; the message says where it was looked for.
        """

    def find_data_file(self, name: str) -> Path | None:
        """The file of that name in FASHIONBATCH_DATA_DIR, None where the variable is unset or the file absent."""

    @property
    def cache_directory(self) -> Path:
        """Where downloads and unpacked archives may be kept."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A source of labeled images.

    Attributes:
        load: reads the list of images and labels; it does not decode files.
    """

    kind: ClassVar[str] = "dataset"

    load: Callable[[Any, DatasetContext], Samples]


# ------------------------------------------------------------------------------------------------------------ models


@dataclass(frozen=True, kw_only=True)
class ArchitectureSpec(Spec):
    """A backbone: from pixels to features. The head puts the last layers on it.

    Attributes:
        build: takes float32 pixels `(batch, height, width, channels)` in 0..255 as a Keras tensor and the checked
            parameters; returns features `(batch, n)`. Scaling of pixels happens here, inside the model.
        initialize: loads pretrained weights into the backbone that `build` made, a Keras model from pixels to
            features. Called only where training begins with them: not for a bundle, whose own weights follow, so that
            nobody needs the pretrained file to label. None where there are no such weights.
        example_shape: the smallest `(height, width, channels)` that the contract suite builds it with.
    """

    kind: ClassVar[str] = "architecture"

    build: Callable[[keras.KerasTensor, Any], keras.KerasTensor]
    initialize: Callable[[keras.Model, Any, DatasetContext], None] | None = None
    example_shape: tuple[int, int, int] = (32, 32, 3)


@dataclass(frozen=True, kw_only=True)
class HeadSpec(Spec):
    """The last layers, and how their output is read.

    Attributes:
        decoding: how probabilities become labels; it also fixes how labels become training targets.
        default_loss: the loss that a recipe without one gets.
        build: takes features `(batch, n)`, the number of classes and the parameters; returns float32 probabilities of
            the shape that the decoding asks for. A parameter `groups`, attribute -> class names of which one wins, is
            stored in bundles.
    """

    kind: ClassVar[str] = "head"

    decoding: Decoding
    default_loss: str
    build: Callable[[keras.KerasTensor, int, Any], keras.KerasTensor]


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss on probabilities.

    Attributes:
        decodings: the kinds of head that it fits.
        build: takes the parameters and, for `several_of_many` with class weights, one positive weight a label;
            returns a Keras loss of targets and probabilities, both float32 `(batch, outputs)`: one-hot rows for
            `one_of_many`, one column of 0 and 1 for `yes_or_no`, multi-hot rows for `several_of_many`.
    """

    kind: ClassVar[str] = "loss"

    decodings: tuple[Decoding, ...]
    build: Callable[[Any, NDArray[np.float32] | None], keras.losses.Loss]


@dataclass(frozen=True, kw_only=True)
class AugmentationSpec(Spec):
    """A random change of training images, as a Keras layer.

    Attributes:
        build: takes the parameters and a seed; returns a layer from float32 `(batch, height, width, channels)` in
            0..255 to the same shape and range. It is active in training only and is not part of the bundle.
    """

    kind: ClassVar[str] = "augmentation"

    build: Callable[[Any, int], keras.layers.Layer]


# --------------------------------------------------------------------------------------------------------- inference


class FeatureTensor(NamedTuple):
    """What the head reads: output `port` of an operation of the bundle's graph (its friendly name), `size` an image."""

    operation: str
    port: int
    size: int


@dataclass(frozen=True, kw_only=True)
class RuntimeRequest:
    """What a runtime is asked to run.

    Attributes:
        graph: the bundle's `model.xml`; `model.bin` lies beside it.
        batch_size: images in each batch; the last batch of a run comes padded.
        input_shape: `(height, width, channels)` of one image.
        outputs: numbers for each image.
        precision: the arithmetic of the network.
        device: `cpu` or `gpu`.
        streams: batches computed side by side, each on one thread.
        keras_model: rebuilds the Keras model with its trained weights; raises BundleError for a bundle that has none.
        features: what is wanted beside the probabilities: each row that comes out of `collect` is then its
            probabilities and, after them, its features. Asked only of runtimes whose spec says `gives_features`.
    """

    graph: Path
    batch_size: int
    input_shape: tuple[int, int, int]
    outputs: int
    precision: Precision
    device: str
    streams: int
    keras_model: Callable[[], keras.Model]
    features: FeatureTensor | None = None


class Runtime(Protocol):
    """A network that is ready to run. Batches go in by `submit` and come out of `collect`, in any order."""

    slots: int
    """How many batches may be under way at once."""

    version: str
    """Name and version of what computes, as the job file records it."""

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        """Start on uint8 `(batch_size, height, width, channels)`; waits while every slot is busy.

        The batch must stay unchanged until its key has been collected.
        """

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        """Finished batches as (key, probabilities `(batch_size, outputs)`); with `wait`, at least one if any is due."""

    def close(self) -> None:
        """Give back memory and threads."""


@dataclass(frozen=True, kw_only=True)
class RuntimeSpec(Spec):
    """Something that computes a bundle's network.

    Attributes:
        precisions: what this machine can compute with it on a device; empty where the runtime cannot be used.
        open: makes the network ready; raises RuntimeUnavailableError where the request cannot be met.
        gives_features: whether it heeds `RuntimeRequest.features`; the probabilities must be the same bits then.
    """

    kind: ClassVar[str] = "runtime"

    precisions: Callable[[str], tuple[Precision, ...]]
    open: Callable[[RuntimeRequest], Runtime]
    gives_features: bool = False


# ------------------------------------------------------------------------------------------------------------ tables

Cell: TypeAlias = str | float | None


@dataclass(frozen=True, kw_only=True)
class WriterSpec(Spec):
    """A format of the label table.

    A shard file is `encode`d rows and nothing else; `assemble` joins them, in order, into the table.

    Attributes:
        suffix: the usual ending of a file name, such as `.csv`.
        encode: the bytes of some rows; a cell is text, a probability, or None for an empty cell.
        assemble: writes the whole table from the columns and the encoded shards, without holding them in memory.
    """

    kind: ClassVar[str] = "writer"

    suffix: str
    encode: Callable[[Sequence[str], Iterable[Sequence[Cell]]], bytes]
    assemble: Callable[[Sequence[str], Iterable[Path], BinaryIO], None]


@dataclass(frozen=True, kw_only=True)
class EngineSpec(Spec):
    """Something that runs the shards of a job: in this process, or on other machines.

    Attributes:
        run: takes the numbers of the shards that are not done and the function that does one of them; returns when
            all are done. The function may be called in any order, and is safe to call again.
    """

    kind: ClassVar[str] = "engine"

    run: Callable[[Sequence[int], Callable[[int], None]], None]


AnySpec: TypeAlias = (
    DatasetSpec | ArchitectureSpec | HeadSpec | LossSpec | AugmentationSpec | RuntimeSpec | WriterSpec | EngineSpec
)

SPEC_TYPES: tuple[type[Spec], ...] = get_args(AnySpec)
KINDS: tuple[str, ...] = tuple(spec_type.kind for spec_type in SPEC_TYPES)
"""The kinds of component, as `plugins show KIND NAME` takes them."""


# --------------------------------------------------------------------------------------------------------- lifecycle


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What `training_finished` is told: the run directory, its bundle, and what `summary.json` holds."""

    run_directory: Path
    bundle: Path
    summary: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LabelingReport:
    """What `labeling_finished` is told, after the last commit: the table and what its sidecar holds."""

    table: Path
    bundle: Path
    meta: Mapping[str, Any]
