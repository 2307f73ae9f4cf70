"""The promises of each kind of component, one function a promise, one module a kind."""

from __future__ import annotations

from collections.abc import Mapping

from fashionbatch.testing.checks import (
    architecture,
    augmentation,
    callback,
    dataset,
    engine,
    head,
    image_search,
    loss,
    metric,
    parameters,
    runtime,
    training,
    writer,
)
from fashionbatch.testing.subject import CheckFunction, Subject

__all__ = ["BY_KIND", "EVERY_KIND", "CheckFunction", "Subject"]

EVERY_KIND: tuple[CheckFunction, ...] = parameters.CHECKS
BY_KIND: Mapping[str, tuple[CheckFunction, ...]] = {
    "dataset": dataset.CHECKS,
    "architecture": architecture.CHECKS,
    "head": head.CHECKS,
    "loss": loss.CHECKS,
    "augmentation": augmentation.CHECKS,
    "optimizer": training.OPTIMIZER_CHECKS,
    "schedule": training.SCHEDULE_CHECKS,
    "metric": metric.CHECKS,
    "callback": callback.CHECKS,
    "runtime": runtime.CHECKS,
    "writer": writer.CHECKS,
    "engine": engine.CHECKS,
    "image_search": image_search.CHECKS,
}
