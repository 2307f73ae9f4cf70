"""`recipe new`: look, choose, write."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fashionbatch import disk
from fashionbatch.drafting.asking import Ask, take_the_safest
from fashionbatch.drafting.choice import Choice, choose
from fashionbatch.drafting.layout import Layout, Reader, read_layout
from fashionbatch.drafting.photos import look_at_photos
from fashionbatch.drafting.text import recipe_text
from fashionbatch.errors import DataError, OutputError
from fashionbatch.masking import mask_secrets
from fashionbatch.progress import OpenBar, no_bar
from fashionbatch.registry import Registry

TABLE_SUFFIX: Final = ".labels.csv"
"""What the table of labels that stood in names of files is called after the recipe's own name."""

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.+)", re.DOTALL)


@dataclass(frozen=True)
class Draft:
    """A recipe that is ready to be written.

    Attributes:
        path: of the recipe.
        text: its YAML.
        choice: what it says, and why.
        table: a table of labels that belongs beside it, or None.
    """

    path: Path
    text: str
    choice: Choice
    table: tuple[Path, str] | None = None


def _refuse_address(place: Path) -> None:
    """Say what to do about an address, of which a path keeps one slash alone.

    Raises:
        DataError: it is one.
    """
    found = _ADDRESS.match(os.fspath(place))
    if found and not place.exists():
        raise DataError(
            f"{mask_secrets(f'{found[1]}://{found[2]}')}: only photos on this machine are looked at",
            hint="copy them here first; `train` and `sweep` read a store themselves, which the recipe's path names",
        )


def draft_recipe(
    place: Path,
    registry: Registry,
    *,
    output: Path | None = None,
    name: str | None = None,
    ask: Ask = take_the_safest,
    bar: OpenBar = no_bar,
) -> Draft:
    """Look at a folder of photos, or at a table of them, and draft a recipe that fits.

    Args:
        place: the folder or table.
        registry: the components that recipes can name.
        output: where the recipe will stand, which its paths are relative to; the place's name with `.yaml` in the
            working directory where omitted.
        name: of the recipe; the place's where omitted.
        ask: answers what only the user can know.
        bar: shows how far looking at the photos is.

    Returns:
        The draft; nothing is written.

    Raises:
        DataError: there are no labeled photos, or they cannot be split.
        OutputError: the recipe would stand in a folder that is not there, or among the photos without anybody having
            said so.
    """
    _refuse_address(place)
    place = Path(os.path.abspath(place))
    stem = place.stem if place.is_file() else place.name
    if output is None:
        output = Path(f"{stem or 'photos'}.yaml")
        if place.is_dir() and Path(os.path.abspath(output)).is_relative_to(place):
            raise OutputError(
                "the recipe would stand among the photos, where it does not belong",
                hint=f"say where with -o, such as -o {shlex.quote(os.path.join('..', output.name))}",
            )
    base = Path(os.path.abspath(output)).parent
    if not base.is_dir():
        # Paths of the recipe go through it, and would be what is not there.
        raise OutputError(
            f"cannot write {os.fspath(output)!r}: there is no folder {os.fspath(output.parent)!r}",
            hint="make it first, or choose another place with -o",
        )
    reader = Reader(base, registry, ask)
    layout = read_layout(place, reader)
    table = None
    if layout.table:
        path = output.with_name(output.stem + TABLE_SUFFIX)
        table = path, _table_text(layout)
        layout = Layout({**layout.source, "path": path.name}, layout.samples, layout.said, table=layout.table)
    choice = choose(layout, look_at_photos(layout.samples, bar), reader)
    text = recipe_text(
        choice, name=_fitting(name or stem), file=shlex.quote(os.fspath(output)), run=shlex.quote(output.stem)
    )
    return Draft(output, text, choice, table)


def write_draft(draft: Draft, *, overwrite: bool = False) -> None:
    """Write the recipe, and its table of labels before it.

    Args:
        draft: what to write.
        overwrite: whether files that are there are replaced.

    Raises:
        OutputError: a file is there, or cannot be written.
    """
    files = [(draft.path, draft.text), *([draft.table] if draft.table else [])]
    for path, _ in files:
        if not overwrite and os.path.lexists(path):
            raise OutputError(
                f"{os.fspath(path)!r} exists already",
                hint="choose another name with -o, or give --overwrite to replace it",
            )
    for path, text in reversed(files):
        disk.remove_leftovers(path)
        with disk.output_errors(path):
            try:
                with disk.writing(path, replace=overwrite) as file:
                    file.write(text.encode("utf-8"))
            except FileExistsError as error:
                raise OutputError(
                    f"{os.fspath(path)!r} exists already", hint="give --overwrite to replace it"
                ) from error


def _table_text(layout: Layout) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([("path", "label"), *layout.table])
    return file.getvalue()


def _fitting(name: str) -> str:
    """A recipe's name: one line without `/`, and not too long."""
    text = "".join(character if character.isprintable() and character != "/" else "-" for character in name)
    return text.strip()[:100] or "photos"
