"""What was meant by a name that no component has: another program's word, a component of another kind, a parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from fashionbatch.recipe.forms import LISTS, ONE_COMPONENT
from fashionbatch.recipe.nodes import dotted
from fashionbatch.recipe.words import json_schema_of, schemas_at
from fashionbatch.registry import Registry

_KEYS: Final[Mapping[str, str]] = {kind: dotted(path) for path, kind in (*ONE_COMPONENT.items(), *LISTS.items())}

_CALLED: Final[Mapping[str, Mapping[str, str]]] = {
    "augmentation": {
        **dict.fromkeys(("horizontalflip", "randomhorizontalflip", "fliphorizontal", "fliplr", "flip"), "random_flip"),
        **dict.fromkeys(("verticalflip", "randomverticalflip", "flipud"), "random_flip"),
        **dict.fromkeys(("rotation", "rotate", "rotationrange"), "random_rotation"),
        **dict.fromkeys(("randomresizedcrop", "crop"), "random_crop"),
        **dict.fromkeys(("zoomrange", "zoom", "scale"), "random_zoom"),
        **dict.fromkeys(("translation", "randomtranslation", "widthshiftrange", "heightshiftrange"), "random_shift"),
        **dict.fromkeys(("colorjitter", "colourjitter", "hue", "saturation"), "random_hue_saturation"),
        **dict.fromkeys(("cutout", "erasing"), "random_erasing"),
        **dict.fromkeys(("randaugment", "autoaugment", "trivialaugment"), "rand_augment"),
    },
    "head": {
        **dict.fromkeys(
            ("softmax", "categorical", "singlelabel", "classification", "multiclassification"), "multiclass"
        ),
        **dict.fromkeys(("multilabelclassification", "multihot"), "multilabel"),
        "sigmoid": "binary",
    },
    "loss": {
        **dict.fromkeys(("crossentropy", "ce", "sparsecategoricalcrossentropy", "softmax"), "categorical_crossentropy"),
        **dict.fromkeys(("bce", "bcewithlogits", "logloss"), "binary_crossentropy"),
        **dict.fromkeys(("focalloss", "categoricalfocalcrossentropy"), "focal"),
        "binaryfocalcrossentropy": "binary_focal",
    },
    "metric": {
        **dict.fromkeys(("top1", "top3", "top5", "topk", "top5accuracy", "topkcategoricalaccuracy"), "top_k_accuracy"),
        **dict.fromkeys(("rocauc", "aucroc"), "auc"),
        **dict.fromkeys(("f1score", "fscore"), "f1"),
    },
    "schedule": {
        **dict.fromkeys(("step", "steplr", "multistep", "multisteplr", "stepdecay"), "piecewise_constant"),
        **dict.fromkeys(("cosineannealing", "cosinedecay", "onecycle", "warmup"), "cosine"),
        **dict.fromkeys(("plateau", "reducelronplateau", "reduceonplateau"), "reduce_on_plateau"),
        **dict.fromkeys(("linear", "poly"), "polynomial"),
    },
    "dataset": {
        **dict.fromkeys(("folder", "imagefolder", "directory", "flowfromdirectory", "images"), "image_folder"),
        **dict.fromkeys(("csv", "dataframe", "table", "manifest"), "csv_manifest"),
        **dict.fromkeys(("fashionmnist", "fashion"), "fashion_mnist"),
    },
}
"""Kind -> what other programs call a component, without case and separators -> what it is called here."""

_NEEDLESS: Final[Mapping[str, Mapping[str, str]]] = {
    "metric": dict.fromkeys(("accuracy", "acc", "loss"), "every epoch has loss and accuracy, without being asked"),
    "callback": {
        "earlystopping": "'training.early_stopping' stops early",
        **dict.fromkeys(
            ("modelcheckpoint", "checkpoint"),
            "each epoch is kept until the run ends, and `train --resume` goes on from it",
        ),
        **dict.fromkeys(("reducelronplateau", "reduceonplateau"), "it is a schedule: 'training.schedule'"),
        "csvlogger": "each run has its epochs' figures in history.csv",
    },
}
"""Kind -> what a recipe need not name -> why."""


def meaning(kind: str, name: str, registry: Registry) -> str | None:  # noqa: PLR0911 - one a meaning
    """What to say of a name that no component of its kind has, to stand after "; "; None where nothing is known.

    Args:
        kind: what is looked for.
        name: as the user wrote it.
        registry: the components that there are.
    """
    plain = _plain(name.partition("(")[0])  # Adam(lr=0.001)
    if why := _NEEDLESS.get(kind, {}).get(plain):
        return f"leave it out: {why}"
    if kind == "schedule" and re.fullmatch(r"[\d.]+(e-?\d+)?", name):
        return "remove the quotes for a constant rate"
    known = registry.names(kind)
    called = _CALLED.get(kind, {}).get(plain)
    same = next((one for one in known if _plain(one) == plain), None)
    if same or (called in known):
        return f"did you mean {same or called!r}?"
    if value := _value_of(kind, name, registry):
        return f"did you mean {value}?"
    for other, place in _KEYS.items():
        if name in registry.names(other):
            article = "an" if other[0] in "aeiou" else "a"
            return f"it is {article} {other}, and stands under {place!r}"
    if kind == "dataset" and ("/" in name or "." in name) and "image_folder" in known:
        source = "csv_manifest" if name.endswith(".csv") else "image_folder"
        return f"did you mean {{name: {source}, path: {name}}}?"
    return None


def _value_of(kind: str, name: str, registry: Registry) -> str | None:
    """The component that takes such a name as a parameter: `ResNet50` is a backbone of `pretrained`."""
    for entry in registry.entries(kind):
        schema = json_schema_of(entry.spec.parameters)
        for key in schema.get("properties", ()):
            texts = [choice for choice in schemas_at(schema, (key,)) if choice.get("type") == "string"]
            # One that takes any text says nothing of this one.
            if not texts or _taken(entry.spec.parameters, key, "?") is not None:
                continue
            for value in (name, _plain(name)):
                if (taken := _taken(entry.spec.parameters, key, value)) is not None:
                    return f"{{name: {entry.spec.name}, {key}: {taken}}}"
    return None


def _taken(model: type[BaseModel], key: str, value: str) -> str | None:
    """What a component makes of a parameter; None where it does not take it."""
    try:
        taken = getattr(model.model_validate({key: value}), key)
    except Exception:  # noqa: BLE001 - a plugin's own validator
        return None
    return taken if isinstance(taken, str) else None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
