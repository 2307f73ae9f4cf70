"""The built-in architectures, heads, losses and augmentations, by what a recipe writer relies on."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fashionbatch_plugins import architectures, augmentations, heads, losses
from fashionbatch_plugins.architectures import small

ARCHITECTURES = {spec.name: spec for spec in architectures.register_architectures()}
HEADS = {spec.name: spec for spec in heads.register_heads()}
LOSSES = {spec.name: spec for spec in losses.register_losses()}
AUGMENTATIONS = {spec.name: spec for spec in augmentations.register_augmentations()}


def network(architecture, shape, classes, parameters=None, *, head="multiclass", top=None):
    import keras

    spec, head_spec = ARCHITECTURES[architecture], HEADS[head]
    pixels = keras.Input(shape)
    features = spec.build(pixels, spec.parameters.model_validate(parameters or {}))
    return keras.Model(pixels, head_spec.build(features, classes, head_spec.parameters.model_validate(top or {})))


def parameter_count(*args, **kwargs):
    return network(*args, **kwargs).count_params()


def test_the_tutorials_network_has_333526_parameters():
    written_out = {"blocks": [{"filters": 32}, {"filters": 64}], "dense": [100], "dropout": 0.4}
    assert parameter_count("cnn", (28, 28, 1), 10, written_out) == 333_526
    assert parameter_count("cnn", (28, 28, 1), 10) == 333_526


def test_the_other_named_networks_are_their_books():
    assert parameter_count("mini_vgg", (28, 28, 1), 10) == 1_679_082
    assert parameter_count("smaller_vgg", (96, 96, 3), 6, head="multilabel") == 8_679_302
    assert parameter_count("mlp", (28, 28, 1), 10) == 335_114


def test_layer_names_do_not_depend_on_what_was_built_before():
    first = [layer.name for layer in network("mini_vgg", (28, 28, 1), 10).layers[1:]]
    second = [layer.name for layer in network("mini_vgg", (28, 28, 1), 10).layers[1:]]
    assert first == second
    assert first[1:3] == ["conv1", "conv1_norm"]
    assert first[-1] == "head_output"


def test_a_network_scales_pixels_itself():
    model = network("mlp", (2, 2, 1), 3)
    scale = model.get_layer("scale")
    assert float(np.max(scale(np.full((1, 2, 2, 1), 255.0, np.float32)))) == pytest.approx(1.0)


def test_more_pooling_than_pixels_is_said_in_pixels():
    with pytest.raises(ValueError, match="block 3: pooling by 2 does not fit the 1x1 pixels that are left"):
        network("cnn", (4, 4, 1), 2, {"blocks": [{"filters": 1}] * 3})


def test_sizes_must_be_positive():
    with pytest.raises(ValidationError):
        small.Cnn.model_validate({"dense": [0]})


@pytest.mark.parametrize(("head", "classes", "outputs"), [("multiclass", 3, 3), ("binary", 2, 1), ("multilabel", 3, 3)])
def test_a_heads_output_has_its_decodings_shape(head, classes, outputs):
    top = {"dense": [4], "dropout": 0.5}
    model = network("mlp", (2, 2, 1), classes, head=head, top=top)
    assert model.output_shape == (None, outputs)
    assert [layer.name for layer in model.layers if layer.name.startswith("head_")] == [
        "head_dense1",
        "head_dropout1",
        "head_output",
    ]


def test_a_binary_head_refuses_three_classes():
    with pytest.raises(ValueError, match="exactly 2 classes, the data has 3"):
        network("mlp", (2, 2, 1), 3, head="binary")


def test_a_label_stands_in_one_group_only():
    with pytest.raises(ValidationError, match="label 'red' stands in 'colour' and in 'type'"):
        HEADS["multilabel"].parameters.model_validate({"groups": {"colour": ["red"], "type": ["red"]}})


def loss_of(name, truth, predicted, weights=None, **parameters):
    spec = LOSSES[name]
    loss = spec.build(spec.parameters.model_validate(parameters), weights)
    return float(loss(np.array(truth, np.float32), np.array(predicted, np.float32)))


def test_every_heads_default_loss_fits_it():
    for head in HEADS.values():
        assert head.decoding in LOSSES[head.default_loss].decodings


def test_cross_entropy_is_the_books():
    assert loss_of("categorical_crossentropy", [[0, 1]], [[0.2, 0.8]]) == pytest.approx(-np.log(0.8), rel=1e-5)
    expected = -(np.log(0.8) + np.log(0.7)) / 2
    assert loss_of("binary_crossentropy", [[1, 0]], [[0.8, 0.3]]) == pytest.approx(expected, rel=1e-5)


def test_positive_weights_count_the_positive_labels_only():
    weights = np.array([3.0, 5.0], np.float32)
    expected = -(3 * np.log(0.8) + np.log(0.7)) / 2
    assert loss_of("binary_crossentropy", [[1, 0]], [[0.8, 0.3]], weights) == pytest.approx(expected, rel=1e-5)


def test_focal_losses_play_down_what_is_easy():
    assert loss_of("focal", [[0, 1]], [[0.2, 0.8]], gamma=2) == pytest.approx(-0.04 * np.log(0.8), rel=1e-4)
    expected = -(0.04 * np.log(0.8) + 0.09 * np.log(0.7)) / 2
    assert loss_of("binary_focal", [[1, 0]], [[0.8, 0.3]], gamma=2) == pytest.approx(expected, rel=1e-4)
    plain = loss_of("binary_crossentropy", [[1, 0]], [[0.8, 0.3]], label_smoothing=0.1)
    assert loss_of("binary_focal", [[1, 0]], [[0.8, 0.3]], gamma=0, label_smoothing=0.1) == pytest.approx(plain)


def test_a_focal_loss_of_a_sure_answer_is_a_number():
    assert np.isfinite(loss_of("binary_focal", [[1, 0]], [[1.0, 0.0]], gamma=0.5))


MOVING = ["random_rotation", "random_shift", "random_zoom", "random_shear"]
CASES = [(name, {"fill": fill}) for name in MOVING for fill in ("nearest", "constant", "reflect", "wrap")]
CASES += [("random_flip", {"direction": direction}) for direction in ("horizontal", "vertical", "both")]
CASES += [("random_brightness", {"amount": 1.0}), ("random_contrast", {"amount": 1.0})]
CASES += [("random_crop", {"smallest": 0.5}), ("random_crop", {"keep_aspect": False, "interpolation": "nearest"})]
CASES += [("random_hue_saturation", {"hue": 0.5, "saturation": 0.99}), ("random_hue_saturation", {"hue": 0})]
CASES += [("random_erasing", {"fill": fill, "probability": 1.0}) for fill in ("noise", 0, 255)]
CASES += [("rand_augment", {"strength": 1.0, "changes": changes}) for changes in (2, 11)]


def test_every_augmentation_is_tried():
    assert {name for name, _ in CASES} == set(AUGMENTATIONS)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_an_augmentation_changes_training_images_within_their_range(name, parameters):
    import keras

    spec = AUGMENTATIONS[name]
    images = np.random.default_rng(0).integers(0, 256, (8, 12, 10, 3)).astype(np.float32)
    layer = spec.build(spec.parameters.model_validate(parameters), 7)
    assert layer(keras.Input((12, 10, 3))).shape == (None, 12, 10, 3)
    again = spec.build(spec.parameters.model_validate(parameters), 7)

    changed = np.asarray(layer(images, training=True))
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert not np.array_equal(changed, images)
    assert np.array_equal(changed, np.asarray(again(images, training=True))), "the seed does not fix it"
    assert np.array_equal(np.asarray(layer(images, training=False)), images)


def test_flipping_both_ways_draws_each_by_itself():
    image = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    spec = AUGMENTATIONS["random_flip"]
    layer = spec.build(spec.parameters.model_validate({"direction": "both"}), 1)
    seen = {tuple(row.ravel()) for row in np.asarray(layer(np.repeat(image, 200, axis=0), training=True))}
    assert seen == {(0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0)}


def test_a_sheared_image_stays_about_its_centre():
    image = np.zeros((50, 9, 9, 1), np.float32)
    image[:, 4, 4] = 255
    spec = AUGMENTATIONS["random_shear"]
    layer = spec.build(spec.parameters.model_validate({"horizontal": 0.5, "vertical": 0.5}), 1)
    assert np.asarray(layer(image, training=True))[:, 4, 4].min() == pytest.approx(255)


def changed(name, image, parameters):
    """400 random changes of one image, `(400, height, width, channels)`."""
    spec = AUGMENTATIONS[name]
    layer = spec.build(spec.parameters.model_validate(parameters), 1)
    return np.asarray(layer(np.repeat(image[np.newaxis], 400, axis=0), training=True))


def test_contrast_falls_as_far_as_it_rises():
    image = np.full((4, 4, 1), 100.0, np.float32)
    image[:, 2:] = 150
    images = changed("random_contrast", image, {"amount": 0.4})
    factors = (images[:, 0, 3, 0] - images[:, 0, 0, 0]) / 50
    assert [factors.min(), factors.max()] == pytest.approx([0.6, 1.4], abs=0.02)


def test_zooming_shows_as_much_less_of_an_image_as_more():
    image = np.zeros((60, 80, 1), np.float32)
    image[20:40, 25:55] = 255
    images = changed("random_zoom", image, {"amount": 0.2}) / 255
    height, width = images[:, :, 40].sum(axis=(1, 2)) / 20, images[:, 30].sum(axis=(1, 2)) / 30
    assert [1 / height.max(), 1 / height.min()] == pytest.approx([0.8, 1.2], abs=0.02)
    np.testing.assert_allclose(height, width, atol=0.02)


def centres(images):
    """Where the light of images `(n, height, width, 1)` lies: rows and columns from the middle, each `(n,)`."""
    light = images[..., 0] / images.sum(axis=(1, 2, 3))[:, np.newaxis, np.newaxis]
    height, width = light.shape[1:]
    rows = light.sum(axis=2) @ (np.arange(height) - (height - 1) / 2)
    return rows, light.sum(axis=1) @ (np.arange(width) - (width - 1) / 2)


def test_shifts_reach_their_share_of_each_side():
    image = np.zeros((60, 80, 1), np.float32)
    image[28:32, 38:42] = 255
    down, right = centres(changed("random_shift", image, {"height": 0.1, "width": 0.2, "fill": "constant"}))
    assert [down.min(), down.max()] == pytest.approx([-6, 6], abs=0.2)
    assert [right.min(), right.max()] == pytest.approx([-16, 16], abs=0.5)


def test_rotation_keeps_the_distance_from_the_centre_and_its_largest_angle():
    image = np.zeros((60, 80, 1), np.float32)
    image[28:32, 60:64] = 255
    down, right = centres(changed("random_rotation", image, {"degrees": 25, "fill": "constant"}))
    np.testing.assert_allclose(np.hypot(down, right), 22, atol=0.1)
    angles = np.degrees(np.arctan2(down, right))
    assert [angles.min(), angles.max()] == pytest.approx([-25, 25], abs=0.5)


def test_a_crop_shows_a_part_of_at_least_the_smallest_size_from_anywhere():
    rows = np.arange(61, dtype=np.float32)
    image = np.stack(np.meshgrid(rows, np.arange(81, dtype=np.float32), indexing="ij"), axis=-1)
    image = np.concatenate([image, image[..., :1]], axis=-1)
    images = changed("random_crop", image, {"smallest": 0.5})
    height = images[:, -1, 0, 0] - images[:, 0, 0, 0]
    width = images[:, 0, -1, 1] - images[:, 0, 0, 1]
    assert [height.min() / 60, height.max() / 60] == pytest.approx([0.5, 1.0], abs=0.02)
    np.testing.assert_allclose(height / 60, width / 80, atol=1e-3)
    assert images[:, 0, 0, 0].max() > 20
    assert images[..., 0].max() == pytest.approx(60, abs=0.5)


def test_hue_and_saturation_change_as_far_as_they_are_told():
    import colorsys

    images = changed(
        "random_hue_saturation", np.full((2, 2, 3), (200.0, 100.0, 100.0), np.float32), {"saturation": 0.4}
    )
    hues, saturations, values = zip(*(colorsys.rgb_to_hsv(*image[0, 0] / 255) for image in images), strict=True)
    turned = (np.array(hues) + 0.5) % 1 - 0.5
    assert [turned.min(), turned.max()] == pytest.approx([-0.05, 0.05], abs=0.003)
    assert [min(saturations) / 0.5, max(saturations) / 0.5] == pytest.approx([0.6, 1.4], abs=0.03)
    assert np.allclose(values, 200 / 255, atol=1e-3)


def test_erasing_covers_as_many_images_and_as_much_as_it_is_told():
    images = changed("random_erasing", np.zeros((40, 40, 1), np.float32), {"fill": 255, "area": [0.1, 0.2]})
    covered = (images > 0).mean(axis=(1, 2, 3))
    assert (covered > 0).mean() == pytest.approx(0.5, abs=0.07)
    assert covered[covered > 0].min() > 0.07
    assert covered.max() < 0.24
