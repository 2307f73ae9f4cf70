"""Makes the documents that are generated: of commands, of recipes' JSON schema, of formats, of the Python interface.

    python scripts/make_docs.py            # write them
    python scripts/make_docs.py --check    # write nothing; exit code 1 where one is stale

The reference is built from the commands' parameters, not from click's help pages, whose layout changes with click.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import fashionbatch
from fashionbatch.cli import VERBS, cli
from fashionbatch.plugins import load_plugins
from fashionbatch.plugins.listing import plugins as list_of_plugins
from fashionbatch.recipe.jsonschema import schema_text
from fashionbatch.registry import Registry

DOCS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Write the documents, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where one is stale")
    check = parser.parse_args().check
    stale = []
    for path, content in documents():
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        stale.append(path)
        if not check:
            path.write_text(content, encoding="utf-8")
        print(f"{path.relative_to(DOCS.parent)} {'is stale: run `make docs`' if check else 'written'}")
    return 1 if check and stale else 0


def documents() -> Iterator[tuple[Path, str]]:
    """Each generated document and what should be in it now."""
    yield DOCS / "cli.md", cli_reference()
    yield DOCS / "recipe.schema.json", schema_text(_built_ins())
    yield DOCS / "formats.md", formats_table()
    yield DOCS / "python-names.txt", interface_text()


def interface_text() -> str:
    """What `import fashionbatch` offers: a line a name; below a class what of it is for users."""
    head = "# Made by scripts/make_docs.py; `make docs` makes it again. A name that goes or changes breaks programs.\n"
    return head + "\n".join(line for name in fashionbatch.__all__ for line in _described(name)) + "\n"


def _described(name: str) -> Iterator[str]:
    value = getattr(fashionbatch, name)
    if name == "plugins":  # a package that can be called
        value = list_of_plugins
    if inspect.isclass(value) and issubclass(value, Exception):
        yield f"{name}({', '.join(base.__name__ for base in value.__bases__)})"
    elif inspect.isclass(value):
        yield f"class {name}"
        if is_dataclass(value):
            yield from (f"    {one.name}: {one.type}" for one in fields(value))
        for attribute, member in vars(value).items():
            if not attribute.startswith("_"):
                yield from (f"    {line}" for line in _member(attribute, member))
    else:
        yield f"{name}{_signature(value)}" if callable(value) else name


def _member(name: str, member: object) -> Iterator[str]:
    if isinstance(member, classmethod):
        yield f"classmethod {name}{_signature(member.__func__)}"
    elif inspect.isfunction(member):
        yield f"{name}{_signature(member)}"
    elif isinstance(member, property):
        yield f"{name}: {inspect.signature(member.fget).return_annotation}" if member.fget else name
    elif isinstance(member, cached_property):
        yield f"{name}: {inspect.signature(member.func).return_annotation}"


def _signature(function: Callable[..., Any]) -> str:
    """The signature with its annotations as they are written."""
    return re.sub(r"(?<=: |> )(['\"])(.+?)\1(?=[,)]| =|$)", r"\2", str(inspect.signature(function)))


def cli_reference() -> str:
    """The reference of every command, as Markdown."""
    root = click.Context(cli, info_name="fashionbatch")
    lines = [
        "# Commands",
        "",
        "<!-- Made by scripts/make_docs.py from the commands themselves; `make docs` makes it again. -->",
        "",
        "This page has every command with its options, as `fashionbatch COMMAND --help` prints them.",
        "",
        "| exit code | meaning |",
        "| --- | --- |",
        "| 0 | done |",
        "| 1 | an error that you can mend, named in a line or two with a hint |",
        "| 2 | wrong usage: an unknown option or a missing argument |",
        "| 3 | a bug of ours; the traceback is in a file that the message names |",
        "| 4 | with `--strict`: files could not be labeled, or a class got too few photos |",
        "| 5 | `compare --max-shift`: a label's share shifted by more |",
        "| 130, 143 | stopped by Ctrl-C or SIGTERM; the same command, for some with `--resume`, goes on |",
        "",
        "A command that takes long shows how far it is: by a bar on a terminal, by a line every ten seconds elsewhere.",
        "With `--quiet` it prints only its result, if that is text, and warnings and errors.",
        "",
        "| command | what it does |",
        "| --- | --- |",
        *(f"| [`{verb}`](#fashionbatch-{verb}) | {help_line} |" for verb, (_, help_line) in sorted(VERBS.items())),
    ]
    for verb in sorted(VERBS):
        command = cli.get_command(root, verb)
        assert command is not None
        lines += _command_lines(command, click.Context(command, info_name=verb, parent=root), depth=2)
    return "\n".join(lines) + "\n"


def formats_table() -> str:
    """Every format and oddity of image files with what comes of it, of the list that the tests decode."""
    factory, cases = (_of_tests(name) for name in ("images_factory", "format_cases"))
    text: str = cases.document(cases.cases(factory))
    return text


def _of_tests(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS.parent / "tests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _built_ins() -> Registry:
    """The components that come with FashionBatch, whatever else is installed here."""
    before = os.environ.get("FASHIONBATCH_PLUGINS")
    os.environ["FASHIONBATCH_PLUGINS"] = ""
    try:
        return load_plugins().registry
    finally:
        if before is None:
            del os.environ["FASHIONBATCH_PLUGINS"]
        else:
            os.environ["FASHIONBATCH_PLUGINS"] = before


def _command_lines(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    usage = [context.command_path, *(["[OPTIONS]"] if options else []), *map(_argument_text, arguments)]
    if isinstance(command, click.Group):
        usage.append("COMMAND")
    yield from ("", f"{'#' * depth} {context.command_path}", "", "```text", " ".join(usage), "```", "")
    yield from _help_lines(command)
    if options:
        yield from ("", "| option | meaning |", "| --- | --- |")
        for option in options:
            yield f"| {_option_text(option)} | {_meaning(option)} |"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _command_lines(child, click.Context(child, info_name=name, parent=context), depth + 1)


def _help_lines(command: click.Command) -> Iterator[str]:
    text = inspect.cleandoc(command.help or "").partition("\f")[0].rstrip()
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ""
        first, *rest = paragraph.split("\n")
        # A paragraph that click is told to leave as it is, is code.
        yield from ("```console", *(f"$ {line}" for line in rest), "```") if first == "\b" else (first, *rest)


def _argument_text(argument: click.Argument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    name += "..." if argument.nargs != 1 and not name.endswith("...") else ""
    return name if argument.required else f"[{name.strip('[]')}]"


def _option_text(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if option.is_flag or option.count:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} " + _cell("|".join(map(str, option.type.choices)))
    # "INTEGER RANGE" says no more than INTEGER; what the range is stands in the help.
    return f"{names} {_cell(option.metavar or option.type.name.removesuffix(' range').upper())}"


def _meaning(option: click.Option) -> str:
    parts = [_cell(" ".join((option.help or "").split()))]
    if option.required:
        parts.append("[required]")
    elif isinstance(option.show_default, str):
        parts.append(f"[default: {option.show_default}]")
    elif option.show_default and not option.is_flag:
        parts.append(f"[default: {option.default}]")
    if isinstance(option.type, click.IntRange | click.FloatRange):
        parts.append(_range_text(option.type))
    return " ".join(filter(None, parts))


def _range_text(range_: click.IntRange | click.FloatRange) -> str:
    if range_.max is None:
        return f"[{range_.min} or more]"
    return f"[{range_.min} to {range_.max}]" if range_.min is not None else f"[{range_.max} or less]"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
