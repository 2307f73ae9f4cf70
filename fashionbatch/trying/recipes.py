"""Recipes of what is tried: `train` does again what each of them says."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from fashionbatch.recipe.dump import to_yaml
from fashionbatch.trying.candidates import Candidate
from fashionbatch.trying.folder import PhotoFolder
from fashionbatch.trying.heads import BATCH, HeadSetting

_AUGMENTATION = ("random_flip", {"name": "random_crop", "smallest": 0.6})
_SMOOTHING = 0.1
_FINE = {"name": "adamw", "learning_rate": 0.0003, "weight_decay": 0.01}
_WHOLE = {"name": "adam", "learning_rate": 0.001}
_WIDTH = 110
_COMMENTS = {
    "data": "Where the photos are, and the image that the network gets.",
    "architecture": "What turns a photo into features.",
    "head": "What turns features into labels.",
    "loss": "Smoothed targets keep the network from being too sure of itself.",
    "training": "A phase that trains the head alone takes seconds: the features of each photo are computed once.",
}


def head_recipe(folder: PhotoFolder, candidate: Candidate, setting: HeadSetting, seed: int) -> dict[str, Any]:
    """A head on the features of a frozen backbone."""
    phases = [_head_phase(setting)]
    return _recipe(folder, candidate, setting, phases, seed)


def fine_tuning_recipe(
    folder: PhotoFolder, candidate: Candidate, setting: HeadSetting, *, start: str, epochs: int, seed: int
) -> dict[str, Any]:
    """The same, and then the backbone from a layer on, on photos that are mirrored and cropped at random."""
    fine = {
        "name": "fine-tuning",
        "train": {"from": start},
        "batch_norm": "keep",
        "epochs": epochs,
        "optimizer": dict(_FINE),
        "schedule": {"name": "cosine", "warmup_epochs": 0.5},
        "augmentation": list(_AUGMENTATION),
    }
    recipe = _recipe(folder, candidate, setting, [_head_phase(setting), fine], seed)
    return {**recipe, "loss": _loss(folder, _SMOOTHING)}


def whole_recipe(folder: PhotoFolder, candidate: Candidate, epochs: int, seed: int) -> dict[str, Any]:
    """A network that learns from nothing."""
    recipe = _recipe(folder, candidate, HeadSetting(), [], seed)
    training = {
        "epochs": epochs,
        "batch_size": BATCH,
        "optimizer": dict(_WHOLE),
        "schedule": "cosine",
        **_weighed(folder),
        "seed": seed,
    }
    return {**recipe, "augmentation": ["random_flip"], "training": training}


def without_int8(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The same, without the graph of 8 bits at its end. What is trained is the same."""
    return {**recipe, "training": {**recipe["training"], "quantize": "off"}}


def recipe_text(recipe: Mapping[str, Any], head_lines: Sequence[str]) -> str:
    """The recipe as YAML, with comments.

    Args:
        recipe: as the functions above make it.
        head_lines: what the file begins with, as comments.
    """
    lines = [f"# {line}".rstrip() for text in head_lines for line in (textwrap.wrap(text, _WIDTH) or [""])]
    parts = ["\n".join(lines) + "\n"]
    for key, value in recipe.items():
        comment = _COMMENTS.get(key)
        parts.append((f"\n# {comment}\n" if comment else "") + to_yaml({key: value}))
    return "".join(parts)


def _recipe(
    folder: PhotoFolder, candidate: Candidate, setting: HeadSetting, phases: Sequence[Mapping[str, Any]], seed: int
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "source": dict(folder.source),
        "image": {**folder.image, "size": [candidate.side, candidate.side]},
    }
    if folder.split:
        data["split"] = dict(folder.split)
    head = dict(folder.head)
    if setting.dropout:
        head["dropout"] = setting.dropout
    return {
        "version": 1,
        "name": folder.name[:100],
        "data": data,
        "architecture": {"name": candidate.architecture, **candidate.starter.parameters},
        "head": head,
        **({"loss": _loss(folder, setting.label_smoothing)} if setting.label_smoothing else {}),
        "training": {"batch_size": BATCH, **_weighed(folder), "seed": seed, "phases": list(phases)},
    }


def _weighed(folder: PhotoFolder) -> dict[str, Any]:
    return {} if folder.class_weight is None else {"class_weight": folder.class_weight}


def _loss(folder: PhotoFolder, smoothing: float) -> dict[str, Any]:
    name = "categorical_crossentropy" if folder.head["name"] == "multiclass" else "binary_crossentropy"
    return {"name": name, "label_smoothing": smoothing}


def _head_phase(setting: HeadSetting) -> dict[str, Any]:
    optimizer = {"name": "adamw", "learning_rate": setting.learning_rate, "weight_decay": setting.weight_decay}
    return {
        "name": "head",
        "train": "head",
        "epochs": setting.epochs,
        "optimizer": optimizer,
        "schedule": "cosine",
        "augmentation": [],
    }
