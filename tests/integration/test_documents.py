"""What the documents promise exists: links, commands, options, dependencies; generated ones are fresh."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from fashionbatch import __version__
from fashionbatch.__main__ import NEWEST, OLDEST
from fashionbatch.cli import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def test_the_documents_are_found() -> None:
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "cli.md"} <= {path.name for path in DOCUMENTS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    text = _without_code(document.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), f"{document.name} links to {target}"
        assert linked.is_relative_to(ROOT), f"{document.name} links out of the repository: {target}"
        if anchor:
            assert anchor in _anchors(linked.read_text(encoding="utf-8")), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(document: Path) -> None:
    for words in _commands(document):
        command, rest = _resolve(words[1:])
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            option = word.partition("=")[0]
            if option.startswith("-") and not option[1:].isdigit():
                assert option in known | {"--help", "--version"}, f"{document.name}: {shlex.join(words)}"


def test_the_readme_begins_with_the_two_commands_of_a_fresh_clone() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in readme
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_generated_documents_are_fresh() -> None:
    for path, content in _make_docs().documents():
        assert path.read_text(encoding="utf-8") == content, f"{path.name} is stale: run `make docs`"


def test_every_dependency_has_its_reason_and_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = dict(item.split(">=") for item in project["dependencies"])
    rows = re.findall(r"^\| ([\w-]+) \| .+ \| ([\d.]+)[:| ]", _text("docs/dependencies.md"), re.MULTILINE)
    assert dict(rows) == declared
    extras = re.findall(r"^\| `([\w-]+)` \|", _text("docs/dependencies.md"), re.MULTILINE)
    assert set(extras) == set(project["optional-dependencies"])


def test_the_pythons_that_are_promised_are_the_same_everywhere() -> None:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert promised == [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    oldest, newest = promised[0], promised[-1]
    assert project["requires-python"] == f">={oldest},<3.{NEWEST[1] + 1}"
    for document in ("README.md", "CONTRIBUTING.md", "docs/dependencies.md"):
        assert re.search(rf"Python (is )?{oldest} to {newest}", _text(document)), document
    makefile = _text("Makefile")
    assert f"sys.version_info < (3, {NEWEST[1] + 1})" in makefile
    assert f"{OLDEST} <= sys.version_info" in makefile
    assert [name for name in promised if f"python{name}" not in makefile] == []


def test_the_version_is_the_same_in_code_changelog_and_documents() -> None:
    released = re.findall(r"^## (\S+)(?: - (\d{4}-\d{2}-\d{2}))?$", _text("CHANGELOG.md"), re.MULTILINE)
    version, date = released[0]
    assert version == __version__
    assert date, "the newest version has no date"
    supported = re.search(r"today (\d+\.\d+)\.", _text("SECURITY.md"))
    assert supported is not None
    assert supported[1] == version.rpartition(".")[0]


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _commands(document: Path) -> Iterator[list[str]]:
    """Each command line of ours in a code block, `$` or not, without comments and what follows a pipe."""
    if document.name == "cli.md":
        return  # made from the commands themselves
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^(?:    )?(?:\$ )?(fashionbatch .+)$", text, re.MULTILINE):
        words = shlex.split(line, comments=True)
        for stop in ("|", "&&", ";", ">"):
            words = words[: words.index(stop)] if stop in words else words
        yield words


def _resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        child = command.get_command(context, words[0])
        assert child is not None, f"there is no command {words[0]!r}"
        command, words = child, words[1:]
    return command, words


def _make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts/make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
