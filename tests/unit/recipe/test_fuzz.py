"""Whatever a file holds, reading it ends in a document or in a RecipeError."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fashionbatch.errors import RecipeError
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.recipe.load import load_recipe, parse_recipe
from fashionbatch.recipe.nodes import read_yaml

FUZZ = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Pieces of YAML, so that the generated text gets past the scanner more often than random characters do.
CHARACTERS = "a{}[]'\"#~?\n\t\u2028\ufeff\x00드"
WORDS = [
    "  ",
    "b: ",
    "- ",
    ", ",
    ": ",
    "&x ",
    "*x",
    "!!int ",
    "\\u",
    "\\x0",
    "<<",
    "1e9",
    "010",
    "  epochs: ",
    "  source: ",
    "head: ",
]
LINES = ["---", "...", "%YAML 1.2", "version: 1", "extends: a.yaml", "training:", "data:", "augmentation:", "a: >"]
PIECES = st.sampled_from([*CHARACTERS, *WORDS, *(f"{line}\n" for line in LINES)])
YAML_TEXT = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.sampled_from(
        ["no", "on", "~", "null", "1e-3", "010", "0x1f", "12:30", "=", "<<", ".inf", "- a", "a: b", " a ", "#"]
    ),
)
KEYS = st.one_of(
    st.sampled_from(["no", "7", "010", "true", "a b"]), st.text(st.characters(categories=["L"]), min_size=1)
)
SHIPPED = sorted(Path(__file__).parents[3].joinpath("recipes").rglob("*.yaml"))
DATA = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)


@FUZZ
@given(text=YAML_TEXT, override=YAML_TEXT)
@example(text="version: 1\nextends: " + "x" * 5000, override="a.b.c=1")
def test_any_text_is_a_document_or_a_recipe_error(text, override, tmp_path):
    try:
        document = parse_recipe(text, name="r.yaml", base=tmp_path, overrides=[override], may_extend=True)
        problems = document.problems
    except RecipeError as error:
        problems = error.problems
    assert problems  # nothing so short is a whole recipe
    for problem in problems:
        assert str(problem).encode().startswith((b"r.yaml", b"--set"))


@FUZZ
@given(content=st.binary(max_size=60))
def test_any_bytes_are_a_document_or_a_recipe_error(content, tmp_path):
    file = Path(tmp_path, "r.yaml")
    file.write_bytes(content)
    try:
        problems = load_recipe(file).problems
    except RecipeError as error:
        problems = error.problems
    assert problems
    assert all(problem.file == str(file) for problem in problems)


@FUZZ
@given(data=st.data())
def test_a_shipped_recipe_with_bytes_changed_is_a_document_or_a_recipe_error(data, tmp_path):
    content = bytearray(data.draw(st.sampled_from(SHIPPED)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        piece = st.binary(max_size=4) | PIECES.map(str.encode) | st.just(bytes(content[place : place + 200]) * 3)
        content[place : place + data.draw(st.integers(0, 30))] = data.draw(piece)
    file = Path(tmp_path, "r.yaml")
    file.write_bytes(content)
    try:
        problems = load_recipe(file).problems
    except RecipeError as error:
        problems = error.problems
        assert problems
    assert all(problem.file == str(file) and problem.message for problem in problems)


def test_there_are_shipped_recipes_to_damage():
    assert len(SHIPPED) > 5


@FUZZ
@given(data=DATA)
def test_what_is_written_reads_back_as_it_was(data):
    tree, problems = read_yaml(to_yaml(data), name="r.yaml")
    assert problems == []
    assert tree.plain() == data
