"""The recipe's text: what was found as comments, and every value with its reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fashionbatch.display_width import printable
from fashionbatch.drafting.choice import Choice
from fashionbatch.drafting.layout import counts_by_class
from fashionbatch.drafting.photos import Duplicates
from fashionbatch.recipe.dump import to_flow

_WIDTH: Final = 116
_SHOWN: Final = 5
_CLASSES: Final = 60
_EXAMPLE_GROUPS: Final = "group_by: '([^/]+)_[0-9]+[.]'"
"""Of names such as `A17_2.jpg`."""

_ADVICE: Final = {
    "few": (
        "Under 50 photos of the smallest class: more photos help more than anything below. Some 100 of each make a "
        "difference of several points; look at the surest mistakes of a run first, which often are wrong labels.",
    ),
    "some": (
        "With 100 to 1,000 photos a class the frozen backbone and a small head are a strong start. When mistakes no "
        "longer look like wrong labels, go on with the second phase of the recipe `transfer_finetune`.",
    ),
    "many": (
        "With more than 1,000 photos a class fine-tuning pays: add the second phase of the recipe `transfer_finetune`.",
    ),
}


def recipe_text(choice: Choice, *, name: str, file: str, run: str) -> str:
    """The YAML text.

    Args:
        choice: what it says.
        name: of the recipe.
        file: how commands name the recipe.
        run: the run's name, as commands write it.
    """
    lines = [
        *_header(choice, file, run),
        "version: 1",
        to_flow({"name": name})[1:-1],
        to_flow({"description": _description(choice)})[1:-1],
        "",
        *_data(choice),
        "",
        *_architecture(choice),
        "",
        *_head(choice),
        "",
        *_training(choice),
    ]
    return "\n".join(lines) + "\n"


def _description(choice: Choice) -> str:
    classes = choice.samples.class_names
    listed = ", ".join(classes[:_SHOWN]) + (f" and {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else "")
    what = "labels" if choice.head["name"] == "multilabel" else "classes"
    return f"{len(classes)} {what}: {listed}."


# --------------------------------------------------------------------------------------------------- what was found


def _header(choice: Choice, file: str, run: str) -> Iterator[str]:
    yield "# Drafted by `fashionbatch recipe new` from the photos themselves. Change what you know better; then:"
    yield "#"
    yield f"#     fashionbatch recipe check {file}"
    yield f"#     fashionbatch data preview {file} -o {run}.png    # photos as the network gets them"
    yield f"#     fashionbatch train {file} -o runs/{run}"
    yield "#"
    yield "# What was found:"
    yield "#"
    for fact in facts(choice):
        yield from _comment(fact, first="# - ", rest="#   ")
    yield "#"
    for advice in _ADVICE[choice.amount]:
        yield from _comment(advice)


def facts(choice: Choice) -> Iterator[str]:
    """What was found, sentences without full stops."""
    samples, photos = choice.samples, choice.photos
    yield from choice.layout.said
    splits = ", ".join(f"{split} {len(indices):,}" for split, indices in choice.assignment.indices.items())
    yield f"{len(samples):,} photos: {splits}"
    counts = sorted(counts_by_class(samples).items(), key=lambda item: (-item[1], item[0]))
    more = f" and {len(counts) - _CLASSES} more" if len(counts) > _CLASSES else ""
    yield "of each class " + ", ".join(f"{name} {count:,}" for name, count in counts[:_CLASSES]) + more
    if photos.sides is not None:
        smallest, median, largest = photos.sides.longest
        formats = ", ".join(name for name, _ in photos.formats.most_common())
        yield (
            f"{formats}; the longer side {median:,} pixels in the median ({smallest:,} to {largest:,}), most photos "
            f"about {photos.sides.width:,} x {photos.sides.height:,}"
        )
    if photos.grey:
        yield f"{photos.grey} of {photos.decoded} photos that were looked at are grey"
    if photos.broken:
        file, reason = photos.broken[0]
        yield f"{_files(len(photos.broken))} cannot be read and will be left out, such as {file} ({reason})"
    if samples.skipped:
        path, reason = samples.skipped[0]
        yield f"{_files(len(samples.skipped))} beside the photos will be left out, such as {path} ({reason})"
    yield from _on_duplicates(photos.duplicates)
    yield from samples.notes
    yield from choice.said


def _on_duplicates(duplicates: Sequence[Duplicates]) -> Iterator[str]:
    torn = [one for one in duplicates if one.across_classes]
    if torn:
        yield (
            f"{_photos(len(torn))} under other labels, too; whatever the network says is wrong once, so keep one: "
            f"{_pairs(torn)}"
        )
    flattering = [one for one in duplicates if one.across_splits]
    if flattering:
        yield (
            f"{_photos(len(flattering))} in several splits, so that figures measured there flatter; keep one: "
            f"{_pairs(flattering)}"
        )
    plain = [one for one in duplicates if not one.across_classes and not one.across_splits]
    if plain:
        yield f"{_photos(len(plain))} there more than once: {_pairs(plain)}"


def _pairs(found: Sequence[Duplicates]) -> str:
    pairs = [" = ".join(one.names[:3]) for one in found]
    return ", ".join(pairs[:_SHOWN]) + (f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else "")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _photos(count: int) -> str:
    return "1 photo is" if count == 1 else f"{count:,} photos are"


# ---------------------------------------------------------------------------------------------------------- sections


def _data(choice: Choice) -> Iterator[str]:
    yield "data:"
    yield "  source:"
    for key, value in choice.layout.source.items():
        yield f"    {_pair(key, value)}"
    if choice.backbone is None:
        yield from _comment("The photos are small: so is the network, and so are its images.", indent=2)
    elif choice.photos.sides is not None and choice.photos.sides.wide_share > 0.5:
        yield from _comment(
            "Backbones were made for 224 x 224. `stretch` shows all of a photo and squeezes it; `pad` keeps its shape, "
            "`crop` cuts the ends off.",
            indent=2,
        )
    channels = f", channels: {choice.channels}" + ("}    # all photos are grey" if choice.channels == 1 else "}")
    yield f"  image: {{size: [{choice.side}, {choice.side}]{channels}"
    drawn = [part for part, value in choice.split.items() if isinstance(value, float) and part != "seed"]
    if choice.split.get("test") == 0.0:
        yield from _comment(
            "No test split: the smallest class has no photos to spare. Figures of the validation split choose the "
            "epoch, and flatter a little.",
            indent=2,
        )
    elif drawn:
        yield from _comment(
            "Drawn at random, with each class's share: validation chooses the epoch, test judges the finished network.",
            indent=2,
        )
    if drawn and "group_by" not in choice.split and choice.samples.keep_together is None:
        yield from _comment(
            "Do several photos show one thing? Then keep them on one side, or what is learnt from one makes others "
            "easy: add `group_by`, a regular expression on file names, whose part in parentheses is what they share, "
            f"such as {_EXAMPLE_GROUPS}.",
            indent=2,
        )
    yield f"  split: {to_flow(dict(choice.split))}"


def _architecture(choice: Choice) -> Iterator[str]:
    if choice.backbone is None:
        yield "architecture:"
        yield "  name: cnn"
        yield "  blocks:"
        yield "    - {filters: 32}"
        yield "    - {filters: 64}"
        yield "  dense: [100]"
        yield "  dropout: 0.4"
        return
    yield from _comment(
        "What ImageNet's million photos taught this network is kept; only a small head on its features is learnt. "
        "Features are computed once, so an epoch takes a fraction of a second."
    )
    if choice.missing is not None:
        yield from _comment(
            f"Its weights are not on this machine yet: {choice.missing.message}; {choice.missing.hint}."
        )
    yield f"architecture: {{name: pretrained, backbone: {choice.backbone}, weights: imagenet, pooling: average}}"


def _head(choice: Choice) -> Iterator[str]:
    name = choice.head["name"]
    if name == "binary":
        yield from _comment(
            f"One probability, of {choice.samples.class_names[1]!r}; 0.5 decides unless the run says better."
        )
    elif name == "multilabel" and "groups" in choice.head:
        yield from _comment("Of each attribute one label wins. Rename the attributes; tables have a column for each.")
    elif name == "multilabel":
        yield from _comment("Each label for itself, with a threshold of its own.")
    yield "head:"
    yield f"  name: {name}"
    if choice.backbone is not None:
        yield "  dropout: 0.2"
    if "groups" in choice.head:
        yield "  groups:"
        for group, labels in choice.head["groups"].items():
            yield f"    {_pair(group, labels)}"


def _training(choice: Choice) -> Iterator[str]:
    yield "training:"
    yield "  batch_size: 32"
    if choice.balanced:
        yield from _comment(
            "The largest class has ten times as many photos as the smallest and more: each counts alike.", indent=2
        )
        yield "  class_weight: balanced"
    if choice.backbone is None:
        yield "  epochs: 40"
        yield "  optimizer: {name: adam, learning_rate: 0.001}"
        yield "  early_stopping: {monitor: val_loss, patience: 5, restore_best_weights: true}"
    else:
        yield "  early_stopping: {monitor: val_loss, patience: 10, restore_best_weights: true}"
        yield "  phases:"
        yield "    - {name: head, train: head, epochs: 100, optimizer: {name: adam, learning_rate: 0.0003}}"
    yield "  seed: 42"


def _pair(key: str, value: Any) -> str:
    return to_flow({key: value})[1:-1]


def _comment(text: str, *, indent: int = 0, first: str = "# ", rest: str = "# ") -> list[str]:
    """A comment in lines; whatever a name holds, none of it can end the comment."""
    blank = " " * indent
    return textwrap.wrap(
        printable(text),
        _WIDTH - indent,
        initial_indent=blank + first,
        subsequent_indent=blank + rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
