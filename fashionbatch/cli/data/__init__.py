"""`fashionbatch data`: look at a recipe's data before anything is trained, and collect photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.cli.data.collect import command as collect_command
from fashionbatch.cli.recipe import set_option
from fashionbatch.errors import DataError
from fashionbatch.progress import on_standard_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fashionbatch.data.splits import Assignment
    from fashionbatch.plan import Plan, PlannedPhase
    from fashionbatch.progress import OpenBar
    from fashionbatch.specs import Samples, Split

_CLASSES = 40
_VARIANTS = 7


@click.group()
def command() -> None:
    """Look at the data of a recipe, or collect photos from the web."""


command.add_command(collect_command)


@command.command("preview")
@click.argument("recipe")
@click.option(
    "-o", "--output", type=HerePath(path_type=Path, dir_okay=False), help="Draw the samples into this PNG file."
)
@click.option("--data", "data_path", metavar="PATH", help="Take the data from here instead of the recipe's path.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="train",
    show_default=True,
    help="Split that the samples come from.",
)
@click.option("--count", type=click.IntRange(1, 400), default=24, show_default=True, help="How many images are drawn.")
@click.option(
    "--augmented",
    type=click.IntRange(0, 50),
    default=5,
    show_default=True,
    help="For how many images augmented versions are drawn.",
)
@click.option(
    "--phase",
    "phase_name",
    metavar="NAME",
    help="Phase whose augmentation is drawn.  [default: the first that has one]",
)
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True, help="Seed that chooses the images.")
@click.option(
    "--tile",
    type=click.IntRange(32, 512),
    default=96,
    show_default=True,
    help="Side of an image in the picture, in pixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there.")
@quiet_option(TEXT_IS_THE_RESULT)
@set_option
def preview(
    recipe: str,
    *,
    output: Path | None,
    data_path: str | None,
    split: Split,
    count: int,
    augmented: int,
    phase_name: str | None,
    seed: int,
    tile: int,
    overwrite: bool,
    quiet: bool,
    overrides: tuple[str, ...],
) -> None:
    """Count the images of each class and split; draw samples, and what augmentation makes of them.

    RECIPE is a file, or the name of a recipe that `recipe list` shows. Images are drawn as the network gets them.
    """
    from fashionbatch.data.prepare import image_names, load_samples
    from fashionbatch.data.splits import assign_splits
    from fashionbatch.data.targets import check_labels, display_names
    from fashionbatch.decisions import rule_for
    from fashionbatch.pictures.drawing.files import check_picture_path
    from fashionbatch.plan import load_plan
    from fashionbatch.plugins import load_plugins

    if output is not None:
        check_picture_path(output, overwrite=overwrite, endings=(".png",))
    plan = load_plan(recipe, load_plugins().registry, overrides=overrides)
    phase = _augmented_phase(plan, phase_name)
    reporter = on_standard_error(quiet=quiet)
    samples = load_samples(plan, data_path=Path(data_path) if data_path is not None else None, bar=reporter.bar)
    check_labels(samples, plan.head.spec.decoding)
    with plan.placing():
        shown = display_names(samples.class_names, plan.recipe.data.labels.names)
    assignment = assign_splits(samples, image_names(samples), plan.recipe.data.split)
    for line in _count_lines(samples, assignment, shown):
        click.echo(line)
    if output is None:
        return
    if split not in assignment.indices:
        raise DataError(f"the data have no {split} split; there is: {', '.join(assignment.indices)}")
    from fashionbatch.pictures.grids import draw_samples

    chosen = _choose(samples, assignment.indices[split], count, seed)
    images, kept = _decode(plan, samples, chosen, reporter.bar)
    sources = _one_a_class(samples, kept, augmented) if phase is not None else []
    variants: Sequence[NDArray[np.uint8]] | NDArray[np.uint8] = ()
    targets: NDArray[np.float32] | None = None
    if phase is not None and sources:
        labels = [samples.labels[kept[source]] for source in sources]
        rule = rule_for(plan.head.spec.decoding, samples.class_names)
        with reporter.waiting("augmenting"):
            variants, targets = _augment(phase, images[sources], rule.targets(labels), seed)
    draw_samples(
        images,
        [", ".join(shown[samples.class_names.index(name)] for name in samples.labels[index]) for index in kept],
        output,
        augmented=list(zip(sources, variants, strict=True)),
        variant_labels=[] if targets is None else [_mixtures(rule.class_probabilities(of), shown) for of in targets],
        augmentation=_heading(plan, phase) if phase is not None else "",
        tile=tile,
        title=f"{plan.recipe.name}: {split}",
        note=f"{len(kept)} of {len(assignment.indices[split]):,} images, as the network gets them (seed {seed})",
    )
    click.echo(
        f"\n{output}: {len(kept)} {'sample' if len(kept) == 1 else 'samples'}"
        + (f", {len(sources)} of them augmented" if sources else "")
    )
    if phase is None:
        click.echo(_without_augmentation(plan, phase_name))


def _without_augmentation(plan: Plan, phase_name: str | None) -> str:
    if phase_name is not None:
        return "there is no augmentation"
    return "no phase uses the recipe's augmentation" if plan.augmentation else "the recipe has no augmentation"


def _augmented_phase(plan: Plan, name: str | None) -> PlannedPhase | None:
    """The phase of that name, or the first one that has augmentation; None where nothing is augmented."""
    if name is not None and name not in (names := [phase.name for phase in plan.phases]):
        raise click.UsageError(f"the recipe has no phase {name!r}; there is: {', '.join(names)}")
    return next((phase for phase in plan.phases if phase.augmentation and name in {None, phase.name}), None)


def _count_lines(samples: Samples, assignment: Assignment, shown: Sequence[str]) -> Iterator[str]:
    """A table of images by class and split, and what there is to say about the data."""
    splits = list(assignment.indices)
    counts = {
        split: Counter(name for index in indices for name in samples.labels[index])
        for split, indices in assignment.indices.items()
    }
    rows = [
        (display, *(f"{counts[split][name]:,}" for split in splits))
        for name, display in zip(samples.class_names, shown, strict=True)
    ]
    yield from format_table(("class", *splits), rows[:_CLASSES])
    if len(rows) > _CLASSES:
        yield f"and {len(rows) - _CLASSES:,} more classes"
    yield "images: " + ", ".join(f"{split} {len(indices):,}" for split, indices in assignment.indices.items())
    for note in (*samples.notes, *assignment.notes):
        yield f"note: {printable(note)}"
    if samples.skipped:
        path, reason = samples.skipped[0]
        files = "1 file" if len(samples.skipped) == 1 else f"{len(samples.skipped):,} files"
        yield f"left out {files} that cannot be used, such as {printable(str(path))}: {reason}"


def _choose(samples: Samples, indices: NDArray[np.int64], count: int, seed: int) -> list[int]:
    """Images at random, as many of each class as there may be, class by class."""
    import numpy as np

    position = {name: number for number, name in enumerate(samples.class_names)}
    taken: Counter[tuple[str, ...]] = Counter()
    turns = []
    for index in np.random.default_rng(seed).permutation(indices):
        labels = samples.labels[index]
        turns.append((taken[labels], sorted(position[name] for name in labels), int(index)))
        taken[labels] += 1
    first = sorted(turns)[:count]
    return [index for _, _, index in sorted(first, key=lambda turn: turn[1])]


def _decode(plan: Plan, samples: Samples, chosen: Sequence[int], bar: OpenBar) -> tuple[NDArray[np.uint8], list[int]]:
    """The images as the network gets them, and which of the chosen ones could be read."""
    from fashionbatch.data.decode import decode_all
    from fashionbatch.data.originals import originals_of
    from fashionbatch.data.prepare import image_names

    originals = originals_of(samples, chosen)
    images, outcome = decode_all(originals, plan.recipe.data.image, title="reading images", bar=bar)
    if not outcome.kept:
        raise DataError(f"none of the {len(chosen)} chosen images can be read: {outcome.failed[0][1]}")
    names = image_names(samples) if outcome.failed else []
    for position, reason in outcome.failed:
        click.echo(f"left out {names[chosen[position]]}: {reason}")
    return images, [chosen[position] for position in outcome.kept]


def _one_a_class(samples: Samples, kept: Sequence[int], count: int) -> list[int]:
    """Positions of images with different labels, as far as there are so many."""
    seen: Counter[tuple[str, ...]] = Counter()
    turns = []
    for position, index in enumerate(kept):
        turns.append((seen[samples.labels[index]], position))
        seen[samples.labels[index]] += 1
    return sorted(position for _, position in sorted(turns)[:count])


def _augment(
    phase: PlannedPhase, images: NDArray[np.uint8], targets: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    """Variants of each image, uint8 `(n, variants, height, width, channels)`, and what they are.

    The latter is float32 `(n, variants, outputs)`; None where no augmentation changes it.
    """
    import numpy as np

    from fashionbatch.model.augmented import augmentation_layer, change_of, changes_targets
    from fashionbatch.model.framework import load_tensorflow

    load_tensorflow()
    pixels = np.repeat(images.astype(np.float32), _VARIANTS, axis=0)
    mixed = np.repeat(targets, _VARIANTS, axis=0)
    for number, component in enumerate(phase.augmentation):
        change = change_of(component, augmentation_layer(component, seed + number))
        pixels, mixed = (np.asarray(changed) for changed in change(pixels, mixed))
    variants = pixels.round().clip(0, 255).astype(np.uint8).reshape(len(images), _VARIANTS, *images.shape[1:])
    told = mixed.reshape(len(images), _VARIANTS, -1) if changes_targets(phase.augmentation) else None
    return variants, told


def _mixtures(shares: NDArray[np.floating[Any]], shown: Sequence[str]) -> list[str]:
    """For each row `(classes,)` the classes that an image is mixed from, such as `dress 0.80, shirt 0.20`."""
    rows = [sorted(zip(row.tolist(), shown, strict=True), reverse=True) for row in shares]
    return [", ".join(f"{name} {share:.2f}" for share, name in row if share >= 0.005) for row in rows]


def _heading(plan: Plan, phase: PlannedPhase) -> str:
    names = ", ".join(component.spec.name for component in phase.augmentation)
    where = f"of phase {phase.name!r}" if plan.recipe.training.phases else "in training"
    return f"augmentation {where}: the original, then {_VARIANTS} variants by {names}"
