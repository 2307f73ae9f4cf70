"""The hooks that a plugin may implement, each with a whole example.

A plugin is a module, or an object in one, that an installed distribution names in the entry point group `fashionbatch`:

    [project.entry-points.fashionbatch]
    shoes = "shoes_for_fashionbatch"

Import `hookimpl` from here and mark the functions. A marked function that is no hook is an error, not a silent no-op.
Keep TensorFlow and other heavy imports inside the functions that need them: plugins are also loaded to be listed.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from fashionbatch.specs import (
    ArchitectureSpec,
    AugmentationSpec,
    CallbackSpec,
    DatasetSpec,
    EngineSpec,
    HeadSpec,
    ImageSearchSpec,
    LabelingReport,
    LossSpec,
    MetricSpec,
    OptimizerSpec,
    RuntimeSpec,
    ScheduleSpec,
    TrainingReport,
    WriterSpec,
)

PROJECT = "fashionbatch"
"""The pluggy project name and the entry point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Sources of labeled images.

    Example:
        >>> from pydantic import Field
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import DatasetSpec, Parameters, Samples
        >>> class TwoFiles(Parameters):
        ...     cat: str = Field(description="A photo of a cat.")
        ...     dog: str = Field(description="A photo of a dog.")
        >>> def load_two_files(parameters, context):
        ...     paths = [context.locate(parameters.cat), context.locate(parameters.dog)]
        ...     return Samples(images=paths, labels=[("cat",), ("dog",)], class_names=("cat", "dog"))
        >>> @hookimpl
        ... def register_datasets():
        ...     yield DatasetSpec(
        ...         name="two_files", summary="One cat and one dog.", parameters=TwoFiles, load=load_two_files
        ...     )
    """


@hookspec
def register_architectures() -> Iterable[ArchitectureSpec]:  # type: ignore[empty-body]
    """Backbones, from pixels to features.

    Example:
        >>> from pydantic import Field
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import ArchitectureSpec, Parameters
        >>> class Wide(Parameters):
        ...     units: int = Field(256, gt=0, description="Outputs of the one dense layer.")
        >>> def build_wide(pixels, parameters):
        ...     from keras import layers
        ...     x = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))
        ...     return layers.Dense(parameters.units, activation="relu", name="wide")(x)
        >>> @hookimpl
        ... def register_architectures():
        ...     yield ArchitectureSpec(
        ...         name="wide", summary="One wide dense layer.", parameters=Wide, build=build_wide
        ...     )
    """


@hookspec
def register_heads() -> Iterable[HeadSpec]:  # type: ignore[empty-body]
    """Last layers, and how their output is read.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import HeadSpec
        >>> def build_two_layers(features, classes, parameters):
        ...     from keras import layers
        ...     hidden = layers.Dense(64, activation="relu", name="hidden")(features)
        ...     return layers.Dense(classes, activation="softmax", name="output")(hidden)
        >>> @hookimpl
        ... def register_heads():
        ...     yield HeadSpec(
        ...         name="two_layers",
        ...         summary="One of many, after a hidden layer.",
        ...         decoding="one_of_many",
        ...         default_loss="categorical_crossentropy",
        ...         build=build_two_layers,
        ...     )
    """


@hookspec
def register_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Losses on probabilities.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import LossSpec
        >>> def build_squared(parameters, label_weights):
        ...     import keras
        ...     return keras.losses.MeanSquaredError()
        >>> @hookimpl
        ... def register_losses():
        ...     yield LossSpec(
        ...         name="squared", summary="Brier's score.", decodings=("one_of_many",), build=build_squared
        ...     )
    """


@hookspec
def register_augmentations() -> Iterable[AugmentationSpec]:  # type: ignore[empty-body]
    """Random changes of training images, as Keras layers.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import AugmentationSpec
        >>> def build_grey(parameters, seed):
        ...     import keras
        ...     return keras.layers.RandomGrayscale(factor=0.2, seed=seed)
        >>> @hookimpl
        ... def register_augmentations():
        ...     yield AugmentationSpec(name="random_grey", summary="One in five turns grey.", build=build_grey)
    """


@hookspec
def register_optimizers() -> Iterable[OptimizerSpec]:  # type: ignore[empty-body]
    """What changes the weights at each step.

    Example:
        >>> from pydantic import Field
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import OptimizerParameters, OptimizerSpec
        >>> class Heavy(OptimizerParameters):
        ...     momentum: float = Field(0.99, ge=0, lt=1, description="Kept of the last step.")
        >>> def build_heavy(parameters, rate):
        ...     import keras
        ...     return keras.optimizers.SGD(rate, momentum=parameters.momentum, nesterov=True)
        >>> @hookimpl
        ... def register_optimizers():
        ...     yield OptimizerSpec(
        ...         name="heavy", summary="A heavy ball that looks ahead.", parameters=Heavy, build=build_heavy
        ...     )
    """


@hookspec
def register_schedules() -> Iterable[ScheduleSpec]:  # type: ignore[empty-body]
    """How the learning rate moves during a phase.

    Example:
        >>> from pydantic import Field
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import Parameters, ScheduleSpec
        >>> class Halving(Parameters):
        ...     every: float = Field(10.0, gt=0, description="Epochs after which the rate halves.")
        >>> def build_halving(parameters, span):
        ...     from keras.optimizers.schedules import ExponentialDecay
        ...     return ExponentialDecay(span.learning_rate, span.steps(parameters.every), 0.5, staircase=True)
        >>> @hookimpl
        ... def register_schedules():
        ...     yield ScheduleSpec(
        ...         name="halving", summary="Half the rate, again and again.", parameters=Halving, build=build_halving
        ...     )
    """


@hookspec
def register_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Figures of each epoch beside loss and accuracy.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import MetricSpec
        >>> def build_certainty(parameters, decoding, classes):
        ...     import keras
        ...     def certainty(targets, probabilities):
        ...         return keras.ops.max(probabilities, axis=-1)
        ...     return keras.metrics.MeanMetricWrapper(certainty, name="certainty")
        >>> @hookimpl
        ... def register_metrics():
        ...     yield MetricSpec(
        ...         name="certainty",
        ...         summary="The mean probability of the class that was chosen.",
        ...         decodings=("one_of_many",),
        ...         build=build_certainty,
        ...     )
    """


@hookspec
def register_callbacks() -> Iterable[CallbackSpec]:  # type: ignore[empty-body]
    r"""What is told how a training goes, epoch by epoch.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import CallbackSpec
        >>> class Notes:
        ...     def __init__(self, parameters, start):
        ...         self.file = start.run_directory / "notes" / "loss.txt"
        ...         self.file.parent.mkdir(exist_ok=True)
        ...     def epoch_finished(self, figures):
        ...         with self.file.open("a", encoding="utf-8") as file:
        ...             file.write(f"{figures.epoch}: {figures.values['loss']:.4f}\n")
        ...     def training_ended(self, end):
        ...         print("finished" if end.completed else "stopped", self.file)
        >>> @hookimpl
        ... def register_callbacks():
        ...     yield CallbackSpec(name="notes", summary="Writes the loss into a text file.", build=Notes)
    """


@hookspec
def register_runtimes() -> Iterable[RuntimeSpec]:  # type: ignore[empty-body]
    """Ways to compute a bundle's network.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import RuntimeSpec
        >>> class KerasOnCpu:
        ...     slots, version = 1, "keras"
        ...     def __init__(self, request):
        ...         self.model, self.done = request.keras_model(), []
        ...     def submit(self, key, batch):
        ...         self.done.append((key, self.model.predict_on_batch(batch)))
        ...     def collect(self, *, wait):
        ...         done, self.done = self.done, []
        ...         return done
        ...     def close(self):
        ...         del self.model
        >>> @hookimpl
        ... def register_runtimes():
        ...     yield RuntimeSpec(
        ...         name="plain_keras",
        ...         summary="Keras, one batch at a time.",
        ...         precisions=lambda device: ("float32",) if device == "cpu" else (),
        ...         open=KerasOnCpu,
        ...     )
    """


@hookspec
def register_writers() -> Iterable[WriterSpec]:  # type: ignore[empty-body]
    r"""Formats of the label table.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import WriterSpec
        >>> def cell_text(cell):
        ...     if cell is None:
        ...         return ""
        ...     return f"{cell:.6g}" if isinstance(cell, float) else '"' + cell.replace('"', '""') + '"'
        >>> def encode_tabs(columns, rows):
        ...     lines = ("\t".join(map(cell_text, row)) + "\n" for row in rows)
        ...     return "".join(lines).encode("utf-8", "surrogateescape")
        >>> def assemble_tabs(columns, shards, file):
        ...     file.write(encode_tabs((), [columns]))
        ...     for shard in shards:
        ...         file.write(shard.read_bytes())
        >>> @hookimpl
        ... def register_writers():
        ...     yield WriterSpec(
        ...         name="tabs", summary="Tab separated.", suffix=".tsv", encode=encode_tabs, assemble=assemble_tabs
        ...     )
    """


@hookspec
def register_engines() -> Iterable[EngineSpec]:  # type: ignore[empty-body]
    """Ways to run the shards of a labeling job.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.specs import EngineSpec
        >>> def run_backwards(shards, run_shard):
        ...     for shard in reversed(shards):
        ...         run_shard(shard)
        >>> @hookimpl
        ... def register_engines():
        ...     yield EngineSpec(name="backwards", summary="The last shard first.", run=run_backwards)
    """


@hookspec
def register_image_searches() -> Iterable[ImageSearchSpec]:  # type: ignore[empty-body]
    """What finds pictures for `data collect`. A search describes requests and reads answers; the core asks.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> from fashionbatch.errors import DataError
        >>> from fashionbatch.specs import ImageSearchSpec, SearchHit, SearchPage
        >>> ANSWER = '{"pages": 1, "pictures": [{"id": "7", "file": "https://images.museum.example/7.jpg"}]}'
        >>> def search_museum(query, cursor, *, fetch):
        ...     page = int(cursor or 1)
        ...     found = fetch("https://api.museum.example/v1/pictures", query={"q": query, "page": str(page)}).json()
        ...     if not isinstance(found, dict) or "pictures" not in found:
        ...         raise DataError("the museum's answer is not in the form that it documents")
        ...     hits = tuple(SearchHit(id=one["id"], url=one["file"], licence="cc0") for one in found["pictures"])
        ...     return SearchPage(hits, str(page + 1) if page < found["pages"] else None)
        >>> @hookimpl
        ... def register_image_searches():
        ...     yield ImageSearchSpec(
        ...         name="museum",
        ...         summary="The open collection of a museum.",
        ...         search=search_museum,
        ...         hosts=("api.museum.example",),
        ...         recorded=(ANSWER,),
        ...     )
    """


@hookspec
def training_finished(report: TrainingReport) -> None:
    """Called when a run directory is complete. An error here is a warning; the run stays.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> @hookimpl
        ... def training_finished(report):
        ...     print(report.run_directory, report.summary["name"])
    """


@hookspec
def labeling_finished(report: LabelingReport) -> None:
    """Called after a table's last commit. An error here is a warning; the table stays.

    Example:
        >>> from fashionbatch.hookspecs import hookimpl
        >>> @hookimpl
        ... def labeling_finished(report):
        ...     print(report.table, report.meta["rows"])
    """
