"""`fashionbatch plugins`: what recipes can name, and who provides it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import format_table
from fashionbatch.cli.console.terminal import echo_styled
from fashionbatch.plugins import BUILT_IN, Origin, PluginWarning, describe_cost, load_plugins
from fashionbatch.progress import on_standard_error
from fashionbatch.registry import Entry, Registry
from fashionbatch.specs import KINDS, Parameters


@click.group()
def command() -> None:
    """List and show the components that recipes can name; start and check plugins."""


@command.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only components of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List every component, the seconds that each plugin took to load, and every plugin that could not be loaded."""
    registry = _load()
    if as_json:
        # In ASCII: what a plugin raises may hold halves of characters, which no UTF-8 has.
        click.echo(json.dumps(_as_data(registry, kind), indent=2))
        return
    rows = [
        (
            entry.spec.kind,
            entry.spec.name,
            entry.spec.summary,
            entry.provider.distribution,
            entry.provider.version,
        )
        for entry in registry.entries(kind)
    ]
    _print_table(("kind", "name", "summary", "provider", "version"), rows)
    click.echo()
    plugins = [
        (one.entry_point, one.provider.distribution, one.provider.version, f"{one.seconds:.3f}")
        for one in registry.loaded
    ]
    _print_table(("plugin", "provider", "version", "seconds to load"), plugins)
    for loaded in registry.loaded:
        cost = describe_cost(loaded)
        if cost is not None and loaded.provider.distribution != BUILT_IN:
            provider = f"{loaded.provider.distribution} {loaded.provider.version}"
            echo_styled(f"slow  {loaded.entry_point} of {provider} {cost}", fg="yellow")
    if registry.limits:
        click.echo(registry.limits)
    for failed in registry.failed:
        provider = f"{failed.provider.distribution} {failed.provider.version}"
        echo_styled(f"failed  {failed.entry_point} of {provider}: {failed.reason}", fg="red")


@command.command("show")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
def show_plugin(kind: str, name: str) -> None:
    """Show a component's parameters with types, defaults and meaning.

    KIND and NAME are as in `plugins list`; `provider/NAME` picks one of several.
    """
    entry = _load().entry(kind, name)
    spec = entry.spec
    echo_styled(f"{spec.kind} {spec.name}", bold=True, nl=False)
    click.echo(f"  ({entry.provider.distribution} {entry.provider.version}, plugin API {spec.api})")
    click.echo(spec.summary)
    for line in _particulars(entry):
        click.echo(line)
    documentation = spec.parameters.__doc__ if spec.parameters is not Parameters else None
    if documentation:
        click.echo()
        click.echo(" ".join(documentation.split("\n\n", maxsplit=1)[0].split()))
    with Origin(entry.provider, spec.kind, spec.name).calling("the schema of its parameters"):
        rows = _parameter_rows(spec.parameters)
    click.echo()
    if not rows:
        click.echo("It takes no parameters.")
        return
    _print_table(("parameter", "type", "default", "meaning"), rows)


@command.command("check")
@click.argument("target", metavar="DIST|PATH")
@click.option(
    "--example",
    "examples",
    multiple=True,
    metavar="KIND/NAME=JSON",
    help="""Parameters to check a component with, such as 'dataset/shoes={"path": "photos"}'; its paths are relative to
    PATH, or to the working directory.""",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    help="Seconds that one check may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@quiet_option(TEXT_IS_THE_RESULT)
def check(target: str, *, examples: tuple[str, ...], time_limit: float, as_json: bool, quiet: bool) -> None:
    """Check that a plugin keeps the contracts of its components.

    DIST is an installed distribution; PATH a Python file, a package, or a project with a pyproject.toml, which need not
    be installed. Exit code 1: a promise is broken.
    """
    from fashionbatch.cli.plugins.contracts import check_plugin, parse_examples, print_json, print_verdicts

    bar = on_standard_error(quiet=quiet).bar
    verdicts = check_plugin(target, parse_examples(examples), time_limit=time_limit, bar=bar)
    if as_json:
        print_json(target, verdicts)
    else:
        print_verdicts(verdicts)
    if any(verdict.verdict == "fail" for verdict in verdicts):
        click.get_current_context().exit(1)


@command.command("new")
@click.argument("name")
@click.argument("directory", type=HerePath(path_type=Path), required=False)
def new_plugin(name: str, directory: Path | None) -> None:
    """Start a plugin package of your own: a working architecture and dataset, with tests.

    NAME is the distribution's name, such as shoes-for-fashion; DIRECTORY is the same unless given.
    """
    from fashionbatch.cli.plugins.new import create_plugin

    target = directory or Path(name)
    for file in create_plugin(name, target):
        click.echo(f"  {target / file}")
    click.echo(f"Now: cd {target} && pip install -e '.[dev]' && pytest")


def _load() -> Registry:
    with warnings.catch_warnings():
        # Both verbs print what failed themselves, in its place.
        warnings.simplefilter("ignore", PluginWarning)
        return load_plugins().registry


def _particulars(entry: Entry) -> list[str]:
    spec = entry.spec
    lines = []
    for name, title in (
        ("decoding", "decoding"),
        ("default_loss", "default loss"),
        ("decodings", "for heads that decide"),
        ("suffix", "file ending"),
    ):
        value = getattr(spec, name, None)
        if value is not None:
            lines.append(f"{title}: {', '.join(value) if isinstance(value, tuple) else value}")
    return lines


def _as_data(registry: Registry, kind: str | None) -> dict[str, Any]:
    return {
        "components": [
            {
                "kind": entry.spec.kind,
                "name": entry.spec.name,
                "summary": entry.spec.summary,
                "provider": entry.provider.distribution,
                "version": entry.provider.version,
            }
            for entry in registry.entries(kind)
        ],
        "loaded": [
            {
                "entry_point": loaded.entry_point,
                "provider": loaded.provider.distribution,
                "version": loaded.provider.version,
                "seconds": round(loaded.seconds, 4),
                "imports": list(loaded.heavy),
            }
            for loaded in registry.loaded
        ],
        "failed": [
            {
                "entry_point": failed.entry_point,
                "provider": failed.provider.distribution,
                "version": failed.provider.version,
                "reason": failed.reason,
                "traceback": failed.traceback,
            }
            for failed in registry.failed
        ],
    }


def _parameter_rows(parameters: type[Parameters]) -> list[tuple[str, str, str, str]]:
    schema = parameters.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    return [
        (
            name,
            _type_text(field, definitions),
            "required" if name in required else json.dumps(field.get("default"), ensure_ascii=False),
            field.get("description", ""),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _type_text(field: dict[str, Any], definitions: dict[str, Any]) -> str:  # noqa: PLR0911 - one return a form
    """A JSON schema's type in words that a recipe writer uses."""
    if "$ref" in field:
        inner = definitions[field["$ref"].rpartition("/")[2]]
        return (
            "mapping of " + ", ".join(inner["properties"]) if "properties" in inner else _type_text(inner, definitions)
        )
    if "anyOf" in field:
        return " or ".join(_type_text(choice, definitions) for choice in field["anyOf"])
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "const" in field:
        return str(field["const"])
    kind = field.get("type")
    if kind == "array":
        return (
            f"list of {_type_text(field['items'], definitions)}"
            if "items" in field
            else _tuple_text(field, definitions)
        )
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"mapping to {_type_text(field['additionalProperties'], definitions)}"
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true | false",
        "null": "null",
    }
    return names.get(str(kind), str(kind or "anything")) + _range_text(field)


def _tuple_text(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    return "[" + ", ".join(_type_text(item, definitions) for item in field.get("prefixItems", ())) + "]"


def _range_text(field: dict[str, Any]) -> str:
    bounds = [
        f"{sign} {field[key]:g}"
        for key, sign in (
            ("minimum", ">="),
            ("exclusiveMinimum", ">"),
            ("maximum", "<="),
            ("exclusiveMaximum", "<"),
        )
        if key in field
    ]
    return f" ({', '.join(bounds)})" if bounds else ""


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    title, *lines = format_table(head, rows)
    echo_styled(title, bold=True)
    for line in lines:
        click.echo(line)
