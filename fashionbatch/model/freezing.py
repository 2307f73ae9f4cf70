"""Which layers learn in a phase."""

from __future__ import annotations

from collections.abc import Sequence

from fashionbatch.errors import TrainingError
from fashionbatch.model.network import Network
from fashionbatch.names import suggestion
from fashionbatch.plan.model import Trained


def set_trained_layers(
    network: Network, trained: Trained, place: Sequence[str | int] = (), *, keep_batch_norm: bool = False
) -> tuple[str, ...]:
    """Make some layers learn and freeze all others.

    A frozen BatchNormalization normalises by what it has learnt, not by the batch, also while layers after it learn:
    Keras runs a layer of that kind in inference mode when it is frozen.

    Args:
        network: changed in place; compile a model again after it.
        trained: `head`; from a layer of the backbone on, in the order of `Network.backbone_layers`; or `all`.
        place: where the recipe asks for it.
        keep_batch_norm: freeze batch normalisation in the backbone wherever it stands. Statistics of small batches
            spoil what the layers after it have learnt; where weights came with their normalisation folded into the
            convolutions, they spoil all of it.

    Returns:
        The names of the layers with weights that learn, from the image outwards.

    Raises:
        TrainingError: the backbone has no layer of that name, or nothing would learn.
    """
    import keras

    backbone, head = network.backbone_layers, network.head_layers
    learning = {*head, *backbone[_first_trained(backbone, trained, place) :]}
    if keep_batch_norm:
        kept = {layer.name for layer in network.backbone.layers if isinstance(layer, keras.layers.BatchNormalization)}
        learning -= kept
    names = []
    for layer in network.model.layers:
        layer.trainable = layer.name in learning
        if layer.trainable_weights:
            names.append(layer.name)
    if not names:
        raise TrainingError("no layer with weights would learn: the head has none", hint="train `all`")
    return tuple(names)


def learning_text(names: tuple[str, ...]) -> str:
    """What `set_trained_layers` returned, in words."""
    return f"{len(names)} layers learn, from {names[0]}" if len(names) > 1 else f"1 layer learns: {names[0]}"


def _first_trained(backbone: tuple[str, ...], trained: Trained, place: Sequence[str | int]) -> int:
    if trained == "all":
        return 0
    if trained == "head":
        return len(backbone)
    if trained.from_ not in backbone:
        meant = suggestion(trained.from_, backbone, otherwise="")
        raise TrainingError(
            f"the backbone has no layer {trained.from_!r} to train from{meant}",
            hint="`fashionbatch train RECIPE --dry-run` lists its layers",
            place=(*place, "train", "from") if place else (),
        )
    return backbone.index(trained.from_)
