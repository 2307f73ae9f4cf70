"""A plan's metrics as Keras metrics, under the names that recipes call them by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.decisions import rule_type
from fashionbatch.errors import PluginError
from fashionbatch.model.network import built, is_one_number, who
from fashionbatch.plan import Plan, Resolved
from fashionbatch.plugins import sign
from fashionbatch.specs import Decoding, MetricSpec

if TYPE_CHECKING:
    import keras


def build_metrics(plan: Plan, class_count: int) -> list[keras.metrics.Metric]:
    """The metrics of a plan, each of them named as its figure is called, with nothing measured yet.

    Args:
        plan: names metrics and head.
        class_count: classes of the data.

    Raises:
        PluginError: a metric cannot be built for these classes, or gives no single number.
    """
    decoding = plan.head.spec.decoding
    named = zip(plan.metric_names, plan.metrics, strict=True)
    return [_build(name, metric, decoding, class_count) for name, metric in named]


def measure_metrics(
    plan: Plan, class_count: int, targets: NDArray[np.float32], probabilities: NDArray[np.float32]
) -> dict[str, float | None]:
    """What the plan's metrics say of probabilities; None for one that is no finite number.

    Args:
        plan: names metrics and head.
        class_count: classes of the data.
        targets: float32 `(n, outputs)`.
        probabilities: float32 `(n, outputs)`.
    """
    found: dict[str, float | None] = {}
    for metric in build_metrics(plan, class_count):
        metric.update_state(targets, probabilities)
        value = float(metric.result())
        found[metric.name] = value if math.isfinite(value) else None
    return found


def _build(name: str, component: Resolved[MetricSpec], decoding: Decoding, class_count: int) -> keras.metrics.Metric:
    import keras

    purpose = f"for {class_count} classes"
    metric = built(
        component,
        purpose,
        lambda: component.spec.build(component.parameters, decoding, class_count),
        keras.metrics.Metric,
    )
    sign([metric], component.origin)
    named = _named(name, metric)
    outputs = rule_type(decoding).outputs_for(class_count)
    targets = np.eye(2, outputs, dtype=np.float32)
    # A first look at two images makes the metric's variables, and shows what it gives.
    result: Any = built(component, purpose, lambda: _tried(named, targets), object)
    if not is_one_number(result):
        shape = getattr(result, "shape", ())
        given = f"an array of shape {tuple(shape)}" if len(shape) else type(result).__name__
        raise PluginError(f"{who(component)} must give one number, got {given}")
    named.reset_state()
    return named


def _tried(metric: keras.metrics.Metric, targets: NDArray[np.float32]) -> Any:
    metric.update_state(targets, np.full(targets.shape, 1 / max(2, targets.shape[1]), np.float32))
    return metric.result()


def _named(name: str, metric: keras.metrics.Metric) -> keras.metrics.Metric:
    """A metric under another name: what it is called in logs, and so in recipes and in the history."""
    import keras

    class Named(keras.metrics.Metric):  # type: ignore[misc]  # keras ships no types
        def __init__(self) -> None:
            super().__init__(name=name)
            self.metric = metric

        def update_state(self, targets: Any, probabilities: Any, sample_weight: Any = None) -> None:
            self.metric.update_state(targets, probabilities, sample_weight)

        def result(self) -> Any:
            return self.metric.result()

        def reset_state(self) -> None:
            self.metric.reset_state()

    return Named()
