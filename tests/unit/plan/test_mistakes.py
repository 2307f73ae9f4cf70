"""Mistakes that people make in recipes, with the built-in components: each is one problem that says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashionbatch.errors import RecipeError
from fashionbatch.plan import make_plan
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.load import parse_recipe
from fashionbatch.registry import Registry

RECIPE = """\
version: 1
name: t
data:
  source: {name: image_folder, path: photos}
  image: {size: [96, 96], channels: 3}
  split: {validation: 0.2}
architecture: mini_vgg
head: multiclass
training:
  epochs: 5
  batch_size: 32
  optimizer: {name: adam, learning_rate: 0.001}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins().registry


def problems(text: str, registry: Registry) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        make_plan(parse_recipe(text, name="r.yaml", base=Path("/")), registry)
    return [str(problem).splitlines()[0].removeprefix("r.yaml:") for problem in caught.value.problems]


LOSSES = "'binary_crossentropy', 'binary_focal', 'categorical_crossentropy', 'focal'"
ANY_LOSS = f"did you mean 'loss.label_smoothing'? it is a parameter of loss {LOSSES}"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("  lr: 0.1", "13:3: training.lr: unknown key 'lr'; did you mean 'training.optimizer.learning_rate'?"),
        ("lr: 0.1", "13:1: lr: unknown key 'lr'; did you mean 'training.optimizer.learning_rate'?"),
        ("  learning_rate: 0.1", "did you mean 'training.optimizer.learning_rate'?"),
        ("  learing_rate: 0.1", "did you mean 'training.optimizer.learning_rate'?"),
        ("  label_smoothing: 0.1", ANY_LOSS),
        ("label_smoothing: 0.1", ANY_LOSS),
        (
            "loss: {name: focal}\nlabel_smoothing: 0.1",
            "unknown key 'label_smoothing'; did you mean 'loss.label_smoothing'?",
        ),
        ("epochs: 4", "13:1: epochs: unknown key 'epochs'; did you mean 'training.epochs'?"),
        ("batch_size: 4", "did you mean 'training.batch_size'?"),
        ("  batch: 4", "unknown key 'batch'; did you mean 'batch_size'?"),
        ("  num_epochs: 4", "unknown key 'num_epochs'; did you mean 'epochs'?"),
        ("  patience: 4", "did you mean 'training.early_stopping.patience'?"),
        ("  weight_decay: 4", "did you mean 'training.optimizer.weight_decay'?"),
        ("  momentum: 0.9", "did you mean 'training.optimizer.momentum'? it is a parameter of optimizer 'muon', "),
        ("  dropout: 0.5", "did you mean 'architecture.dropout' or 'head.dropout'?"),
        ("seed: 4", "did you mean 'training.seed' or 'data.split.seed'?"),
        ("image_size: 96", "did you mean 'data.image.size'?"),
        ("path: photos", "did you mean 'data.source.path'?"),
        ("validation_split: 0.2", "did you mean 'data.split.validation'?"),
        ("interpolation: bilinear", "did you mean 'data.image.resize.interpolation'"),
        ("optimizer: adam", "did you mean 'training.optimizer'?"),
        ("schedule: cosine", "did you mean 'training.schedule'?"),
        ("  augmentation: [random_flip]", "did you mean 'augmentation' at the outermost level?"),
        ("transforms: [random_flip]", "did you mean 'augmentation'?"),
        ("  num_workers: 4", "leave it out: images are read in parallel"),
        ("  shuffle: true", "leave it out: training images are shuffled"),
        ("  device: gpu", "leave it out: training takes what TensorFlow finds"),
        ("  phases: [{train: head, lr: 0.1}]", "did you mean 'training.phases.0.optimizer.learning_rate'?"),
        ("  phases: [{train: head}, {train: all, freeze: true}]", "unknown key 'freeze'; did you mean 'train'?"),
        ("  metrics: [accuracy]", "unknown metric 'accuracy'; leave it out: every epoch has loss and accuracy"),
        ("  metrics: f1", "must be a list of components; got 'f1'; write [f1]"),
        ("  callbacks: [EarlyStopping]", "leave it out: 'training.early_stopping' stops early"),
        ("  schedule: step", "did you mean 'piecewise_constant'?"),
        ("  schedule: adam", "it is an optimizer, and stands under 'training.optimizer'"),
        ("  early_stopping: 5", "got 5; write {patience: 5}"),
        ("  early_stopping: true", "got true; write {} for its usual values"),
        ("  early_stopping: {monitor: val_f1}", "metric 'f1' gives one, under 'training.metrics'; there are: val_loss"),
        ("  metrics: [top5]", "did you mean 'top_k_accuracy'?"),
        ("  early_stopping: {mode: max}", "leave it out: whether more of a figure is better is known"),
        ("threshold: 0.5", "leave it out: the thresholds of labels are chosen on the validation images"),
        ("include: base.yaml", "a recipe inherits another by 'extends: FILE'"),
        ('  schedule: "0.1"', "remove the quotes for a constant rate"),
        ("augmentation: [{name: random_zoom, factor: 0.2}]", "unknown key 'factor'; there are: "),
        ("augmentation: [{name: random_flip, mode: x}]", "unknown key 'mode'; there are: "),
        ("augmentation:\n  -random_flip", "a space is missing behind '-'"),
        ("loss: cross_entropy", "unknown loss 'cross_entropy'; did you mean 'categorical_crossentropy'?"),
        ("loss: BCE", "did you mean 'binary_crossentropy'?"),
        ("augmentation: random_flip", "got 'random_flip'; write [random_flip]"),
        ("augmentation: {random_flip: null}", "begin each entry with '- '"),
        (
            "augmentation: [random_rotation: {degrees: 9}]",
            "is missing; it must be text; write {name: random_rotation, degrees: 9}",
        ),
        ("augmentation: [RandomHorizontalFlip]", "did you mean 'random_flip'?"),
        ("augmentation: [f1]", "it is a metric, and stands under 'training.metrics'"),
    ],
)
def test_what_is_too_much_or_in_the_wrong_place_says_where_it_belongs(more: str, says: str, registry: Registry) -> None:
    (problem,) = problems(f"{RECIPE}{more}\n", registry)
    assert says in problem


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[96, 96]", "224", "5:17: data.image.size: must be a list of 2 whole numbers; got 224; write [224, 224]"),
        ("[96, 96]", "224x192", "got '224x192'; write [224, 192]"),
        ("[96, 96]", '"224"', "write [224, 224]"),
        ("[96, 96]", "[96, 96, 3]", "write [96, 96]; the number of channels has a key of its own"),
        ("[96, 96]", "[96]", "write [96, 96]"),
        (
            "{name: adam, learning_rate",
            "{name: adam, lr",
            "training.optimizer.lr: unknown key 'lr'; did you mean 'learning_rate'?",
        ),
        (
            "{name: adam, learning_rate: 0.001",
            "{name: adam, learning_rate: 1, epochs: 3",
            "did you mean 'training.epochs'?",
        ),
        ("{name: adam, learning_rate: 0.001", "{name: adam, momentum: 0.9", "it is a parameter of optimizer 'muon', "),
        ("architecture: mini_vgg", "architecture: ResNet50", "did you mean {name: pretrained, backbone: ResNet50}?"),
        (
            "architecture: mini_vgg",
            "architecture: mobilenet_v2",
            "did you mean {name: pretrained, backbone: MobileNetV2}?",
        ),
        ("architecture: mini_vgg", "model: mini_vgg", "unknown key 'model'; did you mean 'architecture'?"),
        ("mini_vgg", "{name: mini_vgg, num_classes: 3}", "leave it out: the number of classes is that of the data"),
        ("head: multiclass", "head: softmax", "did you mean 'multiclass'?"),
        ("head: multiclass", "head: {name: multiclass, label_smoothing: 0.1}", ANY_LOSS),
        ("{validation: 0.2}", "{validation: 20}", "write 0.2 for 20 percent"),
        ("{validation: 0.2}", "{validation: 20%}", "write 0.2 for 20 percent"),
        ("{validation: 0.2}", "{validation:0.2}", "a space is missing behind ':'; write 'validation: 0.2'"),
        ("{validation: 0.2}", "{val: 0.2}", "unknown key 'val'; did you mean 'validation'?"),
        ("{validation: 0.2}", "{train: 0.8}", "leave it out: what validation and test do not take is trained on"),
        ("{validation: 0.2}", "0.2", "write {validation: 0.2}"),
        ("channels: 3", "channels: 3, resize: crop", "write {mode: crop}"),
        ("channels: 3", "channels: 3, rescale: 0.004", "leave it out: pixels are scaled inside the network"),
        ("epochs: 5", "epochs: 5.0", "got 5.0; write 5"),
        ("epochs: 5", "epochs: 1e3", "got 1e3; write 1000"),
        ("epochs: 5", "epochs: 1,000", "got '1,000'; write 1000"),
        ("epochs: 5", "epochs: 5;", "write 5"),
        ("epochs: 5", "epochs: 5#rounds", "a comment needs a space before its '#'"),
        ("channels: 3", "background: white", "write [255, 255, 255]"),
        ("channels: 3", "background: '#ff0010'", "write [255, 0, 16]"),
        (
            "{name: adam,",
            "{type: adam,",
            "training.optimizer.name: is missing; it must be text; write 'name' for 'type'",
        ),
        (
            "{name: adam, learning_rate: 0.001}",
            "Adam(lr=0.001)",
            "unknown optimizer 'Adam(lr=0.001)'; did you mean 'adam'?",
        ),
        ("mini_vgg", "{name: mini_vgg, filters: 32}", "got 32; write [32]"),
        ("head: multiclass", "head: {name: multiclass, dense: 128}", "got 128; write [128]"),
        (
            "mini_vgg",
            "{name: pretrained, include_top: false}",
            "leave it out: the recipe's head takes the place of the top",
        ),
        ("architecture: mini_vgg", "architecture: [mini_vgg]", "write mini_vgg, without brackets"),
        (
            "mini_vgg",
            "{name: mini_vgg, weights: imagenet}",
            "'weights'; it is a parameter of architecture 'pretrained'",
        ),
        ("  epochs: 5", "\u00a0 epochs: 5", "10:1: the character U+00A0 looks like a space and is none"),
        ("epochs: 5", "epochs\uff1a 5", "10:3: this line has the wide colon"),
        ("{name: image_folder, path: photos}", "./photos", "did you mean {name: image_folder, path: ./photos}?"),
        (
            "{name: image_folder, path: photos}",
            "{path: photos}",
            "is missing; it must be text; there are: csv_manifest, ",
        ),
        ("{name: image_folder, path: photos}", "{name: ImageFolder, path: x}", "did you mean 'image_folder'?"),
    ],
)
def test_what_is_written_wrongly_says_what_to_write(old: str, new: str, says: str, registry: Registry) -> None:
    assert old in RECIPE
    (problem,) = problems(RECIPE.replace(old, new), registry)
    assert says in problem
