"""`fashionbatch bundle`: look into a bundle, check it, make one from a model of another program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.bundle.card import card_command
from fashionbatch.cli.bundle.foreign import import_bundle
from fashionbatch.cli.bundle.pack import pack_command, unpack_command
from fashionbatch.cli.bundle.quantize import quantize_command
from fashionbatch.cli.console.locations import LocationType
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.cli.console.terminal import style
from fashionbatch.progress import on_standard_error

if TYPE_CHECKING:
    from fashionbatch.bundle.graph.gate import Verdict
    from fashionbatch.bundle.manifest import BundleManifest
    from fashionbatch.bundle.open import Bundle
    from fashionbatch.specs import Precision
    from fashionbatch.stores.address import Location

_SHOWN_LABELS = 20


@click.group()
def command() -> None:
    """Inspect, check, pack, quantize and import bundles, the trained networks."""


command.add_command(card_command)
command.add_command(import_bundle)
command.add_command(pack_command)
command.add_command(quantize_command)
command.add_command(unpack_command)


@command.command("inspect")
@click.argument("bundle", type=LocationType())
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for scripts.")
@click.option("--all-labels", is_flag=True, help=f"Print all labels, not the first {_SHOWN_LABELS} alone.")
def inspect_bundle(bundle: Location, *, as_json: bool, all_labels: bool) -> None:
    """Show what a bundle labels, on which images, and what it was made with.

    Reads bundle.json alone; `bundle verify` checks the other files against it.
    """
    from fashionbatch.api.settings import as_bundle
    from fashionbatch.bundle.open import read_manifest

    read = read_manifest(as_bundle(bundle))
    if as_json:
        document = {
            "path": str(read.path),
            "digest": read.digest,
            **read.manifest.model_dump(mode="json"),
            "verdicts": {
                precision: {
                    "auto_may_take_it": verdict.allowed,
                    "sentence": verdict.sentence,
                    "loss_bound": None if verdict.loss_bound is None else float(verdict.loss_bound),
                }
                for precision, verdict in _verdicts(read.manifest).items()
            },
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for line in _report(read, all_labels=all_labels):
        click.echo(line)


@command.command("verify")
@click.argument("bundle", type=LocationType())
@quiet_option(TEXT_IS_THE_RESULT)
def verify_bundle(bundle: Location, *, quiet: bool) -> None:
    """Check every file of a bundle, then load the network and let it answer once.

    That a bundle is whole says nothing about who made it.
    """
    from fashionbatch.api.settings import as_bundle
    from fashionbatch.bundle.open import check_file, read_manifest
    from fashionbatch.errors import BundleError
    from fashionbatch.inference.trial import try_network

    read = read_manifest(as_bundle(bundle))
    reporter = on_standard_error(quiet=quiet)
    with reporter.waiting("reading the files"):
        checks = [check_file(read.path, name, record) for name, record in sorted(read.manifest.files.items())]
    rows = [(check.name, f"{check.record.size:,} bytes", check.problem or "ok") for check in checks]
    for line in format_table(("file", "size", "state"), rows):
        click.echo(line)
    damaged = [check for check in checks if check.problem is not None]
    if damaged:
        raise BundleError(
            f"{bundle}: {len(damaged)} of {len(checks)} files are not as bundle.json says",
            hint="the copy is damaged or somebody changed it; copy the bundle again, or train again",
        )
    with reporter.waiting("letting the network answer"):
        said = try_network(read.path)
    for line in said:
        click.echo(line)
    click.echo(f"{printable(str(bundle))}: whole, SHA-256 {read.digest}")


def _report(bundle: Bundle, *, all_labels: bool) -> Iterator[str]:
    manifest = bundle.manifest
    image = manifest.image
    yield f"{style(printable(manifest.name), bold=True)}  bundle format {manifest.format_version}"
    yield f"SHA-256  {bundle.digest}"
    yield (
        f"image    {image.size[0]} x {image.size[1]} {'grey' if image.channels == 1 else 'RGB'}, "
        f"{image.resize.mode}, {image.resize.interpolation}, decoded by rules of version "
        f"{manifest.decoding_policy.get('version', 'unknown')}"
    )
    yield f"head     {printable(manifest.head.name)}: {manifest.head.decoding.replace('_', ' ')}"
    for group, members in manifest.head.groups.items():
        yield f"group    {printable(group)}: {', '.join(printable(member) for member in members)}"
    made_with = ", ".join(f"{name} {version}" for name, version in manifest.created_with.items())
    yield f"made by  {printable(made_with) or 'unknown'}"
    yield ""
    yield from _labels(manifest, all_labels=all_labels)
    if manifest.plugins:
        yield ""
        rows = [(record.kind, record.name, record.provider, record.version) for record in manifest.plugins]
        yield from format_table(("made with", "name", "provider", "version"), rows)
    if manifest.precision_parity or "int8" in manifest.precisions:
        yield ""
        yield from _precisions(manifest)
    yield ""
    yield from _extras(manifest)
    yield ""
    yield from format_table(
        ("file", "size", "SHA-256"),
        [(name, f"{record.size:,} bytes", record.sha256) for name, record in sorted(manifest.files.items())],
    )


def _precisions(manifest: BundleManifest) -> Iterator[str]:
    parity = manifest.precision_parity
    rows = []
    for precision, record in parity.items():
        accuracy = "-" if record.accuracy is None else f"{record.accuracy:.4f}"
        row = [precision, accuracy, f"{record.same_labels:.2%}", f"{record.images:,} {record.source}"]
        paired = record.against_float32
        if precision != "float32" and paired is not None:
            row += [f"{paired.only_float32_right:,}", f"{paired.only_this_right:,}"]
        else:
            row += ["-", "-"]
        rows.append(row)
    head = ("precision", "accuracy", "labels as in float32", "images", "float32 alone right", "it alone")
    yield from format_table(head, rows)
    for precision, verdict in _verdicts(manifest).items():
        yield f"{precision}: `auto` {'may take it' if verdict.allowed else 'does not take it'}: {verdict.sentence}"


def _verdicts(manifest: BundleManifest) -> dict[Precision, Verdict]:
    """What the gate says of each precision that was measured, and of a graph of 8 bits in any case."""
    from fashionbatch.bundle.graph.gate import judge

    parity = manifest.precision_parity
    judged = (one for one in manifest.precisions if one != "float32" and (one in parity or one == "int8"))
    return {precision: judge(precision, parity) for precision in judged}


def _extras(manifest: BundleManifest) -> Iterator[str]:
    for kind, graph in manifest.graphs.items():
        if graph.made is not None:
            versions = ", ".join(f"{name} {version}" for name, version in graph.made.versions.items())
            made = f"{graph.made.converter}: {graph.made.method}" + (f" ({versions})" if versions else "")
            yield f"graph      {kind}, by {printable(made)}"
        else:
            yield f"graph      {kind}"
    features, reference = manifest.features, manifest.reference
    yield "features   " + (f"{features.size:,} of each image" if features else "looked for where they are asked for")
    yield "reference  " + (
        f"{reference.images} images ({reference.source}), with their results in {', '.join(reference.precisions)}"
        if reference
        else "none: sessions are not checked"
    )
    if manifest.extensions:
        yield f"extensions {', '.join(map(printable, manifest.extensions))}"


def _labels(manifest: BundleManifest, *, all_labels: bool) -> Iterator[str]:
    labels, thresholds = manifest.labels, manifest.head.thresholds
    shown = len(labels.class_names) if all_labels else _SHOWN_LABELS
    head = ["number", "label"]
    rows = [[str(number), name] for number, name in enumerate(labels.display_names)]
    if labels.class_names != labels.display_names:
        head.append("class name")
        rows = [[*row, name] for row, name in zip(rows, labels.class_names, strict=True)]
    if len(thresholds) == len(rows):
        head.append("threshold")
        rows = [[*row, f"{threshold:g}"] for row, threshold in zip(rows, thresholds, strict=True)]
    yield from format_table(head, rows[:shown])
    if len(rows) > shown:
        yield f"and {len(rows) - shown:,} more; --all-labels prints them"
    if thresholds and not manifest.rule.has_many:
        yield f"{printable(labels.display_names[1])} from a probability of {thresholds[0]:g} on"
