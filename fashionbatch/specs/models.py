"""What a network is made of, and what it is trained with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashionbatch.errors import WeightsError
from fashionbatch.specs.base import Parameters, Spec, value_of
from fashionbatch.specs.data import DatasetContext

if TYPE_CHECKING:
    import keras


Decoding: TypeAlias = Literal["one_of_many", "yes_or_no", "several_of_many"]
"""How probabilities become labels. A bundle stores it, so that labeling needs no plugin.

- `one_of_many`: `(batch, classes)`, each row sums to 1; the label is the largest, ties go to the earlier class.
- `yes_or_no`: `(batch, 1)`, the probability of the second of two classes.
- `several_of_many`: `(batch, classes)`, each for itself; the labels are those at or over their thresholds.
"""

TrainingPrecision: TypeAlias = Literal["float32", "bfloat16"]
"""What training computes in. A network is quantized after it, so there is no int8 here as in `Precision`."""


@dataclass(frozen=True, kw_only=True)
class Starter:
    """What an architecture can begin with on this machine at once; `fashionbatch try` tries each.

    Attributes:
        name: what tables call it, such as `MobileNetV2`; no two of an architecture alike.
        parameters: what a recipe writes beside the architecture's name.
        side: height and width in pixels of the images that it knows; None takes photos in their own size.
        largest_side: photos with a longer side are not for it; None where any will do.
        pretrained: whether it has learnt from other images, so that a head on its features is worth trying.
    """

    name: str
    parameters: Mapping[str, Any]
    side: int | None = None
    largest_side: int | None = None
    pretrained: bool = False


def _no_starters(_: DatasetContext) -> Iterable[Starter]:
    return ()


@dataclass(frozen=True, kw_only=True)
class ArchitectureSpec(Spec):
    """A backbone: from pixels to features. The head puts the last layers on it.

    Attributes:
        build: takes float32 pixels `(batch, height, width, channels)` in 0..255 as a Keras tensor and the checked
            parameters; returns features `(batch, n)`. Scaling of pixels happens here, inside the model.
        initialize: loads pretrained weights into the backbone that `build` made, a Keras model from pixels to
            features. Called only where training begins with them: not for a bundle, whose own weights follow, so that
            nobody needs the pretrained file to label. None where there are no such weights.
        missing_weights: takes the checked parameters and a context; says, without a download, what a user needs to know
            where `initialize` would not find the weights on this machine, None where it would. `recipe new` chooses a
            backbone by it; None where that cannot be told.
        weights_parameter: the parameter that says which pretrained weights are wanted: a name, the path of a file, or
            `none`. `recipe check` advises by it.
        named_weights: its values that are names and no paths.
        example_shape: the smallest `(height, width, channels)` that the contract suite builds it with.
        starters: gives what it can begin with on this machine at once: weights that are here, or none needed. It
            downloads nothing and builds no network. None by default.
    """

    kind: ClassVar[str] = "architecture"
    hook: ClassVar[str] = "register_architectures"

    build: Callable[[keras.KerasTensor, Any], keras.KerasTensor]
    initialize: Callable[[keras.Model, Any, DatasetContext], None] | None = None
    missing_weights: Callable[[Any, DatasetContext], WeightsError | None] | None = None
    weights_parameter: str | None = "weights"
    named_weights: tuple[str, ...] = ("imagenet",)
    example_shape: tuple[int, int, int] = (32, 32, 3)
    starters: Callable[[DatasetContext], Iterable[Starter]] = _no_starters

    def weights(self, parameters: Parameters) -> str | None:
        """The pretrained weights that the parameters name; None for none."""
        weights = value_of(parameters, self.weights_parameter)
        return None if weights in {None, "none"} else str(weights)


@dataclass(frozen=True, kw_only=True)
class HeadSpec(Spec):
    """The last layers, and how their output is read.

    Attributes:
        decoding: how probabilities become labels; it also fixes how labels become training targets.
        default_loss: the loss that a recipe without one gets.
        build: takes features `(batch, n)`, the number of classes and the parameters; returns float32 probabilities of
            the shape that the decoding asks for.
        groups_parameter: the parameter, if there is one of that name, that groups classes: attribute -> names of
            classes of which one wins. Bundles store it.
    """

    kind: ClassVar[str] = "head"
    hook: ClassVar[str] = "register_heads"

    decoding: Decoding
    default_loss: str
    build: Callable[[keras.KerasTensor, int, Any], keras.KerasTensor]
    groups_parameter: str | None = "groups"

    def groups(self, parameters: Parameters) -> Mapping[str, tuple[str, ...]]:
        """The groups of classes of which one wins; empty where there are none."""
        groups = value_of(parameters, self.groups_parameter)
        return {name: tuple(classes) for name, classes in groups.items()} if isinstance(groups, Mapping) else {}


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss on probabilities.

    Attributes:
        decodings: the kinds of head that it fits.
        build: takes the parameters and, for `several_of_many` with class weights, one positive weight a label;
            returns a Keras loss of targets and probabilities, both float32 `(batch, outputs)`: one-hot rows for
            `one_of_many`, one column of 0 and 1 for `yes_or_no`, multi-hot rows for `several_of_many`.
    """

    kind: ClassVar[str] = "loss"
    hook: ClassVar[str] = "register_losses"

    decodings: tuple[Decoding, ...]
    build: Callable[[Any, NDArray[np.float32] | None], keras.losses.Loss]


@dataclass(frozen=True, kw_only=True)
class AugmentationSpec(Spec):
    """A random change of training images, as a Keras layer.

    Attributes:
        build: takes the parameters and a seed; returns a layer from float32 `(batch, height, width, channels)` in
            0..255 to the same shape and range. It is active in training only and is not part of the bundle.
        level: what the layer takes and returns. `image`: images. `batch`: a pair of images and float32 targets
            `(batch, outputs)`; targets may become mixtures, whose rows still are in 0..1, and sum to 1 where they did.
        channels: the numbers of channels that an image may have.
    """

    kind: ClassVar[str] = "augmentation"
    hook: ClassVar[str] = "register_augmentations"

    build: Callable[[Any, int], keras.layers.Layer]
    level: Literal["image", "batch"] = "image"
    channels: tuple[Literal[1, 3], ...] = (1, 3)
