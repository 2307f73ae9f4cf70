"""What a finished bundle says of the images that it is judged by; known features spare it most of the work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.open import Bundle
from fashionbatch.data.prepared import PreparedData, SplitData
from fashionbatch.errors import BundleError
from fashionbatch.inference.head import probabilities_of_features
from fashionbatch.inference.session import DEFAULT_BATCH_SIZE, Session, open_session
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.training.report import Reporter

OTHERS: tuple[Split, ...] = ("validation", "test")
"""The splits that were not trained on, which judge a network wholly unless other splits are asked for."""
SAMPLE = 5_000
"""Images of a split that is judged by a sample: its accuracy is then known to 1.4 points or better, 19 times of 20."""
COMPARED = 32
"""Images of each split on which the head on known features has to give what the whole network gives."""
CLOSE = 1e-5
"""How far a probability of the one may be from that of the other."""
_AT_ONCE = 8 * DEFAULT_BATCH_SIZE


@dataclass(frozen=True)
class JudgedSplit:
    """The images of a split that judge a network.

    Attributes:
        data: they and what is right about them.
        rows: their positions in the split, ascending; None where they are all of it.
        whole: how many images the split has.
    """

    data: SplitData
    rows: NDArray[np.int64] | None
    whole: int

    @property
    def sampled_from(self) -> int | None:
        """How many images a sample was taken from; None where it is no sample."""
        return None if self.rows is None else self.whole

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """The images as arrays of a few batches, read when they are asked for."""
        for start in range(0, len(self.data), _AT_ONCE):
            yield self.data.images[start : start + _AT_ONCE]


def judged_splits(data: PreparedData, whole: Collection[Split], seed: int) -> dict[Split, JudgedSplit]:
    """The splits as a network is judged by them.

    Args:
        data: all splits.
        whole: those of which every image counts. The validation split is always one of them, since thresholds and the
            parity of precisions come from it. Of the others `SAMPLE` images count, where there are more.
        seed: of the sample: the same seed takes the same images.
    """
    judged = {}
    for name, split in data.splits.items():
        rows = None
        if name not in {"validation", *whole} and len(split) > SAMPLE:
            rows = np.sort(np.random.default_rng(seed).choice(len(split), SAMPLE, replace=False))
        judged[name] = JudgedSplit(split if rows is None else split.taken(rows), rows, len(split))
    return judged


def answers_of(
    bundle: Bundle,
    judged: Mapping[Split, JudgedSplit],
    features: Mapping[Split, NDArray[np.float32]],
    *,
    registry: Registry,
    reporter: Reporter,
) -> dict[Split, NDArray[np.float32]]:
    """What the bundle's network gives for every judged image, in float32.

    Where the features of a split are known its head alone has to run. That is believed only where it gives what the
    whole network gives for some of the images; else the whole network labels all of them.

    Args:
        bundle: as it was written.
        judged: the images.
        features: float32 `(n, features)` of whole splits, as far as they are known.
        registry: where the runtime is registered.
        reporter: what the user sees.

    Returns:
        Float32 `(n, outputs)` for each split.
    """
    with open_session(bundle, registry=registry, precision="float32") as session:
        found = _by_head(bundle, session, judged, features, reporter) if features else {}
        for name, part in judged.items():
            if name not in found:
                with reporter.bar(f"labeling {name} in float32", len(part.data), "image") as advance:
                    found[name] = session.predict(part.images(), progress=advance)
    return {name: found[name] for name in judged}


def _by_head(
    bundle: Bundle,
    session: Session,
    judged: Mapping[Split, JudgedSplit],
    features: Mapping[Split, NDArray[np.float32]],
    reporter: Reporter,
) -> dict[Split, NDArray[np.float32]]:
    """The answers for splits whose features are known; empty where they are not those of the whole network."""
    found: dict[Split, NDArray[np.float32]] = {}
    compared, farthest = 0, 0.0
    try:
        for name, part in judged.items():
            if name not in features:
                continue
            known = features[name] if part.rows is None else features[name][part.rows]
            with reporter.bar(f"labeling {name} by its features", len(known), "image") as advance:
                found[name] = probabilities_of_features(bundle, known, progress=advance)
    except BundleError as error:
        reporter.show(f"every image goes through the whole network: {error.message}")
        return {}
    for name, answers in found.items():
        chosen = np.unique(np.linspace(0, len(answers) - 1, COMPARED).astype(np.int64))
        whole = session.predict(judged[name].data.images[chosen])
        difference = float(np.abs(whole - answers[chosen]).max())
        rule = session.rule
        labels, own = (rule.decide_all(array).as_array() for array in (answers[chosen], whole))
        if not np.array_equal(labels, own) or not difference <= CLOSE:
            reporter.show(
                "every image goes through the whole network: its head on known features gives other answers "
                f"(largest difference {difference:.2g} on {len(chosen)} images of {name})"
            )
            return {}
        compared, farthest = compared + len(chosen), max(farthest, difference)
    reporter.show(
        f"judged by known features: the head gives what the whole network gives on {compared} images "
        f"(largest difference {farthest:.2g})"
    )
    return found
