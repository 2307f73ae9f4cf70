"""A recipe file as a document: where its mistakes are, what it inherits, what options change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fashionbatch.errors import Problem, RecipeError
from fashionbatch.recipe.load import RecipeDocument, load_recipe, parse_recipe

WHOLE = """\
version: 1
name: shoes
data:
  source: {name: folder, path: photos}
  image: {size: [32, 32]}
architecture: cnn
"""


def document(text: str, *overrides: str) -> RecipeDocument:
    return parse_recipe(text, name="r.yaml", base=Path(), overrides=overrides)


def only_problem(text: str, *overrides: str) -> Problem:
    problems = document(text, *overrides).problems
    assert len(problems) == 1, "\n".join(map(str, problems))
    return problems[0]


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


# ------------------------------------------------------------------------------------------------- shape and messages


def test_a_whole_recipe_has_no_problems_and_its_defaults():
    recipe = document(WHOLE).recipe
    assert recipe is not None
    assert recipe.head.name == "multiclass"
    assert recipe.training.optimizer.name == "adam"
    assert recipe.training.epochs == 10


def test_a_problem_is_written_with_position_path_message_line_and_caret():
    problem = only_problem(WHOLE + "training:\n  epochs: ten\n")
    assert str(problem) == (
        "r.yaml:8:11: training.epochs: must be a whole number, at least 1 and at most 100000; got 'ten'\n"
        "      epochs: ten\n"
        "              ^"
    )


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ("epochs: 2.5", "must be a whole number, at least 1 and at most 100000; got 2.5"),
        ("epochs: 0", "must be a whole number, at least 1 and at most 100000; got 0"),
        ("epochs: true", "must be a whole number, at least 1 and at most 100000; got true"),
        ("epochs: [1, a]", "must be a whole number, at least 1 and at most 100000; got [1, 'a']"),
        ("epochs: {a: 1}", "must be a whole number, at least 1 and at most 100000; got a mapping with 'a'"),
        ('epochs: "5"', "must be a whole number, at least 1 and at most 100000; got '5'; remove the quotes"),
        ("precision: float23", "must be 'float32', 'bfloat16' or 'auto'; got 'float23'; did you mean 'float32'?"),
        ("precision: int8", "must be 'float32', 'bfloat16' or 'auto'; got 'int8'"),
        ("optimizer: 3", "must be a name, or a mapping of 'name' and its parameters; got 3"),
        ("phases: {}", "must be a list; got an empty mapping"),
        ("early_stopping: 3", "must be a mapping with 'monitor', 'patience', 'min_delta' and 'restore_best_weights'"),
        ("class_weight: balance", "must be 'balanced', a mapping of names to a number (larger than 0) or null"),
    ],
)
def test_a_wrong_value_says_what_is_accepted_and_what_was_received(training, message):
    problem = only_problem(WHOLE + f"training: {{{training}}}\n")
    assert message in problem.message
    assert problem.where == f"training.{training.partition(':')[0]}"
    assert (problem.line, problem.column) == (7, 12 + training.index(": ") + 2)


@pytest.mark.parametrize(
    ("split", "where", "message"),
    [
        (
            "validation: 1.5",
            "validation",
            "must be a number (at least 0 and below 1), a mapping with 'last', a mapping",
        ),
        ("validation: {lst: 3}", "validation", "got a mapping with 'lst'"),
        ("validation: {last: 0}", "validation.last", "must be a whole number, larger than 0; got 0"),
        (
            "test: {from: tests}",
            "test.from",
            "must be 'train', 'validation' or 'test'; got 'tests'; did you mean 'test'?",
        ),
        ("stratify: no", "stratify", "must be true or false; got 'no'; write false"),
        ("validation: 0.5, test: 0.5", "", "validation and test take 1 of the images; nothing is left to train on"),
        ("validation: {from: test}, test: {from: test}", "", "are both the source's split 'test'"),
        ("validation: {last: 5}, test: {last: 5}", "", "both the last images"),
        ("group_by: ''", "group_by", "must be text that is not empty or null; got ''"),
    ],
)
def test_the_forms_of_a_split_do_not_confuse_the_message(split, where, message):
    problem = only_problem(changed("[32, 32]}\n", f"[32, 32]}}\n  split: {{{split}}}\n"))
    assert message in problem.message
    assert problem.where == ".".join(filter(None, ["data.split", where]))


def test_an_unknown_key_is_marked_at_the_key_and_a_similar_one_is_named():
    problem = only_problem(WHOLE + "training:\n  epoch: 5\n")
    assert (problem.line, problem.column) == (8, 3)
    assert problem.message == "unknown key 'epoch'; did you mean 'epochs'?"


def test_a_key_in_the_wrong_section_is_told_where_it_belongs():
    assert (
        only_problem(WHOLE + "batch_size: 32\n").message
        == "unknown key 'batch_size'; did you mean 'training.batch_size'?"
    )


def test_an_unknown_key_like_no_other_gets_the_list():
    problem = only_problem(changed("size:", "zzz: 1, size:"))
    assert problem.message == "unknown key 'zzz'; there are: size, channels, resize, background, accept_truncated"


def test_a_misspelt_required_key_is_one_problem_not_two():
    assert only_problem(changed("architecture", "archtecture")).message == (
        "unknown key 'archtecture'; did you mean 'architecture'?"
    )


def test_a_missing_key_is_marked_at_the_section_that_lacks_it():
    problem = only_problem(changed("  image: {size: [32, 32]}\n", ""))
    assert (problem.line, problem.column, problem.where) == (3, 1, "data.image")
    assert problem.message.startswith("is missing; it must be a mapping with 'size'")
    flow = only_problem(changed("{size: [32, 32]}", "{channels: 1}"))
    assert (flow.line, flow.column, flow.where) == (5, 10, "data.image.size")


def test_a_component_without_a_name_may_have_a_misspelt_one():
    assert only_problem(changed("{name: folder", "{nme: folder")).message == (
        "is missing; it must be text; is 'nme' a misspelling?"
    )


def test_all_problems_are_found_at_once():
    text = changed("version: 1", "version: 0").replace("shoes", "''") + "training: {epochs: x, seed: -1}\nhed: binary\n"
    wheres = {problem.where for problem in document(text).problems}
    assert wheres == {"version", "name", "training.epochs", "training.seed", "hed"}


@pytest.mark.parametrize("extended", [False, True])
def test_a_recipe_of_a_later_version_is_one_problem_whatever_else_it_says(tmp_path, extended):
    later = changed("version: 1", "version: 2") + "future: {key: 1}\n"
    (tmp_path / "later.yaml").write_text(later, encoding="utf-8")
    (tmp_path / "child.yaml").write_text("version: 1\nextends: later.yaml\n", encoding="utf-8")
    with pytest.raises(RecipeError) as raised:
        load_recipe(tmp_path / ("child.yaml" if extended else "later.yaml"))
    (problem,) = raised.value.problems
    assert (Path(problem.file).name, problem.where) == ("later.yaml", "version")
    assert problem.message == "was written for version 2 of recipes; this FashionBatch reads 1: update FashionBatch"


def test_true_is_not_the_number_one():
    assert only_problem(changed("version: 1", "version: true")).message == "must be 1; got true"


@pytest.mark.parametrize("name", ["a/b", '"a\\nb"', "'  '"])
def test_a_name_is_one_line_that_a_folder_can_have(name):
    assert only_problem(changed("shoes", name)).where == "name"


def test_class_names_that_other_yaml_would_change_stay_as_they_are():
    recipe = document(WHOLE + "training: {class_weight: {no: 2, 7: 1}}\n").recipe
    assert recipe is not None
    assert recipe.training.class_weight == {"no": 2.0, "7": 1.0}
    named = document(changed("[32, 32]}\n", "[32, 32]}\n  labels: {names: {no: off, 010: ten}}\n")).recipe
    assert named is not None
    assert named.data.labels.names == {"no": "off", "010": "ten"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("{a: x, b: x}", "classes 'a' and 'b' would both be shown as 'x'"),
        ("{a: x|y}", "holds '|'"),
        ("{a: 5}", 'must be text; got 5; write "5", with quotes, if that is the text'),
    ],
)
def test_display_names_that_no_table_can_show_are_refused(names, message):
    assert message in only_problem(changed("[32, 32]}\n", f"[32, 32]}}\n  labels: {{names: {names}}}\n")).message


# ---------------------------------------------------------------------------------------------------------- short forms


def test_bare_names_and_numbers_become_components():
    data = document(
        WHOLE + "head: multilabel\nloss: focal\naugmentation: [flip, {name: turn}]\n"
        "training: {optimizer: sgd, schedule: 0.01, phases: [{train: head, schedule: cosine, augmentation: [flip]}]}\n"
    ).data
    assert data["architecture"] == {"name": "cnn"}
    assert data["head"] == {"name": "multilabel"}
    assert data["loss"] == {"name": "focal"}
    assert data["augmentation"] == [{"name": "flip"}, {"name": "turn"}]
    assert data["training"]["optimizer"] == {"name": "sgd"}
    assert data["training"]["schedule"] == {"name": "constant", "learning_rate": 0.01}
    assert data["training"]["phases"][0]["schedule"] == {"name": "cosine"}
    assert data["training"]["phases"][0]["augmentation"] == [{"name": "flip"}]


def test_a_section_whose_lines_are_commented_out_means_its_defaults():
    text = WHOLE + "augmentation:\n#  - flip\ntraining:\n#  epochs: 5\ndescription:\n"
    recipe = document(text.replace("[32, 32]}\n", "[32, 32]}\n  split:\n  labels:\n")).recipe
    assert recipe is not None
    assert recipe.augmentation == ()
    assert recipe.training.epochs == 10


def test_a_required_section_without_lines_is_a_problem():
    assert only_problem(changed("architecture: cnn", "architecture:")).message == (
        "must be a name, or a mapping of 'name' and its parameters; got nothing"
    )


# --------------------------------------------------------------------------------------------------------------- --set


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        ("training.early_stopping={patience: 2}", ("training", "early_stopping"), {"patience": 2}),
        ("training.early_stopping.patience=2", ("training", "early_stopping"), {"patience": 2}),
        ("training.optimizer.learning_rate=1e-4", ("training", "optimizer"), {"name": "sgd", "learning_rate": 0.0001}),
        ("training.optimizer.name=adam", ("training", "optimizer"), {"name": "adam"}),
        ("training.optimizer.name=sgd", ("training", "optimizer"), {"name": "sgd", "momentum": 0.9}),
        ("training.optimizer=adam", ("training", "optimizer"), {"name": "adam"}),
        ("architecture={name: mlp, dense: [5]}", ("architecture",), {"name": "mlp", "dense": [5]}),
        ("architecture.blocks=2", ("architecture",), {"name": "cnn", "blocks": 2}),
        ("augmentation.0.degrees=9", ("augmentation",), [{"name": "turn", "degrees": 9}]),
        ("augmentation=[flip]", ("augmentation",), [{"name": "flip"}]),
        ("augmentation.0=flip", ("augmentation",), [{"name": "flip"}]),
        ("name=no", ("name",), "no"),
        ("name=a=b", ("name",), "a=b"),
        ("data.image.size.0=64", ("data", "image", "size"), [64, 32]),
        ("training.schedule=0.5", ("training", "schedule"), {"name": "constant", "learning_rate": 0.5}),
        ("training.early_stopping=", ("training", "early_stopping"), None),
    ],
)
def test_an_option_sets_one_value(override, path, value):
    text = WHOLE + "augmentation: [turn]\ntraining: {optimizer: {name: sgd, momentum: 0.9}}\n"
    document_ = document(text, override)
    assert document_.problems == ()
    if path == ("training", "optimizer") and "learning_rate" in override:
        value = {**value, "momentum": 0.9}
    node = document_.tree.at(path)
    assert node is not None
    assert node.plain() == value


def test_options_apply_from_left_to_right():
    document_ = document(WHOLE, "head=binary", "head.dense=[3]", "training.epochs=1", "training.epochs=2")
    assert document_.data["head"] == {"name": "binary", "dense": [3]}
    assert document_.data["training"] == {"epochs": 2}


CLASS_WEIGHT = (
    "training.class_weight: must be 'balanced', a mapping of names to a number (larger than 0) or null; got 'None'; "
    "write null for none"
)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("training.epochs=ten", "training.epochs: must be a whole number, at least 1 and at most 100000; got 'ten'"),
        ("training.phases.0.epochs=3", "training.phases.0: 'training.phases' has no entry '0'; it is empty"),
        ("training.class_weight=None", CLASS_WEIGHT),
        ("training.epoch=5", "training.epoch: unknown key 'epoch'; did you mean 'epochs'?"),
        ("trainig.epochs=5", "trainig: unknown key 'trainig'; did you mean 'training'?"),
        ("augmentation.3=flip", "augmentation.3: 'augmentation' has no entry '3'; its entries are 0 to 0"),
        ("augmentation.last=flip", "augmentation.last: 'augmentation' has no entry 'last'; its entries are 0 to 0"),
        ("name.first=x", "name.first: 'name' is a value and has no 'first'"),
        ("training.epochs", "must be PATH=VALUE, such as training.epochs=5"),
        (".epochs=5", "must be PATH=VALUE, such as training.epochs=5"),
        ("extends=other.yaml", "extends: 'extends' can only stand in the file"),
        ("name=[a", "this '[' is not closed, or an entry lacks its comma (noticed in line 1)"),
        ("data.image={size: 1, size: 2}", "duplicate key 'size'; twice"),
    ],
)
def test_a_mistake_in_an_option_is_told_by_the_option(override, problem):
    problems = document(WHOLE + "augmentation: [turn]\n", override).problems
    assert f"--set {override}: {problem}" in [str(one) for one in problems]


# -------------------------------------------------------------------------------------------------------------- extends


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_recipe_inherits_mappings_key_by_key_and_replaces_the_rest(tmp_path):
    base = WHOLE + "augmentation: [flip, turn]\ntraining: {epochs: 7, optimizer: {name: sgd, momentum: 0.9}}\n"
    child = "extends: base.yaml\nname: boots\naugmentation: [zoom]\ntraining: {optimizer: {learning_rate: 0.1}}\n"
    write(tmp_path, base=base, child=child)
    loaded = load_recipe(tmp_path / "child.yaml")
    assert loaded.problems == ()
    assert loaded.data["name"] == "boots"
    assert loaded.data["data"]["source"] == {"name": "folder", "path": "photos"}
    assert loaded.data["augmentation"] == [{"name": "zoom"}]
    assert loaded.data["training"] == {
        "epochs": 7,
        "optimizer": {"name": "sgd", "momentum": 0.9, "learning_rate": 0.1},
    }
    assert "extends" not in loaded.data


def test_a_component_of_another_name_takes_no_parameters_over(tmp_path):
    write(tmp_path, base=WHOLE, child="extends: base.yaml\ndata: {source: csv}\n")
    assert load_recipe(tmp_path / "child.yaml").data["data"]["source"] == {"name": "csv"}


def test_a_part_of_a_split_is_replaced_as_a_whole(tmp_path):
    base = changed("[32, 32]}\n", "[32, 32]}\n  split: {validation: {last: 10}, seed: 3}\n")
    write(tmp_path, base=base, child="extends: base.yaml\ndata: {split: {validation: {from: test}}}\n")
    loaded = load_recipe(tmp_path / "child.yaml")
    assert loaded.data["data"]["split"] == {"validation": {"from": "test"}, "seed": 3}


def test_null_goes_back_to_the_default(tmp_path):
    base = WHOLE + "training: {epochs: 7, early_stopping: {patience: 1}}\n"
    write(tmp_path, base=base, child="extends: base.yaml\ntraining: {epochs: null, early_stopping: null}\n")
    recipe = load_recipe(tmp_path / "child.yaml").recipe
    assert recipe is not None
    assert (recipe.training.epochs, recipe.training.early_stopping) == (10, None)


def test_positions_point_into_the_file_that_has_the_mistake(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, base=WHOLE + "training: {epochs: x}\n")
    write(tmp_path / "sub", child="extends: ../base.yaml\ntraining: {seed: x}\n")
    problems = load_recipe(tmp_path / "sub" / "child.yaml").problems
    assert {(problem.file, problem.line, problem.where) for problem in problems} == {
        (str(tmp_path / "base.yaml"), 7, "training.epochs"),
        (str(tmp_path / "sub" / "child.yaml"), 2, "training.seed"),
    }


def test_relative_paths_are_relative_to_the_recipe_that_is_run(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, base=WHOLE)
    write(tmp_path / "sub", child="extends: ../base.yaml\n")
    assert load_recipe(tmp_path / "sub" / "child.yaml").base == tmp_path / "sub"


def test_a_circle_is_told(tmp_path):
    write(tmp_path, a="extends: b.yaml\n", b="extends: ./a.yaml\n")
    messages = [str(problem) for problem in load_recipe(tmp_path / "a.yaml").problems]
    assert any("extends: './a.yaml' inherits this recipe; that is a circle" in message for message in messages)


def test_a_long_chain_is_refused(tmp_path):
    write(tmp_path, **{f"r{n}": f"extends: r{n + 1}.yaml\n" for n in range(20)}, r20=WHOLE)
    messages = [problem.message for problem in load_recipe(tmp_path / "r0.yaml").problems]
    assert "more than 10 recipes inherit each other" in messages


@pytest.mark.parametrize("value", ["nowhere.yaml", "[a.yaml, b.yaml]", "5", "''"])
def test_a_base_that_is_no_file_is_told_at_the_key(tmp_path, value):
    write(tmp_path, child=f"version: 1\nextends: {value}\n")
    problem = next(one for one in load_recipe(tmp_path / "child.yaml").problems if one.where == "extends")
    assert (problem.line, problem.column) == (2, 10)


def test_a_syntax_error_in_a_base_names_that_file(tmp_path):
    write(tmp_path, base="name: b: c\n", child="extends: base.yaml\n")
    with pytest.raises(RecipeError, match=r"base\.yaml:1:8"):
        load_recipe(tmp_path / "child.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/sh\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {password: hunter2}\n",
        "version: '3'\nservices: {db: {environment: {PASSWORD: hunter2}}}\n",
        "password: hunter2\n\tname: x\n",
        "hunter2",
        "[default]\naws_secret_access_key = hunter2\n",
        '{"password": "hunter2"}',
        "- hunter2\n",
    ],
)
@pytest.mark.parametrize("name", ["secret", "secret.yaml"])
def test_nothing_is_shown_of_a_file_that_is_no_recipe(tmp_path, text, name):
    (tmp_path / name).write_text(text)
    write(tmp_path, child=f"version: 1\nextends: {name}\n")
    found = [problem for problem in load_recipe(tmp_path / "child.yaml").problems if problem.where == "extends"]
    assert [problem.message for problem in found] == [
        f"{name!r} is no recipe: few or none of its keys are those of one"
    ]
    assert found[0].source == f"extends: {name}"


def test_a_file_that_is_named_directly_and_looks_like_no_recipe_is_not_shown_either(tmp_path):
    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    with pytest.raises(RecipeError, match=r"passwd: is no recipe: few or none of its keys are those of one$"):
        load_recipe(tmp_path / "passwd")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_pipe_a_device_or_a_folder_is_never_read(tmp_path, make):
    make(tmp_path / "base.yaml")
    with pytest.raises(RecipeError, match="where a file is needed"):
        load_recipe(tmp_path / "base.yaml")
    write(tmp_path, child="version: 1\nextends: base.yaml\n")
    messages = [problem.message for problem in load_recipe(tmp_path / "child.yaml").problems]
    assert any("base.yaml' is a" in message and "where a file is needed" in message for message in messages)


def test_a_text_from_a_bundle_cannot_make_files_be_read(tmp_path):
    write(tmp_path, base=WHOLE)
    problems = parse_recipe("extends: base.yaml\n", name="recipe.yaml", base=tmp_path).problems
    assert "a recipe from a bundle cannot inherit another" in [problem.message for problem in problems]


# ---------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a recipe begins with 'version: 1'"),
        (b"# nothing\n", "is empty; a recipe begins with 'version: 1'"),
        (b"- a\n", "must be a mapping of keys and values"),
        (b"hello", "must be a mapping of keys and values"),
        (b"version: 1\nname: caf\xe9\n", "is not UTF-8 text: byte 0xe9 in line 2"),
        ("version: 1".encode("utf-16"), "is not UTF-8 text: byte 0xff in line 1"),
        (b"#" * 300_000, "is larger than 262,144 bytes; a recipe is a YAML file"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_clear_error(tmp_path, content, message):
    file = tmp_path / "r.yaml"
    file.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_a_byte_order_mark_is_skipped(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + WHOLE.encode())
    assert load_recipe(file).problems == ()


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(RecipeError, match="is a folder, where a file is needed; a recipe is a YAML file"):
        load_recipe(tmp_path)
    with pytest.raises(RecipeError, match="there is no such file"):
        load_recipe(tmp_path / "none.yaml")
