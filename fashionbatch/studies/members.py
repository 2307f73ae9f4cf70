"""The trainings that a study is made of, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from fashionbatch.plan import Plan

Kind: TypeAlias = Literal["seeds", "folds", "sweep", "search"]
State: TypeAlias = Literal["finished", "failed", "not finished"]


@dataclass(frozen=True)
class Member:
    """One training of a study.

    Attributes:
        name: of its folder within the study's; the same in every call of the same study.
        title: how far the study is when it begins, such as `seed 2 of 3`.
        plan: what is trained.
        fold: the number of the fold that it is judged by, from 0; None where it is trained on the recipe's own splits.
        settings: place in the recipe -> its value as it was written, of those that differ between members.
    """

    name: str
    title: str
    plan: Plan
    fold: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """What decides its first weights and its order of images."""
        return self.plan.recipe.training.seed

    @property
    def group(self) -> tuple[tuple[str, str], ...]:
        """What it shares with those that differ from it by the seed alone."""
        return tuple(self.settings.items())


@dataclass(frozen=True)
class Result:
    """What became of a member.

    Attributes:
        member: which one.
        state: whether it is finished, has failed, or has not come to its end yet.
        summary: its `summary.json` where it is finished; else empty.
        problem: why it failed, in one line; else empty.
    """

    member: Member
    state: State
    summary: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    def figures(self, split: str) -> dict[str, float]:
        """The figures of a split, called as in `summary.json`; of groups of labels there is `group NAME accuracy`."""
        found = self.summary.get("figures", {}).get(split, {})
        plain = {name: float(value) for name, value in found.items() if name not in _COUNTS and _is_number(value)}
        groups = found.get("groups", {})
        return plain | {f"group {name} accuracy": float(one["accuracy"]) for name, one in groups.items()}

    def images(self, split: str) -> int:
        """How many images of a split judged it."""
        return int(self.summary.get("figures", {}).get(split, {}).get("images", 0))


_COUNTS = frozenset({"images", "sampled_from", "groups"})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
