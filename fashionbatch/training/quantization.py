"""A trained bundle -> the same with a graph of 8 bits, where the extra `int8` is installed."""

from __future__ import annotations

from dataclasses import replace

from fashionbatch.bundle.quantizing.quantize import is_available
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import BundleError, DataError, ScratchError
from fashionbatch.plan import Plan
from fashionbatch.quantizing.judge import Judge
from fashionbatch.quantizing.material import material_of_training
from fashionbatch.quantizing.run import quantize_bundle
from fashionbatch.registry import Registry
from fashionbatch.training.bundling import Labeled
from fashionbatch.training.report import Reporter

TIME_LIMIT_S = 300.0
"""How long ways that keep more labels are tried; `bundle quantize` takes what time it is given."""


def quantize_trained(
    plan: Plan, labeled: Labeled, data: PreparedData, *, registry: Registry, reporter: Reporter
) -> Labeled:
    """Quantize a trained network: training images calibrate it, the validation split judges it.

    A network that cannot be quantized is trained all the same: then the user is told why not.

    Args:
        plan: the recipe, which may say `quantize: off`.
        labeled: the bundle in float32, and what it says of the splits.
        data: the splits.
        registry: where the runtime is registered.
        reporter: what the user sees.

    Returns:
        The bundle with its new digest and how int8 fared; as it was, where there is nothing to be done.

    Raises:
        OutputError: the bundle cannot be written.
    """
    training = plan.recipe.training
    if training.quantize == "off" or not is_available():
        return labeled
    material = material_of_training(data, training.seed)
    if material is None:
        reporter.show("int8 is not made: there is no validation split to judge it by")
        return labeled
    judge = Judge(
        material.images,
        material.targets,
        labeled.probabilities["validation"],
        labeled.bundle.manifest.rule,
        material.source,
    )
    try:
        found = quantize_bundle(
            labeled.bundle,
            material.calibration,
            judge,
            registry=registry,
            observer=reporter,
            time_limit_s=TIME_LIMIT_S,
        )
    except (BundleError, DataError, ScratchError) as error:
        reporter.show(f"int8 is not made: {error}")
        return labeled
    return replace(labeled, bundle=found.bundle, parity=found.bundle.manifest.precision_parity)
