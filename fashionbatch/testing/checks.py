"""The promises of each kind of component, one function a promise."""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import ValidationError

from fashionbatch.data.context import LocalContext
from fashionbatch.specs import (
    SPLITS,
    ArchitectureSpec,
    AugmentationSpec,
    DatasetSpec,
    Decoding,
    EngineSpec,
    HeadSpec,
    LossSpec,
    Parameters,
    Samples,
    Spec,
    WriterSpec,
)
from fashionbatch.testing.runtime_checks import (
    check_batches_come_back_by_their_keys,
    check_features_leave_probabilities_as_they_are,
)
from fashionbatch.testing.training_checks import (
    check_a_callback_looks_on_to_the_end,
    check_a_metric_goes_the_way_it_says,
    check_a_metric_is_one_number,
    check_a_step_moves_the_weights_downhill,
    check_rates_are_positive_numbers,
    check_the_rate_that_is_given_counts,
    check_what_follows_the_figures_can_be_resumed,
)

CLASSES = 4
FEATURES = 16


@dataclass(frozen=True)
class Subject:
    """A component under check, with the parameters that its author gave as an example."""

    spec: Spec
    example: Mapping[str, Any]

    @property
    def parameters(self) -> Parameters:
        """The checked parameters."""
        try:
            return self.spec.parameters.model_validate(dict(self.example))
        except ValidationError as error:
            raise AssertionError(
                f"{self.spec.kind}/{self.spec.name} cannot be made from {dict(self.example)}: give an example to the "
                f"checks, by the key '{self.spec.kind}/{self.spec.name}'\n{error}"
            ) from error


# -------------------------------------------------------------------------------------------------------- every kind


def check_parameters_are_documented(subject: Subject) -> None:
    """Every parameter says what it means, since `plugins show` and editors print it."""
    silent = [name for name, field in subject.spec.parameters.model_fields.items() if not field.description]
    assert not silent, f"parameters without a description: {', '.join(silent)}"


def check_unknown_parameters_are_refused(subject: Subject) -> None:
    """A misspelt key is an error, also beside right ones."""
    try:
        subject.spec.parameters.model_validate({**subject.example, "no_such_parameter": 1})
    except ValidationError as error:
        problems = {problem["type"] for problem in error.errors()}
    else:
        raise AssertionError("an unknown parameter was accepted")
    assert "extra_forbidden" in problems, f"the misspelt key was not among the problems: {sorted(problems)}"


def check_parameters_have_a_json_schema(subject: Subject) -> None:
    """Editors complete and check recipes by it, and a resolved recipe stores the parameters as plain data."""
    json.dumps(subject.spec.parameters.model_json_schema())
    if _needs_example(subject):
        return
    dumped = subject.parameters.model_dump(mode="json", by_alias=True)
    again = subject.spec.parameters.model_validate(json.loads(json.dumps(dumped)))
    assert again == subject.parameters, "the parameters do not survive being written to a recipe and read again"


def _needs_example(subject: Subject) -> bool:
    required = [name for name, field in subject.spec.parameters.model_fields.items() if field.is_required()]
    return bool(required) and not subject.example


# ---------------------------------------------------------------------------------------------------------- datasets


def check_samples_are_consistent(subject: Subject) -> None:
    """Labels, splits and groups have one entry an image, and name classes and splits that exist."""
    spec = cast(DatasetSpec, subject.spec)
    if _needs_example(subject):
        return
    samples = spec.load(subject.parameters, LocalContext(base=Path.cwd()))
    assert isinstance(samples, Samples), f"load must return Samples, got {type(samples).__name__}"
    assert len(samples.labels) > 0, "load returned no images"
    assert len(samples.images) == len(samples.labels), f"{len(samples.images)} images, {len(samples.labels)} labels"
    if isinstance(samples.images, np.ndarray):
        assert samples.images.dtype == np.uint8, f"image arrays are uint8, got {samples.images.dtype}"
        assert samples.images.ndim in {3, 4}, f"image arrays have 3 or 4 axes, got {samples.images.ndim}"
    assert len(set(samples.class_names)) == len(samples.class_names), "class names repeat"
    used = {name for labels in samples.labels for name in labels}
    assert used <= set(samples.class_names), f"labels that are no class: {sorted(used - set(samples.class_names))}"
    if samples.splits is not None:
        assert len(samples.splits) == len(samples.labels), "one split (or None) an image"
        assert set(samples.splits) <= {None, *SPLITS}, f"splits are {', '.join(SPLITS)} or None"
    for column, values in samples.groups.items():
        assert len(values) == len(samples.labels), f"group column {column!r}: one value an image"


# ----------------------------------------------------------------------------------------------------- architectures


def _pixels(shape: tuple[int, int, int]) -> Any:
    import keras

    return keras.Input(shape, dtype="float32")


def check_features_are_flat(subject: Subject) -> None:
    """The features are `(batch, n)`, so that any head fits."""
    spec = cast(ArchitectureSpec, subject.spec)
    features = spec.build(_pixels(spec.example_shape), subject.parameters)
    assert len(features.shape) == 2, f"features must be (batch, n), got {tuple(features.shape)}"
    assert features.shape[0] is None, "the batch size must stay open"
    assert features.shape[1], "the number of features must be known"


def check_the_network_can_be_labeled_with(subject: Subject) -> None:
    """It converts to a bundle's graph, which computes what Keras computes."""
    import keras
    import openvino

    from fashionbatch.bundle.graph import to_graph

    spec = cast(ArchitectureSpec, subject.spec)
    keras.utils.set_random_seed(7)
    image = keras.Input(spec.example_shape, dtype="uint8")
    features = spec.build(keras.ops.cast(image, "float32"), subject.parameters)
    model = keras.Model(image, keras.layers.Dense(CLASSES, activation="softmax")(features))
    photos = np.random.default_rng(7).integers(0, 256, (2, *spec.example_shape), dtype=np.uint8)
    expected = keras.ops.convert_to_numpy(model(photos, training=False))
    assert np.isfinite(expected).all(), "the network gives NaN or infinity for ordinary pixels in 0..255"
    compiled = openvino.Core().compile_model(to_graph(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    [computed] = compiled(photos).values()
    np.testing.assert_allclose(computed, expected, atol=1e-3)


def check_a_second_network_has_the_same_layers(subject: Subject) -> None:
    """Layers that carry weights are called the same each time: weights are matched by name."""
    import keras

    spec = cast(ArchitectureSpec, subject.spec)
    names = []
    for _ in range(2):
        pixels = _pixels(spec.example_shape)
        model = keras.Model(pixels, spec.build(pixels, subject.parameters))
        names.append([layer.name for layer in model.layers if layer.weights])
    assert names[0] == names[1], f"layer names change from build to build: {sorted(set(names[0]) ^ set(names[1]))[:6]}"


# ------------------------------------------------------------------------------------------------------------- heads


def check_probabilities_are_probabilities(subject: Subject) -> None:
    """The output has the decoding's shape, lies in 0..1, and sums to 1 where one of many wins."""
    import keras

    spec = cast(HeadSpec, subject.spec)
    classes = 2 if spec.decoding == "yes_or_no" else CLASSES
    features = keras.Input((FEATURES,))
    model = keras.Model(features, spec.build(features, classes, subject.parameters))
    given = np.random.default_rng(7).normal(0, 5, (8, FEATURES)).astype(np.float32)
    output = keras.ops.convert_to_numpy(model(given))
    expected = (8, 1 if spec.decoding == "yes_or_no" else classes)
    assert output.shape == expected, f"{spec.decoding} needs an output of {expected}, got {output.shape}"
    assert output.dtype == np.float32, f"probabilities are float32, got {output.dtype}"
    assert ((output >= 0) & (output <= 1)).all(), "probabilities must lie in 0..1"
    if spec.decoding == "one_of_many":
        np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-5)


# ------------------------------------------------------------------------------------------------------------ losses


def _targets(decoding: Decoding) -> np.ndarray[Any, np.dtype[np.float32]]:
    if decoding == "yes_or_no":
        return np.array([[0], [1], [1], [0]], np.float32)
    if decoding == "one_of_many":
        return np.eye(CLASSES, dtype=np.float32)
    return np.array([[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]], np.float32)


def check_right_answers_cost_less(subject: Subject) -> None:
    """The loss is finite, also at 0 and 1, and falls as predictions get better."""
    import keras

    spec = cast(LossSpec, subject.spec)
    for decoding in spec.decodings:
        targets = _targets(decoding)
        loss = spec.build(subject.parameters, None)
        costs = []
        for confidence in (0.0, 0.3, 0.7, 1.0):
            guess = targets * confidence + (1 - targets) * (1 - confidence)
            if decoding == "one_of_many":
                guess = guess / guess.sum(axis=1, keepdims=True)
            costs.append(float(keras.ops.convert_to_numpy(loss(targets, guess.astype(np.float32)))))
        assert np.isfinite(costs).all(), f"{decoding}: not finite: {costs}"
        # The last step may go up: label smoothing wants less than certainty.
        assert costs[0] > costs[1] > costs[2], f"{decoding}: better predictions must cost less: {costs}"
        assert costs[3] < costs[1], f"{decoding}: a right answer must cost less than a wrong one: {costs}"


# ----------------------------------------------------------------------------------------------------- augmentations


def _photos() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(7).uniform(0, 255, (8, 24, 20, 3)).astype(np.float32)


def check_augmentation_keeps_shape_and_range(subject: Subject) -> None:
    """What comes out are still pixels: the same shape and dtype, in 0..255."""
    import keras

    spec = cast(AugmentationSpec, subject.spec)
    changed = keras.ops.convert_to_numpy(spec.build(subject.parameters, 3)(_photos(), training=True))
    assert changed.shape == _photos().shape, f"the shape changed from {_photos().shape} to {changed.shape}"
    assert changed.dtype == np.float32, f"the dtype changed to {changed.dtype}"
    assert changed.min() >= -1e-3, f"a pixel went below 0: {changed.min()}"
    assert changed.max() <= 255 + 1e-3, f"a pixel went above 255: {changed.max()}"


def check_augmentation_is_active_in_training_only(subject: Subject) -> None:
    """Validation and labeling see the photo as it is."""
    import keras

    layer = cast(AugmentationSpec, subject.spec).build(subject.parameters, 3)
    unchanged = keras.ops.convert_to_numpy(layer(_photos(), training=False))
    np.testing.assert_array_equal(unchanged, _photos())
    changed = keras.ops.convert_to_numpy(layer(_photos(), training=True))
    assert not np.array_equal(changed, _photos()), "nothing changes in training"


def check_the_same_seed_gives_the_same_photos(subject: Subject) -> None:
    """A training run can be repeated."""
    import keras

    spec = cast(AugmentationSpec, subject.spec)
    runs = [keras.ops.convert_to_numpy(spec.build(subject.parameters, 3)(_photos(), training=True)) for _ in range(2)]
    np.testing.assert_array_equal(runs[0], runs[1])


# ----------------------------------------------------------------------------------------------------------- writers

COLUMNS = ("filepath", "status", "error", "label", "prob")
ROWS = (
    ("a, b\n한국어.jpg", "ok", "", "cat", 0.987654321),
    ('"quoted"|=1+1.png', "ok", "", "dog", 0.5),
    ("caf\udce9.png", "error", "UnidentifiedImageError: no", None, None),
)


def check_a_table_is_the_same_however_it_is_cut(subject: Subject) -> None:
    """Shards are encoded by themselves; how many there were must not show in the table."""
    spec = cast(WriterSpec, subject.spec)
    assert spec.suffix.startswith("."), "the suffix begins with a dot"
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for cuts in ((0, 3), (0, 1, 3), (0, 1, 2, 3)):
            shards = []
            for start, stop in itertools.pairwise(cuts):
                shard = Path(folder) / f"{len(cuts)}-{start}"
                encoded = spec.encode(COLUMNS, ROWS[start:stop])
                shard.write_bytes(encoded if isinstance(encoded, bytes) else b"".join(encoded))
                shards.append(shard)
            file = io.BytesIO()
            spec.assemble(COLUMNS, shards, file)
            tables.append(file.getvalue())
    assert tables[0], "the table is empty"
    assert tables[0] == tables[1] == tables[2], "the table depends on how its rows were cut into shards"


# ----------------------------------------------------------------------------------------------------------- engines


def check_every_shard_is_run(subject: Subject) -> None:
    """Each number is run at least once, and none that was not asked for."""
    done: list[int] = []
    cast(EngineSpec, subject.spec).run([3, 5, 4, 9], done.append)
    assert set(done) == {3, 4, 5, 9}, f"asked for shards 3, 4, 5, 9; ran {done}"


def check_a_failing_shard_is_not_hidden(subject: Subject) -> None:
    """What a shard raises reaches the caller: a lost shard must never look done."""

    def fail(shard: int) -> None:
        raise OSError(f"shard {shard}: no space left")

    try:
        cast(EngineSpec, subject.spec).run([1], fail)
    except OSError:
        return
    raise AssertionError("the engine swallowed the shard's error")


EVERY_KIND: tuple[Callable[[Subject], None], ...] = (
    check_parameters_are_documented,
    check_unknown_parameters_are_refused,
    check_parameters_have_a_json_schema,
)
BY_KIND: Mapping[str, tuple[Callable[[Subject], None], ...]] = {
    "dataset": (check_samples_are_consistent,),
    "architecture": (
        check_features_are_flat,
        check_the_network_can_be_labeled_with,
        check_a_second_network_has_the_same_layers,
    ),
    "head": (check_probabilities_are_probabilities,),
    "loss": (check_right_answers_cost_less,),
    "augmentation": (
        check_augmentation_keeps_shape_and_range,
        check_augmentation_is_active_in_training_only,
        check_the_same_seed_gives_the_same_photos,
    ),
    "optimizer": (check_the_rate_that_is_given_counts, check_a_step_moves_the_weights_downhill),
    "schedule": (check_rates_are_positive_numbers, check_what_follows_the_figures_can_be_resumed),
    "metric": (check_a_metric_is_one_number, check_a_metric_goes_the_way_it_says),
    "callback": (check_a_callback_looks_on_to_the_end,),
    "runtime": (check_batches_come_back_by_their_keys, check_features_leave_probabilities_as_they_are),
    "writer": (check_a_table_is_the_same_however_it_is_cut,),
    "engine": (check_every_shard_is_run, check_a_failing_shard_is_not_hidden),
}
