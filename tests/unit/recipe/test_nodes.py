"""What YAML means in a recipe, and that nothing in it can hurt."""

from __future__ import annotations

import math

import pytest

from fashionbatch.errors import RecipeError
from fashionbatch.recipe import nodes
from fashionbatch.recipe.nodes import read_yaml


def plain(text: str) -> object:
    tree, problems = read_yaml(text, name="r.yaml")
    assert problems == []
    return tree.plain()


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        read_yaml(text, name="r.yaml")
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "No", "y", "n", "12:30", "1_000", "0b1", "2024-01-01", "1e", "."]
)
def test_what_only_yaml_1_1_reads_as_something_else_is_text(word):
    assert plain(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-2", -2),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("'1'", "1"),
        ('"true"', "true"),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text, value):
    result = plain(f"a: {text}")
    assert result == {"a": value}
    assert isinstance(result, dict)
    assert type(result["a"]) is type(value)


def test_a_number_is_an_integer_only_where_it_is_written_as_one():
    result = plain("[1, 1.0, 1e0]")
    assert isinstance(result, list)
    assert [type(value) for value in result] == [int, float, float]


def test_keys_are_text_as_they_are_written():
    assert plain("{no: 1, 7: 2, 010: 3, true: 4, 1e-3: 5, null: 6}") == {
        "no": 1,
        "7": 2,
        "010": 3,
        "true": 4,
        "1e-3": 5,
        "null": 6,
    }


def test_every_value_and_key_knows_its_line_and_column():
    tree, _ = read_yaml("a: 1\nb:\n  - {c: x}\n", name="r.yaml")
    value = tree.at(("b", 0, "c"))
    assert value is not None
    assert (value.mark.line, value.mark.column, value.mark.source) == (3, 9, "  - {c: x}")
    assert tree.entries["b"].key_mark.line == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_lines_are_counted_alike_whatever_ends_them(end):
    tree, _ = read_yaml(f"a: 1{end}b: 2{end}", name="r.yaml")
    node = tree.child("b")
    assert node is not None
    assert (node.mark.line, node.mark.source) == (2, "b: 2")


def test_a_duplicate_key_is_told_with_both_places_and_the_first_one_counts():
    tree, problems = read_yaml("a: 1\nb: 2\na: 3\nb: 4\n", name="r.yaml")
    assert tree.plain() == {"a": 1, "b": 2}
    assert [(p.line, p.column) for p in problems] == [(3, 1), (4, 1)]
    assert "duplicate key 'a'; it stands in line 1, column 1 already" in problems[0].message


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!!str", "!mine"])
def test_tags_are_refused(tag):
    _, problems = read_yaml(f"a: {tag} x", name="r.yaml")
    assert len(problems) == 1
    assert "is not allowed" in problems[0].message
    assert (problems[0].line, problems[0].column) == (1, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<: {a: 1}", "extends"),
        ("? [a]\n: 1", "a key must be text"),
        ("? {a: 1}\n: 1", "a key must be text"),
        ('a: "\\0"', "is not allowed"),
        ('a: "\\ud800"', "is not allowed"),
        ("a: " + "9" * 65, "at most 64"),
    ],
)
def test_what_would_surprise_is_a_problem_and_the_rest_is_read_on(text, message):
    _, problems = read_yaml(f"{text}\nz: z", name="r.yaml")
    assert len(problems) == 1
    assert message in problems[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\t- 1", "r.yaml:2:1: a tab stands where YAML allows only spaces"),
        ("a: b: c", "r.yaml:1:5: a second ': ' in one line"),
        ("a: 1\n b: 2", "r.yaml:2:3: this line is indented deeper"),
        ("  a: 1\n b: 2", "r.yaml:2:2: this line does not fit the indentation"),
        ("x: 1\na: [1, 2\nb: 3", "r.yaml:2:4: this '[' is not closed"),
        ("a: {b: 1", "r.yaml:1:4: this '{' is not closed"),
        ("x: 1\na: 'it", "r.yaml:2:4: this quote is never closed"),
        ("a: @home", "r.yaml:1:4: text that begins with '@' needs quotes"),
        ("a: *b", "r.yaml:1:4: alias '*b' has no anchor"),
        ("a: &b [*b]", "r.yaml:1:8: alias '*b' stands inside what it refers to"),
        ("a: 1\n---\nb: 2", "r.yaml:2:1: a second document begins here"),
        ("a: 1\nb: \x07", "r.yaml:2:4: the character '\\x07' is not allowed in YAML"),
        ('a: "\\UFFFFFFFF"', "r.yaml: is not valid YAML"),
        ("%YAML 2.0\n---\na: 1", "r.yaml:1:1: is not valid YAML"),
    ],
)
def test_broken_yaml_is_one_problem_in_plain_words_where_it_happens(text, message):
    assert refusal(text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nepochs 5\nb: 2", "r.yaml:2:1: this line lacks its ':'; write 'epochs: 5'"),
        ("t:\n  epochs 5  # of many\n\n  # a word\n  b: 2", "r.yaml:2:3: this line lacks its ':'; write 'epochs: 5'"),
        ("a: 1\ntraining\n  b: 2", "r.yaml:2:1: this line lacks its ':'; write 'training:'"),
        ("a: 1\ntraining\n  - b", "r.yaml:2:1: this line lacks its ':'"),
        ("a: 1\nseed 42\n", "r.yaml:2:1: this line lacks its ':'; write 'seed: 42'"),
        ("a: 1\nepochs:5\nb: 2", "r.yaml:2:1: a space is missing behind ':'; write 'epochs: 5'"),
        ("a: 1\nepochs = 5\nb: 2", "r.yaml:2:1: a key and its value stand with ':' between them; write 'epochs: 5'"),
        ('a: 1\npath: "C:\\Users\\me"', "r.yaml:2:7: in double quotes a backslash begins an escape"),
        ('a: 1\npath: "C:\\my"', "r.yaml:2:7: in double quotes a backslash begins an escape"),
    ],
)
def test_a_mistake_is_told_at_its_own_line_and_not_where_the_parser_notices_it(text, message):
    assert refusal(text).startswith(message)


def test_a_path_of_windows_whose_backslashes_became_line_ends_is_a_problem():
    _, problems = read_yaml('path: "D:\\new\\toys"\nz: "two\\nlines"', name="r.yaml")
    assert [str(problem).splitlines()[0] for problem in problems] == [
        "r.yaml:1:7: in double quotes a backslash begins an escape such as \\n; write a path in single quotes, or with "
        "'/' for each '\\'"
    ]


def test_the_source_line_and_a_caret_stand_under_a_syntax_error():
    assert refusal("a: b: c").splitlines()[1:] == ["    a: b: c", "        ^"]


def test_aliases_may_be_used():
    assert plain("a: &x {k: 1}\nb: *x") == {"a": {"k": 1}, "b": {"k": 1}}


def test_an_alias_bomb_is_refused_before_it_is_spelt_out():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "counting what aliases stand for" in refusal("\n".join(lines))


def test_aliases_cannot_nest_deeper_than_brackets_can():
    lines = ["a0: &a0 " + "[" * 30 + "]" * 30]
    lines += [f"a{n}: &a{n} " + "[" * 30 + f"*a{n - 1}" + "]" * 30 for n in range(1, 60)]
    assert f"r.yaml:2:39: nested more than {nodes.MAX_DEPTH} deep" in refusal("\n".join(lines))


def test_many_aliases_are_refused():
    text = "a: &a 1\nb: [" + ", ".join(["*a"] * (nodes.MAX_ALIASES + 1)) + "]"
    assert f"more than {nodes.MAX_ALIASES} aliases" in refusal(text)


def test_depth_size_and_length_are_limited():
    assert f"nested more than {nodes.MAX_DEPTH} deep" in refusal("a: " + "[" * 5000)
    assert f"more than {nodes.MAX_NODES:,} values" in refusal("a: [" + "1," * nodes.MAX_NODES + "]")
    assert "bytes long" in refusal("#" * (nodes.MAX_BYTES + 1))


def test_an_empty_document_is_no_value():
    assert plain("") is None
    assert plain("# only a comment\n") is None
