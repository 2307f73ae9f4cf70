"""What usually goes badly although nothing is wrong with it: said by `recipe check`, never an error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from fashionbatch.errors import Problem
from fashionbatch.plan.checks import gives_several
from fashionbatch.plan.components import HEAD
from fashionbatch.plan.model import Plan, PlannedPhase
from fashionbatch.plan.unused import unused
from fashionbatch.recipe.forms import PHASES
from fashionbatch.recipe.load import RecipeDocument
from fashionbatch.recipe.nodes import NodePath
from fashionbatch.specs import value_of

LARGE_RATE = 0.05
"""A learning rate that an adaptive optimizer seldom survives."""
LARGE_RATE_FOR_PRETRAINED = 1e-4
"""A learning rate over which an adaptive optimizer soon undoes what a backbone has learnt."""
LARGE_RATE_THAT_RISES = 3e-4
"""The same where the rate rises from nothing first; docs/try.md says what networks reached by it."""
MANY_PIXELS = 1024 * 1024
"""Pixels of an image that few backbones are made for."""
LARGE_BATCH_BYTES = 2**30
_USUAL_PIXELS = 224 * 224
_FLOAT_BYTES = 4
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
"""How a value begins that is looked for elsewhere: `data:photos`, `s3://bucket`."""


def advice(plan: Plan, document: RecipeDocument) -> list[Problem]:
    """What an experienced colleague would say about the recipe, each with its place in the file.

    Args:
        plan: the plan of the document.
        document: where everything stands.
    """
    given = [
        *_on_phases(plan),
        *_on_rates(plan),
        *_on_waiting(plan),
        *_on_sizes(plan),
        *_on_exclusive_labels(plan),
        *_on_files(plan),
    ]
    return [*unused(plan), *(document.problem(path, message) for path, message in given)]


def is_pretrained(plan: Plan) -> bool:
    """Whether the backbone begins with weights that have learnt."""
    return plan.architecture.spec.weights(plan.architecture.parameters) is not None


def _on_phases(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """The order of transfer learning: the head first, then the last layers, gently."""
    learnt = is_pretrained(plan) or plan.recipe.initialize_from is not None
    head_has_learnt = plan.recipe.initialize_from is not None
    for index, phase in enumerate(plan.phases):
        path = _path(plan, index)
        if phase.train == "head":
            head_has_learnt = True
            if not learnt:
                yield path, "trains the head on a backbone that has never learnt anything: its features are random"
            elif phase.augmentation and is_pretrained(plan):
                yield (
                    path,
                    (
                        "augmentation makes each epoch compute the frozen backbone again; with 'augmentation: []' its "
                        "features are computed once, and an epoch takes a fraction of the time"
                    ),
                )
            continue
        if is_pretrained(plan) and not head_has_learnt:
            yield (
                path,
                (
                    "trains layers of the pretrained backbone under a head that is still random: its first large "
                    "gradients spoil them; train the head alone in a phase before"
                ),
            )
        if is_pretrained(plan) and phase.train == "all":
            yield (
                path,
                (
                    "trains all layers of the pretrained backbone at once, which overfits small data; "
                    "unfreeze the last block first: {from: LAYER}"
                ),
            )
        head_has_learnt = True


def _on_rates(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    for index, phase in enumerate(plan.phases):
        if not phase.optimizer.spec.adaptive:
            continue
        path, rate, name = _path(plan, index), phase.learning_rate, phase.optimizer.spec.name
        if rate >= LARGE_RATE:
            yield path, f"a learning rate of {rate:g} is large for {name}; 0.001 is usual"
        elif is_pretrained(plan) and phase.train != "head" and rate > _largest_gentle_rate(phase):
            yield (
                path,
                (
                    f"fine-tunes pretrained layers by {name} at a rate of {rate:g}; go slowly, so that they keep what "
                    "they have learnt: sgd with momentum 0.9 at 0.0001, or a rate of at most 0.0001, which may be "
                    f"{LARGE_RATE_THAT_RISES:g} after a rise: schedule {{name: cosine, warmup_epochs: 0.5}}"
                ),
            )


def _largest_gentle_rate(phase: PlannedPhase) -> float:
    schedule = phase.schedule
    rises = schedule is not None and schedule.spec.rises(schedule.parameters)
    return LARGE_RATE_THAT_RISES if rises else LARGE_RATE_FOR_PRETRAINED


def _on_waiting(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """What waits for longer than there are epochs."""
    for index, phase in enumerate(plan.phases):
        path = _path(plan, index)
        stopping = phase.early_stopping
        if stopping is not None and stopping.patience >= phase.epochs:
            yield path, f"early_stopping waits for {stopping.patience} epochs, but there are only {phase.epochs}"
        if stopping is not None and not stopping.monitor.startswith("val_") and plan.recipe.data.split.validation != 0:
            yield (
                path,
                f"early_stopping watches {stopping.monitor}, which gets better while the network only learns the "
                f"training images by heart; val_{stopping.monitor} is usual",
            )
        if phase.schedule is not None:
            said = phase.schedule.spec.advice(phase.schedule.parameters, phase.epochs)
            yield from ((path, message) for message in said.values())


def _on_sizes(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """Images and batches that take more memory and time than their writer may have thought of."""
    height, width, channels = plan.recipe.data.image.shape
    image_bytes = height * width * channels * _FLOAT_BYTES
    batch = max(phase.batch_size for phase in plan.phases)
    needs = f"{_in_gib(batch * image_bytes)} of memory before the first layer, and many times that in the layers"
    if height * width > MANY_PIXELS:
        times = height * width / _USUAL_PIXELS
        yield (
            ("data", "image", "size"),
            f"{height} x {width} are {times:.0f} times the pixels of 224 x 224: an epoch takes about {times:.0f} times "
            f"as long, and a batch of {batch:,} images takes {needs}; 96 to 512 a side are usual",
        )
    elif batch * image_bytes > LARGE_BATCH_BYTES:
        path = next(_path(plan, index) for index, phase in enumerate(plan.phases) if phase.batch_size == batch)
        yield (
            (*path, "batch_size"),
            f"a batch of {batch:,} images takes {needs}; 16 to 256 images are usual",
        )


def _in_gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _on_exclusive_labels(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    source, head = plan.source.spec, plan.head.spec
    if gives_several(head) and source.exclusive:
        yield (
            HEAD,
            f"decides each label for itself, so that an image may get none or several; but each image of "
            f"{source.name!r} has one label: head 'multiclass' chooses one",
        )


def _on_files(plan: Plan) -> Iterator[tuple[NodePath, str]]:
    """What the recipe names and is not there: no mistake, as it may be checked elsewhere than it trains."""
    source, architecture = plan.source, plan.architecture
    named: dict[NodePath, object] = {("initialize_from",): plan.recipe.initialize_from}
    if source.spec.path_parameter is not None:
        path = value_of(source.parameters, source.spec.path_parameter)
        named["data", "source", source.spec.path_parameter] = path
    weights = architecture.spec.weights(architecture.parameters)
    if architecture.spec.weights_parameter is not None and weights not in architecture.spec.named_weights:
        named["architecture", architecture.spec.weights_parameter] = weights
    for place, value in named.items():
        if not isinstance(value, str) or _SCHEME.match(value):
            continue
        file = os.path.join(plan.base, os.path.expanduser(value))
        if not os.path.exists(file):
            variables = "; variables such as $HOME are not read in recipes" if "$" in value else ""
            yield place, f"there is nothing at {file!r} yet; it must be there to train{variables}"


def _path(plan: Plan, index: int) -> NodePath:
    return (*PHASES, index) if plan.recipe.training.phases else ("training",)
