"""YAML text -> a tree of plain values that know where they stand.

The rules are those of YAML 1.2's core schema: only `true` and `false` are booleans, `1e-3` is a number, `010` is ten
and `12:30` is text. Keys are always text, exactly as written, so that a class may be called `no` or `7`. What makes
YAML dangerous or surprising (tags, several documents, merge keys, duplicate keys, aliases that multiply) is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import yaml

from fashionbatch.errors import Problem, RecipeError
from fashionbatch.recipe.syntax import BACKSLASHES, explain, is_windows_path

MAX_BYTES = 256 * 1024
MAX_DEPTH = 40
MAX_NODES = 10_000
MAX_ALIASES = 100
MAX_NUMBER_LENGTH = 64

Scalar: TypeAlias = str | int | float | bool | None
PathPart: TypeAlias = str | int
NodePath: TypeAlias = tuple[PathPart, ...]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_PREFIXED_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NOT_A_NUMBER = re.compile(r"\.(nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# What PyYAML counts as the end of a line; str.splitlines knows more of them and would shift the line numbers.
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True)
class Mark:
    """Where something stands.

    Attributes:
        file: the name that the user knows the text by.
        line: 1-based; 0 where the text has no lines worth naming, such as an option of the command line.
        column: 1-based, in characters; 0 with line 0.
        source: the text of the line.
    """

    file: str
    line: int = 0
    column: int = 0
    source: str = ""

    def problem(self, message: str, where: str = "") -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, self.column, where, message, self.source)


@dataclass(frozen=True)
class Node:
    """A value and where it stands.

    Attributes:
        value: a scalar, a tuple of nodes, or a dict of entries.
        text: a scalar as it was written.
    """

    value: Scalar | tuple[Node, ...] | dict[str, MappingEntry]
    mark: Mark
    text: str = ""

    @property
    def entries(self) -> dict[str, MappingEntry]:
        """The entries of a mapping; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a mapping."""
        return isinstance(self.value, dict)

    def child(self, part: PathPart) -> Node | None:
        """The value under a key or index; None where there is none."""
        if isinstance(part, str):
            entry = self.entries.get(part)
            return entry.node if entry else None
        return self.items[part] if 0 <= part < len(self.items) else None

    def at(self, path: Sequence[PathPart]) -> Node | None:
        """The value at the end of a path; None where the path leaves the tree."""
        node: Node | None = self
        for part in path:
            node = node.child(part) if node else None
        return node

    def with_entry(self, key: str, node: Node, key_mark: Mark | None = None) -> Node:
        """This mapping with one entry added or replaced."""
        old = self.entries.get(key)
        mark = key_mark or (old.key_mark if old else node.mark)
        return replace(self, value={**self.entries, key: MappingEntry(mark, node)})

    def without_entry(self, key: str) -> Node:
        """This mapping without one of its entries."""
        return replace(self, value={name: entry for name, entry in self.entries.items() if name != key})

    def with_item(self, index: int, node: Node) -> Node:
        """This list with one item replaced."""
        return replace(self, value=(*self.items[:index], node, *self.items[index + 1 :]))

    def plain(self) -> Any:
        """The value as Python's own dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        return self.value

    def walk(self, path: NodePath = ()) -> Iterator[tuple[NodePath, Node]]:
        """Every value in the tree with its path, this one first."""
        yield path, self
        for key, entry in self.entries.items():
            yield from entry.node.walk((*path, key))
        for index, item in enumerate(self.items):
            yield from item.walk((*path, index))


@dataclass(frozen=True)
class MappingEntry:
    """One entry of a mapping: where its key stands, and its value."""

    key_mark: Mark
    node: Node


def dotted(path: Sequence[PathPart]) -> str:
    """A path as a user writes it: `training.phases.0.epochs`."""
    return ".".join(str(part) if str(part).isprintable() else repr(part) for part in path)


def scalar_value(text: str) -> Scalar:
    """What an unquoted scalar stands for in YAML 1.2's core schema.

    Raises:
        ValueError: a number with more digits than anything in a recipe can mean.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not (_FLOAT.fullmatch(text) or _PREFIXED_INTEGER.fullmatch(text)):
        if match := _INFINITE.fullmatch(text):
            return float(match[1] + "inf")
        return float("nan") if _NOT_A_NUMBER.fullmatch(text) else text
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError(f"a number of {len(text)} characters; at most {MAX_NUMBER_LENGTH} are read")
    if _INTEGER.fullmatch(text):
        return int(text)
    return int(text, 0) if _PREFIXED_INTEGER.fullmatch(text) else float(text)


def read_yaml(text: str, *, name: str, positions: bool = True) -> tuple[Node, list[Problem]]:
    """Read one YAML document.

    Args:
        text: the document.
        name: what to call it in problems.
        positions: whether problems should name a line and column and quote the line.

    Returns:
        The tree, and the problems that leave it readable: duplicate keys (the first counts), tags, merge keys.

    Raises:
        RecipeError: the text is not YAML, or more than a recipe may be; one problem.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise RecipeError([Problem(name, 0, 0, "", f"is {size:,} bytes long; a recipe may have {MAX_BYTES:,}")])
    reader = _Reader(text, name, positions)
    return reader.read(), reader.problems


class _Built(NamedTuple):
    """A node, how many values it has and how deep it is, both with its aliases spelt out."""

    node: Node
    size: int
    height: int


@dataclass
class _Reader:
    """Builds the tree from the parser's events. Aliases share a node, so a bomb costs nothing before it is counted."""

    text: str
    name: str
    positions: bool
    problems: list[Problem] = field(default_factory=list)
    _anchors: dict[str, _Built | None] = field(default_factory=dict)
    _aliases: int = 0

    def __post_init__(self) -> None:
        self._lines = _LINE_END.split(self.text)

    def read(self) -> Node:
        events = yaml.parse(self.text, Loader=yaml.SafeLoader)
        try:
            return self._document(events)
        except yaml.reader.ReaderError as error:
            raise RecipeError([self._unreadable_character(error)]) from None
        except yaml.MarkedYAMLError as error:
            raise RecipeError([self._syntax_problem(error)]) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # PyYAML turns some escapes and version directives into numbers that Python refuses.
            raise RecipeError([Mark(self.name).problem(f"is not valid YAML: {error}")]) from None

    def _document(self, events: Iterator[Any]) -> Node:
        root: Node | None = None
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                raise self._fatal(event.start_mark, "a second document begins here; a recipe is one document")
            root = self._node(next(events), events, depth=1).node
        return root if root is not None else Node(None, Mark(self.name))

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> _Built:
        """The node that an event begins."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._check_depth(depth, event)
        if event.tag is not None:
            self._problem(event.start_mark, f"tag {_short_tag(event.tag)!r} is not allowed; remove it")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            built = _Built(self._scalar(event), 1, 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(event, events, depth)
        else:
            built = self._mapping(event, events, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = built
        return built

    def _alias(self, event: Any, depth: int) -> _Built:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._fatal(event.start_mark, f"more than {MAX_ALIASES} aliases")
        if event.anchor not in self._anchors:
            raise self._fatal(event.start_mark, f"alias '*{event.anchor}' has no anchor '&{event.anchor}' above it")
        found = self._anchors[event.anchor]
        if found is None:
            raise self._fatal(event.start_mark, f"alias '*{event.anchor}' stands inside what it refers to")
        self._check_depth(depth + found.height - 1, event)
        return found

    def _scalar(self, event: Any) -> Node:
        text: str = event.value
        if bad := next((char for char in text if char == "\0" or "\ud800" <= char <= "\udfff"), None):
            self._problem(event.start_mark, f"the character {bad!r} is not allowed in a recipe")
            text = text.replace(bad, "?").encode("utf-8", "replace").decode()
        value: Scalar = text
        if event.style == '"' and is_windows_path(text):
            self._problem(event.start_mark, BACKSLASHES)
        if event.style is None:
            try:
                value = scalar_value(text)
            except ValueError as error:
                self._problem(event.start_mark, str(error))
        return Node(value, self._mark(event.start_mark), text)

    def _sequence(self, event: Any, events: Iterator[Any], depth: int) -> _Built:
        items: list[Node] = []
        count = height = 1
        while not isinstance(child := next(events), yaml.SequenceEndEvent):
            item = self._node(child, events, depth + 1)
            items.append(item.node)
            count, height = self._counted(count + item.size, child), max(height, item.height + 1)
        return _Built(Node(tuple(items), self._mark(event.start_mark)), count, height)

    def _mapping(self, event: Any, events: Iterator[Any], depth: int) -> _Built:
        entries: dict[str, MappingEntry] = {}
        count = height = 1
        while not isinstance(key_event := next(events), yaml.MappingEndEvent):
            key = self._node(key_event, events, depth + 1)
            value_event = next(events)
            value = self._node(value_event, events, depth + 1)
            count = self._counted(count + key.size + value.size, value_event)
            height = max(height, value.height + 1)
            if mistake := _mistake_in_key(key.node, key_event, entries):
                self._problem(key_event.start_mark, mistake)
            else:
                entries[key.node.text] = MappingEntry(self._mark(key_event.start_mark), value.node)
        return _Built(Node(entries, self._mark(event.start_mark)), count, height)

    def _check_depth(self, depth: int, event: Any) -> None:
        if depth > MAX_DEPTH:
            raise self._fatal(event.start_mark, f"nested more than {MAX_DEPTH} deep")

    def _counted(self, total: int, event: Any) -> int:
        if total > MAX_NODES:
            raise self._fatal(event.start_mark, f"more than {MAX_NODES:,} values, counting what aliases stand for")
        return total

    def _mark(self, mark: Any) -> Mark:
        if not self.positions:
            return Mark(self.name)
        source = self._lines[mark.line] if mark.line < len(self._lines) else ""
        return Mark(self.name, mark.line + 1, mark.column + 1, source)

    def _problem(self, mark: Any, message: str) -> None:
        self.problems.append(self._mark(mark).problem(message))

    def _fatal(self, mark: Any, message: str) -> RecipeError:
        return RecipeError([self._mark(mark).problem(message)])

    def _syntax_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        place, message = explain(error, self._lines)
        return (self._mark(place) if place else Mark(self.name)).problem(message)

    def _unreadable_character(self, error: yaml.reader.ReaderError) -> Problem:
        message = f"the character {chr(error.character)!r} is not allowed in YAML"
        if not self.positions:
            return Mark(self.name).problem(message)
        before = _LINE_END.split(self.text[: error.position])
        source = self._lines[len(before) - 1]
        return Mark(self.name, len(before), len(before[-1]) + 1, source).problem(message)


def _mistake_in_key(key: Node, event: Any, entries: dict[str, MappingEntry]) -> str | None:
    if isinstance(key.value, tuple | dict):
        return "a key must be text, not a list or a mapping"
    if key.text == "<<" and isinstance(event, yaml.ScalarEvent) and event.style is None:
        return "merge keys ('<<') are not read; 'extends: FILE' inherits a recipe"
    if key.text not in entries:
        return None
    first = entries[key.text].key_mark
    seen = f"it stands in line {first.line}, column {first.column} already" if first.line else "twice"
    return f"duplicate key {key.text!r}; {seen}"


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
