"""The shape of a recipe, version 1. What a component's own parameters may be is its plugin's business."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fashionbatch.specs import ImageSpec, Parameters, Precision


class Component(BaseModel):
    """`{name: ..., <its own parameters>}`; a bare name is the short form of one without parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def own_parameters(self) -> dict[str, Any]:
        """Everything but the name, as the recipe gives it; checked by the plugin's model, not here."""
        return dict(self.model_extra or {})


class SplitFraction(Parameters):
    """A share of the images, drawn at random."""

    fraction: float = Field(ge=0, lt=1)


class SplitLast(Parameters):
    """The last images of the source's training split, in its order."""

    last: int = Field(gt=0)


class SplitFrom(Parameters):
    """A split that the source names."""

    from_: Literal["train", "validation", "test"] = Field(alias="from")


SplitPart: TypeAlias = SplitLast | SplitFrom | Annotated[float, Field(ge=0, lt=1)]


class Split(Parameters):
    """Which images train, which choose, which judge.

    A part is a fraction, `{last: N}`, or `{from: NAME}` for a split that the source names. A part that is omitted is the
    source's split of that name, else 0.2 for validation and none for test.
    """

    validation: SplitPart | None = None
    test: SplitPart | None = None
    seed: int = Field(42, ge=0, lt=2**32)
    stratify: bool = Field(True, description="Keep each class's share the same in every part.")
    group_by: str | None = Field(
        None,
        description="A column of the source, or a regular expression on file names whose first group is the key: "
        "images with one key stay on one side.",
    )


class Labels(Parameters):
    """How classes are called in tables and pictures."""

    names: dict[str, str] = Field(default_factory=dict, description="Class name in the source -> name shown.")


class Data(Parameters):
    """Where the images come from and what becomes of them before training."""

    source: Component
    labels: Labels = Labels()
    image: ImageSpec
    split: Split = Split()


class EarlyStopping(Parameters):
    """Stop when a figure no longer gets better."""

    monitor: Literal["val_loss", "val_accuracy", "loss", "accuracy"] = "val_loss"
    patience: int = Field(5, ge=0, description="Epochs without improvement that are waited for.")
    min_delta: float = Field(0.0, ge=0)
    restore_best_weights: bool = True


class Phase(Parameters):
    """One stretch of training: which layers learn, how, for how long. What is omitted is as in `training`."""

    train: Literal["head", "all"] | dict[Literal["from"], str] = Field(
        description="head: the head alone; {from: LAYER}: the head and the backbone from that layer on; all: everything."
    )
    name: str | None = None
    epochs: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=1)
    optimizer: Component | None = None
    schedule: Component | float | None = None
    augmentation: tuple[Component, ...] | None = None
    early_stopping: EarlyStopping | None = None


class Training(Parameters):
    """How the network is fitted."""

    epochs: int = Field(10, ge=1, le=100_000)
    batch_size: int = Field(32, ge=1, le=65_536)
    optimizer: Component = Component(name="adam")
    schedule: Component | float | None = Field(
        None, description="A schedule of the learning rate; a number is a constant rate."
    )
    early_stopping: EarlyStopping | None = None
    class_weight: Literal["balanced"] | dict[str, float] | None = None
    precision: Precision | Literal["auto"] = "auto"
    seed: int = Field(42, ge=0, lt=2**32)
    phases: tuple[Phase, ...] = ()


class Recipe(Parameters):
    """A classifier: data, network, training."""

    version: Literal[1]
    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    data: Data
    augmentation: tuple[Component, ...] = ()
    architecture: Component
    head: Component = Component(name="multiclass")
    loss: Component | None = None
    training: Training = Training()
    initialize_from: str | None = Field(None, description="A run or bundle whose weights training starts from.")

    @model_validator(mode="after")
    def _label_weights_are_positive(self) -> Recipe:
        weights = self.training.class_weight
        if isinstance(weights, dict) and not all(weight > 0 for weight in weights.values()):
            raise ValueError("training.class_weight: every weight must be larger than 0")
        return self
