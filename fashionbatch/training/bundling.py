"""A trained network -> its bundle, and what the bundle itself computes for every split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.bundle.graph.record import GraphOrigin, PrecisionRecord
from fashionbatch.bundle.manifest import Head, Labels, PluginRecord
from fashionbatch.bundle.open import Bundle
from fashionbatch.bundle.reference import choose_reference, synthetic_images
from fashionbatch.bundle.write import update_bundle, write_bundle
from fashionbatch.data.prepared import PreparedData
from fashionbatch.evaluation.measures.parity import measure_parity
from fashionbatch.evaluation.measures.thresholds import LabelThreshold, best_thresholds
from fashionbatch.images import POLICY
from fashionbatch.inference.session import DEFAULT_RUNTIME, open_session
from fashionbatch.model.network import Network
from fashionbatch.model.weights import write_weights
from fashionbatch.plan import Plan, resolved_yaml
from fashionbatch.registry import Registry
from fashionbatch.specs import Precision, RuntimeSpec, Split
from fashionbatch.training.clock import Clock
from fashionbatch.training.judging import JudgedSplit, answers_of
from fashionbatch.training.report import Reporter
from fashionbatch.training.start import groups_of

_Name = TypeVar("_Name", bound=str)
_LIBRARIES = ("tensorflow", "keras", "numpy")


@dataclass(frozen=True)
class Labeled:
    """A bundle, and what it says of the data that it was made with.

    Attributes:
        judged: the images that it is judged by: whole splits, or samples of them.
        probabilities: of these, float32 `(n, outputs)`, as the bundle's graph gives them in float32, in which
            `classify` computes the same.
        thresholds: chosen on the validation split; empty for other heads than `several_of_many`, or without the split.
        parity: how each precision of this machine fared on the validation split; empty without it.
    """

    bundle: Bundle
    judged: Mapping[Split, JudgedSplit]
    probabilities: Mapping[Split, NDArray[np.float32]]
    thresholds: tuple[LabelThreshold, ...]
    parity: Mapping[Precision, PrecisionRecord]


def make_bundle(
    plan: Plan,
    network: Network,
    data: PreparedData,
    path: Path,
    *,
    judged: Mapping[Split, JudgedSplit],
    features: Mapping[Split, NDArray[np.float32]],
    registry: Registry,
    reporter: Reporter,
    clock: Clock,
) -> Labeled:
    """Write the bundle, let it label the images that judge it, and add what that taught to its manifest.

    Args:
        plan: the recipe that goes into it.
        network: with its final weights.
        data: the splits.
        path: where the bundle goes; one that is there is replaced.
        judged: the images that it is judged by.
        features: of the backbone with its final weights, float32 `(n, features)` by split, as far as they are known.
        registry: where the runtime is registered.
        reporter: what the user sees.
        clock: is told which part of the run is under way.
    """
    with clock.measure("conversion"), reporter.waiting("converting the network"):
        bundle = _write(plan, network, data, path)
    probabilities = answers_of(bundle, judged, features, registry=registry, reporter=reporter)
    validation = data.splits.get("validation")
    if validation is None:
        patterns = synthetic_images(plan.recipe.data.image.shape)
        answers = _predict_in_each(bundle, {"patterns": patterns}, registry, reporter)
        bundle = update_bundle(bundle, reference=choose_reference(patterns, answers, "synthetic"))
        return Labeled(bundle, judged, probabilities, (), {})
    answers = _predict_in_each(
        bundle, {"validation": validation.images}, registry, reporter, float32=probabilities["validation"]
    )
    thresholds: tuple[LabelThreshold, ...] = ()
    if bundle.manifest.rule.has_many:
        thresholds = best_thresholds(validation.targets, answers["float32"])
    limits = tuple(found.threshold for found in thresholds)
    rule = replace(bundle.manifest.rule, thresholds=limits)
    parity = {
        precision: measure_parity(validation.targets, answers["float32"], candidate, rule)
        for precision, candidate in answers.items()
    }
    bundle = update_bundle(
        bundle,
        precision_parity=parity,
        thresholds=limits,
        reference=choose_reference(validation.images, answers, "validation"),
    )
    return Labeled(bundle, judged, probabilities, thresholds, parity)


def versions() -> dict[str, str]:
    """Versions of the libraries that numbers depend on."""
    return {name: metadata.version(name) for name in _LIBRARIES}


def _write(plan: Plan, network: Network, data: PreparedData, path: Path) -> Bundle:
    return write_bundle(
        path,
        name=plan.recipe.name,
        labels=Labels(class_names=data.class_names, display_names=data.display_names),
        head=Head(name=plan.head.spec.name, decoding=data.decoding, groups=groups_of(plan, data)),
        image=plan.recipe.data.image,
        decoding_policy=POLICY,
        graph=to_graph(network.model, network.features),
        made=GraphOrigin(
            converter="openvino",
            method="traced from the Keras model, weights uncompressed",
            versions={name: metadata.version(name) for name in ("keras", "openvino", "tensorflow")},
        ),
        weights=partial(write_weights, network.model),
        recipe_yaml=resolved_yaml(plan),
        plugins=_plugin_records(plan),
        created_with=versions(),
    )


def _plugin_records(plan: Plan) -> list[PluginRecord]:
    return [
        PluginRecord(
            kind=component.spec.kind,
            name=component.spec.name,
            provider=component.provider.distribution,
            version=component.provider.version,
        )
        for component in plan.components
    ]


def _predict_in_each(
    bundle: Bundle,
    images: Mapping[str, NDArray[np.uint8]],
    registry: Registry,
    reporter: Reporter,
    *,
    float32: NDArray[np.float32] | None = None,
) -> dict[Precision, NDArray[np.float32]]:
    """Probabilities of one array in every precision that this machine and the bundle have; float32's may be known."""
    [name] = images
    if float32 is None:
        float32 = _predict(bundle, images, registry, "float32", reporter)[name]
    found: dict[Precision, NDArray[np.float32]] = {"float32": float32}
    for precision in registry.get(RuntimeSpec, DEFAULT_RUNTIME).precisions("cpu"):
        if precision != "float32" and precision in bundle.manifest.precisions:
            found[precision] = _predict(bundle, images, registry, precision, reporter)[name]
    return found


def _predict(
    bundle: Bundle,
    images: Mapping[_Name, NDArray[np.uint8]],
    registry: Registry,
    precision: Precision,
    reporter: Reporter,
) -> dict[_Name, NDArray[np.float32]]:
    probabilities: dict[_Name, NDArray[np.float32]] = {}
    with open_session(bundle, registry=registry, precision=precision) as session:
        for name, array in images.items():
            with reporter.bar(f"labeling {name} in {precision}", len(array), "image") as advance:
                probabilities[name] = session.predict(array, progress=advance)
    return probabilities
