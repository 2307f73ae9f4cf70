"""Ways of training that `training.py` compares: each makes two functions, one that trains and one that validates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One way of training the same network.

    Attributes:
        summary: what is different from the way that is shipped.
        environment: set for the process.
        deterministic: whether TensorFlow is told to give the same bits in each run.
        threads: of operations beside each other and within one; 0 leaves the choice to TensorFlow.
        parts: makes the functions that train and validate.
    """

    summary: str
    environment: Mapping[str, str] = field(default_factory=dict)
    deterministic: bool = True
    threads: tuple[int, int] = (0, 0)
    parts: Callable[[Setting], Parts] = field(default=lambda setting: shipped(setting))  # noqa: PLW0108 - it is defined below


@dataclass
class Setting:
    """What a process has built before the first turn."""

    plan: Any
    phase: Any
    network: Any
    data: Any
    fitting: Any


Parts = tuple[Callable[[], object], Callable[[], object]]
"""Trains a part of an epoch, and validates."""


def shipped(setting: Setting) -> Parts:
    from fashionbatch.training.report import epoch_callback

    model, training, validation = setting.fitting.model, setting.fitting.training, setting.fitting.validation

    def train() -> None:
        model.fit(training, epochs=1, verbose=0, shuffle=False, callbacks=[epoch_callback(lambda *_: None)])

    return train, lambda: model.evaluate(validation, verbose=0, return_dict=True)


def without_callback(setting: Setting) -> Parts:
    model, training = setting.fitting.model, setting.fitting.training
    return lambda: model.fit(training, epochs=1, verbose=0, shuffle=False), shipped(setting)[1]


def own_loop(setting: Setting) -> Parts:
    """Python's own loop around the compiled step: nothing of `fit` is left."""
    model, training = setting.fitting.model, setting.fitting.training

    def train() -> None:
        if model.train_function is None:
            model.make_train_function()
        model.reset_metrics()
        calls = -(-setting.fitting.steps // model.steps_per_execution)
        batches = iter(training)
        for _ in range(calls):
            model.train_function(batches)
        model.get_metrics_result()

    return train, shipped(setting)[1]


def arrays(setting: Setting) -> Parts:
    """Keras's own way with arrays in memory."""
    model, size = setting.fitting.model, setting.phase.batch_size
    splits = setting.data.splits
    train, held = splits["train"], splits["validation"]
    return (
        lambda: model.fit(train.images, train.targets, batch_size=size, epochs=1, verbose=0),
        lambda: model.evaluate(held.images, held.targets, batch_size=size, verbose=0),
    )


def gathered(setting: Setting) -> Parts:
    """No Python for each batch: tf.data takes images by their numbers out of one tensor."""
    import numpy as np
    import tensorflow as tf

    split, size = setting.data.splits["train"], setting.phase.batch_size
    images, targets = tf.constant(split.images), tf.constant(split.targets)
    order = tf.constant(np.random.default_rng(0).permutation(len(split)))
    dataset = tf.data.Dataset.from_tensor_slices(order).batch(size)
    dataset = dataset.map(lambda rows: (tf.gather(images, rows), tf.gather(targets, rows))).prefetch(4)
    setting.fitting = replace(setting.fitting, training=dataset)
    return shipped(setting)


def augmented_beside(setting: Setting) -> Parts:
    """Augmentation in a thread of the input, two batches ahead, and uint8 into the step."""
    import tensorflow as tf

    from fashionbatch.model.augmented import augmentation_layer
    from fashionbatch.training.epochs.fitting import prepare_fitting

    layers = [augmentation_layer(component, number) for number, component in enumerate(setting.phase.augmentation)]

    def augment(images: Any, *rest: Any) -> Any:
        pixels = tf.cast(images, tf.float32)
        for layer in layers:
            pixels = layer(pixels, training=True)
        return (tf.cast(tf.round(pixels), tf.uint8), *rest)

    phase = replace(setting.phase, augmentation=())
    fitting = prepare_fitting(setting.plan, phase, setting.network, setting.data, epoch=lambda: 0)
    setting.fitting = replace(fitting, training=fitting.training.map(augment).prefetch(2))
    return shipped(setting)


def without_augmentation(setting: Setting) -> Parts:
    """What augmentation costs at most; not a way to train."""
    from fashionbatch.training.epochs.fitting import prepare_fitting

    phase = replace(setting.phase, augmentation=())
    setting.fitting = prepare_fitting(setting.plan, phase, setting.network, setting.data, epoch=lambda: 0)
    return shipped(setting)


def fused_optimizer(setting: Setting) -> Parts:
    """One kernel of TensorFlow for each weight array, in the place of a dozen."""
    import keras
    import tensorflow as tf

    def adam(self: Any, gradient: Any, variable: Any, rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def momentum(self: Any, gradient: Any, variable: Any, rate: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )

    kind = type(setting.fitting.model.optimizer)
    kind.update_step = {keras.optimizers.Adam: adam, keras.optimizers.SGD: momentum}[kind]
    return shipped(setting)


def fused_norm(setting: Setting) -> Parts:
    """Batch normalisation of images by TensorFlow's one kernel for it."""
    import keras
    import tensorflow as tf

    plain = keras.layers.BatchNormalization.call

    def call(self: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable and len(inputs.shape) == 4):
            return plain(self, inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
        )
        # The kernel tells of the sample's variance, divided by one less; Keras keeps the plain one.
        values = tf.cast(tf.size(inputs) / inputs.shape[-1], variance.dtype)
        variance *= (values - 1) / values
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return outputs

    keras.layers.BatchNormalization.call = call
    return shipped(setting)


def validated_in_large_batches(setting: Setting) -> Parts:
    from fashionbatch.data.batches import batches

    held = batches(setting.data.splits["validation"], 256, shuffle=False)
    setting.fitting = replace(setting.fitting, validation=held)
    return shipped(setting)


def validated_by_openvino(setting: Setting) -> Parts:
    """The network converted and compiled after each epoch, as it is after the last one."""
    import openvino as ov

    from fashionbatch.bundle.graph.convert import to_graph

    images = setting.data.splits["validation"].images

    def validate() -> None:
        graph = to_graph(setting.network.model, setting.network.features)
        request = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
        for start in range(0, len(images), 32):
            request.infer({0: images[start : start + 32]})

    return shipped(setting)[0], validate


def plain_keras(setting: Setting) -> Parts:
    """The same layers as somebody would put them together who knows Keras alone."""
    import keras

    from fashionbatch.model.augmented import augmentation_layer

    image = keras.Input(setting.plan.recipe.data.image.shape)
    pixels = image
    for number, component in enumerate(setting.phase.augmentation):
        pixels = augmentation_layer(component, number)(pixels)
    model = keras.Model(image, setting.network.core(pixels))
    ours = setting.fitting.model
    model.compile(type(ours.optimizer).from_config(ours.optimizer.get_config()), ours.loss, metrics=["accuracy"])
    setting.fitting = replace(setting.fitting, model=model)
    return arrays(setting)


HEAP = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
VARIANTS = {
    "shipped": Variant("as `train` does it"),
    "keras": Variant("plain Keras: `fit` of arrays, TensorFlow's own settings", deterministic=False, parts=plain_keras),
    "eigen": Variant("without oneDNN", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "any-order": Variant("without `enable_op_determinism`", deterministic=False),
    "one-thread": Variant("one thread", threads=(1, 1)),
    "one-operation": Variant("one operation at a time, all cores within it", threads=(1, 0)),
    "one-core-each": Variant("operations beside each other, one thread each", threads=(0, 1)),
    "heap": Variant("memory kept by the process between steps (glibc's thresholds)", HEAP),
    "one-arena": Variant("one arena of glibc's heap", {"MALLOC_ARENA_MAX": "1"}),
    "fused-optimizer": Variant("the optimizer's step as one kernel", parts=fused_optimizer),
    "fused-norm": Variant("batch normalisation as one kernel", parts=fused_norm),
    "no-callback": Variant("`fit` without a callback a batch", parts=without_callback),
    "own-loop": Variant("a Python loop in the place of `fit`", parts=own_loop),
    "arrays": Variant("`fit` of arrays", parts=arrays),
    "gathered": Variant("batches gathered by tf.data, no Python", parts=gathered),
    "augmented-beside": Variant("augmentation in uint8 beside the step", parts=augmented_beside),
    "no-augmentation": Variant("without augmentation: the most that any way can give", parts=without_augmentation),
    "validate-256": Variant("validation in batches of 256", parts=validated_in_large_batches),
    "validate-openvino": Variant("validation by OpenVINO, converted each epoch", parts=validated_by_openvino),
}
