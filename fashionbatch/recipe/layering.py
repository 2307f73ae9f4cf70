"""One recipe over another (`extends`), and single values over a recipe (`--set`). Every value keeps its position."""

from __future__ import annotations

from collections.abc import Sequence

from fashionbatch.errors import Problem, RecipeError
from fashionbatch.recipe.forms import DEFAULT_COMPONENTS, LISTS, ONE_COMPONENT, PHASES, WHOLE_VALUES, long_form
from fashionbatch.recipe.nodes import Mark, Node, NodePath, dotted, read_yaml

_LISTS = frozenset({PHASES, *LISTS})
SET_OPTION = "--set "
"""How the name of a place begins that is no place in a file, but an override on the command line."""


def merged(base: Node, over: Node, path: NodePath = ()) -> Node:
    """What a recipe is that inherits another; both in long form.

    Mappings are merged key by key; lists, scalars, the parts of a split, and components of another name are replaced.
    """
    if not (base.is_mapping and over.is_mapping) or path in WHOLE_VALUES or _another_component(base, over, path):
        return over
    result = Node(dict(base.entries), over.mark)
    for key, entry in over.entries.items():
        inherited = base.child(key)
        value = merged(inherited, entry.node, (*path, key)) if inherited else entry.node
        result = result.with_entry(key, value, entry.key_mark)
    return result


def overridden(recipe: Node, overrides: Sequence[str]) -> tuple[Node, list[Problem]]:
    """The recipe with `training.epochs=5` and the like applied from left to right.

    The path is dotted, with indices for lists; the value is YAML. Sections that the recipe lacks are made. A key that
    does not exist is found when the whole is validated: its position is the option.
    """
    problems: list[Problem] = []
    for override in overrides:
        mark = Mark(f"{SET_OPTION}{override}")
        try:
            path, value, found = _parsed(override, mark, "PATH=VALUE, such as training.epochs=5")
            recipe = long_form(_with(recipe, path, (), value, mark))
            problems += found
        except RecipeError as error:
            problems += error.problems
    return recipe, problems


def settings_tree(settings: Sequence[tuple[str, str]], option: str, form: str) -> tuple[Node, list[Problem]]:
    """A tree of nothing but `KEY=VALUE` settings, as `overridden` applies them to a recipe.

    Args:
        settings: from left to right, each as the user wrote it, for problems, and as it is meant; a later one wins.
        option: the option that gives them, which problems name as the place of all.
        form: what each of them has to look like, for problems.
    """
    tree = Node({}, Mark(option))
    problems: list[Problem] = []
    for written, setting in settings:
        mark = Mark(written)
        try:
            path, value, found = _parsed(setting, mark, form)
            tree = _with(tree, path, (), value, mark)
            problems += found
        except RecipeError as error:
            problems += error.problems
    return tree, problems


def _parsed(override: str, mark: Mark, form: str) -> tuple[tuple[str, ...], Node, list[Problem]]:
    where, equals, text = override.partition("=")
    path = tuple(part.strip() for part in where.split("."))
    if not equals or not all(path):
        raise RecipeError([mark.problem(f"must be {form}")])
    if path[0] == "extends":
        raise RecipeError([mark.problem("'extends' can only stand in the file", "extends")])
    value, problems = read_yaml(text, name=mark.file, positions=False)
    return path, value, problems


def _with(node: Node, rest: tuple[str, ...], done: NodePath, value: Node, mark: Mark) -> Node:
    if not rest:
        return value
    part, below = rest[0], rest[1:]
    if isinstance(node.value, tuple) or (node.value is None and done in _LISTS and part.isdecimal()):
        index = _index(part, node, done, mark)
        return node.with_item(index, _with(node.items[index], below, (*done, index), value, mark))
    if not node.is_mapping and node.value is not None:
        raise RecipeError([mark.problem(f"{dotted(done)!r} is a value and has no {part!r}", dotted((*done, part)))])
    section = node if node.is_mapping else _section(done, part, mark)
    if done in ONE_COMPONENT and part == "name" and not below and _differs(section.child("name"), value):
        return Node({}, mark).with_entry("name", value, mark)  # another component has other parameters
    child = section.child(part) or Node(None, mark)
    return section.with_entry(part, _with(child, below, (*done, part), value, mark), mark)


def _section(done: NodePath, part: str, mark: Mark) -> Node:
    """A section that the recipe lacks; of a component that it leaves to its default, with that one's name."""
    default = DEFAULT_COMPONENTS.get(done)
    section = Node({}, mark)
    return section if default is None or part == "name" else section.with_entry("name", Node(default, mark, default))


def _index(part: str, node: Node, done: NodePath, mark: Mark) -> int:
    count = len(node.items)
    if part.isascii() and part.isdigit() and int(part[:9]) < count:
        return int(part[:9])
    known = f"its entries are 0 to {count - 1}" if count else "it is empty"
    raise RecipeError([mark.problem(f"{dotted(done)!r} has no entry {part!r}; {known}", dotted((*done, part)))])


def _another_component(base: Node, over: Node, path: NodePath) -> bool:
    name = over.child("name")
    return path in ONE_COMPONENT and name is not None and _differs(base.child("name"), name)


def _differs(one: Node | None, other: Node) -> bool:
    return one is None or one.value != other.value
