"""A candidate that is ready to be judged: its plan, its photos, its network, and how fast it is here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import BundleError, RuntimeUnavailableError
from fashionbatch.inference.session import usable_cores
from fashionbatch.inference.speed import machine_clock
from fashionbatch.model.framework import load_tensorflow, set_arithmetic
from fashionbatch.model.network import Network
from fashionbatch.model.precision import training_precision
from fashionbatch.plan import Plan, make_plan
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.recipe.load import parse_recipe
from fashionbatch.registry import Registry
from fashionbatch.training.epochs.backbone import BATCH, backbone_by_keras, backbone_by_runtime
from fashionbatch.training.start import initialize, make_network
from fashionbatch.trying.candidates import Candidate

if TYPE_CHECKING:
    import openvino as ov

_TIMED = 8 * BATCH
"""Photos by which a network is timed, unless they take longer than `_TIMED_S`."""
_TIMED_AT_ONCE = 4 * BATCH
_TIMED_S = 3.0
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Opened:
    """A candidate with everything that judging it needs.

    Attributes:
        candidate: what it is.
        plan: of a recipe that trains a head on it, or all of it.
        data: the splits, at its size.
        network: with the weights that it begins with.
        graph: the same, converted for labeling.
        milliseconds: for a photo, with all cores of this machine to itself.
        wall_ms: the same by the clock on the wall, with what else the machine does now.
    """

    candidate: Candidate
    plan: Plan
    data: PreparedData
    network: Network
    graph: ov.Model
    milliseconds: float
    wall_ms: float

    @property
    def size(self) -> int:
        """Bytes of the network in float32."""
        return int(self.network.model.count_params()) * _FLOAT_BYTES

    @property
    def slowed(self) -> float:
        """How many times as long work takes now as it would without what else the machine does; at least once."""
        return max(1.0, self.wall_ms / self.milliseconds) if self.milliseconds > 0 else 1.0

    @property
    def judged_images(self) -> int:
        """Images of the training and validation splits."""
        return sum(len(split) for name, split in self.data.splits.items() if name != "test")


def plan_of(recipe: Mapping[str, Any], registry: Registry, base: Path) -> Plan:
    """The plan of a recipe that was made here.

    Raises:
        RecipeError: a component is not there.
    """
    return make_plan(parse_recipe(to_yaml(dict(recipe)), name="the recipe that is tried", base=base), registry)


def start_network(plan: Plan, data: PreparedData, registry: Registry) -> Network:
    """The plan's network with the weights that it begins with, as `train` makes it.

    Raises:
        WeightsError: they are missing or do not fit.
    """
    precision, _ = training_precision(plan.recipe.training.precision)
    set_arithmetic(precision)
    load_tensorflow(precision)
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    network = make_network(plan, len(data.class_names))
    initialize(plan, network, registry)
    return network


def open_candidate(candidate: Candidate, plan: Plan, data: PreparedData, registry: Registry) -> Opened:
    """Build the network of a plan, and time it.

    Raises:
        WeightsError: its weights are missing or do not fit.
        BundleError: labeling could not run it.
    """
    network = start_network(plan, data, registry)
    graph = to_graph(network.model, network.features)
    milliseconds, wall_ms = _timed(network, plan, data, registry, graph)
    return Opened(candidate, plan, data, network, graph, milliseconds, wall_ms)


def _timed(
    network: Network, plan: Plan, data: PreparedData, registry: Registry, graph: ov.Model
) -> tuple[float, float]:
    """Milliseconds for a photo: of a machine that does nothing else, and of this one now."""
    images = data.splits["train"].images
    try:
        opened = backbone_by_runtime(network, plan, registry, lambda: graph)
        with opened as backbone:
            return _time_of(backbone.compute, images)
    except (BundleError, RuntimeUnavailableError):
        with backbone_by_keras(network) as backbone:
            return _time_of(backbone.compute, images)


def _time_of(compute: Any, images: Any) -> tuple[float, float]:
    for _ in compute(images[:BATCH]):
        pass  # The first batch waits for what is made once.
    clock = machine_clock("cpu", usable_cores())
    began, began_wall = clock(), time.monotonic()
    count = 0
    for start in range(0, min(_TIMED, len(images)), _TIMED_AT_ONCE):
        count += sum(len(rows) for rows in compute(images[start : min(_TIMED, start + _TIMED_AT_ONCE)]))
        if time.monotonic() - began_wall > _TIMED_S:
            break  # A network that is so slow is known well enough.
    return 1000 * (clock() - began) / count, 1000 * (time.monotonic() - began_wall) / count
