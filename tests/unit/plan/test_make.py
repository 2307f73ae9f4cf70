"""A recipe and the installed components as a plan, and the plan as a recipe again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import field_validator, model_validator

from fashionbatch.errors import PluginError, RecipeError
from fashionbatch.plan import make_plan, plan_from_text, resolved_yaml
from fashionbatch.recipe.schema import TrainFrom
from fashionbatch.registry import Provider
from fashionbatch.specs import ArchitectureSpec, HeadSpec, LossSpec, Parameters


def problems_of(document, registry) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        make_plan(document, registry)
    return [str(problem) for problem in caught.value.problems]


def test_every_name_stands_for_a_component_with_checked_parameters(recipe, registry):
    plan = make_plan(
        recipe(
            "augmentation: [flip, {name: turn, degrees: 10}]\n",
            architecture="architecture: {name: cnn, blocks: [{filters: 8}]}",
        ),
        registry,
    )
    assert plan.source.spec.name == "image_folder"
    assert plan.architecture.parameters.blocks[0].filters == 8
    assert plan.architecture.qualified_name == "fashionbatch/cnn"
    assert [(one.spec.name, one.parameters.model_dump()) for one in plan.augmentation] == [
        ("flip", {}),
        ("turn", {"degrees": 10.0}),
    ]
    assert plan.base == Path("/base")


def test_what_is_left_out_has_its_default(recipe, registry):
    plan = make_plan(recipe(), registry)
    assert plan.head.spec.name == "multiclass"
    assert plan.loss.spec.name == "cross"
    assert (plan.phases[0].optimizer.spec.name, plan.phases[0].optimizer.parameters.learning_rate) == ("adam", 0.001)
    assert plan.phases[0].schedule is None
    assert [(phase.name, phase.train, phase.epochs) for phase in plan.phases] == [("training", "all", 10)]


def test_an_unknown_component_reads_as_the_design_says(recipe, registry):
    assert problems_of(recipe(architecture="architecture: {name: minvgg}"), registry) == [
        "r.yaml:6:22: architecture.name: unknown architecture 'minvgg'; did you mean 'minivgg'?\n"
        "    architecture: {name: minvgg}\n"
        "                         ^"
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("architecture: minvgg", "6:15: architecture.name: unknown architecture 'minvgg'; did you mean 'minivgg'?"),
        ("architecture: other/cnn", "6:15: architecture.name: unknown architecture 'other/cnn'; did you mean 'cnn'?"),
        (
            "architecture: {name: cnn, dropuot: 1}",
            "6:27: architecture.dropuot: unknown key 'dropuot'; did you mean 'dropout'?",
        ),
        (
            "architecture: {name: cnn, dropout: 1.0}",
            "6:36: architecture.dropout: must be a number, at least 0 and below 1; got 1.0",
        ),
        (
            "architecture: {name: cnn, blocks: [{filters: 0}, {}]}",
            "6:46: architecture.blocks.0.filters: must be a whole number, larger than 0; got 0",
        ),
        (
            "architecture: {name: cnn, padding: vald}",
            "6:36: architecture.padding: must be 'same', 'valid' or a whole number; got 'vald'; did you mean 'valid'?",
        ),
        (
            "architecture: {name: cnn, padding: valid, blocks: [{filters: 1, pool: null}]}",
            "6:15: architecture: valid padding needs pooling in every block",
        ),
        ("architecture: {name: minivgg, depth: 3}", "6:31: architecture.depth: unknown key 'depth'; there are no par"),
    ],
)
def test_a_components_own_parameters_are_checked_by_its_plugin(recipe, registry, line, message):
    problems = problems_of(recipe(architecture=line), registry)
    assert problems[0].startswith(f"r.yaml:{message}")


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ("optimizer: adm", "training.optimizer.name: unknown optimizer 'adm'; did you mean 'adam'?"),
        ("optimizer: {name: sgd, lr: 0.1}", "training.optimizer.lr: unknown key 'lr'; did you mean 'learning_rate'?"),
        ("schedule: cosin", "training.schedule.name: unknown schedule 'cosin'; did you mean 'cosine'?"),
        ("schedule: -1", "training.schedule.learning_rate: must be a number, larger than 0; got -1"),
        (
            "schedule: {name: inverse_time, decay: lr}",
            "training.schedule.decay: must be 'lr_over_epochs' or a number; got 'lr'",
        ),
        ("schedule: exponential", "training.schedule.decay_rate: is missing; it must be a number, larger than 0"),
        (
            "phases: [{train: head, optimizer: {name: sgd, momentum: 2}}]",
            "training.phases.0.optimizer.momentum: must be a number, at least 0 and at most 1; got 2",
        ),
        ("phases: [{train: head, augmentation: [trn]}]", "augmentation.0.name: unknown augmentation 'trn'; did you m"),
    ],
)
def test_optimizers_schedules_and_phases_are_checked_too(recipe, registry, training, message):
    (problem,) = problems_of(recipe(f"training:\n  {training}\n"), registry)
    assert message in problem


def test_the_problems_of_shape_and_of_components_come_together_by_position(recipe, registry):
    document = recipe(
        "augmentation: [trun]\nloss: focl\ntraining: {epochs: x, optimizer: adm}\nheda: x\n",
        "architecture.dropout=2",
        architecture="architecture: cnn",
        image="  image: {size: [32]}",
    )
    places = [problem.partition(": ")[0] for problem in problems_of(document, registry)]
    assert places[:-1] == ["r.yaml:5:17", "r.yaml:7:16", "r.yaml:8:7", "r.yaml:9:20", "r.yaml:9:34", "r.yaml:10:1"]
    assert places[-1] == "--set architecture.dropout=2"


def test_a_name_that_two_claim_names_both_and_provider_picks_one(recipe, registry):
    def unused(*_: object) -> None: ...

    registry.add(ArchitectureSpec(name="cnn", summary="Another.", build=unused), Provider("shoes", "2.0"))
    (problem,) = problems_of(recipe(), registry)
    assert "architecture 'cnn' is claimed by fashionbatch and shoes; write 'fashionbatch/cnn' or 'shoes/cnn'" in problem
    plan = make_plan(recipe(architecture="architecture: shoes/cnn"), registry)
    assert plan.resolved()["architecture"] == {"name": "shoes/cnn"}


def test_a_heads_loss_is_that_of_its_own_package_first(recipe, registry):
    def unused(*_: object) -> None: ...

    class Needy(Parameters):
        weight: float

    shoes = Provider("shoes", "2.0")
    for loss in ("cross", "needy"):
        parameters = Needy if loss == "needy" else Parameters
        registry.add(
            LossSpec(name=loss, summary="A loss.", decodings=("one_of_many",), build=unused, parameters=parameters),
            shoes,
        )
    for head, loss in (("own", "cross"), ("lost", "nowhere"), ("half", "needy"), ("far", "focal")):
        registry.add(
            HeadSpec(name=head, summary="A head.", decoding="one_of_many", default_loss=loss, build=unused), shoes
        )
    assert make_plan(recipe("head: own\n"), registry).loss.qualified_name == "shoes/cross"
    assert make_plan(recipe("head: far\n"), registry).loss.qualified_name == "fashionbatch/focal"
    assert "the loss that head 'lost' asks for cannot be used" in problems_of(recipe("head: lost\n"), registry)[0]
    assert "needs parameters; write it under 'loss'" in problems_of(recipe("head: half\n"), registry)[0]


def test_a_plugin_that_fails_to_check_is_named_and_nothing_else_fails(recipe, registry):
    class Broken(Parameters):
        @model_validator(mode="after")
        def _fail(self) -> Broken:
            raise TypeError("unsupported operand")

    def unused(*_: object) -> None: ...

    spec = ArchitectureSpec(name="broken", summary="A network.", parameters=Broken, build=unused)
    registry.add(spec, Provider("shoes", "2.0"))
    (problem,) = problems_of(recipe(architecture="architecture: broken"), registry)
    said = "plugin shoes 2.0 (architecture 'broken') could not check its parameters: TypeError: unsupported operand"
    assert said in problem


def test_parameters_that_no_recipe_can_hold_are_their_plugins_mistake(recipe, registry):
    class Odd(Parameters):
        seed: int = 1

        @field_validator("seed")
        @classmethod
        def _as_object(cls, seed: int) -> object:
            return object()

    spec = ArchitectureSpec(name="odd", summary="A network.", parameters=Odd, build=lambda *_: None)
    registry.add(spec, Provider("shoes", "2.0"))
    with pytest.raises(PluginError, match=r"^plugin shoes 2.0 \(architecture 'odd'\): writing its parameters failed: "):
        make_plan(recipe(architecture="architecture: odd"), registry)


EVERYTHING = """\
description: "Everything: that can be said"
augmentation: [flip, {name: turn, degrees: 1.e-3}]
head: {name: multilabel, groups: {colour: [no, '7'], type: [on]}}
loss: binary_cross
initialize_from: runs/one
training:
  epochs: 7
  batch_size: 8
  optimizer: {name: sgd, momentum: 0.9}
  schedule: {name: inverse_time, decay: lr_over_epochs}
  early_stopping: {patience: 2}
  class_weight: {no: 2, '7': 1}
  precision: float32
  seed: 1
  phases:
    - {train: head, epochs: 3, augmentation: [], schedule: 0.1}
    - {train: {from: conv2}, optimizer: adam, schedule: null, early_stopping: null, batch_size: 4, name: deep,
       batch_norm: keep}
    - {train: all}
"""


def test_phases_take_over_what_they_leave_out(recipe, registry):
    first, second, third = make_plan(recipe(EVERYTHING), registry).phases
    assert (first.name, first.train, first.epochs, first.batch_size) == ("phase1", "head", 3, 8)
    assert (first.augmentation, first.schedule.spec.name, first.optimizer.spec.name) == ((), "constant", "sgd")
    assert first.learning_rate == 0.1
    assert first.early_stopping.patience == 2
    assert (second.name, second.train, second.epochs) == ("deep", TrainFrom.model_validate({"from": "conv2"}), 7)
    assert (second.schedule, second.early_stopping, second.batch_size) == (None, None, 4)
    assert (second.optimizer.spec.name, second.learning_rate) == ("adam", 0.001)
    assert [one.spec.name for one in second.augmentation] == ["flip", "turn"]
    assert [phase.keeps_batch_norm for phase in (first, second, third)] == [False, True, False]
    assert [phase.resolved().get("batch_norm") for phase in (first, second, third)] == [None, "keep", None]
    assert (third.schedule.spec.name, third.optimizer.parameters.momentum, third.learning_rate) == (
        "inverse_time",
        0.9,
        0.01,
    )


@pytest.mark.parametrize("added", ["", EVERYTHING], ids=["shortest", "everything"])
def test_the_resolved_recipe_gives_an_equal_plan(recipe, registry, added):
    plan = make_plan(recipe(added), registry)
    text = resolved_yaml(plan)
    again = plan_from_text(text, registry, plan.base)
    assert again == plan
    assert resolved_yaml(again) == text


def test_the_resolved_recipe_has_every_default_and_who_provides_what(recipe, registry):
    data = make_plan(recipe(EVERYTHING), registry).resolved()
    assert data["architecture"] == {
        "name": "fashionbatch/cnn",
        "blocks": [{"filters": 32, "pool": 2}],
        "padding": "same",
        "dropout": 0.4,
    }
    assert data["head"]["name"] == "fashionbatch/multilabel"
    assert data["loss"] == {"name": "fashionbatch/binary_cross"}
    assert data["data"]["image"]["resize"] == {"mode": "stretch", "interpolation": "bilinear", "crop_fraction": 1.0}
    assert data["data"]["split"] == {"validation": None, "test": None, "seed": 42, "stratify": True, "group_by": None}
    assert data["training"]["optimizer"]["momentum"] == 0.9
    assert data["training"]["phases"][1]["train"] == {"from": "conv2"}
    assert "early_stopping" in data["training"]["phases"][1]


def test_the_resolved_recipe_keeps_class_names_even_for_readers_of_yaml_1_1(recipe, registry):
    plan = make_plan(recipe(EVERYTHING), registry)
    assert yaml.safe_load(resolved_yaml(plan)) == plan.resolved()


def test_planning_the_same_recipe_twice_gives_equal_plans(recipe, registry):
    assert make_plan(recipe(), registry) == make_plan(recipe(), registry)
    assert make_plan(recipe(), registry) != make_plan(recipe("training: {seed: 1}\n"), registry)
