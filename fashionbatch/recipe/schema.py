"""The shape of a recipe, version 1. What a component's own parameters may be is its plugin's business."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from fashionbatch.names import label_problem
from fashionbatch.specs import ImageSpec, Parameters, TrainingPrecision

VERSION = 1
"""Of the form of recipes that is described here, which a recipe names on top.

It changes when recipes of before could no longer be read, or would mean something else; a key more does not change it.
"""


class Component(BaseModel):
    """`{name: ..., <its own parameters>}`; a bare name is the short form of one without parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(description="A registered name, or provider/name where two plugins claim it.")

    @property
    def own_parameters(self) -> dict[str, Any]:
        """Everything but the name, as the recipe gives it; checked by the plugin's model, not here."""
        return dict(self.model_extra or {})


class SplitLast(Parameters):
    """The last images of the source's training split, in its order."""

    last: int = Field(gt=0, description="How many images.")


class SplitFrom(Parameters):
    """A split that the source names."""

    from_: Literal["train", "validation", "test"] = Field(alias="from", description="The source's own split.")


def _form_of_part(value: object) -> str | None:
    keys = value if isinstance(value, dict) else ()
    if "last" in keys or isinstance(value, SplitLast):
        return "<last>"
    if "from" in keys or "from_" in keys or isinstance(value, SplitFrom):
        return "<from>"
    return None if isinstance(value, dict) else "<fraction>"


# The tags cannot be keys of a file, so they never stand for one in an error's path.
SplitPart: TypeAlias = Annotated[
    Annotated[float, Field(ge=0, lt=1), Tag("<fraction>")]
    | Annotated[SplitLast, Tag("<last>")]
    | Annotated[SplitFrom, Tag("<from>")],
    Discriminator(_form_of_part),
]
"""A fraction of the images drawn at random, the last N, or a split that the source names."""


class SplitSection(Parameters):
    """Which images train, which choose, which judge.

    A part is a fraction, `{last: N}`, or `{from: NAME}` for a split that the source names. A part that is omitted is
    the source's split of that name, else 0.2 for validation and none for test.
    """

    validation: SplitPart | None = Field(None, description="Chooses the best epoch and the thresholds.")
    test: SplitPart | None = Field(None, description="Judges the finished network; nothing is chosen by it.")
    seed: int = Field(42, ge=0, lt=2**32, description="Which images a fraction draws.")
    stratify: bool = Field(True, description="Keep each class's share the same in every part.")
    group_by: str | None = Field(
        None,
        min_length=1,
        description="A column of the source, or a regular expression on file names whose first group is the key: "
        "images with one key stay on one side.",
    )

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> SplitSection:
        fractions = [part for part in (self.validation, self.test) if isinstance(part, float)]
        if sum(fractions) >= 1:
            raise ValueError(f"validation and test take {sum(fractions):g} of the images; nothing is left to train on")
        return self

    @model_validator(mode="after")
    def _parts_differ(self) -> SplitSection:
        if isinstance(self.validation, SplitFrom) and self.validation == self.test:
            raise ValueError(f"validation and test are both the source's split {self.validation.from_!r}")
        if isinstance(self.validation, SplitLast) and isinstance(self.test, SplitLast):
            raise ValueError("validation and test are both the last images; they would be the same ones")
        return self


class Labels(Parameters):
    """How classes are called in tables and pictures."""

    names: dict[str, str] = Field(default_factory=dict, description="Class name in the source -> name shown.")

    @field_validator("names")
    @classmethod
    def _names_can_be_shown(cls, names: dict[str, str]) -> dict[str, str]:
        owner: dict[str, str] = {}
        for class_name, shown in names.items():
            if problem := label_problem(shown):
                raise ValueError(f"name {shown!r} {problem}")
            if shown in owner:
                raise ValueError(f"classes {owner[shown]!r} and {class_name!r} would both be shown as {shown!r}")
            owner[shown] = class_name
        return names


class Data(Parameters):
    """Where the images come from and what becomes of them before training."""

    source: Component = Field(description="A dataset and its parameters.")
    labels: Labels = Labels()
    image: ImageSpec = Field(description="The image that the network takes.")
    split: SplitSection = SplitSection()


class EarlyStopping(Parameters):
    """Stop when a figure no longer gets better."""

    monitor: str = Field(
        "val_loss", description="The figure: loss, accuracy, the name of a metric, or one of these after val_."
    )
    patience: int = Field(5, ge=0, description="Epochs without improvement that are waited for.")
    min_delta: float = Field(0.0, ge=0, description="A smaller change is no improvement.")
    restore_best_weights: bool = Field(True, description="Keep the best epoch's weights, not the last one's.")


class TrainFrom(Parameters):
    """The head, and the backbone from one of its layers on."""

    from_: str = Field(alias="from", min_length=1, description="A layer's name; `train --dry-run` lists them.")


class Phase(Parameters):
    """One stretch of training: which layers learn, how, for how long. What is omitted is as in `training`."""

    train: Literal["head", "all"] | TrainFrom = Field(
        description="head: the head alone; {from: LAYER}: it and the backbone from that layer on; all: everything."
    )
    name: str | None = Field(
        None, min_length=1, description="What pictures and tables call it; phase1, phase2 otherwise."
    )
    epochs: int | None = Field(None, ge=1, le=100_000, description="Rounds over the training images.")
    batch_size: int | None = Field(None, ge=1, le=65_536, description="Images in each step.")
    optimizer: Component | None = Field(None, description="The optimizer and its parameters.")
    schedule: Component | None = Field(
        None, description="A schedule of the learning rate, or a number for a constant one; null for none."
    )
    augmentation: tuple[Component, ...] | None = Field(None, description="Random changes; [] for none.")
    early_stopping: EarlyStopping | None = Field(None, description="When to stop early; null for never.")
    batch_norm: Literal["learn", "keep"] = Field(
        "learn",
        description="keep: batch normalisation in the backbone stays as it is, as Keras advises for fine-tuning; "
        "learn: it follows the batches where its layer is trained.",
    )

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Recipes in runs and bundles stay as they were before there was a choice, so that runs can be resumed.
        dump: dict[str, Any] = whole(self)
        if dump.get("batch_norm") == "learn":
            dump.pop("batch_norm")
        return dump


class Training(Parameters):
    """How the network is fitted."""

    epochs: int = Field(10, ge=1, le=100_000, description="Rounds over the training images.")
    batch_size: int = Field(32, ge=1, le=65_536, description="Images in each step.")
    optimizer: Component = Field(Component(name="adam"), description="The optimizer and its parameters.")
    schedule: Component | None = Field(
        None, description="A schedule of the learning rate, or a number for a constant one."
    )
    early_stopping: EarlyStopping | None = Field(None, description="When to stop early; never where it is omitted.")
    metrics: tuple[Component, ...] = Field((), description="Figures of each epoch beside loss and accuracy.")
    callbacks: tuple[Component, ...] = Field((), description="What is told how the training goes.")
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        None,
        description="balanced: a rare class counts as much as a common one; or class name -> weight, 1 where omitted.",
    )
    precision: TrainingPrecision | Literal["auto"] = Field(
        "auto", description="The arithmetic of training; auto: bfloat16 where the CPU has amx_bf16, else float32."
    )
    quantize: Literal["auto", "off"] = Field(
        "auto", description="auto: the bundle gets a graph of 8 bits, too, where the extra int8 is installed."
    )
    seed: int = Field(42, ge=0, lt=2**32, description="First weights, order of images, augmentation and dropout.")
    phases: tuple[Phase, ...] = Field(
        (), description="Transfer learning: what is trained in which order; all layers at once where it is empty."
    )


class Recipe(Parameters):
    """A classifier: data, network, training."""

    version: Literal[1] = Field(description="The version of this format.")
    name: str = Field(min_length=1, max_length=100, description="What the classifier is called.")
    description: str = Field("", description="What it is for.")
    data: Data = Field(description="Where the images come from and what becomes of them before training.")
    augmentation: tuple[Component, ...] = Field((), description="Random changes of training images, in this order.")
    architecture: Component = Field(description="The backbone, from pixels to features.")
    head: Component = Field(Component(name="multiclass"), description="The last layers, and how they are read.")
    loss: Component | None = Field(None, description="What training makes small; the head's own where it is omitted.")
    training: Training = Training()
    initialize_from: str | None = Field(
        None, min_length=1, description="A run or bundle whose weights training starts from."
    )

    @field_validator("name")
    @classmethod
    def _name_fits_one_line(cls, name: str) -> str:
        if not name.isprintable() or "/" in name or not name.strip():
            raise ValueError(f"name {name!r} may not be blank or hold '/', line ends or other control characters")
        return name
