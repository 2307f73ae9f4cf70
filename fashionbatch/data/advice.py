"""What usually goes badly with a plan and its data although nothing is wrong with either: notes of `train`."""

from __future__ import annotations

from collections.abc import Iterator

from fashionbatch.data.prepared import PreparedData
from fashionbatch.plan import Plan


def advice_on_data(plan: Plan, data: PreparedData) -> Iterator[str]:
    """What an experienced colleague would say once the images are counted.

    Args:
        plan: what is about to be trained.
        data: what it is trained on.
    """
    images = len(data.splits["train"]) if "train" in data.splits else 0
    for phase in plan.phases:
        if phase.batch_size > images:
            where = f"phase {phase.name!r}: " if len(plan.phases) > 1 else ""
            yield (
                f"{where}a batch may have {phase.batch_size:,} images, but there are {images:,} to train on: an epoch "
                "is one single step; a batch_size of 16 to 128 gives more of them"
            )
    labels = [names for split in data.splits.values() for names in split.labels]
    exclusive = all(len(names) == 1 for names in labels) and len(data.class_names) > 1
    if data.rule.has_many and exclusive and not plan.source.spec.exclusive:
        yield "every image has exactly one label; head 'multiclass' chooses one, 'multilabel' may give none or several"
