"""Mistakes between parts of a recipe that are right by themselves."""

from __future__ import annotations

import pytest

from fashionbatch.errors import RecipeError
from fashionbatch.plan import make_plan

CLASSES = "  source: {name: image_folder, path: x, classes: [cat, dog, cow]}"
PAIR = "  source: {name: image_folder, path: x, classes: [cat, dog]}"


def only_problem(document, registry):
    with pytest.raises(RecipeError) as caught:
        make_plan(document, registry)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("head", "loss", "message"),
    [
        (
            "binary",
            "cross",
            "loss 'cross' does not fit head 'binary', which decides one of two classes; losses that do: b",
        ),
        ("multiclass", "binary_cross", "which decides one of many classes; losses that do: cross, focal"),
        ("multilabel", "{name: focal, gamma: 1}", "which decides several of many labels; losses that do: binary_cross"),
    ],
)
def test_a_loss_has_to_fit_what_the_head_decides(recipe, registry, head, loss, message):
    problem = only_problem(recipe(f"head: {head}\nloss: {loss}\n"), registry)
    assert message in problem.message
    assert problem.line == 8


def test_a_loss_that_fits_is_no_problem(recipe, registry):
    assert make_plan(recipe("head: binary\nloss: binary_cross\n"), registry).loss.spec.name == "binary_cross"


@pytest.mark.parametrize(
    ("added", "where", "column"),
    [
        ("training: {class_weight: {cat: 1, dgo: 2}}\n", "training.class_weight.dgo", 35),
        ("head: {name: multilabel, groups: {animal: [cat, dgo]}}\n", "head.groups.animal.1", 49),
    ],
)
def test_class_names_that_the_source_will_not_have_are_told(recipe, registry, added, where, column):
    problem = only_problem(recipe(added, source=CLASSES), registry)
    assert problem.message == "the source has no class 'dgo'; did you mean 'dog'?"
    assert (problem.where, problem.column) == (where, column)


def test_display_names_are_checked_against_the_source_too(recipe, registry):
    labels = "  image: {size: [32, 32]}\n  labels: {names: {horse: Pferd}}"
    problem = only_problem(recipe(source=CLASSES, image=labels), registry)
    assert problem.message == "the source has no class 'horse'; there are: cat, dog, cow"


def test_a_folder_that_names_several_labels_has_each_of_them(recipe, registry):
    source = "  source: {name: image_folder, path: x, classes: [red_dress, blue_shirt]}"
    make_plan(recipe("head: {name: multilabel, groups: {colour: [red, blue]}}\n", source=source), registry)


def test_class_names_are_the_datas_where_the_recipe_does_not_list_them(recipe, registry):
    make_plan(recipe("training: {class_weight: {whatever: 2}}\n"), registry)


def test_a_binary_head_needs_two_classes(recipe, registry):
    assert only_problem(recipe("head: binary\n", source=CLASSES), registry).message == (
        "head 'binary' decides between 2 classes; the source has 3"
    )
    make_plan(recipe("head: binary\n", source=PAIR), registry)
    weights = "head: binary\ntraining: {class_weight: {a: 1, b: 1, c: 1}}\n"
    assert "weighs 3 classes, but head 'binary' decides between 2" in only_problem(recipe(weights), registry).message


@pytest.mark.parametrize("group", ["label", "labels", "status", "filepath", "prob_dress", "a|b"])
def test_a_group_that_would_clash_with_a_column_is_refused(recipe, registry, group):
    problem = only_problem(recipe(f"head: {{name: multilabel, groups: {{'{group}': [a]}}}}\n"), registry)
    assert problem.message == f"group {group!r} cannot be a column of the label table; choose another name"
    assert problem.column == 35


def test_two_groups_may_not_share_a_column(recipe, registry):
    problem = only_problem(recipe("head: {name: multilabel, groups: {a: [x], a_prob: [y]}}\n"), registry)
    assert "group 'a_prob' cannot be a column" in problem.message


NO_VALIDATION = "  image: {size: [32, 32]}\n  split: {validation: 0}"


@pytest.mark.parametrize(
    ("training", "where"),
    [
        ("early_stopping: {patience: 3}", "training.early_stopping.monitor"),
        ("schedule: reduce_on_plateau", "training.schedule.monitor"),
        ("phases: [{train: all, early_stopping: {monitor: val_accuracy}}]", "training.phases.0.early_stopping.monitor"),
    ],
)
def test_nothing_can_watch_a_split_that_is_empty(recipe, registry, training, where):
    problem = only_problem(recipe(f"training: {{{training}}}\n", image=NO_VALIDATION), registry)
    assert problem.where == where
    assert "but data.split.validation is 0" in problem.message


def test_the_training_loss_can_be_watched_without_validation(recipe, registry):
    make_plan(recipe("training: {early_stopping: {monitor: loss}}\n", image=NO_VALIDATION), registry)


def test_phases_have_names_of_their_own(recipe, registry):
    phases = "training: {phases: [{train: head, name: phase2}, {train: all}]}\n"
    assert only_problem(recipe(phases), registry).message == "phases 0 and 1 are both called 'phase2'"


def test_a_warm_up_has_to_end(recipe, registry):
    problem = only_problem(recipe("training: {epochs: 5, schedule: {name: cosine, warmup_epochs: 5}}\n"), registry)
    assert problem.where == "training.schedule.warmup_epochs"
    assert "there are 5 epochs" in problem.message
    phases = "training: {epochs: 5, phases: [{train: all, epochs: 9, schedule: {name: cosine, warmup_epochs: 5}}]}\n"
    make_plan(recipe(phases), registry)


def test_checks_run_on_what_is_right_where_other_parts_are_wrong(recipe, registry):
    with pytest.raises(RecipeError) as caught:
        make_plan(recipe("head: binary\nloss: cross\ntraining: {epochs: x}\n"), registry)
    assert {problem.where for problem in caught.value.problems} == {"loss.name", "training.epochs"}


def test_a_metric_has_to_fit_the_head(recipe, registry):
    problem = only_problem(recipe("training: {metrics: [f1, precision]}\n"), registry)
    assert problem.where == "training.metrics.1.name"
    assert problem.message == (
        "metric 'precision' does not fit head 'multiclass', which decides one of many classes; metrics that do: "
        "auc, crossentropy, f1, hinge, mean_absolute_error, mean_squared_error, top_k_accuracy"
    )


def test_no_metric_stands_twice_with_the_same_parameters(recipe, registry):
    problem = only_problem(recipe("training: {metrics: [{name: auc, curve: ROC}, fashionbatch/auc]}\n"), registry)
    assert (problem.where, problem.message) == (
        "training.metrics.1.name",
        "would give the figure 'auc' a second time; another metric in line 7 has the same name",
    )


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ("[{name: top_k_accuracy, k: 1}]", ["top_k_accuracy"]),
        ("[{name: top_k_accuracy, k: 1}, auc, top_k_accuracy]", ["top_k_accuracy_1", "auc", "top_k_accuracy_3"]),
        ("[{name: auc, curve: PR}, auc]", ["auc_PR", "auc_ROC"]),
        ("[{name: f1, threshold: 0.25}, {name: f1, average: micro}]", ["f1_macro_0.25", "f1_micro_0.5"]),
    ],
)
def test_figures_of_one_metric_are_told_apart_by_its_parameters(recipe, registry, metrics, names):
    watched = f"early_stopping: {{monitor: val_{names[-1]}}}"
    plan = make_plan(recipe(f"training: {{metrics: {metrics}, {watched}}}\n"), registry)
    assert plan.metric_names == names
    assert plan.rising_figures == {"accuracy", "val_accuracy", *names, *(f"val_{name}" for name in names)}


def test_a_figure_that_two_metrics_share_by_name_is_watched_by_its_whole_name(recipe, registry):
    training = "training: {metrics: [{name: auc, curve: PR}, auc], early_stopping: {monitor: val_auc}}\n"
    problem = only_problem(recipe(training), registry)
    assert problem.where == "training.early_stopping.monitor"
    assert "val_auc_PR, val_auc_ROC" in problem.message


def test_a_metrics_parameters_are_checked(recipe, registry):
    problem = only_problem(recipe("training: {metrics: [{name: top_k_accuracy, k: 0}]}\n"), registry)
    assert (problem.where, problem.message) == (
        "training.metrics.0.k",
        "must be a whole number, at least 1; got 0",
    )


@pytest.mark.parametrize(
    ("training", "where"),
    [
        ("early_stopping: {monitor: val_acu}", "training.early_stopping.monitor"),
        ("schedule: {name: reduce_on_plateau, monitor: val_acu}", "training.schedule.monitor"),
        ("phases: [{train: all, early_stopping: {monitor: val_acu}}]", "training.phases.0.early_stopping.monitor"),
    ],
)
def test_only_a_figure_of_this_training_can_be_watched(recipe, registry, training, where):
    problem = only_problem(recipe(f"training: {{metrics: [auc], {training}}}\n"), registry)
    assert problem.where == where
    assert problem.message == (
        "no figure is called 'val_acu'; did you mean 'val_auc'? there are: "
        "val_loss, val_accuracy, val_auc, loss, accuracy, auc"
    )


def test_a_metric_can_be_watched(recipe, registry):
    plan = make_plan(
        recipe(
            "training: {metrics: [auc, hinge], callbacks: [notes], early_stopping: {monitor: val_auc},"
            " schedule: {name: reduce_on_plateau, monitor: hinge}}\n"
        ),
        registry,
    )
    assert plan.rising_figures == {"accuracy", "val_accuracy", "auc", "val_auc"}
    assert plan.resolved()["training"]["callbacks"] == [{"name": "fashionbatch/notes"}]
    assert plan.resolved()["training"]["optimizer"]["name"] == "fashionbatch/adam"


@pytest.mark.parametrize(("channels", "refused"), [(1, ["vivid"]), (3, ["grey_only"])])
def test_an_augmentation_has_to_fit_the_channels(recipe, registry, channels, refused):
    image = f"  image: {{size: [32, 32], channels: {channels}}}"
    with pytest.raises(RecipeError) as caught:
        make_plan(recipe("augmentation: [flip, vivid, grey_only]\n", image=image), registry)
    (problem,) = caught.value.problems
    kind = {1: "coloured", 3: "grey"}[channels]
    assert problem.message == f"augmentation {refused[0]!r} is for {kind} images; data.image.channels is {channels}"
