"""A file of queries: which classes, what to search for, how many photos; every mistake with its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fashionbatch.collecting.licences import KNOWN, REUSABLE, short_name
from fashionbatch.errors import FashionBatchError, Problem, RecipeError
from fashionbatch.left_behind import PROVENANCE, is_left_behind
from fashionbatch.names import alike, closest, label_problem, suggestion
from fashionbatch.recipe.load import refuse_later, yaml_text
from fashionbatch.recipe.nodes import Mark, Node, dotted, read_yaml
from fashionbatch.recipe.validate import validate
from fashionbatch.registry import OurName, Registry
from fashionbatch.specs import ImageSearchSpec, Parameters

LIST_SEARCH = OurName("url_list")
_KIND = ImageSearchSpec.kind
_WHAT = "file of queries"
VERSION = 1
"""Of the form of the file, which it names on top."""
_LIST_ENDINGS = frozenset({".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json"})
_LONGEST_NAME = 200
"""Bytes of a class's name: a folder is called so."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QueryEntry(_Model):
    """A query with words of its own."""

    query: str = Field(min_length=1, description="What to search for; of a list of addresses, its file.")
    search: str | None = Field(None, min_length=1, description="Which search; the file's `search` where omitted.")
    count: int | None = Field(None, ge=1, le=100_000, description="How many photos; the class's share where omitted.")


class ClassEntry(_Model):
    """One class."""

    count: int | None = Field(None, ge=1, le=100_000, description="How many photos; the file's `count` where omitted.")
    queries: tuple[str | QueryEntry, ...] = Field((), description="What to search for.")
    lists: tuple[str, ...] = Field((), description="Files of addresses, CSV or JSON Lines.")


class Limits(_Model):
    """What a photo may cost, and must have."""

    megabytes: float = Field(20.0, gt=0, le=1000, description="The largest file.")
    megapixels: float = Field(50.0, gt=0, le=178, description="The largest photo.")
    shortest_side: int = Field(64, ge=1, description="The fewest pixels that the shorter side must have.")
    seconds: float = Field(60.0, gt=0, le=3600, description="That one file may take.")


class QueriesFile(_Model):
    """What the file says."""

    version: Literal[1] = Field(description="Of this form of file.")
    contact: str = Field("", description="Your mail address or page: services and sites are told who asks.")
    count: int = Field(100, ge=1, le=100_000, description="Photos wanted for each class.")
    search: str = Field("openverse", min_length=1, description="The search of queries that name none.")
    pace: float = Field(1.0, ge=0.1, le=3600, description="Seconds between two requests to one host.")
    licences: tuple[str, ...] | None = Field(
        None, min_length=1, description="The licences that are taken; cc0, pdm, by and by-sa where omitted."
    )
    limits: Limits = Field(default_factory=Limits, description="What a photo may cost.")
    searches: dict[str, dict[str, object]] = Field({}, description="Parameters of searches, by their names.")
    classes: dict[str, ClassEntry] = Field(min_length=1, description="The classes, by their names.")


@dataclass(frozen=True)
class Wish:
    """Photos that are wanted of one class from one query.

    Attributes:
        label: the class.
        search: the search's name, as the file and the table call it.
        query: what is searched for.
        count: how many photos.
        shares: whether the count is a share of what the class wants, and not the query's own.
    """

    label: str
    search: str
    query: str
    count: int
    shares: bool = False


@dataclass(frozen=True)
class Searching:
    """A search with its parameters."""

    spec: ImageSearchSpec
    parameters: Parameters


@dataclass(frozen=True)
class Queries:
    """A file of queries that has been checked.

    Attributes:
        file: what it says.
        base: the folder that paths in it are relative to.
        wishes: in the file's order.
        searches: those that the wishes use, by name.
        licences: short names of those that are taken.
    """

    file: QueriesFile
    base: Path
    wishes: tuple[Wish, ...]
    searches: Mapping[str, Searching]
    licences: frozenset[str]

    @property
    def wanted(self) -> dict[str, int]:
        """How many photos are wanted of each class."""
        found: dict[str, int] = {}
        for wish in self.wishes:
            found[wish.label] = found.get(wish.label, 0) + wish.count
        return found


def load_queries(path: Path, registry: Registry) -> Queries:
    """Read a file of queries.

    Raises:
        RecipeError: it cannot be read, or something in it is wrong; with every problem.
    """
    name = str(path)
    try:
        tree, problems = read_yaml(yaml_text(path, name, what=f"a {_WHAT}"), name=name)
    except RecipeError as error:
        raise RecipeError(error.problems, what=_WHAT) from None
    if not tree.is_mapping:
        raise RecipeError(
            [Mark(name).problem("must be a mapping of keys and values that begins with 'version: 1'")], what=_WHAT
        )
    try:
        refuse_later(tree, VERSION, "files of queries")
    except RecipeError as error:
        raise RecipeError(error.problems, what=_WHAT) from None
    file, wrong = validate(QueriesFile, tree)
    problems += wrong
    if file is None:
        raise RecipeError(problems, what=_WHAT)
    base = path.absolute().parent
    problems += [*_class_problems(file, tree), *_repeated_queries(file, tree), *_licence_problems(file, tree)]
    problems += _missing_lists(file, tree, base)
    wishes = tuple(_wishes(file))
    searches, wrong = _searches(file, tree, wishes, registry)
    problems += wrong
    if problems:
        raise RecipeError(problems, what=_WHAT)
    licences = frozenset(map(short_name, REUSABLE if file.licences is None else file.licences))
    return Queries(file, base, wishes, searches, licences)


def file_of(name: str, base: Path) -> Path:
    """The file that a name in a file of queries means.

    Args:
        name: as it stands there.
        base: the folder of the file of queries.
    """
    return base / Path(name).expanduser()


def _wishes(file: QueriesFile) -> Iterator[Wish]:
    """Each query with its number of photos: its own, or an equal share of what the class wants beside those."""
    for label, entry in file.classes.items():
        asked = [*_asked(entry.queries), *_listed(entry.lists)]
        wanted = (entry.count or file.count) - sum(one.count or 0 for one in asked)
        free = [one for one in asked if one.count is None]
        for number, one in enumerate(free):
            share = max(1, wanted * (number + 1) // len(free) - wanted * number // len(free))
            free[number] = one.model_copy(update={"count": share})
        shares = iter(free)
        for one in asked:
            counted = one if one.count is not None else next(shares)
            yield Wish(label, one.search or _default(file), one.query, counted.count or 0, one.count is None)


def _asked(queries: Sequence[str | QueryEntry]) -> list[QueryEntry]:
    return [one if isinstance(one, QueryEntry) else QueryEntry(query=one) for one in queries]


def _listed(lists: Sequence[str]) -> list[QueryEntry]:
    return [QueryEntry(query=path, search=LIST_SEARCH) for path in lists]


def _default(file: QueriesFile) -> str:
    return OurName(file.search) if file.search == QueriesFile.model_fields["search"].default else file.search


def _class_problems(file: QueriesFile, tree: Node) -> Iterator[Problem]:
    classes = tree.child("classes")
    assert classes is not None
    for label, entry in file.classes.items():
        mark, where = classes.entries[label].key_mark, dotted(("classes", label))
        problem = label_problem(label)
        is_taken = is_left_behind(label) or label.casefold() == PROVENANCE
        if problem is None and ("/" in label or "\\" in label or is_taken or label != label.strip()):
            problem = "is also the name of a folder, which cannot be called so"
        if problem is None and len(label.encode()) > _LONGEST_NAME:
            problem = f"is longer than {_LONGEST_NAME} bytes"
        if problem:
            yield mark.problem(f"the name of the class {problem}", where)
        if not entry.queries and not entry.lists:
            yield mark.problem("has neither queries nor lists", where)
    for group in alike(file.classes):
        mark = classes.entries[group[-1]].key_mark
        yield mark.problem(f"the classes {' and '.join(map(repr, group))} differ by case or blanks alone", "classes")


def _repeated_queries(file: QueriesFile, tree: Node) -> Iterator[Problem]:
    """The same query twice in a class, which would be asked once and be half of what is wanted."""
    for label, entry in file.classes.items():
        seen: set[tuple[str, str]] = set()
        for key, asked in (("queries", _asked(entry.queries)), ("lists", _listed(entry.lists))):
            for number, one in enumerate(asked):
                name = (one.search or file.search, one.query)
                node = tree.at(("classes", label, key, number))
                if name in seen and node is not None:
                    told = f"{one.query!r} stands twice; leave one out, and give the other a `count` for both"
                    yield node.mark.problem(told, dotted(("classes", label, key)))
                seen.add(name)


def _missing_lists(file: QueriesFile, tree: Node, base: Path) -> Iterator[Problem]:
    """Lists that are not where they are said to be."""
    for label, entry in file.classes.items():
        for number, name in enumerate(entry.lists):
            node, place = tree.at(("classes", label, "lists", number)), file_of(name, base)
            if node is not None and not place.is_file():
                beside = [one.name for one in base.iterdir() if one.suffix.lower() in _LIST_ENDINGS]
                told = f"there is no file {str(place)!r}{suggestion(name, beside, otherwise='')}"
                yield node.mark.problem(told, dotted(("classes", label, "lists")))


def _licence_problems(file: QueriesFile, tree: Node) -> Iterator[Problem]:
    """Licences that are most likely misspelt. Others are names that a list of the user's own uses."""
    for number, licence in enumerate(file.licences or ()):
        name, node = short_name(licence), tree.at(("licences", number))
        assert node is not None
        if not name:
            yield node.mark.problem("a licence is empty", "licences")
        elif name not in KNOWN and (meant := closest(name, KNOWN)):
            yield node.mark.problem(f"unknown licence {licence!r}; did you mean {meant!r}?", "licences")


def _searches(
    file: QueriesFile, tree: Node, wishes: tuple[Wish, ...], registry: Registry
) -> tuple[dict[str, Searching], list[Problem]]:
    """The searches that are used or have parameters, and what is wrong with them."""
    found: dict[str, Searching] = {}
    problems: list[Problem] = []
    for name in dict.fromkeys([*(wish.search for wish in wishes), *file.searches]):
        node = tree.at(("searches", name))
        mark = _place_of(name, tree)
        try:
            spec = registry.get(ImageSearchSpec, name)
        except FashionBatchError as error:
            problems.append(mark.problem(f"{error.message}; {error.hint}" if error.hint else error.message))
            continue
        if spec.needs_contact and not file.contact:
            told = f"the search {name!r} wants to know who asks; write 'contact: you@example.org' above"
            problems.append(mark.problem(told))
        given = Node({}, mark) if node is None else node
        parameters, wrong = validate(spec.parameters, given, path=("searches", name), key_mark=mark)
        problems += wrong
        if parameters is not None:
            found[name] = Searching(spec, parameters)
    return found, problems


def _place_of(name: str, tree: Node) -> Mark:
    """Where a search is named first: in `searches`, in a query, in `search`; else where the file begins."""
    searches = tree.child("searches")
    if searches is not None and name in searches.entries:
        return searches.entries[name].key_mark
    named = [node.mark for path, node in tree.walk() if path and path[-1] == "search" and node.value == name]
    return named[0] if named else tree.mark
