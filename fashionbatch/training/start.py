"""What training starts from, and the proof that it can end in a bundle: all before the first epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.bundle.manifest import MANIFEST_NAME
from fashionbatch.bundle.open import open_bundle
from fashionbatch.data.context import LocalContext
from fashionbatch.data.fetching import local_bundle
from fashionbatch.data.prepared import PreparedData
from fashionbatch.decisions import rule_type
from fashionbatch.errors import BundleError, DataError, PluginError, WeightsError
from fashionbatch.inference.rebuild import keras_model_of
from fashionbatch.labels.columns import FIRST_COLUMNS, PROBABILITY, label_columns
from fashionbatch.model.freezing import set_trained_layers
from fashionbatch.model.network import Network, build_network
from fashionbatch.model.weights import FitReport, assign_by_name, named_weights
from fashionbatch.names import composed, suggestion
from fashionbatch.plan import Plan
from fashionbatch.plugins import error_of_plugin
from fashionbatch.registry import Registry
from fashionbatch.stores.address import Url, as_location
from fashionbatch.training.epochs.fitting import prepare_fitting

if TYPE_CHECKING:
    import keras
    import openvino as ov

_START = ("initialize_from",)
"""Where a recipe says what training starts from."""


def make_network(plan: Plan, class_count: int) -> Network:
    """Build the plan's network with first weights that the seed decides."""
    import keras

    keras.utils.set_random_seed(plan.recipe.training.seed)
    return build_network(plan, class_count)


def initialize(plan: Plan, network: Network, registry: Registry) -> FitReport | None:
    """Load what the recipe starts from: `initialize_from`, and the architecture's own pretrained weights.

    Args:
        plan: names both.
        network: changed in place.
        registry: rebuilds the other network.

    Returns:
        What fitted of `initialize_from`, None where the recipe has none.

    Raises:
        WeightsError: weights that are missing or do not fit.
        BundleError: `initialize_from` is no bundle, or a damaged one.
    """
    pretrained = plan.architecture.spec.initialize
    start = plan.recipe.initialize_from
    if start is None:
        if pretrained is not None:
            pretrained(network.backbone, plan.architecture.parameters, LocalContext(plan.base))
        return None
    bundle = open_bundle(_bundle_of(start, plan.base))
    if bundle.recipe_text() is None:
        raise WeightsError(
            f"{bundle.path} was imported; a graph has no layers whose weights could be taken",
            hint="name a run, or the bundle of one",
            place=_START,
        )
    model = keras_model_of(bundle, registry)
    weights = named_weights(model)
    if pretrained is not None and not _all_fit(network.backbone, weights):
        pretrained(network.backbone, plan.architecture.parameters, LocalContext(plan.base))
    return assign_by_name(network.model, weights)


def require_phases_can_run(plan: Plan, network: Network, data: PreparedData) -> None:
    """Prepare each phase as if it were to begin now, so that no mistake in a late one waits for those before it.

    Args:
        plan: names the phases.
        network: which of its layers learn is left as in the last phase.
        data: the splits.

    Raises:
        TrainingError: a phase names a layer that the backbone has not, or nothing would learn in it.
        DataError: a weight for a class that the data do not have.
        PluginError: an augmentation cannot be built.
    """
    for phase in plan.phases:
        set_trained_layers(network, phase.train, phase.place, keep_batch_norm=phase.keeps_batch_norm)
        prepare_fitting(plan, phase, network, data, epoch=lambda: 0)


def require_bundle_can_be_made(plan: Plan, network: Network) -> ov.Model:
    """Convert the untrained network to a bundle's graph, and look at what it computes.

    A network that labeling cannot run is better known of now than after a night of training.

    Returns:
        The graph, which has a backbone's features as they are before the first epoch.

    Raises:
        BundleError: it cannot be converted.
        PluginError: a plugin's layer fails when it is, or what the network computes are no probabilities.
    """
    try:
        graph = to_graph(network.model, network.features)
    except BundleError as error:
        blamed = error.__cause__ and error_of_plugin(error.__cause__, plan.origins)
        raise blamed or error from error.__cause__
    shape = plan.recipe.data.image.shape
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    probabilities = np.asarray(network.model(images, training=False))
    problem = None
    if not np.isfinite(probabilities).all():
        problem = "numbers that are not finite"
    elif probabilities.min() < 0 or probabilities.max() > 1 + 1e-5:
        problem = f"{probabilities.min():.3g} to {probabilities.max():.3g}, outside of 0..1"
    elif rule_type(plan.head.spec.decoding).sums_to_one and not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        problem = f"rows that sum to {probabilities.sum(axis=1).tolist()}, not to 1"
    if problem is not None:
        raise PluginError(
            f"head {plan.head.spec.name!r} of {plan.head.provider.distribution} must give probabilities for "
            f"{plan.head.spec.decoding}; on architecture {plan.architecture.spec.name!r} it gives {problem}"
        )
    return graph


def groups_of(plan: Plan, data: PreparedData) -> dict[str, tuple[str, ...]]:
    """The groups of labels of which one wins: the head's, or those that the source says where the head says none.

    Raises:
        DataError: a group names a label that the data do not have, or is called like another column of the table.
    """
    class_names = data.class_names
    named = plan.head.spec.groups(plan.head.parameters)
    groups = {group: tuple(map(composed, labels)) for group, labels in named.items()}
    if not groups and rule_type(data.decoding).has_many:
        groups = dict(data.label_groups)
        taken = {column.name for column in label_columns(class_names, several=True)} | set(FIRST_COLUMNS)
        for group in groups:
            if {group, f"{group}_{PROBABILITY}"} & taken:
                raise DataError(
                    f"the source's attribute {group!r} is called like another column of the label table",
                    hint="rename the column in the source",
                )
    for group, labels in groups.items():
        unknown = next((label for label in labels if label not in class_names), None)
        if unknown is not None:
            place = ("head", "groups", group, labels.index(unknown))
            raise DataError(f"the data have no label {unknown!r}{suggestion(unknown, class_names)}", place=place)
    return groups


def _all_fit(backbone: keras.Model, weights: Mapping[str, Sequence[NDArray[Any]]]) -> bool:
    """Whether every layer of a backbone finds weights of its name and shapes."""
    return all(
        [weight.shape for weight in given] == [weight.shape for weight in weights.get(name, ())]
        for name, given in named_weights(backbone).items()
    )


def _bundle_of(start: str, base: Path) -> Path:
    """The bundle that a recipe names: itself, the one in a run directory, or one that comes into the cache."""
    location = as_location(start)
    if isinstance(location, Url):
        return local_bundle(location)
    path = base / location.expanduser()
    if path.is_file():
        return local_bundle(path)
    candidates: Sequence[Path] = (path, path / "bundle")
    for candidate in candidates:
        if (candidate / MANIFEST_NAME).is_file():
            return candidate
    if not path.exists():
        raise WeightsError(
            f"{path} does not exist",
            hint="name a run directory or a bundle, relative to the recipe",
            place=_START,
        )
    if (path / "run.json").is_file():
        raise WeightsError(f"the run {path} is not finished", hint="finish it with --resume", place=_START)
    raise WeightsError(f"{path} is neither a run nor a bundle", place=_START)
