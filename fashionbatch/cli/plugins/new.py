"""Copies the plugin template under a new name: `fashionbatch plugins new`."""

from __future__ import annotations

import keyword
import re
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from fashionbatch import disk
from fashionbatch.errors import DataError, OutputError
from fashionbatch.hookspecs import PROJECT
from fashionbatch.installation import LIGHT, WHOLE

TEMPLATE_NAME = "fashionbatch-example"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SUFFIXES = (".py", ".toml", ".md", ".yaml")


def create_plugin(name: str, directory: Path) -> list[Path]:
    """Write a plugin package that works as it stands.

    Args:
        name: the distribution's name: lower case words joined by `-`; the module has `_` in their place.
        directory: where to; it must not exist.

    Returns:
        The files, relative to `directory`.

    Raises:
        DataError: the name is not one, or its module's name is taken.
        OutputError: the directory exists or cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{name!r} cannot be a plugin's name", hint="use lower case words joined by '-', such as shoes-for-fashion"
        )
    _refuse_taken(name.replace("-", "_"))
    if directory.exists():
        raise OutputError(f"{str(directory)!r} exists already", hint="choose another directory")
    written = []
    with disk.output_errors(directory), disk.new_directory(directory) as package:
        for relative, text in _template_files(_template(), Path()):
            target = Path(_renamed(str(relative), name))
            disk.make_directory((package / target).parent)
            with disk.write_new(package / target, sync=False) as file:
                file.write(_renamed(text, name).encode("utf-8"))
            written.append(target)
    return sorted(written)


def _refuse_taken(module: str) -> None:
    # One of the two modules would hide the other. Mere folders of that name, which have no origin, do not; and who has
    # installed a plugin of that name may begin it again.
    taken = getattr(find_spec(module), "origin", None) is not None and not _is_a_plugin(module)
    if keyword.iskeyword(module) or taken:
        raise DataError(
            f"a plugin's module cannot be called {module!r}: Python or a package here has that name",
            hint="choose another name, such as shoes-for-fashion",
        )


def _is_a_plugin(module: str) -> bool:
    return any(
        point.module.partition(".")[0] == module
        for point in metadata.entry_points(group=PROJECT)
        if point.dist is not None and point.dist.name not in {WHOLE, LIGHT}
    )


def _template() -> Traversable:
    packaged = resources.files("fashionbatch") / "templates" / "plugin"
    if packaged.is_dir():
        return packaged
    # An editable install has the template where it is kept.
    return Path(__file__).resolve().parents[3] / "plugins" / "example"


def _template_files(folder: Traversable, below: Path) -> list[tuple[Path, str]]:
    found = []
    for child in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if child.is_dir() and not child.name.startswith((".", "_")):
            found += _template_files(child, below / child.name)
        elif child.is_file() and child.name.endswith(_SUFFIXES):
            found.append((below / child.name, child.read_text(encoding="utf-8")))
    return found


def _renamed(text: str, name: str) -> str:
    return text.replace(TEMPLATE_NAME, name).replace(TEMPLATE_NAME.replace("-", "_"), name.replace("-", "_"))
