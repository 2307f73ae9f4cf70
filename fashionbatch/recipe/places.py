"""Where in a recipe a key is known, for one that stands where it is not: `lr` under `training`, `epochs` at the top."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fashionbatch import names
from fashionbatch.recipe.forms import DEFAULT_COMPONENTS, LISTS, ONE_COMPONENT, PHASES
from fashionbatch.recipe.nodes import Node, NodePath, dotted
from fashionbatch.recipe.schema import Recipe
from fashionbatch.recipe.words import json_schema_of, property_names, schemas_at
from fashionbatch.registry import Registry

_MOST_NAMED = 3
_DEPTH = 5
_CLOSE = 0.8
"""How alike a key must be to one that is known elsewhere, by `difflib`."""
_COMPONENTS: Mapping[NodePath, str] = {
    **ONE_COMPONENT,
    **{(*path, 0): kind for path, kind in LISTS.items()},
    (*PHASES, 0, "optimizer"): "optimizer",
    (*PHASES, 0, "schedule"): "schedule",
    (*PHASES, 0, "augmentation", 0): "augmentation",
}
"""The places of components; the first of a list stands for all."""

_SAME: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("lr", "rate", "base_lr", "initial_learning_rate", "learningrate"), ("learning_rate",)),
    **dict.fromkeys(("epoch", "num_epochs", "n_epochs", "max_epochs", "nb_epoch", "nb_epochs"), ("epochs",)),
    **dict.fromkeys(("batch", "bs", "batchsize", "minibatch_size"), ("batch_size",)),
    **dict.fromkeys(
        (
            "image_size",
            "img_size",
            "input_size",
            "input_shape",
            "target_size",
            "resolution",
            "imgsz",
            "height",
            "width",
        ),
        ("size",),
    ),
    **dict.fromkeys(("model", "network", "net", "backbone", "arch"), ("backbone", "architecture")),
    **dict.fromkeys(("augment", "augmentations", "transform", "transforms"), ("augmentation",)),
    **dict.fromkeys(("scheduler", "lr_scheduler", "lr_schedule"), ("schedule",)),
    **dict.fromkeys(("optim", "optimiser"), ("optimizer",)),
    **dict.fromkeys(("criterion", "loss_function", "loss_fn", "objective"), ("loss",)),
    **dict.fromkeys(("dataset", "datasets", "train_data"), ("source",)),
    **dict.fromkeys(("val", "valid", "val_split", "validation_split", "val_fraction", "val_size"), ("validation",)),
    **dict.fromkeys(("test_split", "test_size", "holdout"), ("test",)),
    **dict.fromkeys(
        ("directory", "root", "folder", "dir", "file", "filename", "data_dir", "data_path", "image_dir"), ("path",)
    ),
    **dict.fromkeys(("pretrained", "pretrained_weights", "checkpoint"), ("weights",)),
    **dict.fromkeys(("earlystopping", "early_stop"), ("early_stopping",)),
    **dict.fromkeys(("random_state", "random_seed"), ("seed",)),
    **dict.fromkeys(("wd", "decay", "l2"), ("weight_decay",)),
    **dict.fromkeys(("class_weights", "weights_of_classes"), ("class_weight",)),
    **dict.fromkeys(("dropout_rate", "drop_rate"), ("dropout",)),
    **dict.fromkeys(("smoothing",), ("label_smoothing",)),
    **dict.fromkeys(("colour_mode", "color_mode", "grayscale", "greyscale"), ("channels",)),
    **dict.fromkeys(("freeze", "frozen", "trainable", "freeze_until", "unfreeze", "fine_tune"), ("train",)),
}
"""What other programs call a key -> what it may be here."""

_NOWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("num_classes", "n_classes", "nb_classes", "class_count", "classes"),
        "the number of classes is that of the data",
    ),
    **dict.fromkeys(
        ("normalize", "normalise", "normalization", "rescale", "rescaling", "scaling", "mean", "std"),
        "pixels are scaled inside the network, by its architecture",
    ),
    **dict.fromkeys(("device", "devices", "gpu", "gpus", "cuda"), "training takes what TensorFlow finds"),
    **dict.fromkeys(
        ("workers", "num_workers", "threads", "prefetch"), "images are read in parallel as they are needed"
    ),
    "include_top": "the recipe's head takes the place of the top",
    "shuffle": "training images are shuffled before each epoch",
    "verbose": "the program says what it does",
    **dict.fromkeys(
        ("output", "output_dir", "save_dir", "run_dir", "checkpoint_dir", "log_dir"),
        "`train -o RUN` says where the run goes",
    ),
}
"""What other programs have and a recipe has not -> why."""

_CALLED_NAME: Final = ("type", "class_name", "class", "kind", "_target_", "id")
"""How other programs call the key of a component's name."""
_GENERAL: Final = frozenset({"mode", "factor", "size", "threshold", "alpha", "path", "interpolation", "fill"})
"""Words that mean something else in each component: one far away is not what was meant."""

_THRESHOLDS = "leave it out: the thresholds of labels are chosen on the validation images"
_LEFT_OUT: Final[Mapping[NodePath, str]] = {
    ("data", "split", "train"): "leave it out: what validation and test do not take is trained on",
    ("threshold",): _THRESHOLDS,
    ("head", "threshold"): _THRESHOLDS,
    ("training", "threshold"): _THRESHOLDS,
    ("training", "early_stopping", "mode"): "leave it out: whether more of a figure is better is known",
    ("include",): "a recipe inherits another by 'extends: FILE'",
    ("base",): "a recipe inherits another by 'extends: FILE'",
    ("training", "train"): "leave it out: all layers are trained, unless 'training.phases' says otherwise",
}


@dataclass(frozen=True)
class _Found:
    """A place where a key is known.

    Attributes:
        path: the place, the key last.
        owner: kind and name of the component whose parameter it is; empty for a key of the recipe's own.
    """

    path: NodePath
    owner: tuple[str, str] | None = None


class KnownPlaces:
    """Every key that a recipe and its components know.

    Args:
        recipe: says which components are chosen; those that are not are named with their parameters.
        registry: the components; None where none are known yet.
    """

    def __init__(self, recipe: Node, registry: Registry | None) -> None:
        self._recipe = recipe
        self._registry = registry

    def hint(self, key: str, at: NodePath, known: Sequence[str]) -> str:
        """What to say of a key that is not known where it stands, beginning with "; ".

        Args:
            key: as the user wrote it.
            at: the mapping in which it stands.
            known: the keys of that mapping.
        """
        meant = _SAME.get(key.lower(), ())
        near = key in _GENERAL and bool(at)
        here = next((name for name in meant if name in known), None)
        said = _slip(key) or _LEFT_OUT.get((*at, key)) or (f"did you mean {here!r}?" if here else "")
        for name in dict.fromkeys((key, *meant)):
            said = said or self._elsewhere(name, at, near=near)
        if not said and (reason := _NOWHERE.get(key.lower())):
            said = f"leave it out: {reason}"
        if not said and (close := names.closest(key, known)):
            said = f"did you mean {close!r}?"
        every = list(dict.fromkeys(str(found.path[-1]) for found in self._every())) if not said else []
        for close in difflib.get_close_matches(key.lower(), every, n=1, cutoff=_CLOSE):
            said = self._elsewhere(close, at, near=near)
        otherwise = f"there are: {', '.join(known)}" if known else "there are no parameters"
        return f"; {said or otherwise}"

    def misspelling_of(self, key: str, written: Sequence[str]) -> str | None:
        """Which of the unknown keys that a user wrote is what another program calls this one; None for none."""
        return next((name for name in written if key in _SAME.get(name.lower(), ())), None)

    def missing_name(self, node: Node, at: NodePath) -> str:
        """What to say of a component that has no name, beginning with "; "; empty where it is none.

        Args:
            node: the mapping without a `name`.
            at: where it stands.
        """
        general = tuple(0 if isinstance(part, int) else part for part in at)
        kind = _COMPONENTS.get(general)
        if kind is None or self._registry is None:
            return ""
        known = self._registry.names(kind)
        if called := next((key for key in _CALLED_NAME if node.child(key) is not None), None):
            return f"; write 'name' for {called!r}"
        for key, entry in node.entries.items():
            if key in known and len(node.entries) == 1:
                own = "".join(f", {name}: {inner.node.text or '...'}" for name, inner in entry.node.entries.items())
                return f"; write {{name: {key}{own}}}"
        return f"; there are: {', '.join(known)}"

    def place_of(self, key: str) -> str | None:
        """The place in a recipe that a word means, such as `training.epochs` for `epochs`; None for none."""
        for name in dict.fromkeys((key, *_SAME.get(key.lower(), ()))):
            if paths := self._paths(name, ()):
                return paths[0]
        return None

    def _elsewhere(self, key: str, at: NodePath, *, near: bool = False) -> str:
        """Where a key is known; where `near`, only in the section in which it stands."""
        paths = self._paths(key, at)
        if near and not any(path.split(".")[0] == at[0] for path in paths):
            return self._of_others(list(self._siblings(key, at)), at)
        if not paths:
            found = [one for one in self._every() if one.path[-1] == key and one.path[:-1] != at]
            return self._of_others([*found, *self._siblings(key, at)], at)
        outermost = " at the outermost level" if at and "." not in paths[0] else ""
        return f"did you mean {' or '.join(map(repr, paths[:_MOST_NAMED]))}{outermost}?"

    def _paths(self, key: str, at: NodePath) -> list[str]:
        """The places nearest to one where the recipe and its components know a key."""
        found = [one for one in self._every() if one.path[-1] == key and one.path[:-1] != at]
        chosen = [one for one in found if self._is_chosen(one, at)]
        # Not in each entry of a list, unless the key stands in one already.
        outside = [one for one in chosen if _shared(one.path, at) > _first_index(one.path)]
        chosen = outside or [one for one in chosen if 0 not in one.path] or chosen
        nearest = max((_shared(one.path, at) for one in chosen), default=0)
        chosen = sorted((one for one in chosen if _shared(one.path, at) == nearest), key=_length)
        return list(dict.fromkeys(dotted(_aligned(one.path, at)) for one in chosen))

    def _of_others(self, found: Sequence[_Found], at: NodePath) -> str:
        """Components that would know the key, if they were the chosen ones."""
        owners = [one for one in found if one.owner is not None and one.path[: len(PHASES)] != PHASES]
        if not owners:
            return ""
        kinds = dict.fromkeys(one.owner[0] for one in owners if one.owner)
        kind = next(iter(kinds))
        of_kind = [one for one in owners if one.owner and one.owner[0] == kind]
        called = ", ".join(dict.fromkeys(repr(one.owner[1]) for one in of_kind if one.owner))
        here = of_kind[0].path[:-1] == tuple(0 if isinstance(part, int) else part for part in at)
        place = dotted([part for part in of_kind[0].path if part != 0])
        return ("" if here else f"did you mean {place!r}? ") + f"it is a parameter of {kind} {called}"

    def _siblings(self, key: str, at: NodePath) -> Iterator[_Found]:
        """The components that could stand where the key does and know it."""
        general = tuple(0 if isinstance(part, int) else part for part in at)
        yield from (one for one in self._every() if one.path == (*general, key) and not self._is_chosen(one, at))

    def _is_chosen(self, found: _Found, at: NodePath) -> bool:
        """Whether a parameter is one of a component that the recipe has in that place."""
        if found.owner is None:
            return True
        place = _aligned(found.path[:-1], at)
        written = self._name_at(place)
        if written is None and place[: len(PHASES)] == PHASES:
            written = self._name_at(("training", str(place[-1])))  # what a phase has not, it takes over
        return written is not None and written.rpartition("/")[2] == found.owner[1]

    def _name_at(self, place: NodePath) -> str | None:
        node = self._recipe.at((*place, "name"))
        return str(node.value) if node is not None else DEFAULT_COMPONENTS.get(place)

    def _every(self) -> Iterator[_Found]:
        yield from _of_recipe((), _DEPTH)
        if self._registry is None:
            return
        for path, kind in _COMPONENTS.items():
            for entry in self._registry.entries(kind):
                for key in json_schema_of(entry.spec.parameters).get("properties", {}):
                    yield _Found((*path, key), (kind, entry.spec.name))


def _of_recipe(path: NodePath, depth: int) -> Iterator[_Found]:
    schema = json_schema_of(Recipe)
    for key in property_names(schemas_at(schema, path)):
        here = (*path, key)
        if path not in _COMPONENTS:
            yield _Found(here)
        if depth:
            yield from _of_recipe(here, depth - 1)
            if any(one.get("type") == "object" for one in schemas_at(schema, (*here, 0))):
                yield from _of_recipe((*here, 0), depth - 1)


def _slip(key: str) -> str:
    """What is wrong with a key that is no word: a value that ran into it, or was torn apart by a comma."""
    name, colon, value = key.partition(":")
    if colon and name and value:
        return f"a space is missing behind ':'; write '{name}: {value}'"
    if key.isdigit():
        return "a comma ends an entry here; numbers are written with a point, such as 0.001"
    return "lists stand in [ ], not in ( )" if key.endswith(")") and "(" not in key else ""


def _shared(path: NodePath, at: NodePath) -> int:
    """How many parts two places have in common from the top on; all entries of a list count as one."""
    count = 0
    for one, other in zip(path, at, strict=False):
        if one != other and not (isinstance(one, int) and isinstance(other, int)):
            break
        count += 1
    return count


def _aligned(path: NodePath, at: NodePath) -> NodePath:
    """A place with the indices of another, as far as both go through the same lists."""
    shared = _shared(path, at)
    return (*at[:shared], *path[shared:])


def _first_index(path: NodePath) -> int:
    return path.index(0) if 0 in path else len(path)


def _length(found: _Found) -> int:
    return len(found.path)
