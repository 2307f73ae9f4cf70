"""Makes the documents that are generated, docs/cli.md from the commands themselves among them.

python scripts/make_docs.py            # write them
python scripts/make_docs.py --check    # write nothing; exit code 1 where one is stale
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from fashionbatch.cli import VERBS, cli
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.jsonschema import schema_text

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
    yield DOCS / "recipe.schema.json", recipe_schema()


def recipe_schema() -> str:
    """The JSON schema of recipes that name built-in components only."""
    os.environ["FASHIONBATCH_PLUGINS"] = ""
    return schema_text(load_plugins().registry)


def cli_reference() -> str:
    """The reference of every command, as Markdown."""
    root = click.Context(cli, info_name="fashionbatch")
    lines = [
        "# Commands",
        "",
        "<!-- Made by scripts/make_docs.py from the commands themselves; `make docs` makes it again. -->",
        "",
        "Exit codes: 0 done; 1 your error, named in a line or two; 2 wrong usage; 3 a bug of ours, with a traceback in",
        "a file; 4 `--strict` and some rows are not ok; 130 or 143 interrupted, and the same command goes on.",
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


def _command_lines(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    usage = [context.command_path, *(["[OPTIONS]"] if options else []), *map(_argument_text, arguments)]
    if isinstance(command, click.Group):
        usage.append("COMMAND")
    yield from ("", f"{'#' * depth} {context.command_path}", "", f"    {' '.join(usage)}", "")
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
        yield from (f"    {line}" for line in rest) if first == "\b" else (first, *rest)


def _argument_text(argument: click.Argument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    name += "..." if argument.nargs != 1 and not name.endswith("...") else ""
    return name if argument.required else f"[{name.strip('[]')}]"


def _option_text(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if option.is_flag or option.count:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} " + " \\| ".join(f"`{choice}`" for choice in option.type.choices)
    # "INTEGER RANGE" says no more than INTEGER; what the range is stands in the help.
    return f"{names} {option.metavar or option.type.name.removesuffix(' range').upper()}"


def _meaning(option: click.Option) -> str:
    text = " ".join((option.help or "").split()).replace("|", "\\|")
    if option.required:
        return f"{text} Required."
    if option.multiple:
        text += " May be given several times."
    shows_default = option.show_default if option.show_default is not None else False
    if shows_default and option.default is not None and not option.is_flag:
        default = option.show_default if isinstance(option.show_default, str) else option.default
        text += f" Default: `{default}`."
    return text


if __name__ == "__main__":
    sys.exit(main())
