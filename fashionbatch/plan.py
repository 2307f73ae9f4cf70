"""Recipe + registry -> plan: every name resolved, every parameter checked. No TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from fashionbatch.recipe.schema import Recipe
from fashionbatch.registry import Provider
from fashionbatch.specs import (
    ArchitectureSpec,
    AugmentationSpec,
    DatasetSpec,
    HeadSpec,
    LossSpec,
    Parameters,
    Spec,
)

SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True)
class Resolved(Generic[SpecT]):
    """A component of the recipe: what its name stands for, and its checked parameters."""

    spec: SpecT
    parameters: Parameters
    provider: Provider


@dataclass(frozen=True)
class Plan:
    """A recipe that is ready to run.

    Attributes:
        recipe: the validated recipe.
        base: the folder that relative paths in it are relative to.
    """

    recipe: Recipe
    base: Path
    source: Resolved[DatasetSpec]
    architecture: Resolved[ArchitectureSpec]
    head: Resolved[HeadSpec]
    loss: Resolved[LossSpec]
    augmentation: tuple[Resolved[AugmentationSpec], ...]

    def resolved(self) -> dict[str, Any]:
        """The recipe as plain data, with every default written out and `provider/name` as each component's name."""
        raise NotImplementedError
