"""A registry of small components, and recipes that name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, model_validator

from fashionbatch.recipe.load import RecipeDocument, parse_recipe
from fashionbatch.registry import Provider, Registry
from fashionbatch.specs import (
    ArchitectureSpec,
    AugmentationSpec,
    CallbackSpec,
    DatasetSpec,
    HeadSpec,
    LossSpec,
    Parameters,
)
from fashionbatch_plugins import metrics, optimizers, schedules


class Folder(Parameters):
    path: str
    classes: tuple[str, ...] | None = None


class Block(Parameters):
    filters: int = Field(gt=0)
    pool: int | None = 2


class Cnn(Parameters):
    blocks: tuple[Block, ...] = (Block(filters=32),)
    padding: Literal["same", "valid"] | int = "same"
    dropout: float = Field(0.4, ge=0, lt=1)

    @model_validator(mode="after")
    def _valid_needs_pooling(self) -> Cnn:
        if self.padding == "valid" and any(block.pool is None for block in self.blocks):
            raise ValueError("valid padding needs pooling in every block")
        return self


class Pretrained(Parameters):
    weights: str | None = "imagenet"


class Groups(Parameters):
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Turn(Parameters):
    degrees: float = Field(25.0, gt=0, le=180)


class Focal(Parameters):
    gamma: float = Field(2.0, ge=0)


def _unused(*_: object) -> None:
    raise AssertionError("planning builds nothing")


ONE, TWO, SEVERAL = ("one_of_many",), ("yes_or_no",), ("several_of_many",)
SPECS = [
    DatasetSpec(name="image_folder", summary="A folder.", parameters=Folder, load=_unused),
    ArchitectureSpec(name="cnn", summary="A network.", parameters=Cnn, build=_unused),
    ArchitectureSpec(name="minivgg", summary="A network.", build=_unused),
    ArchitectureSpec(name="pretrained", summary="A network.", parameters=Pretrained, build=_unused),
    HeadSpec(name="multiclass", summary="A head.", decoding="one_of_many", default_loss="cross", build=_unused),
    HeadSpec(name="binary", summary="A head.", decoding="yes_or_no", default_loss="binary_cross", build=_unused),
    HeadSpec(
        name="multilabel",
        summary="A head.",
        parameters=Groups,
        decoding="several_of_many",
        default_loss="binary_cross",
        build=_unused,
    ),
    LossSpec(name="cross", summary="A loss.", decodings=ONE, build=_unused),
    LossSpec(name="binary_cross", summary="A loss.", decodings=TWO + SEVERAL, build=_unused),
    LossSpec(name="focal", summary="A loss.", parameters=Focal, decodings=ONE, build=_unused),
    AugmentationSpec(name="flip", summary="A change.", build=_unused),
    AugmentationSpec(name="turn", summary="A change.", parameters=Turn, build=_unused),
    AugmentationSpec(name="vivid", summary="A change.", channels=(3,), build=_unused),
    AugmentationSpec(name="grey_only", summary="A change.", channels=(1,), build=_unused),
    *optimizers.register_optimizers(),
    *schedules.register_schedules(),
    *metrics.register_metrics(),
    CallbackSpec(name="notes", summary="Looks on.", build=_unused),
]


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    for spec in SPECS:
        made.add(spec, Provider("fashionbatch", "1.0"))
    return made


WHOLE = """\
version: 1
name: shoes
data:
  source: {name: image_folder, path: photos}
  image: {size: [32, 32]}
architecture: cnn
"""


@pytest.fixture
def recipe() -> Callable[..., RecipeDocument]:
    """A document of a whole recipe with lines added, and pieces of it replaced."""

    def make(added: str = "", *overrides: str, **replaced: str) -> RecipeDocument:
        text = WHOLE
        for name, line in replaced.items():
            old = next(one for one in WHOLE.splitlines() if one.strip().startswith(f"{name}:"))
            text = text.replace(old, line)
        return parse_recipe(text + added, name="r.yaml", base=Path("/base"), overrides=overrides)

    return make
