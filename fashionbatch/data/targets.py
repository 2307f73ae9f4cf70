"""Labels that a head can learn, and class names as tables and pictures show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fashionbatch.decisions import rule_type
from fashionbatch.errors import DataError
from fashionbatch.names import composed, label_problem, suggestion
from fashionbatch.specs import Decoding, Samples

_NAMES = ("data", "labels", "names")


def check_labels(samples: Samples, decoding: Decoding) -> None:
    """Refuse labels that the head cannot learn, and class names that a table cannot show.

    Raises:
        DataError: the number of classes or of labels an image does not fit the decoding; a class name is empty,
            repeated, or holds `|`, a control character or bytes that are no text.
    """
    for name in samples.class_names:
        _check_class_name(name)
    if len(set(samples.class_names)) != len(samples.class_names):
        raise DataError(f"class names repeat: {', '.join(samples.class_names)}")
    known = set(samples.class_names)
    for index, labels in enumerate(samples.labels):
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise DataError(f"image {index} has the label {unknown[0]!r}, which is none of the source's classes")
    rule = rule_type(decoding)
    if rule.has_many:
        if not samples.class_names:
            raise DataError("the source has no classes")
        return
    several = sum(len(labels) != 1 for labels in samples.labels)
    if several:
        raise DataError(
            f"{several} of {len(samples)} images have several labels or none, and this head gives exactly one",
            hint="write `head: multilabel` for images with several labels",
        )
    count = len(samples.class_names)
    if count < 2:
        raise DataError(f"there is nothing to tell apart: the source has {count} class: {_listed(samples.class_names)}")
    if rule.fixed_class_count not in {None, count}:
        raise DataError(
            f"a {decoding.replace('_', '-')} head needs exactly {rule.fixed_class_count} classes; "
            f"the source has {count}: {_listed(samples.class_names)}",
            hint="write `head: multiclass`",
        )


def with_composed_labels(samples: Samples) -> Samples:
    """The samples with labels in composed Unicode (NFC), so that one word is one class however a source stores it."""
    if all(name == composed(name) for name in samples.class_names):
        return samples
    return replace(
        samples,
        labels=[tuple(dict.fromkeys(map(composed, labels))) for labels in samples.labels],
        class_names=tuple(dict.fromkeys(map(composed, samples.class_names))),
        label_groups={name: tuple(map(composed, labels)) for name, labels in samples.label_groups.items()},
    )


def _check_class_name(name: str) -> None:
    problem = label_problem(name)
    if problem:
        raise DataError(f"class name {name!r} {problem}", hint="rename the class in the source")


def display_names(class_names: Sequence[str], shown: Mapping[str, str]) -> tuple[str, ...]:
    """How each class is shown, in the classes' order.

    Args:
        class_names: as the source calls them.
        shown: class name -> display name, for those that are shown under another one. Accents may be written as one
            character or two.

    Raises:
        DataError: a class that is not there is named, or two classes would be shown alike.
    """
    own = {composed(name): name for name in class_names}
    names = {name: name for name in class_names}
    for name, display in shown.items():
        found = name if name in names else own.get(composed(name))
        if found is None:
            raise DataError(
                f"the source has no class {name!r}{suggestion(name, class_names, otherwise='')}",
                hint=f"its classes are: {_listed(class_names)}",
                place=(*_NAMES, name),
            )
        names[found] = display
    taken: dict[str, str] = {}
    for name, display in names.items():
        if display in taken:
            message = f"{taken[display]!r} and {name!r} would both be shown as {display!r}"
            raise DataError(message, place=_NAMES)
        taken[display] = name
    return tuple(names.values())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
